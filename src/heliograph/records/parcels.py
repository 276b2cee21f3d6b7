"""From runs to parcels and from parcels to the wire: forward, stamp, verify, rewrite, split."""

from collections.abc import Iterator, Sequence

from heliograph.errors import TooLarge
from heliograph.records import legacy
from heliograph.records.kernel import active as kernel
from heliograph.records.layout import LENGTH_FIELD_END
from heliograph.records.model import (
    HEADER_BYTES,
    LIMIT_BYTES,
    SMALL_BYTES,
    Buffer,
    Codec,
    Kind,
    Parcel,
    Record,
    Run,
    Scan,
    damaged,
)

ENCODED_BYTES_MAX = 64 << 20
"""Largest batch that :func:`encode` makes from nothing."""


def allocate(size: int) -> bytearray:
    """Return a buffer to receive ``size`` bytes into; nothing may be made of its content before they came."""
    return kernel.allocate(size)


def scan(
    buffer: Buffer,
    start: int,
    end: int,
    position: int,
    *,
    aborted: Sequence[tuple[int, int]] = (),
    small_bytes: int = SMALL_BYTES,
    limit_bytes: int = LIMIT_BYTES,
) -> Scan:
    """Say what must happen to the batches in ``buffer[start:end]``, whose reader stands at source offset ``position``.

    ``aborted`` holds (producer id, first offset) of the aborted transactions, as a read_committed Fetch answers them;
    without it only control batches are left out. A partial batch at the end is normal (KIP-74) and not consumed.
    Checksums are not looked at. Raises DamagedBatch, naming the offset, where lengths or counts contradict each other.
    """
    return kernel.scan(buffer, start, end, position, aborted, small_bytes, limit_bytes)


def part(buffer: Buffer, run: Run, position: int, room_bytes: int) -> list[Run]:
    """Part a MERGE run after the last batch with which it takes at most ``room_bytes``; whole where none fits.

    ``position`` is where its reader stood. What is not to be copied at the cut is in neither part.
    """
    if LENGTH_FIELD_END + int.from_bytes(buffer[run.start + 8 : run.start + LENGTH_FIELD_END]) > room_bytes:
        return [run]
    first = scan(buffer, run.start, run.end, position, limit_bytes=room_bytes).runs[0]
    rest = scan(buffer, first.end, run.end, position, limit_bytes=run.end - run.start)
    return [first, *(each for each in rest.runs if each.kind is not Kind.DROP)]


def forward(buffer: Buffer, run: Run) -> Parcel:
    """Make a parcel of a FORWARD run without touching or copying its body, in constant time."""
    return kernel.forward(buffer, run)


def stamp(
    parcel: Parcel, producer_id: int, producer_epoch: int, base_sequence: int, *, transactional: bool = False
) -> bytes:
    """Return the 61-byte header to send before ``parcel.body``; the checksum is patched, the body not read."""
    return kernel.stamp(parcel.header, len(parcel.body), producer_id, producer_epoch, base_sequence, transactional)


def verify(buffer: Buffer, run: Run) -> None:
    """Check the checksum of every batch in the run; raises DamagedBatch, naming the offset."""
    offset = kernel.first_damaged(buffer, run.start, run.end)
    if offset is not None:
        raise damaged(offset, "its checksum does not match its bytes")


def rewrite(pieces: Sequence[tuple[Buffer, Run]], *, position: int, limit_bytes: int) -> list[Parcel]:
    """Re-encode the runs of ``pieces``, in order, into as few batches of at most ``limit_bytes`` as possible.

    Takes runs of every kind; those of DROP only move the position. Keeps each run's codec, and never mixes two in one
    parcel. Leaves out records before ``position``. Verifies every batch's checksum first and bounds what a body may
    unpack to; raises DamagedBatch. A single record above ``limit_bytes`` becomes a parcel of its own: only the target
    knows whether that is too large.
    """
    parcels: list[Parcel] = []
    packer: kernel.Packer | None = None
    for buffer, run in pieces:
        if run.kind is Kind.DROP:
            if packer is not None:
                packer.skip_to(run.next_offset)
            continue
        if packer is None or packer.codec != run.codec:
            if packer is not None:
                parcels += packer.finish()
            packer = kernel.Packer(run.codec, limit_bytes)
        if run.kind is Kind.LEGACY:
            legacy.pack(packer, buffer, run, position, limit_bytes)
        else:
            packer.add(buffer, run.start, run.end, position)
    if packer is not None:
        parcels += packer.finish()
    return [part for parcel in parcels for part in _fitting(parcel, limit_bytes)]


def encode(records: Sequence[Record], *, codec: Codec = Codec.NONE) -> Parcel:
    """Make one parcel of ``records``, of which there must be at least one; their offsets become its segments."""
    if not records:
        raise ValueError("a batch needs at least one record")
    packer = kernel.Packer(codec, ENCODED_BYTES_MAX)
    for record in records:
        headers = [(name.encode("utf-8", "surrogateescape"), content) for name, content in record.headers]
        packer.append(record.offset, record.timestamp, record.key, record.value, headers)
    parcels = packer.finish()
    if len(parcels) > 1:
        raise ValueError(f"{len(records)} records do not fit into one batch")
    return parcels[0]


def split(parcel: Parcel, limit_bytes: int) -> list[Parcel]:
    """Part a parcel that the target found too large into parcels of at most ``limit_bytes``.

    Raises TooLarge, naming source offset and size, if a single record is larger than that.
    """
    return [_small_enough(part, limit_bytes) for part in _fitting(parcel, limit_bytes)]


def _small_enough(parcel: Parcel, limit_bytes: int) -> Parcel:
    """Return the parcel, or raise."""
    if parcel.size > limit_bytes:
        raise TooLarge(
            f"The record at offset {parcel.segments[0][0]} takes {parcel.size} bytes, "
            f"and the target takes at most {limit_bytes}",
            remedy="Raise max.message.bytes of the target topic",
        )
    return parcel


def _fitting(parcel: Parcel, limit_bytes: int) -> Iterator[Parcel]:
    """Part a parcel until each part fits or is a single record."""
    if parcel.size <= limit_bytes or parcel.records == 1:
        yield parcel
        return
    parts = -(-parcel.size * 9 // (8 * limit_bytes))
    records_max = min(-(-parcel.records // parts), -(-parcel.records // 2))
    packer = kernel.Packer(parcel.codec, max(limit_bytes, HEADER_BYTES), records_max)
    first_offset = parcel.segments[0][0].to_bytes(8, "big")  # so that an error names it
    batch = b"".join((first_offset, parcel.header[8:], parcel.body))
    packer.add(batch, 0, len(batch), 0)
    pieces = packer.finish()
    first = 0
    for piece in pieces:
        first += piece.records
        piece.segments = _sub_segments(parcel.segments, first - piece.records, first)
        piece.next_offset = sum(piece.segments[-1]) if first < parcel.records else parcel.next_offset
        yield from _fitting(piece, limit_bytes)


def _sub_segments(segments: tuple[tuple[int, int], ...], first: int, end: int) -> tuple[tuple[int, int], ...]:
    """Source offsets of the records from index ``first`` to before ``end``."""
    found = []
    index = 0
    for offset, count in segments:
        low, high = max(first, index), min(end, index + count)
        if low < high:
            found.append((offset + low - index, high - low))
        index += count
    return tuple(found)
