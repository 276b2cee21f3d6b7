r"""Java ``.properties`` files, read as ``java.util.Properties.load(InputStream)`` reads them.

The bytes are Latin-1. A *logical line* is one or more natural lines joined by a backslash at the end; a comment is a
logical line that begins with ``#`` or ``!`` (nowhere else); the key ends at the first unescaped ``=``, ``:`` or blank;
backslashes are consumed, so that ``foo\.bar`` arrives as ``foo.bar``. The last of several equal keys wins. Beyond Java,
each entry remembers its line, so that a message can point at it.

Source of the rules: the class comment of ``java.util.Properties`` and what a Java 17 run gives for the same bytes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from javaproperties import InvalidUEscapeError, unescape

from heliograph.config.problems import Problems
from heliograph.errors import ConfigError

BYTES_MAX = 1 << 20
"""Largest file that is read."""
_BLANKS = " \t\f"
State = tuple[int, ...]
"""What tells one state of a file from another; empty: there is none, or it may not be seen."""
_noted: ContextVar[dict[Path, State] | None] = ContextVar("noted", default=None)
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Property:
    """One key with its value, as they stand in the file after unescaping."""

    key: str
    value: str
    """Not stripped: Java keeps blanks at the end of a value."""
    line: int
    """Number of the natural line on which the key stands, from 1."""


@dataclass(frozen=True, slots=True)
class PropertiesFile:
    """A whole file."""

    path: Path
    entries: dict[str, Property]
    """By key; of equal keys the last."""
    overridden: tuple[Property, ...]
    """Entries that lost to a later one with the same key."""
    utf8_line: int | None
    """First line with bytes beyond ASCII that read well as UTF-8, which Java does not do; None when there is none."""

    def where(self, line: int | None) -> str:
        """``file:line``, the way editors and compilers name a place; the name alone where there are no lines."""
        return str(self.path) if not line else f"{self.path}:{line}"


def read_properties(path: Path) -> PropertiesFile:
    r"""Read the file at ``path``.

    Raises ConfigError when it is missing, no regular file, unreadable, larger than BYTES_MAX, or holds a malformed
    ``\uXXXX`` or half of a surrogate pair.
    """
    return parse_properties(read_bytes(path, "configuration file"), path)


@contextmanager
def noting_files() -> Iterator[dict[Path, State]]:
    """Note all files that are read meanwhile, or could not be, each as it is before it is read."""
    files: dict[Path, State] = {}
    token = _noted.set(files)
    try:
        yield files
    finally:
        _noted.reset(token)


def state_of(path: Path) -> State:
    """Return the present state of the file to which ``path`` leads."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def read_bytes(path: Path, what: str, *, bytes_max: int = BYTES_MAX) -> bytes:
    """Return the content of the file at ``path``; ``what`` names it in errors.

    Raises ConfigError when there is no such file, or it cannot be read or is larger than ``bytes_max``.
    """
    if (noted := _noted.get()) is not None:
        noted.setdefault(path, state_of(path))
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise ConfigError(f"{what} {path} does not exist", remedy="Check the path") from None
    except IsADirectoryError:
        raise ConfigError(f"{what} {path} is a directory", remedy="Name a file") from None
    except PermissionError:
        raise ConfigError(f"{what} {path} may not be read", remedy="Check its owner and mode") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what} {path} cannot be read: {error}", remedy="Check the path") from None
    if len(content) > bytes_max:
        raise ConfigError(f"{what} {path} is larger than {bytes_max} bytes", remedy="Check that it is the right file")
    return content


def parse_properties(content: bytes, path: Path) -> PropertiesFile:
    """Parse ``content``, which came from ``path``. Raises ConfigError for Unicode escapes that make no character."""
    problems = Problems()
    entries: dict[str, Property] = {}
    overridden: list[Property] = []
    for line, text in _logical_lines(content.decode("latin-1")):
        entry = problems.attempt(partial(_property, path, line, text), None)
        if entry is None:
            continue
        if entry.key in entries:
            overridden.append(entries.pop(entry.key))
        entries[entry.key] = entry
    problems.raise_all(path)
    return PropertiesFile(path, entries, tuple(overridden), _first_utf8_line(content))


def _property(path: Path, line: int, text: str) -> Property:
    raw_key, raw_value = _split(text)
    try:
        entry = Property(unescape(raw_key), unescape(raw_value), line)
    except InvalidUEscapeError:
        raise ConfigError(
            f"{path}:{line} has a backslash and a u without four hexadecimal digits after them",
            remedy="Write a backslash in a value as \\\\",
        ) from None
    if _HALF.search(entry.key) or _HALF.search(entry.value):
        raise ConfigError(
            f"{path}:{line} has half of a surrogate pair, which is no character and cannot be sent to a broker",
            remedy="Write both halves one after the other, such as \\uD83D\\uDE00",
        )
    return entry


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each logical line with the number of the natural line on which it begins."""
    joined = ""
    begun = 1
    continued = False
    for number, natural in enumerate(_natural_lines(text), start=1):
        piece = natural.lstrip(_BLANKS)
        if not joined:
            # Java knows no blank or comment line but at the start; a line that only continued nothing is a start too.
            if piece[:1] in ("#", "!") or (not piece and not continued):
                continued = False
                continue
            begun = number
        backslashes = len(piece) - len(piece.rstrip("\\"))
        continued = backslashes % 2 == 1
        joined += piece[:-1] if continued else piece
        if not continued and joined:
            yield begun, joined
            joined = ""
    if joined:
        yield begun, joined


def _natural_lines(text: str) -> list[str]:
    """Split at CR, LF and CR LF only (``str.splitlines`` would also split at form feeds and others)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _split(text: str) -> tuple[str, str]:
    """Split a logical line into its key and its value, both still escaped."""
    escaped = False
    end = len(text)
    for index, char in enumerate(text):
        if not escaped and char in "=: \t\f":
            end = index
            break
        escaped = char == "\\" and not escaped
    rest = text[end:].lstrip(_BLANKS)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANKS)
    return text[:end], rest


def _first_utf8_line(content: bytes) -> int | None:
    if content.isascii():
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    first = next(index for index, byte in enumerate(content) if byte > 0x7F)
    return content.count(b"\n", 0, first) + 1
