"""Batches back into records: to verify copies and to read compacted topics as tables; replication never needs it."""

import struct
from collections.abc import Iterator

from heliograph.records import legacy
from heliograph.records.codecs import Malformed, decompress, inflation_limit_bytes
from heliograph.records.kernel import active as kernel
from heliograph.records.layout import (
    CODEC_BITS,
    CONTROL_BIT,
    LENGTH_FIELD_END,
    LOG_APPEND_TIME_BIT,
    MAGIC_AT,
    signed_64,
)
from heliograph.records.model import HEADER_BYTES, LIMIT_BYTES, Buffer, Codec, Record, damaged

_FIELDS = struct.Struct(">hiqqqhii")
_FIELDS_AT = 21


def decode(buffer: Buffer, start: int, end: int, *, control: bool = False) -> Iterator[Record]:
    """Give every record of every complete batch in ``buffer[start:end]``, of any format and codec, in order.

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
    """Give the records of one v2 batch."""
    attributes, _, base_timestamp, max_timestamp, _, _, _, count = _FIELDS.unpack_from(view, at + _FIELDS_AT)
    if kernel.first_damaged(view, at, end) is not None:
        raise damaged(base_offset, "its checksum does not match its bytes")
    if attributes & CONTROL_BIT and not control:
        return
    codec = attributes & CODEC_BITS
    try:
        if codec > Codec.ZSTD:
            raise Malformed(f"its attributes name codec {codec}, which does not exist")  # noqa: TRY301
        body = decompress(Codec(codec), view[at + HEADER_BYTES : end], inflation_limit_bytes(LIMIT_BYTES))
        raw = kernel.read_records(body, count)
    except Malformed as why:
        raise damaged(base_offset, str(why)) from why
    appended = bool(attributes & LOG_APPEND_TIME_BIT)
    for offset_delta, timestamp_delta, key, value, headers in raw:
        timestamp = max_timestamp if appended else signed_64(base_timestamp + timestamp_delta)
        names = tuple((name.decode("utf-8", "surrogateescape"), content) for name, content in headers)
        yield Record(base_offset + offset_delta, timestamp, key, value, names, appended)
