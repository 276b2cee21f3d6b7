"""End offsets of some partitions, asked for so cheaply that the asking does not disturb what is measured.

One connection, one ListOffsets request (version 1, which every broker since 0.10.1 understands) for all partitions at
once, spoken by hand: about 0.1 ms a look, with no client's own threads and timers beside it. The format is that of
https://kafka.apache.org/protocol. The cluster has one broker, so no leader is looked up.
"""

import socket
import struct
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from heliograph.errors import ProtocolError

LIST_OFFSETS = 2
LATEST = -1
ANSWER_LIMIT_BYTES = 1 << 20
ANSWER_LIMIT_S = 30.0

Partition = tuple[str, int]


class EndOffsets:
    """The end offsets of a fixed set of partitions."""

    def __init__(self, bootstrap: str, partitions: Sequence[Partition]) -> None:
        """Connect to ``host:port``; ``partitions`` may not exist yet and then count as empty."""
        host, _, port = bootstrap.partition(",")[0].rpartition(":")
        self._request = _request(partitions)
        self._connection = socket.create_connection((host, int(port)), timeout=ANSWER_LIMIT_S)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> dict[Partition, int]:
        """Return the end offset of each partition; 0 for one that does not exist (yet)."""
        self._connection.sendall(self._request)
        (length,) = struct.unpack(">i", self._read(4))
        if not 4 <= length <= ANSWER_LIMIT_BYTES:
            raise ProtocolError(f"A broker answered ListOffsets with {length} bytes")
        return _read_answer(self._read(length))

    def total(self) -> int:
        """Return the sum of all end offsets."""
        return sum(self.ask().values())

    def _read(self, count: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < count:
            piece = self._connection.recv(count - len(pieces))
            if not piece:
                raise ProtocolError("A broker closed the connection that asks for end offsets")
            pieces += piece
        return bytes(pieces)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def end_offsets(bootstrap: str, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """Ask once."""
    with EndOffsets(bootstrap, partitions) as offsets:
        return offsets.ask()


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def _by_topic(partitions: Sequence[Partition]) -> Mapping[str, list[int]]:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    return topics


def _request(partitions: Sequence[Partition]) -> bytes:
    """Replica id -1, then topics of (name, partitions of (index, timestamp -1: the end))."""
    topics = _by_topic(partitions)
    body = bytearray(struct.pack(">hhi", LIST_OFFSETS, 1, 1) + _text("benchmark") + struct.pack(">ii", -1, len(topics)))
    for name, indexes in topics.items():
        body += _text(name) + struct.pack(">i", len(indexes))
        for index in indexes:
            body += struct.pack(">iq", index, LATEST)
    return struct.pack(">i", len(body)) + bytes(body)


def _read_answer(body: bytes) -> dict[Partition, int]:
    """Correlation id, then topics of (name, partitions of (index, error, timestamp, offset))."""
    found: dict[Partition, int] = {}
    (topics,) = struct.unpack_from(">i", body, 4)
    place = 8
    for _ in range(topics):
        (name_bytes,) = struct.unpack_from(">h", body, place)
        name = body[place + 2 : place + 2 + name_bytes].decode()
        place += 2 + name_bytes
        (count,) = struct.unpack_from(">i", body, place)
        place += 4
        for _ in range(count):
            index, code, _, offset = struct.unpack_from(">ihqq", body, place)
            place += 22
            found[name, index] = 0 if code else offset
    return found
