"""Message formats v0 and v1 (magic 0 and 1), which Kafka wrote before 0.11 and old topics still hold.

::

    offset 8 | size 4 | CRC-32 4 | magic 1 | attributes 1 | timestamp 8 (only v1) | key 4+n | value 4+n

Each message stands for itself; length -1 is null. Compression is nested: a wrapper message's value is a compressed run
of messages, and the wrapper's offset is that of the last of them. Inside, v0 holds absolute offsets; v1 holds relative
ones, of which the last belongs to the wrapper's offset (KIP-31). If the wrapper says log append time, its timestamp
holds for all inside (KIP-32). The outer CRC-32 covers everything, so the inner ones are not checked.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from heliograph.records.codecs import Malformed, decompress, inflation_limit_bytes
from heliograph.records.layout import CODEC_BITS, LENGTH_FIELD_END, LOG_APPEND_TIME_BIT, OFFSET_MAX
from heliograph.records.model import LIMIT_BYTES, Buffer, Codec, Run, damaged

_FRONT = struct.Struct(">qiIbb")
_CHECKED_AT = 16


class Message(NamedTuple):
    """One message; for a wrapper the value is the compressed rest."""

    offset: int
    attributes: int
    magic: int
    timestamp: int
    key: memoryview | None
    value: memoryview | None
    end: int
    """Byte position after it."""


class Sink(Protocol):
    """What messages are packed into: a kernel's Packer."""

    def weigh(self, n_bytes: int, /) -> None:
        """Take note of the size of what follows."""

    def append(self, offset: int, timestamp: int, key: Buffer | None, value: Buffer | None, /) -> None:
        """Take one record."""

    def skip_to(self, next_offset: int, /) -> None:
        """Take note that nothing before ``next_offset`` follows."""


def pack(sink: Sink, buffer: Buffer, run: Run, position: int, limit_bytes: int) -> None:
    """Feed all records of a LEGACY run at or after ``position`` to ``sink``; raises DamagedBatch."""
    view = memoryview(buffer)
    at = run.start
    while at < run.end:
        end, records = _outer(view, at, run.end, inflation_limit_bytes(limit_bytes))
        sink.weigh(end - at)
        for record in records:
            if record.offset >= position:
                sink.append(record.offset, record.timestamp, record.key, record.value)
        at = end
    sink.skip_to(run.next_offset)


def messages(buffer: Buffer, start: int, end: int) -> Iterator[Message]:
    """Yield all records of the legacy messages in the range, wrappers unpacked; raises DamagedBatch."""
    view = memoryview(buffer)
    at = start
    while at < end:
        at, records = _outer(view, at, end, inflation_limit_bytes(LIMIT_BYTES))
        yield from records


def _outer(view: memoryview, at: int, end: int, inflated_bytes_max: int) -> tuple[int, list[Message]]:
    """Read the message at ``at``, checked against its CRC: the position after it, and its records."""
    offset = int.from_bytes(view[at : at + 8], "big", signed=True)
    try:
        message = _read(view, at, end)
        if not 0 <= offset < OFFSET_MAX:
            raise Malformed("its offset is negative, or the last there can be")  # noqa: TRY301
        crc = _FRONT.unpack_from(view, at)[2]
        if crc != zlib.crc32(view[at + _CHECKED_AT : message.end]):
            raise damaged(offset, "its checksum does not match its bytes")
        if message.attributes & CODEC_BITS == Codec.NONE:
            return message.end, [message]
        return message.end, _unwrap(message, inflated_bytes_max)
    except Malformed as why:
        raise damaged(offset, str(why)) from why


def _read(view: memoryview, at: int, end: int) -> Message:
    """Read one message; raises Malformed where its lengths contradict each other."""
    if end - at < _FRONT.size:
        raise Malformed("a message is cut off")
    offset, size, _, magic, attributes = _FRONT.unpack_from(view, at)
    if magic not in {0, 1}:
        raise Malformed(f"a legacy message has magic {magic}")
    here = at + _FRONT.size
    message_end = at + LENGTH_FIELD_END + size
    if message_end > end or message_end < here + 8 * magic + 8:
        raise Malformed(f"a message's size says {size}, which does not fit")
    timestamp = -1
    if magic == 1:
        (timestamp,) = struct.unpack_from(">q", view, here)
        here += 8
    key, here = _sized(view, here, message_end)
    value, here = _sized(view, here, message_end)
    if here != message_end:
        raise Malformed("a message has bytes behind its value")
    return Message(offset, attributes, magic, timestamp, key, value, message_end)


def _sized(view: memoryview, at: int, end: int) -> tuple[memoryview | None, int]:
    """Read bytes with their 4-byte length in front; -1 is null."""
    if end - at < 4:
        raise Malformed("a message is cut off in a length")
    size = int.from_bytes(view[at : at + 4], "big", signed=True)
    at += 4
    if size == -1:
        return None, at
    if not 0 <= size <= end - at:
        raise Malformed(f"a field in a message says it has {size} bytes, which does not fit")
    return view[at : at + size], at + size


def _unwrap(wrapper: Message, inflated_bytes_max: int) -> list[Message]:
    """Return the messages inside a wrapper with their absolute offsets and their true timestamps."""
    codec = wrapper.attributes & CODEC_BITS
    if codec > Codec.LZ4:
        raise Malformed(f"its attributes name codec {codec}, which format v{wrapper.magic} does not have")
    if wrapper.value is None:
        raise Malformed("it is compressed, but holds nothing")
    inner = memoryview(decompress(Codec(codec), wrapper.value, inflated_bytes_max))
    found: list[Message] = []
    at = 0
    while at < len(inner):
        message = _read(inner, at, len(inner))
        if message.magic != wrapper.magic or message.attributes & CODEC_BITS:
            raise Malformed("a message inside a wrapper has another format or is compressed again")
        found.append(message)
        at = message.end
    if not found:
        raise Malformed("it is compressed, but holds nothing")
    shift = wrapper.offset - found[-1].offset if wrapper.magic == 1 else 0
    for message in found:
        if not 0 <= message.offset + shift <= wrapper.offset:
            raise Malformed(f"a message inside it has the offset {message.offset + shift}, the last {wrapper.offset}")
    append_time = wrapper.timestamp if wrapper.magic == 1 and wrapper.attributes & LOG_APPEND_TIME_BIT else None
    return [
        message._replace(
            offset=message.offset + shift, timestamp=message.timestamp if append_time is None else append_time
        )
        for message in found
    ]
