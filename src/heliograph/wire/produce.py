"""Produce, versions 3 to 8: requests as a list of buffers to be sent as they are, answers as plain rows.

A request holds at most one batch for each partition (the broker refuses more). The layout is the Kafka protocol
guide's, *Produce API (Key: 0)*.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph.errors import ProtocolError
from heliograph.wire.primitives import HEADER, INT32, INT64, NULL_STRING, Buffer, read_count, read_string, string

API_KEY = 0


@dataclass(slots=True)
class Appended:
    """What became of one partition's batch."""

    topic: str
    partition: int
    error: int
    base_offset: int
    """Offset that the first record got; -1 on error."""
    log_append_time: int
    """Milliseconds; -1 where the topic keeps the producer's time."""
    log_start_offset: int
    message: str = ""
    """The broker's own words about the error (version 8), or empty."""


_ROW = struct.Struct(">ii")
_TOP = struct.Struct(">hi")


def encode(
    version: int,
    *,
    correlation_id: int,
    client_id: str,
    batches: Mapping[str, Sequence[tuple[int, Buffer, Buffer]]],
    timeout_ms: int,
    acks: int = -1,
    transactional_id: str | None = None,
) -> list[Buffer]:
    """Write a request as buffers, header included, without the length prefix.

    ``batches``: topic -> (partition, stamped 61-byte header, body). Headers and bodies are passed on, not copied.
    """
    transactional = NULL_STRING if transactional_id is None else string(transactional_id)
    head = bytearray(HEADER.pack(API_KEY, version, correlation_id) + string(client_id) + transactional)
    head += _TOP.pack(acks, timeout_ms) + INT32.pack(len(batches))
    buffers: list[Buffer] = []
    for topic, rows in batches.items():
        head += string(topic) + INT32.pack(len(rows))
        for partition, header, body in rows:
            head += _ROW.pack(partition, len(header) + len(body))
            head += header
            buffers += (head, body)
            head = bytearray()
    if head:
        buffers.append(head)
    return buffers


_V3 = struct.Struct(">ihqq")


def decode(version: int, frame: bytearray | bytes) -> tuple[list[Appended], int]:
    """Read an answer (first four bytes: correlation id) into rows and the throttle time in ms."""
    try:
        return _decode(version, frame)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(
            f"An answer to produce (version {version}, {len(frame)} bytes) cannot be read: {error}",
            remedy="Something between here and the broker damages or cuts answers, or it is not a Kafka broker",
        ) from error


def _decode(version: int, frame: bytearray | bytes) -> tuple[list[Appended], int]:
    rows: list[Appended] = []
    topics, at = read_count(frame, 4, smallest=6)
    for _ in range(topics):
        topic, at = read_string(frame, at)
        partitions, at = read_count(frame, at, smallest=22)
        for _ in range(partitions):
            partition, error, base_offset, append_time = _V3.unpack_from(frame, at)
            at += 22
            row = Appended(topic or "", partition, error, base_offset, append_time, -1)
            if version >= 5:
                (row.log_start_offset,) = INT64.unpack_from(frame, at)
                at += 8
            if version >= 8:
                at = _record_errors(frame, at, row)
            rows.append(row)
    (throttle_ms,) = INT32.unpack_from(frame, at)
    return rows, throttle_ms


def _record_errors(frame: bytearray | bytes, at: int, row: Appended) -> int:
    errors, at = read_count(frame, at, smallest=6)
    words = ""
    for _ in range(errors):
        text, at = read_string(frame, at + 4)
        words = words or text or ""
    message, at = read_string(frame, at)
    row.message = words or message or ""
    return at
