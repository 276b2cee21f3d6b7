"""Checksums made true again, so that a mutant is not turned away at the door; and mutants of what lies inside a batch."""

import struct
import zlib

import google_crc32c
from mutations import mutant

from heliograph.records import Codec
from heliograph.records.codecs import Malformed, compress, decompress

INFLATED_BYTES_MAX = 1 << 20


def sealed(buffer: bytes) -> bytes:
    """Return ``buffer`` with a true checksum in every batch and message whose length fits."""
    out = bytearray(buffer)
    at = 0
    while len(out) - at > 17:
        (length,) = struct.unpack_from(">i", out, at + 8)
        end = at + 12 + length
        if length < 14 or end > len(out):
            break
        if out[at + 16] == 2 and length >= 49:
            out[at + 17 : at + 21] = google_crc32c.value(bytes(out[at + 21 : end])).to_bytes(4, "big")
        elif out[at + 16] < 2:
            out[at + 12 : at + 16] = zlib.crc32(out[at + 16 : end]).to_bytes(4, "big")
        at = end
    return bytes(out)


def mutant_inside(seed: object, buffer: bytes, other: bytes) -> bytes:
    """Return the batches of ``buffer`` with their records damaged, compressed and sealed again."""
    out = bytearray()
    at = 0
    while len(buffer) - at > 17:
        (length,) = struct.unpack_from(">i", buffer, at + 8)
        batch = buffer[at : at + 12 + length]
        front = _front(batch)
        codec = Codec(batch[22 if batch[16] == 2 else 17] & 7)
        plain = bytes(decompress(codec, batch[front:], INFLATED_BYTES_MAX))
        body = compress(codec, mutant((seed, at), plain, other))
        out += _with_body(batch[:front], body)
        at += len(batch)
    return sealed(bytes(out))


def _front(batch: bytes) -> int:
    """How many bytes stand before the body (of a legacy message: before its value)."""
    if batch[16] == 2:
        return 61
    at = 18 + 8 * batch[16]
    (key_bytes,) = struct.unpack_from(">i", batch, at)
    return at + 4 + max(0, key_bytes) + 4


def _with_body(front: bytes, body: bytes) -> bytes:
    """Put a body behind a header whose lengths are made to fit."""
    made = bytearray(front)
    struct.pack_into(">i", made, 8, len(front) + len(body) - 12)
    if front[16] != 2:
        struct.pack_into(">i", made, len(front) - 4, len(body))
    return bytes(made) + body


def plain_records(buffer: bytes) -> bytes:
    """Return the records of the first batch, unpacked; empty if that does not work out."""
    front = _front(buffer)
    try:
        return bytes(decompress(Codec(buffer[22 if buffer[16] == 2 else 17] & 7), buffer[front:], INFLATED_BYTES_MAX))
    except (Malformed, ValueError):
        return b""
