"""The few primitives that the hand-made codecs share: big-endian numbers, strings, arrays (Kafka protocol guide)."""

import struct

Buffer = bytes | bytearray | memoryview

HEADER = struct.Struct(">hhi")
"""Api key, version, correlation id."""
INT16 = struct.Struct(">h")
INT32 = struct.Struct(">i")
INT64 = struct.Struct(">q")

NULL_STRING = b"\xff\xff"


def string(text: str) -> bytes:
    """Write a string: INT16 length in bytes, then UTF-8."""
    raw = text.encode()
    return INT16.pack(len(raw)) + raw


def read_string(frame: bytes | bytearray, at: int) -> tuple[str | None, int]:
    """Read a nullable string at ``at``; raises ValueError when it would not fit in the frame."""
    (size,) = INT16.unpack_from(frame, at)
    at += 2
    if size < 0:
        return None, at
    if at + size > len(frame):
        raise ValueError(f"text of {size} bytes at {at}")
    return str(frame[at : at + size], "utf-8"), at + size


def read_count(frame: bytes | bytearray, at: int, smallest: int) -> tuple[int, int]:
    """Read an array's length; ``smallest`` is the least size of an item in bytes.

    A length that could not fit in the rest of the frame raises ValueError before anything is made of it.
    """
    (count,) = INT32.unpack_from(frame, at)
    at += 4
    if count < 0:
        return 0, at
    if count * smallest > len(frame) - at:
        raise ValueError(f"array of {count} at {at}")
    return count, at
