"""Records in canonical form, one by one: where each ends, what its fields are, and how it is shown.

The form is that of :class:`heliograph.records.reading.Canonical`: the same bytes if and only if the records are the
same. So a record is its own identity here, and is only taken apart to say which field differs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from heliograph.proof.model import Shown

SHOWN_CHARACTERS = 60
"""How much of a key, value or header is shown."""
SHOWN_HEADERS = 5

_SPACES = {ord(character): repr(character)[1:-1] for character in "\t\n\r"}
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")


class Entry(NamedTuple):
    """One record at its place."""

    offset: int
    content: bytes
    """In canonical form."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A record taken apart."""

    timestamp_ms: int | None
    """None where the form has none."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...]


def ends(content: bytes, at: int, *, timestamps: bool) -> Iterator[int]:
    """Yield the position behind each record of ``content`` from ``at`` on."""
    read = _INT32.unpack_from
    front = 8 if timestamps else 0
    while at < len(content):
        at += front
        for _ in range(2):
            (size,) = read(content, at)
            at += 4 + max(size, 0)
        (headers,) = read(content, at)
        at += 4
        for _ in range(2 * headers):
            (size,) = read(content, at)
            at += 4 + max(size, 0)
        yield at


def key_of(content: bytes, *, timestamps: bool) -> bytes | None:
    """Return the key of one record."""
    return _field(content, 8 if timestamps else 0)[0]


def is_tombstone(content: bytes, *, timestamps: bool) -> bool:
    """Say whether the record's value is null."""
    _, at = _field(content, 8 if timestamps else 0)
    return _field(content, at)[0] is None


def fields_of(content: bytes, *, timestamps: bool) -> Fields:
    """Take one record apart."""
    at = 8 if timestamps else 0
    timestamp = _INT64.unpack_from(content)[0] if timestamps else None
    key, at = _field(content, at)
    value, at = _field(content, at)
    (count,) = _INT32.unpack_from(content, at)
    at += 4
    headers = []
    for _ in range(count):
        name, at = _field(content, at)
        held, at = _field(content, at)
        headers.append((name or b"", held))
    return Fields(timestamp, key, value, tuple(headers))


def _field(content: bytes, at: int) -> tuple[bytes | None, int]:
    (size,) = _INT32.unpack_from(content, at)
    at += 4
    return (None, at) if size < 0 else (content[at : at + size], at + size)


def altered_fields(source: bytes, target: bytes, *, timestamps: bool) -> tuple[str, ...]:
    """Name the fields in which two records differ."""
    here, there = (fields_of(each, timestamps=timestamps) for each in (source, target))
    pairs = (
        ("key", here.key, there.key),
        ("value", here.value, there.value),
        ("headers", here.headers, there.headers),
        ("timestamp", here.timestamp_ms, there.timestamp_ms),
    )
    return tuple(name for name, one, other in pairs if one != other)


def shown(entry: Entry, *, timestamps: bool) -> Shown:
    """Return a record as people read it."""
    fields = fields_of(entry.content, timestamps=timestamps)
    headers = tuple((_short(name) or "", _short(held)) for name, held in fields.headers[:SHOWN_HEADERS])
    return Shown(entry.offset, fields.timestamp_ms, _short(fields.key), _short(fields.value), headers)


def _short(content: bytes | None) -> str | None:
    """Return bytes as text where they are text, else as hexadecimal digits; say how long it was where it is cut."""
    if content is None:
        return None
    text = _text(content)
    if text is None:
        cut, short = len(content) > SHOWN_CHARACTERS // 2, "0x" + content[: SHOWN_CHARACTERS // 2].hex()
    else:
        cut, short = len(content) > 4 * SHOWN_CHARACTERS or len(text) > SHOWN_CHARACTERS, text[:SHOWN_CHARACTERS]
    return f"{short}... ({len(content):,} bytes)" if cut else short


def _text(content: bytes) -> str | None:
    """Return the beginning of ``content`` as text; None where it is none. A character may be cut in two at the end."""
    piece = content[: 4 * SHOWN_CHARACTERS]
    for lost in range(4 if len(piece) < len(content) else 1):
        try:
            text = piece[: len(piece) - lost].decode("utf-8").translate(_SPACES)
        except UnicodeDecodeError:
            continue
        return text if text.isprintable() else None
    return None
