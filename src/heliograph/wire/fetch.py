"""Fetch, versions 4 to 11: requests with sessions (KIP-227), answers whose batches stay views on the received bytes.

Everything an answer claims is checked against the bytes that are there before it is used. The layout is the
Kafka protocol guide's, *Fetch API (Key: 1)*.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heliograph.errors import ProtocolError
from heliograph.wire.primitives import HEADER, INT32, INT64, read_count, read_string, string

API_KEY = 1

FULL_SESSION_EPOCH = 0
"""Session epoch that asks for a new session with all partitions."""
NO_SESSION_EPOCH = -1
"""Session epoch that asks for a fetch outside any session."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One partition to read."""

    partition: int
    offset: int
    leader_epoch: int
    """-1: not checked by the broker."""
    max_bytes: int


@dataclass(slots=True)
class Fetched:
    """What came for one partition."""

    topic: str
    partition: int
    error: int
    high_watermark: int
    last_stable_offset: int
    """-1 where unknown."""
    log_start_offset: int
    """-1 where unknown."""
    aborted: tuple[tuple[int, int], ...]
    """(producer id, first offset) of the aborted transactions that touch these records (read_committed only)."""
    preferred_replica: int
    """-1, or the replica that should be read instead (KIP-392)."""
    start: int
    """Where this partition's batches begin in the frame."""
    end: int


@dataclass(slots=True)
class Answer:
    """A whole answer; ``frame`` holds the bytes that ``partitions`` point into."""

    throttle_ms: int
    error: int
    session_id: int
    partitions: list[Fetched]
    frame: bytearray | bytes


_TOP = struct.Struct(">iiiib")
_SESSION = struct.Struct(">ii")
_V9 = struct.Struct(">iiqqi")  # partition, current leader epoch, offset, log start offset, max bytes
_V5 = struct.Struct(">iqqi")  # partition, offset, log start offset, max bytes
_V4 = struct.Struct(">iqi")  # partition, offset, max bytes


def encode(
    version: int,
    *,
    correlation_id: int,
    client_id: str,
    wanted: Mapping[str, Iterable[Wanted]],
    forgotten: Mapping[str, Sequence[int]],
    session_id: int = 0,
    session_epoch: int = NO_SESSION_EPOCH,
    max_wait_ms: int,
    min_bytes: int,
    max_bytes: int,
    read_committed: bool,
    rack: str = "",
) -> bytes:
    """Write a request, header included, without the length prefix.

    Below version 7 there are no sessions: ``forgotten`` must be empty and ``wanted`` complete.
    """
    parts = [HEADER.pack(API_KEY, version, correlation_id), string(client_id)]
    parts.append(_TOP.pack(-1, max_wait_ms, min_bytes, max_bytes, 1 if read_committed else 0))
    if version >= 7:
        parts.append(_SESSION.pack(session_id, session_epoch))
    parts.append(INT32.pack(len(wanted)))
    for topic, partitions in wanted.items():
        rows = [_row(version, each) for each in partitions]
        parts += (string(topic), INT32.pack(len(rows)), *rows)
    if version >= 7:
        parts.append(INT32.pack(len(forgotten)))
        for topic, numbers in forgotten.items():
            parts += (string(topic), INT32.pack(len(numbers)), struct.pack(f">{len(numbers)}i", *numbers))
    if version >= 11:
        parts.append(string(rack))
    return b"".join(parts)


def _row(version: int, each: Wanted) -> bytes:
    if version >= 9:
        return _V9.pack(each.partition, each.leader_epoch, each.offset, -1, each.max_bytes)
    if version >= 5:
        return _V5.pack(each.partition, each.offset, -1, each.max_bytes)
    return _V4.pack(each.partition, each.offset, each.max_bytes)


_PARTITION = struct.Struct(">ihqq")
_PAIR = struct.Struct(">qq")
_V7_TOP = struct.Struct(">ihi")


def decode(version: int, frame: bytearray | bytes) -> Answer:
    """Read an answer (first four bytes: correlation id); raises ProtocolError when its lengths disagree."""
    try:
        return _decode(version, frame)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(
            f"An answer to fetch (version {version}, {len(frame)} bytes) cannot be read: {error}",
            remedy="Something between here and the broker damages or cuts answers, or it is not a Kafka broker",
        ) from error


def _decode(version: int, frame: bytearray | bytes) -> Answer:
    error, session_id = 0, 0
    if version >= 7:
        throttle_ms, error, session_id = _V7_TOP.unpack_from(frame, 4)
        at = 14
    else:
        (throttle_ms,) = INT32.unpack_from(frame, 4)
        at = 8
    topics, at = read_count(frame, at, smallest=6)
    partitions: list[Fetched] = []
    for _ in range(topics):
        topic, at = read_string(frame, at)
        rows, at = read_count(frame, at, smallest=30)
        for _ in range(rows):
            row, at = _partition(version, frame, at, topic or "")
            partitions.append(row)
    return Answer(throttle_ms, error, session_id, partitions, frame)


def _partition(version: int, frame: bytearray | bytes, at: int, topic: str) -> tuple[Fetched, int]:
    partition, error, high_watermark, last_stable = _PARTITION.unpack_from(frame, at)
    at += 22
    log_start, preferred = -1, -1
    if version >= 5:
        (log_start,) = INT64.unpack_from(frame, at)
        at += 8
    (transactions,) = INT32.unpack_from(frame, at)
    at += 4
    aborted: tuple[tuple[int, int], ...] = ()
    if transactions > 0:
        end = at + 16 * transactions
        if end > len(frame):
            raise ValueError(f"{transactions} aborted transactions at {at}")
        aborted = tuple(_PAIR.iter_unpack(frame[at:end]))
        at = end
    if version >= 11:
        (preferred,) = INT32.unpack_from(frame, at)
        at += 4
    (size,) = INT32.unpack_from(frame, at)
    at += 4
    size = max(size, 0)  # -1: null, no records
    if at + size > len(frame):
        raise ValueError(f"{size} bytes of records at {at}")
    row = Fetched(
        topic, partition, error, high_watermark, last_stable, log_start, aborted, preferred, start=at, end=at + size
    )
    return row, at + size
