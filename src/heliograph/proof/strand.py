"""One side of a comparison: what has been fetched and not yet compared, and how to step over it.

A strand holds *pieces*: the runs of fetched bytes that have records in them. Each stays as it is, compressed, until
somebody must look inside; then it is brought into canonical form, once, and stepped over record by record. The strand
keeps the last piece that it has passed, so that the records before a difference can be shown.
"""

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from heliograph.proof.entries import Entry, ends
from heliograph.records import HEADER_BYTES, Buffer, Kind, Run, canonical

_FIXED = struct.Struct(">bxxxxhiqq")
"""From the magic number on: attributes, last offset delta, base and largest timestamp."""
_MAGIC_AT, _COUNT_AT, _LENGTH_AT, _LAST_DELTA_AT = 16, 57, 8, 23
_CODEC_BITS, _APPEND_TIME_BIT = 0x07, 0x08


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one fetch brought."""

    buffer: Buffer
    runs: Sequence[Run]
    next_offset: int
    """Where the next fetch goes on."""


@dataclass(slots=True)
class Piece:
    """A run that is not yet compared to its end."""

    buffer: Buffer
    run: Run
    content: bytes | None = None
    """Its records in canonical form, once somebody has looked; those before the strand's position may be left out."""
    at: int = 0
    """Bytes of ``content`` that are passed."""
    passed: int = 0
    """Records of it that are passed."""
    offsets: Sequence[tuple[int, int]] = ()
    """Offsets of the records in ``content``: (first, count)."""

    @property
    def size_bytes(self) -> int:
        """Bytes as fetched."""
        return self.run.end - self.run.start

    @property
    def appended(self) -> bool:
        """Whether its broker stamped it (LogAppendTime)."""
        attributes_at = self.run.start + (22 if self.run.kind is not Kind.LEGACY else 17)
        return bool(self.buffer[attributes_at] & _APPEND_TIME_BIT)

    def unpack(self, position: int, *, timestamps: bool) -> bytes:
        """Return the records at or after ``position`` in canonical form."""
        if self.content is None:
            found = canonical(self.buffer, self.run, position, timestamps=timestamps)
            self.content, self.offsets, self.at, self.passed = found.content, found.segments, 0, 0
        return self.content

    def forget(self) -> None:
        """Look again at the next :meth:`unpack`."""
        self.content = None

    def offset_of(self, number: int) -> int:
        """Return the offset of the record with this number, from 0, of ``content``."""
        for first, count in self.offsets:
            if number < count:
                return first + number
            number -= count
        return self.run.next_offset

    def entries(self, first: int, at: int, *, timestamps: bool) -> Iterator[Entry]:
        """Yield the records of ``content`` from number ``first`` on, which begins at byte ``at``."""
        assert self.content is not None, "a piece is unpacked before it is looked at"
        offsets = islice((base + i for base, count in self.offsets for i in range(count)), first, None)
        for end, offset in zip(ends(self.content, at, timestamps=timestamps), offsets, strict=False):
            yield Entry(offset, self.content[at:end])
            at = end


def same_bytes(source: Piece, target: Piece, *, timestamps: bool) -> bool:
    """Say whether both pieces are one untouched batch with the same records, as far as their bytes tell.

    False only means that somebody must look inside. Compared are length, codec, offset deltas, count, both timestamps
    and the body; not the offset, the epoch, the producer and the checksum, which are each side's own.
    """
    if source.content is not None or target.content is not None or source.size_bytes != target.size_bytes:
        return False
    if not (source.run.kind is Kind.FORWARD and target.run.kind in (Kind.FORWARD, Kind.REWRITE)):
        return False
    here, there = source.run.start, target.run.start
    magic, attributes, last_delta, *times = _FIXED.unpack_from(source.buffer, here + _MAGIC_AT)
    other_magic, other_attributes, other_delta, *other_times = _FIXED.unpack_from(target.buffer, there + _MAGIC_AT)
    mask = _CODEC_BITS | (_APPEND_TIME_BIT if timestamps else 0)
    return (
        magic == other_magic == 2
        and (attributes ^ other_attributes) & mask == 0
        and last_delta == other_delta
        and source.run.records == target.run.records
        and (times == other_times or not timestamps)
        and _equal(source.buffer, here + HEADER_BYTES, target.buffer, there + HEADER_BYTES, target.run.end)
    )


def _equal(one: Buffer, at: int, other: Buffer, start: int, end: int) -> bool:
    """Compare bytes without copying them."""
    if isinstance(one, memoryview):
        return bool(one[at : at + end - start] == memoryview(other)[start:end])
    return one.startswith(memoryview(other)[start:end], at)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next records of a strand."""

    entries: Sequence[Entry]
    whole: bool
    """Whether nothing comes behind them."""

    @property
    def contents(self) -> list[bytes]:
        """The records without their offsets."""
        return [entry.content for entry in self.entries]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.entries)


@dataclass(slots=True)
class Strand:
    """The records of one side, from ``position`` on."""

    position: int
    """Offset of the next record, or a lower one where there are holes."""
    end: int | None
    """Records from here on do not count; None: there is no such place."""
    timestamps: bool = True
    """Whether the canonical form has them."""
    reached: int = field(init=False)
    """Offset behind what was fetched."""
    ended: bool = False
    """Nothing more will come."""
    pieces: deque[Piece] = field(default_factory=deque)
    held_bytes: int = 0
    """Bytes of ``pieces`` as fetched."""
    last: Piece | None = None
    """The piece passed last."""

    def __post_init__(self) -> None:
        """Begin with nothing fetched."""
        self.reached = self.position
        self.ended = self.end is not None and self.position >= self.end

    def feed(self, chunk: Chunk) -> None:
        """Take what was fetched."""
        self.reached = chunk.next_offset
        for run in chunk.runs:
            if run.kind is Kind.DROP or (self.end is not None and run.first_offset >= self.end):
                continue
            piece = Piece(chunk.buffer, run)
            self.pieces.append(piece)
            self.held_bytes += piece.size_bytes
        if self.end is not None and self.reached >= self.end:
            self.ended = True

    def holds(self, records: int) -> bool:
        """Say whether about ``records`` records or more wait to be compared."""
        found = 0
        for piece in self.pieces:
            found += max(1, piece.run.records - piece.passed)
            if found >= records:
                return True
        return False

    def head(self) -> tuple[bytes, int]:
        """Return the first piece in canonical form, and the byte from which on it is not yet compared."""
        piece = self.pieces[0]
        return piece.unpack(self.position, timestamps=self.timestamps), piece.at

    def pass_piece(self) -> Piece:
        """Step over the first piece, or over what is left of it."""
        piece = self.pieces.popleft()
        self.held_bytes -= piece.size_bytes
        self.position = max(self.position, piece.run.next_offset)
        self.last = piece
        return piece

    def pass_records(self, count: int, at: int) -> None:
        """Step over ``count`` records of the first piece, which end at byte ``at``."""
        piece = self.pieces[0]
        assert piece.content is not None, "a piece is unpacked before it is passed in part"
        if at == len(piece.content):
            piece.at, piece.passed = at, piece.passed + count
            self.pass_piece()
            return
        piece.at, piece.passed = at, piece.passed + count
        self.position = piece.offset_of(piece.passed - 1) + 1

    def drop(self, count: int) -> None:
        """Step over ``count`` records that are held, and over pieces that have none left."""
        while self.pieces:
            content, at = self.head()
            piece = self.pieces[0]
            left = sum(held for _, held in piece.offsets) - piece.passed
            if left <= count:
                piece.at, piece.passed = len(content), piece.passed + left
                self.pass_piece()
                count -= left
            elif count:
                here = next(islice(ends(content, at, timestamps=self.timestamps), count - 1, None))
                self.pass_records(count, here)
                return
            else:
                return

    def ahead(self, records_max: int) -> Ahead:
        """Return the next records that are held, at most ``records_max``, without consuming them."""
        found: list[Entry] = []
        for piece in self.pieces:
            if len(found) >= records_max:
                return Ahead(found, whole=False)
            piece.unpack(self.position, timestamps=self.timestamps)
            more = piece.entries(piece.passed, piece.at, timestamps=self.timestamps)
            found += islice(more, records_max - len(found))
            if next(more, None) is not None:
                return Ahead(found, whole=False)
        return Ahead(found, whole=self.ended)

    def behind(self, records_max: int) -> list[Entry]:
        """Return the last records that were passed, as far as they are still held."""
        found: list[Entry] = []
        if self.pieces and self.pieces[0].content is not None and self.pieces[0].passed:
            piece = self.pieces[0]
            found = list(islice(piece.entries(0, 0, timestamps=self.timestamps), piece.passed))
        if len(found) < records_max and self.last is not None:
            piece = Piece(self.last.buffer, self.last.run)
            piece.unpack(0, timestamps=self.timestamps)
            found = [*piece.entries(0, 0, timestamps=self.timestamps), *found]
        return found[-records_max:]

    def leave_timestamps_out(self) -> None:
        """Go on without timestamps."""
        self.timestamps = False
        for piece in self.pieces:
            piece.forget()
