"""The kernel in plain Python: what the compiled one must do, written to be read.

It is the oracle of the tests and the substitute on machines without a C compiler. Both give the same answers and raise
the same errors for the same bytes, hostile ones included; only the time differs.

* :func:`scan` walks the headers of fetched batches and says what must happen to each range.
* :class:`Packer` takes batches and records and writes as few new batches as possible. Only the fields in front of a
  record's key (its length, timestamp delta and offset delta) are rewritten; everything behind is copied as it is.
* :func:`stamp` changes header fields and *patches* the checksum. CRC-32C is linear over GF(2): changing some bytes by
  ``old ^ new`` with n bytes behind them changes the CRC by ``linear_crc(old ^ new) * x^8n mod P``. So the checksum
  stays the one that its first producer computed, and damage anywhere on the way is noticed by the target broker.
"""

import struct
import zlib
from collections.abc import Sequence

import google_crc32c

from heliograph.records.codecs import Malformed, compress, decompress, inflation_limit_bytes
from heliograph.records.grouping import Aborts, Grouping
from heliograph.records.layout import (
    ABORT_MARKER,
    CODEC_BITS,
    CONTROL_BIT,
    DELETE_HORIZON_BIT,
    LENGTH_FIELD_END,
    LOG_APPEND_TIME_BIT,
    MAGIC_AT,
    OFFSET_MAX,
    RECORD_BYTES_MIN,
    TRANSACTIONAL_BIT,
    signed_64,
)
from heliograph.records.model import HEADER_BYTES, Buffer, Codec, Kind, Parcel, Run, Scan, damaged

NAME = "python"

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LEGACY = struct.Struct(">qiIbb")
_NULL = b"\xff\xff\xff\xff"
"""Length of a field that is null, in canonical form."""
_CHECKED_AT = 21
"""The CRC covers a batch from here on."""
_COUNT_AT = 57
_LEGACY_CHECKED_AT = 16
_RAW_FACTOR = 16
"""A compressed parcel holds at most this many times its own size in records: consumers must unpack it in memory."""

RawRecord = tuple[int, int, bytes | None, bytes | None, tuple[tuple[bytes, bytes | None], ...]]
"""Offset delta, timestamp delta, key, value, headers."""


# --- CRC-32C ---------------------------------------------------------------------------------------------------------


def crc32c(buffer: Buffer, start: int, end: int) -> int:
    """CRC-32C (RFC 3720, appendix B.4) of a range of ``buffer``."""
    return int(google_crc32c.value(bytes(memoryview(buffer)[start:end])))


def _multiply(a: int, b: int) -> int:
    """Multiply two polynomials over GF(2) modulo the Castagnoli polynomial; bit 31 is x^0."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (0x82F63B78 if b & 1 else 0)
    return product


def _squares() -> tuple[int, ...]:
    """x^8, x^16, x^32 ... x^(8 * 2^31): what a CRC is multiplied by to move it by 1, 2, 4 ... bytes."""
    powers = [0x00800000]
    for _ in range(31):
        powers.append(_multiply(powers[-1], powers[-1]))
    return tuple(powers)


_SQUARES = _squares()


def shift_crc(crc: int, n_bytes: int) -> int:
    """Multiply ``crc`` by x^(8 * n_bytes): the linear CRC of the same bytes with ``n_bytes`` zero bytes behind them."""
    for power in _SQUARES:
        if n_bytes & 1:
            crc = _multiply(crc, power)
        n_bytes >>= 1
    return crc


def _batch_end(buffer: Buffer, at: int, end: int) -> int:
    """Where the batch at ``at`` ends; it must lie whole before ``end``."""
    if not 0 <= at <= end - LENGTH_FIELD_END or end > len(buffer):
        raise damaged(-1, "its range does not lie in the buffer")
    offset, length = struct.unpack_from(">qi", buffer, at)
    minimum = HEADER_BYTES if at + MAGIC_AT < end and buffer[at + MAGIC_AT] == 2 else LENGTH_FIELD_END + 14
    if not minimum <= length + LENGTH_FIELD_END <= end - at:
        raise damaged(offset, f"its length field says {length}, which does not fit its range")
    return int(at + LENGTH_FIELD_END + length)


def allocate(size: int) -> bytearray:
    """Return a buffer of ``size`` bytes; nothing may be made of its content before it is written."""
    return bytearray(size)


def first_damaged(buffer: Buffer, start: int, end: int) -> int | None:
    """Offset of the first batch or legacy message in the range whose checksum is wrong; None: all are sound."""
    view = memoryview(buffer)
    at = start
    while at < end:
        batch_end = _batch_end(buffer, at, end)
        if view[at + MAGIC_AT] == 2:
            sound = _HEADER.unpack_from(view, at)[4] == crc32c(view, at + _CHECKED_AT, batch_end)
        else:
            sound = _LEGACY.unpack_from(view, at)[2] == zlib.crc32(view[at + _LEGACY_CHECKED_AT : batch_end])
        if not sound:
            return int.from_bytes(view[at : at + 8], "big", signed=True)
        at = batch_end
    return None


# --- Headers ---------------------------------------------------------------------------------------------------------


def stamp(  # noqa: PLR0917 - the kernel's functions are called by position
    header: Buffer, body_bytes: int, producer_id: int, producer_epoch: int, base_sequence: int, transactional: bool
) -> bytes:
    """Return the 61-byte header with the producer's fields set and the checksum patched; see the top of this file."""
    (_, length, _, magic, crc, attributes, *kept, _, _, _, count) = _HEADER.unpack(header)
    attributes = attributes & ~TRANSACTIONAL_BIT | (TRANSACTIONAL_BIT if transactional else 0)
    changed = _HEADER.pack(
        0, length, -1, magic, 0, attributes, *kept, producer_id, producer_epoch, base_sequence, count
    )
    old, new = header[_CHECKED_AT:_COUNT_AT], changed[_CHECKED_AT:_COUNT_AT]
    difference = crc32c(old, 0, len(old)) ^ crc32c(new, 0, len(new))
    patched: int = crc ^ shift_crc(difference, body_bytes + HEADER_BYTES - _COUNT_AT)
    return changed[:17] + patched.to_bytes(4, "big") + changed[_CHECKED_AT:]


def forward(buffer: Buffer, run: Run) -> Parcel:
    """Make a parcel of a run of one batch; the body is a view into ``buffer``."""
    view = memoryview(buffer)
    if _batch_end(buffer, run.start, run.end) != run.end or view[run.start + MAGIC_AT] != 2:
        raise damaged(run.first_offset, "its run is not exactly one batch of format v2")
    body = view[run.start + HEADER_BYTES : run.end]
    header = stamp(view[run.start : run.start + HEADER_BYTES], len(body), -1, -1, -1, False)
    (base_offset, _, _, _, _, _, last_delta, base_timestamp, max_timestamp, *_, count) = _HEADER.unpack_from(
        view, run.start
    )
    return Parcel(
        header,
        body,
        count,
        ((base_offset, count),),
        base_offset + last_delta + 1,
        base_timestamp,
        max_timestamp,
        run.codec,
    )


# --- Scan ------------------------------------------------------------------------------------------------------------


def scan(  # noqa: PLR0917 - the kernel's functions are called by position
    buffer: Buffer,
    start: int,
    end: int,
    position: int,
    aborted: Sequence[tuple[int, int]],
    small_bytes: int,
    limit_bytes: int,
) -> Scan:
    """Walk the headers in the range; see :func:`heliograph.records.scan`."""
    if not 0 <= start <= end <= len(buffer):
        raise ValueError(f"the range {start}..{end} does not lie in a buffer of {len(buffer)} bytes")
    view = memoryview(buffer)
    grouping = Grouping(small_bytes, limit_bytes)
    aborts = Aborts(aborted)
    at = start
    needed = 0
    while at < end:
        needed = HEADER_BYTES
        if end - at <= MAGIC_AT:
            break
        offset, length = struct.unpack_from(">qi", view, at)
        magic = view[at + MAGIC_AT]
        _check_length(offset, length, magic)
        needed = LENGTH_FIELD_END + length
        if needed > end - at:
            break
        add = _add_batch if magic == 2 else _add_legacy
        position = add(grouping, view, at, at + needed, position, aborts)
        at += needed
        needed = 0
    return Scan(grouping.finish(), at, position, needed)


def _check_length(offset: int, length: int, magic: int) -> None:
    """Refuse what no batch of its format can be."""
    if magic > 2:
        raise damaged(offset, f"its magic byte is {magic}, and formats 0 to 2 exist")
    minimum = (14, 22, HEADER_BYTES - LENGTH_FIELD_END)[magic]
    if length < minimum:
        raise damaged(offset, f"its length field says {length}, less than the {minimum} of an empty one")
    if offset < 0:
        raise damaged(offset, "its offset is negative")


def _add_batch(  # noqa: PLR0917 - hot path
    grouping: Grouping, view: memoryview, at: int, end: int, position: int, aborts: Aborts
) -> int:
    """Judge one v2 batch and give the position after it."""
    (base, _, _, _, _, attributes, last_delta, _, max_timestamp, producer_id, _, _, count) = _HEADER.unpack_from(
        view, at
    )
    codec = attributes & CODEC_BITS
    if codec > Codec.ZSTD:
        raise damaged(base, f"its attributes name codec {codec}, which does not exist")
    if not 0 <= count <= last_delta + 1 or last_delta < 0:
        raise damaged(base, f"it counts {count} records, but its last offset delta is {last_delta}")
    if codec == Codec.NONE and count * RECORD_BYTES_MIN > end - at - HEADER_BYTES:
        raise damaged(base, f"it counts {count} records, more than its bytes can hold")
    following = base + last_delta + 1
    if following > OFFSET_MAX:
        raise damaged(base, "its offsets run over")
    is_aborted = False
    if aborts.listed:
        aborts.advance(following - 1)
        if attributes & CONTROL_BIT:
            if _is_abort_marker(view[at + HEADER_BYTES : end]):
                aborts.end(producer_id)
        else:
            is_aborted = bool(attributes & TRANSACTIONAL_BIT) and aborts.covers(producer_id)
    skippable = bool(attributes & CONTROL_BIT) or count == 0
    if skippable or is_aborted or following <= position:
        kind = Kind.DROP
    elif count != last_delta + 1 or base < position or attributes & (LOG_APPEND_TIME_BIT | DELETE_HORIZON_BIT):
        kind = Kind.REWRITE
    else:
        kind = Kind.FORWARD
    next_offset: int = max(position, following)
    grouping.add(Run(kind, at, end, 1, count, base, next_offset, Codec(codec), max_timestamp), skippable=skippable)
    return next_offset


def _is_abort_marker(body: memoryview) -> bool:
    """Say if a control batch ends a transaction by abort: the first record's key is (version, type) with type 0."""
    try:
        _, _, _, tail, end = _split_record(body, 0)
        key, _ = _sized(body, tail, end)
    except Malformed:
        return False
    return key is not None and len(key) >= 4 and key[2:4] == ABORT_MARKER


def _add_legacy(grouping: Grouping, view: memoryview, at: int, end: int, position: int, _aborts: Aborts) -> int:
    """Judge one legacy message and give the position after it."""
    offset, _, _, magic, attributes = _LEGACY.unpack_from(view, at)
    codec = attributes & CODEC_BITS
    if codec > Codec.LZ4:
        raise damaged(offset, f"its attributes name codec {codec}, which format v{magic} does not have")
    if offset == OFFSET_MAX:
        raise damaged(offset, "its offsets run over")
    timestamp = struct.unpack_from(">q", view, at + _LEGACY.size)[0] if magic == 1 else -1
    kind = Kind.DROP if offset < position else Kind.LEGACY
    first = offset if codec == Codec.NONE or kind is Kind.DROP else min(position, offset)
    next_offset: int = max(position, offset + 1)
    grouping.add(Run(kind, at, end, 1, 1, first, next_offset, Codec(codec), timestamp))
    return next_offset


# --- Records ---------------------------------------------------------------------------------------------------------


def _varint(view: memoryview, at: int, end: int, bytes_max: int) -> tuple[int, int]:
    """Read a zig-zag varint (Protocol Buffers' encoding); gives value and the position after it."""
    value = shift = 0
    for here in range(at, min(end, at + bytes_max)):
        value |= (view[here] & 0x7F) << shift
        if view[here] < 0x80:
            value &= 0xFFFFFFFFFFFFFFFF if bytes_max == 10 else 0xFFFFFFFF
            return value >> 1 ^ -(value & 1), here + 1
        shift += 7
    raise Malformed("a variable-length number in a record is cut off or too long")


def _put_varint(value: int) -> bytes:
    """Write a zig-zag varint."""
    rest = (value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _split_record(view: memoryview, at: int) -> tuple[int, int, int, int, int]:
    """Read the fields before a record's key: attributes, timestamp delta, offset delta, key's position, end."""
    length, at = _varint(view, at, len(view), 5)
    end = at + length
    if length < RECORD_BYTES_MIN - 1 or end > len(view):
        raise Malformed(f"a record's length says {length}, which does not fit its batch")
    timestamp_delta, tail = _varint(view, at + 1, end, 10)
    offset_delta, tail = _varint(view, tail, end, 5)
    return view[at], timestamp_delta, offset_delta, tail, end


def _sized(view: memoryview, at: int, end: int) -> tuple[bytes | None, int]:
    """Read bytes with their length in front; -1 is null."""
    size, at = _varint(view, at, end, 5)
    if size < 0:
        return None, at
    if size > end - at:
        raise Malformed(f"a field in a record says it has {size} bytes, more than the record")
    return bytes(view[at : at + size]), at + size


def _read_record(view: memoryview, at: int) -> tuple[RawRecord, int]:
    """Read the record at ``at``; gives it and the position after it."""
    _, timestamp_delta, offset_delta, tail, end = _split_record(view, at)
    key, tail = _sized(view, tail, end)
    value, tail = _sized(view, tail, end)
    n_headers, tail = _varint(view, tail, end, 5)
    if not 0 <= n_headers <= (end - tail) // 2:
        raise Malformed(f"a record says it has {n_headers} headers, more than fit in it")
    headers = []
    for _ in range(n_headers):
        name, tail = _sized(view, tail, end)
        if name is None:
            raise Malformed("a record header's key is null")
        content, tail = _sized(view, tail, end)
        headers.append((name, content))
    if tail != end:
        raise Malformed("a record has bytes behind its last header")
    return (offset_delta, timestamp_delta, key, value, tuple(headers)), end


def read_records(body: Buffer, count: int) -> list[RawRecord]:
    """Read a plain body of exactly ``count`` records; raises Malformed."""
    if count * RECORD_BYTES_MIN > len(body):
        raise Malformed(f"it counts {count} records, more than its bytes can hold")
    view = memoryview(body)
    records: list[RawRecord] = []
    at = 0
    for _ in range(count):
        record, at = _read_record(view, at)
        records.append(record)
    if at != len(view):
        raise Malformed(f"{len(view) - at} bytes follow its last record")
    return records


def canonical(body: Buffer, count: int, base_timestamp: int, timestamps: bool) -> bytes:
    """Return a plain body of exactly ``count`` records in canonical form; raises Malformed.

    That is for each record its timestamp (8 bytes, unless left out), key, value, the number of headers, and name and
    value of each header; a field has its length in four bytes in front, -1 for null. Numbers are big-endian.
    """
    out = bytearray()
    for _, timestamp_delta, key, value, headers in read_records(body, count):
        if timestamps:
            out += signed_64(base_timestamp + timestamp_delta).to_bytes(8, "big", signed=True)
        for content in (key, value):
            out += _NULL if content is None else len(content).to_bytes(4, "big") + content
        out += len(headers).to_bytes(4, "big")
        for name, content in headers:
            out += len(name).to_bytes(4, "big") + name
            out += _NULL if content is None else len(content).to_bytes(4, "big") + content
    return bytes(out)


class Packer:
    """Writes records into as few v2 batches as possible, each at most ``limit_bytes`` and ``records_max`` records."""

    def __init__(self, codec: Codec, limit_bytes: int, records_max: int = 2**31 - 1) -> None:
        """Start empty; all parcels will be compressed with ``codec``."""
        self.codec = codec
        self._limit_bytes = limit_bytes
        self._records_max = records_max
        self._raw_bytes_max = limit_bytes - HEADER_BYTES if codec == Codec.NONE else _RAW_FACTOR * limit_bytes
        self._inflated_bytes_max = inflation_limit_bytes(limit_bytes)
        self._parcels: list[Parcel] = []
        self._next_offset = 0
        self._open()

    def _open(self) -> None:
        """Start the next parcel."""
        self._body = bytearray()
        self._count = 0
        self._weight_bytes = 0
        self._base_timestamp = 0
        self._max_timestamp = -1
        self._segments: list[tuple[int, int]] = []

    def weigh(self, n_bytes: int) -> None:
        """Say that records which took ``n_bytes`` on the source follow; closes the parcel if they would not fit.

        Only a guess for compressed parcels, whose size is not known before the end.
        """
        if self.codec != Codec.NONE and self._count and self._weight_bytes + n_bytes > self._limit_bytes:
            self._close()
        self._weight_bytes += n_bytes

    def skip_to(self, next_offset: int) -> None:
        """Say that nothing below ``next_offset`` will follow."""
        self._next_offset = max(self._next_offset, next_offset)

    def add(self, buffer: Buffer, start: int, end: int, position: int) -> None:
        """Add the records at or after ``position`` of all v2 batches in the range, but not those of control batches.

        Verifies each batch's checksum and its inner lengths; raises DamagedBatch.
        """
        view = memoryview(buffer)
        at = start
        while at < end:
            batch_end = _batch_end(buffer, at, end)
            if view[at + MAGIC_AT] != 2:
                raise damaged(-1, "it is not of format v2")
            base, *_, attributes, last_delta, _, _, _, _, _, count = _HEADER.unpack_from(view, at)
            if not attributes & CONTROL_BIT and count:
                self._add_batch(view[at:batch_end], position)
            self.skip_to(base + last_delta + 1)
            at = batch_end

    def _add_batch(self, batch: memoryview, position: int) -> None:
        """Add one batch."""
        base, _, _, _, crc, attributes, last_delta, base_timestamp, max_timestamp, _, _, _, count = _HEADER.unpack_from(
            batch
        )
        if crc != crc32c(batch, _CHECKED_AT, len(batch)):
            raise damaged(base, "its checksum does not match its bytes")
        append_time = max_timestamp if attributes & LOG_APPEND_TIME_BIT else None
        self.weigh(len(batch))
        try:
            codec = attributes & CODEC_BITS
            if codec > Codec.ZSTD:
                raise Malformed(f"its attributes name codec {codec}, which does not exist")  # noqa: TRY301
            body = memoryview(decompress(Codec(codec), batch[HEADER_BYTES:], self._inflated_bytes_max))
            previous = -1
            at = 0
            for _ in range(count):
                record_attributes, timestamp_delta, offset_delta, tail, at = _split_record(body, at)
                if not previous < offset_delta <= last_delta:
                    raise Malformed(f"offset delta {offset_delta} follows {previous}, the last is {last_delta}")  # noqa: TRY301
                previous = offset_delta
                if base + offset_delta >= position:
                    timestamp = signed_64(base_timestamp + timestamp_delta) if append_time is None else append_time
                    self._write(base + offset_delta, timestamp, record_attributes, body[tail:at])
            if at != len(body):
                raise Malformed(f"{len(body) - at} bytes follow its last record")  # noqa: TRY301
        except Malformed as why:
            raise damaged(base, str(why)) from why

    def append(
        self,
        offset: int,
        timestamp: int,
        key: Buffer | None,
        value: Buffer | None,
        headers: Sequence[tuple[bytes, bytes | None]] = (),
    ) -> None:
        """Add one record given field by field."""
        tail = bytearray()
        for field in (key, value):
            tail += _put_varint(-1 if field is None else len(field))
            tail += field or b""
        tail += _put_varint(len(headers))
        for name, content in headers:
            tail += _put_varint(len(name)) + name
            tail += _put_varint(-1 if content is None else len(content)) + (content or b"")
        self._write(offset, timestamp, 0, memoryview(tail))
        self.skip_to(offset + 1)

    def _write(self, offset: int, timestamp: int, attributes: int, tail: memoryview) -> None:
        """Write one record, into the next parcel if it no longer fits into this one."""
        if self._count == self._records_max:
            self._close()
        written = self._encode(timestamp, attributes, tail)
        if self._count and len(self._body) + len(written) > self._raw_bytes_max:
            self._close()
            written = self._encode(timestamp, attributes, tail)
        if self._count == 0:
            self._base_timestamp = timestamp
        self._body += written
        self._count += 1
        self._max_timestamp = max(self._max_timestamp, timestamp)
        self._next_offset = offset + 1
        if self._segments and sum(self._segments[-1]) == offset:
            self._segments[-1] = (self._segments[-1][0], self._segments[-1][1] + 1)
        else:
            self._segments.append((offset, 1))

    def _encode(self, timestamp: int, attributes: int, tail: memoryview) -> bytes:
        """Return the record's bytes, were it the next in this parcel."""
        delta = signed_64(timestamp - self._base_timestamp) if self._count else 0
        front = bytes((attributes,)) + _put_varint(delta) + _put_varint(self._count)
        return _put_varint(len(front) + len(tail)) + front + tail

    def _close(self) -> None:
        """Make a parcel of what is written."""
        body = compress(self.codec, self._body)
        fields = (self._base_timestamp, self._max_timestamp, -1, -1, -1, self._count)
        checked = struct.pack(">hiqqqhii", self.codec, self._count - 1, *fields)
        crc = google_crc32c.extend(google_crc32c.value(checked), body)
        length = HEADER_BYTES - LENGTH_FIELD_END + len(body)
        header = struct.pack(">qiibI", 0, length, -1, 2, crc) + checked
        self._parcels.append(
            Parcel(
                header,
                body,
                self._count,
                tuple(self._segments),
                self._next_offset,
                self._base_timestamp,
                self._max_timestamp,
                self.codec,
            )
        )
        self._open()

    def finish(self) -> list[Parcel]:
        """Return all parcels, the last one closed, and start again with none."""
        if self._count:
            self._close()
        parcels, self._parcels = self._parcels, []
        return parcels
