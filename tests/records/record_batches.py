"""Batches and legacy messages written byte by byte, apart from the code under test."""

import gzip
import struct
import zlib
from dataclasses import dataclass, field, replace

import cramjam
import google_crc32c

BASE_TIMESTAMP = 1_700_000_000_000
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, DELETE_HORIZON = 0x08, 0x10, 0x20, 0x40


def varint(value):
    rest = (value << 1) ^ (value >> 63)
    rest &= (1 << 64) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def sized(content):
    return varint(-1) if content is None else varint(len(content)) + content


@dataclass(frozen=True)
class Rec:
    delta: int
    key: bytes | None = None
    value: bytes | None = b"v"
    timestamp_delta: int = 0
    headers: tuple = ()

    def encoded(self):
        body = b"\x00" + varint(self.timestamp_delta) + varint(self.delta) + sized(self.key) + sized(self.value)
        body += varint(len(self.headers))
        for name, content in self.headers:
            body += sized(name.encode("utf-8", "surrogateescape")) + sized(content)
        return varint(len(body)) + body


@dataclass(frozen=True)
class Batch:
    base: int = 0
    records: tuple = (Rec(0),)
    codec: int = NONE
    attributes: int = 0
    base_timestamp: int = BASE_TIMESTAMP
    max_timestamp: int | None = None
    producer: tuple = (-1, -1, -1)
    last_delta: int | None = None
    count: int | None = None
    leader_epoch: int = 4
    body: bytes | None = field(default=None, repr=False)

    @property
    def last(self):
        return (self.records[-1].delta if self.records else 0) if self.last_delta is None else self.last_delta

    def encoded(self):
        body = self.body
        if body is None:
            body = squeeze(self.codec, b"".join(record.encoded() for record in self.records))
        count = len(self.records) if self.count is None else self.count
        max_timestamp = self.max_timestamp
        if max_timestamp is None:
            max_timestamp = max((self.base_timestamp + r.timestamp_delta for r in self.records), default=-1)
        checked = struct.pack(">hiqqqhii", self.attributes | self.codec, self.last, self.base_timestamp, max_timestamp,
                              *self.producer, count) + body  # fmt: skip
        crc = google_crc32c.value(checked)
        return struct.pack(">qiibI", self.base, len(checked) + 9, self.leader_epoch, 2, crc) + checked

    def with_records(self, *records):
        return replace(self, records=records)


def run_of(n, base=0, codec=NONE, value=b"v", **rest):
    """A batch of n records without holes."""
    return Batch(base, tuple(Rec(i, b"k%d" % (base + i), value, i) for i in range(n)), codec, **rest)


def abort_marker(base, producer_id, kind=0):
    return Batch(base, (Rec(0, struct.pack(">hh", 0, kind), struct.pack(">hi", 0, 1)),), producer=(producer_id, 0, -1),
                 attributes=TRANSACTIONAL | CONTROL)  # fmt: skip


def stream(*batches):
    return b"".join(batch.encoded() for batch in batches)


def squeeze(codec, plain):
    """Compress as the world's clients do, not as the code under test does."""
    return (bytes, gzip.compress, xerial, lz4_independent, lambda plain: bytes(cramjam.zstd.compress(plain)))[codec](
        plain
    )


def xerial(plain, block_bytes=1024):
    out = bytearray(b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
    for at in range(0, len(plain), block_bytes):
        block = bytes(cramjam.snappy.compress_raw(plain[at : at + block_bytes]))
        out += len(block).to_bytes(4, "big") + block
    return bytes(out)


def snappy_raw(plain):
    return bytes(cramjam.snappy.compress_raw(plain))


def lz4_independent(plain):
    """What librdkafka and the Java client write: independent blocks, no checksums."""
    out = b"\x04\x22\x4d\x18\x60\x40\x82"
    for at in range(0, len(plain), 65536):
        raw = plain[at : at + 65536]
        block = bytes(cramjam.lz4.compress_block(raw, store_size=False))
        if len(block) < len(raw):
            out += len(block).to_bytes(4, "little") + block
        else:
            out += (len(raw) | 1 << 31).to_bytes(4, "little") + raw
    return out + bytes(4)


def lz4_linked(plain):
    """A frame with dependent blocks and a content checksum."""
    return bytes(cramjam.lz4.compress(plain, level=4))


def lz4_broken_header(plain):
    """What the Java client wrote into messages of format v0: the header checksum also covers the magic number."""
    frame = bytearray(lz4_independent(plain))
    frame[6] ^= 0x5A
    return bytes(frame)


def message(offset, value, key=None, *, magic=1, timestamp=BASE_TIMESTAMP, attributes=0):
    def field_(content):
        return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content

    checked = struct.pack(">bb", magic, attributes) + (struct.pack(">q", timestamp) if magic else b"")
    checked += field_(key) + field_(value)
    return struct.pack(">qiI", offset, len(checked) + 4, zlib.crc32(checked)) + checked


def wrapper(offset, codec, inner, *, magic=1, timestamp=BASE_TIMESTAMP, attributes=0, pack=None):
    packed = (pack or (lambda plain: squeeze(codec, plain)))(b"".join(inner))
    return message(offset, packed, magic=magic, timestamp=timestamp, attributes=attributes | codec)
