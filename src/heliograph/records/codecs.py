"""Compression as Kafka frames it: one body in, one body out, and never more memory than the caller allows.

Kafka compresses all records of a batch as one stream. gzip and zstd are the usual formats. Two have a history:

* **snappy** wears the framing of the xerial Java library (a 16-byte header, then blocks, each with its length), but
  clients may also send one raw block; both are read, xerial is written, as the Java client does.
* **lz4** is the LZ4 frame format, and the Java client reads only frames whose blocks do not depend on each other.
  Frames in messages of format v0 carry a wrong header checksum (KAFKA-3160); the batch's own CRC vouches for the bytes,
  so the frame's checksum is not looked at. Frames are written by hand, because libraries link the blocks.

A hostile body may claim or hold anything: output grows only up to ``limit_bytes``, then :class:`Oversized` is raised.
"""

import struct
import zlib
from collections.abc import Callable

import cramjam

from heliograph.records.model import Buffer, Codec

INFLATED_BYTES_MAX = 256 << 20
"""No body may be larger than this once decompressed, whatever the caller allows."""

XERIAL_HEADER = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
XERIAL_BLOCK_BYTES = 32 << 10

SNAPPY_RATIO_MAX = 22
"""Snappy's densest element gives 64 bytes for 3."""

LZ4_MAGIC = b"\x04\x22\x4d\x18"
LZ4_HEADER = LZ4_MAGIC + b"\x60\x40\x82"
"""Version 1, independent blocks of at most 64 KiB, no checksums; the last byte is the header's own (xxHash32)."""
LZ4_BLOCK_BYTES = 64 << 10
LZ4_STORED = 1 << 31
"""Flag in a block's length: the block is not compressed."""

_FIRST_GUESS_BYTES = 64 << 10
_GZIP_WINDOW_BITS = 31
_GZIP_LEVEL = 2
_GZIP_PIECE_BYTES = 512
_ZSTD_LEVEL = 1


class Malformed(Exception):
    """The body is not what its codec says; the text completes "is damaged: ..."."""


class Oversized(Malformed):
    """The body grows beyond the limit."""


def inflation_limit_bytes(limit_bytes: int) -> int:
    """How large a body may become when parcels of ``limit_bytes`` are made: 64 times that, in 64 to 256 MiB."""
    return min(INFLATED_BYTES_MAX, max(64 << 20, 64 * limit_bytes))


def decompress(codec: Codec, body: Buffer, limit_bytes: int) -> Buffer:
    """Return ``body`` decompressed; raises :class:`Malformed` or, above ``limit_bytes``, :class:`Oversized`."""
    limit_bytes = min(limit_bytes, INFLATED_BYTES_MAX)
    match codec:
        case Codec.NONE:
            return body
        case Codec.GZIP:
            return _gunzip(body, limit_bytes)
        case Codec.SNAPPY:
            return _unsnap(memoryview(body), limit_bytes)
        case Codec.LZ4:
            return _grow(cramjam.lz4.decompress_into, _sound_lz4_header(body), limit_bytes)
        case Codec.ZSTD:
            return _grow(cramjam.zstd.decompress_into, body, limit_bytes)


def compress(codec: Codec, body: Buffer) -> bytes:
    """Return ``body`` compressed the way Kafka's Java client reads it."""
    match codec:
        case Codec.NONE:
            return bytes(body)
        case Codec.GZIP:
            return bytes(cramjam.gzip.compress(body, level=_GZIP_LEVEL))
        case Codec.SNAPPY:
            return _snap(memoryview(body))
        case Codec.LZ4:
            return _lz4_frame(memoryview(body))
        case Codec.ZSTD:
            return bytes(cramjam.zstd.compress(body, level=_ZSTD_LEVEL))


def _gunzip(body: Buffer, limit_bytes: int) -> bytes:
    """Unpack a gzip stream of one or more members (RFC 1952).

    The first member is given everything, as it is the only one as a rule. Later ones get pieces that double: what zlib
    does not use it copies, so that thousands of tiny members would else take the square of their number.
    """
    view = memoryview(body)
    parts: list[bytes] = []
    room, at, piece_bytes = limit_bytes, 0, len(view)
    while at < len(view) or not parts:
        stream = zlib.decompressobj(_GZIP_WINDOW_BITS)
        while True:
            piece = view[at : at + piece_bytes]
            try:
                part = stream.decompress(piece, room + 1)
            except zlib.error as error:
                raise Malformed(f"its gzip stream does not unpack ({error})") from error
            parts.append(part)
            room -= len(part)
            at += len(piece) - len(stream.unused_data)
            if room < 0:
                raise Oversized(f"its gzip stream unpacks to more than {limit_bytes} bytes")
            if stream.eof:
                break
            if at == len(view):
                raise Malformed("its gzip stream is cut off")
            piece_bytes *= 2
        piece_bytes = _GZIP_PIECE_BYTES
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _grow(unpack: Callable[[Buffer, bytearray], int], body: Buffer, limit_bytes: int) -> memoryview:
    """Unpack into ever larger room, because these streams seldom say their size and may lie about it."""
    room = min(limit_bytes, max(_FIRST_GUESS_BYTES, 4 * len(body)))
    while True:
        output = bytearray(room)
        try:
            return memoryview(output)[: unpack(body, output)]
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise Malformed(f"its body does not unpack ({error})") from error
            if room >= limit_bytes:
                raise Oversized(f"its body unpacks to more than {limit_bytes} bytes") from error
            room = min(limit_bytes, room * 4)


def _unsnap(body: memoryview, limit_bytes: int) -> Buffer:
    """Unpack xerial framing, or one raw block."""
    if len(body) < len(XERIAL_HEADER) or body[:8] != XERIAL_HEADER[:8]:
        return _unsnap_block(body, limit_bytes)
    output = bytearray()
    at = len(XERIAL_HEADER)
    while at < len(body):
        if at + 4 > len(body):
            raise Malformed("its snappy stream is cut off in a block's length")
        size = int.from_bytes(body[at : at + 4], "big")
        at += 4
        if size > len(body) - at:
            raise Malformed("its snappy stream is cut off in a block")
        output += _unsnap_block(body[at : at + size], limit_bytes - len(output))
        at += size
    return output


def _unsnap_block(block: memoryview, limit_bytes: int) -> Buffer:
    """Unpack one raw snappy block; its first bytes say its size, which is checked before any memory is taken."""
    try:
        size = cramjam.snappy.decompress_raw_len(block)
        if size > SNAPPY_RATIO_MAX * len(block):
            raise Malformed(f"its snappy block of {len(block)} bytes says it unpacks to {size}")
        if size > limit_bytes:
            raise Oversized(f"its snappy block unpacks to {size} bytes, where {limit_bytes} are allowed")
        output = bytearray(size)
        cramjam.snappy.decompress_raw_into(block, output)
    except cramjam.DecompressionError as error:
        raise Malformed(f"its snappy block does not unpack ({error})") from error
    return output


def _snap(body: memoryview) -> bytes:
    """Pack into xerial framing."""
    parts = [XERIAL_HEADER]
    for at in range(0, len(body), XERIAL_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(body[at : at + XERIAL_BLOCK_BYTES]))
        parts += (len(block).to_bytes(4, "big"), block)
    return b"".join(parts)


def _lz4_frame(body: memoryview) -> bytes:
    """Pack into an LZ4 frame of independent blocks; a block that would not shrink is stored as it is."""
    parts: list[Buffer] = [LZ4_HEADER]
    for at in range(0, len(body), LZ4_BLOCK_BYTES):
        plain = body[at : at + LZ4_BLOCK_BYTES]
        packed: Buffer = bytes(cramjam.lz4.compress_block(plain, store_size=False))
        size = len(packed)
        if size >= len(plain):
            packed, size = plain, len(plain) | LZ4_STORED
        parts += (size.to_bytes(4, "little"), packed)
    parts.append(bytes(4))
    return b"".join(parts)


def _sound_lz4_header(body: Buffer) -> Buffer:
    """Return ``body`` with the header checksum that the LZ4 frame format demands; the old Java client's was wrong."""
    if len(body) < 7 or bytes(body[:4]) != LZ4_MAGIC:
        raise Malformed("its lz4 frame has no lz4 header")
    end = 6 + (8 if body[4] & 8 else 0) + (4 if body[4] & 1 else 0)
    if len(body) <= end:
        raise Malformed("its lz4 frame is cut off in the header")
    checksum = (_xxhash32_short(bytes(body[4:end])) >> 8) & 0xFF
    if body[end] == checksum:
        return body
    sound = bytearray(body)
    sound[end] = checksum
    return sound


def _xxhash32_short(text: bytes) -> int:
    """XxHash32 with seed 0 of fewer than 16 bytes: all that a frame header needs (the xxHash specification)."""
    prime1, prime2, prime3, prime4, prime5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1
    mask = 0xFFFFFFFF
    total = prime5 + len(text)
    whole = len(text) // 4 * 4
    for at in range(0, whole, 4):
        total = (total + int.from_bytes(text[at : at + 4], "little") * prime3) & mask
        total = ((total << 17 | total >> 15) * prime4) & mask
    for byte in text[whole:]:
        total = (total + byte * prime5) & mask
        total = ((total << 11 | total >> 21) * prime1) & mask
    total = ((total ^ total >> 15) * prime2) & mask
    total = ((total ^ total >> 13) * prime3) & mask
    return total ^ total >> 16
