"""A screen is lines, a line is pieces of text with a style: the least that ``rich`` can be asked to draw.

A table of ``rich`` measures and wraps every cell at each refresh, which costs more than replicating does at a few
thousand records a second. Here widths are known beforehand, so a line costs a few string operations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

_ASCII = str.maketrans({"·": "-", "…": "~", "×": "x", "▏": "|"} | dict(zip("▁▂▃▄▅▆▇█", "..--==##", strict=True)))  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text in one style."""

    text: str
    style: str = ""
    """A style of ``rich``; empty: the terminal's own."""


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """Lines to draw, each at most as wide as the console allows."""

    lines: tuple[Line, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw; characters that the terminal's encoding lacks are replaced by look-alikes."""
        plain = options.ascii_only
        for line in self.lines:
            for piece in line:
                yield Segment(to_ascii(piece.text) if plain else piece.text, _style(piece.style))
            yield Segment.line()

    def to_text(self) -> str:
        """Return the same without styles, a line each."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self.lines)


def to_ascii(text: str) -> str:
    """Replace what is not ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def crop(text: str, width: int) -> str:
    """Cut ``text`` to ``width`` cells, with an ellipsis where something is missing; drop control characters."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + "…" if width > 0 else ""


def left(text: str, width: int) -> str:
    """Crop or fill ``text`` to exactly ``width`` cells, at the left edge."""
    text = crop(text, width)
    return text + " " * (width - cell_len(text))


def right(text: str, width: int) -> str:
    """Crop or fill ``text`` to exactly ``width`` cells, at the right edge."""
    text = crop(text, width)
    return " " * (width - cell_len(text)) + text


def joined(pieces: tuple[Piece, ...], width: int, *, indent: int = 1, gap: str = "  ") -> Line:
    """Put pieces in a row, and leave out those at the end that do not fit; the first is cropped where it must be."""
    return tuple(_fitting(pieces, width, indent, gap))


def _fitting(pieces: tuple[Piece, ...], width: int, indent: int, gap: str) -> Iterator[Piece]:
    used = indent
    yield Piece(" " * indent)
    for number, piece in enumerate(pieces):
        if number == 0:
            text = crop(piece.text, width - used)
        else:
            if used + len(gap) + cell_len(piece.text) > width:
                return
            yield Piece(gap, "dim")
            used += len(gap)
            text = piece.text
        yield Piece(text, piece.style)
        used += cell_len(text)


@cache
def _style(name: str) -> Style | None:
    return Style.parse(name) if name else None
