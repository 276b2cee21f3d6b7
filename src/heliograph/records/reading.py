"""Batches back into records: to verify copies and to read compacted topics as tables; replication never needs it."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heliograph.records import legacy
from heliograph.records.codecs import Malformed, decompress, inflation_limit_bytes
from heliograph.records.kernel import active as kernel
from heliograph.records.layout import (
    CODEC_BITS,
    CONTROL_BIT,
    LENGTH_FIELD_END,
    LOG_APPEND_TIME_BIT,
    MAGIC_AT,
    OFFSET_MAX,
    TRANSACTIONAL_BIT,
    signed_64,
)
from heliograph.records.model import HEADER_BYTES, LIMIT_BYTES, Buffer, Codec, Kind, Record, Run, damaged

_FIELDS = struct.Struct(">hiqqqhii")
_FIELDS_AT = 21


def decode(buffer: Buffer, start: int, end: int, *, control: bool = False) -> Iterator[Record]:
    """Yield every record of every complete batch in ``buffer[start:end]``, of any format and codec, in order.

    Records of control batches only if ``control``; those of aborted transactions always. A partial batch at the end is
    left alone. Verifies checksums; raises DamagedBatch, naming the offset.
    """
    view = memoryview(buffer)
    at = start
    while end - at > MAGIC_AT:
        offset, length = struct.unpack_from(">qi", view, at)
        batch_end = at + LENGTH_FIELD_END + length
        if batch_end > end:
            return
        if length < (HEADER_BYTES - LENGTH_FIELD_END if view[at + MAGIC_AT] == 2 else 14):
            raise damaged(offset, f"its length field says {length}")
        if view[at + MAGIC_AT] == 2:
            yield from _batch(view, at, batch_end, offset, control=control)
        else:
            for message in legacy.messages(view, at, batch_end):
                key = None if message.key is None else bytes(message.key)
                value = None if message.value is None else bytes(message.value)
                yield Record(message.offset, message.timestamp, key, value)
        at = batch_end


def _batch(view: memoryview, at: int, end: int, base_offset: int, *, control: bool) -> Iterator[Record]:
    """Yield the records of one v2 batch."""
    attributes, last_delta, base_timestamp, max_timestamp, _, _, _, count = _FIELDS.unpack_from(view, at + _FIELDS_AT)
    if kernel.first_damaged(view, at, end) is not None:
        raise damaged(base_offset, "its checksum does not match its bytes")
    if attributes & CONTROL_BIT and not control:
        return
    codec = attributes & CODEC_BITS
    if base_offset < 0 or last_delta < 0 or base_offset + last_delta >= OFFSET_MAX:
        raise damaged(base_offset, f"its offsets cannot be: the last offset delta is {last_delta}")
    try:
        if codec > Codec.ZSTD:
            raise Malformed(f"its attributes name codec {codec}, which does not exist")  # noqa: TRY301
        body = decompress(Codec(codec), view[at + HEADER_BYTES : end], inflation_limit_bytes(LIMIT_BYTES))
        raw = kernel.read_records(body, count)
        _check_deltas([record[0] for record in raw], last_delta)
    except Malformed as why:
        raise damaged(base_offset, str(why)) from why
    appended, transactional = bool(attributes & LOG_APPEND_TIME_BIT), bool(attributes & TRANSACTIONAL_BIT)
    for offset_delta, timestamp_delta, key, value, headers in raw:
        timestamp = max_timestamp if appended else signed_64(base_timestamp + timestamp_delta)
        names = tuple((name.decode("utf-8", "surrogateescape"), content) for name, content in headers)
        yield Record(base_offset + offset_delta, timestamp, key, value, names, appended, transactional)


def _check_deltas(deltas: Sequence[int], last_delta: int) -> None:
    """Refuse records whose offsets do not rise, or lead out of their batch."""
    previous = -1
    for delta in deltas:
        if not previous < delta <= last_delta:
            raise Malformed(f"offset delta {delta} follows {previous}, the last is {last_delta}")
        previous = delta


@dataclass(frozen=True, slots=True)
class Canonical:
    """Records in a form that does not depend on how they were batched or compressed."""

    content: bytes
    """For each record: timestamp (8 bytes, unless left out), key, value, number of headers (4 bytes), and name and
    value of each header. A field has its length in four bytes in front, -1 for null; numbers are big-endian."""
    segments: tuple[tuple[int, int], ...]
    """Runs of consecutive offsets in record order: (first offset, count)."""

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(count for _, count in self.segments)


def canonical(buffer: Buffer, run: Run, position: int, *, timestamps: bool = True) -> Canonical:
    """Return the records of ``run`` at or after ``position`` in canonical form; verifies checksums.

    Without ``timestamps`` they are left out. Raises DamagedBatch, naming the offset.
    """
    if run.kind is Kind.DROP:
        return Canonical(b"", ())
    packer = kernel.Packer(Codec.NONE, LIMIT_BYTES)
    if run.kind is Kind.LEGACY:
        legacy.pack(packer, buffer, run, position, LIMIT_BYTES)
    else:
        packer.add(buffer, run.start, run.end, position)
    parts: list[bytes] = []
    segments: list[tuple[int, int]] = []
    for parcel in packer.finish():
        try:
            parts.append(kernel.canonical(parcel.body, parcel.records, parcel.base_timestamp, timestamps))
        except Malformed as why:
            raise damaged(parcel.segments[0][0], str(why)) from why
        segments += parcel.segments
    return Canonical(parts[0] if len(parts) == 1 else b"".join(parts), tuple(segments))
