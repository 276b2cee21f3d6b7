"""Lines of text in a stream of bytes, in bounded memory. Pure."""

from dataclasses import dataclass, field
from typing import ClassVar

LINE_BYTES_MAX = 1 << 20
"""What is longer is cut into lines of this length."""


@dataclass(slots=True)
class LineSplitter:
    """Cuts a stream into lines."""

    PIECE_BYTES: ClassVar[int] = 1 << 16
    """A good number of bytes to read at a time."""
    line_bytes_max: int = LINE_BYTES_MAX
    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, piece: bytes) -> list[str]:
        """Take bytes, and return the lines that are complete, without their ends."""
        self._rest += piece
        *whole, rest = self._rest.split(b"\n")
        while len(rest) > self.line_bytes_max:
            whole.append(rest[: self.line_bytes_max])
            rest = rest[self.line_bytes_max :]
        self._rest = rest
        return [_text(line) for line in whole]

    def end(self) -> list[str]:
        """Return the line that was begun, if one was."""
        rest, self._rest = self._rest, bytearray()
        return [_text(rest)] if rest else []


def _text(line: bytes | bytearray) -> str:
    return line.decode("utf-8", errors="replace")
