"""The records of MirrorMaker 2's own topics: heartbeats, checkpoints and offset syncs.

All three are made of Kafka's primitive types and nothing else: INT16, INT32 and INT64 big-endian, and STRING as an
INT16 byte count with UTF-8 behind it. There are no headers, and never a null value: MM2's readers do not survive
tombstones. Heartbeats and checkpoints begin their values with a version, which is 0; offset syncs have none.
"""

import struct
from dataclasses import dataclass

from heliograph.errors import DataError

_VERSION = 0
_STRING_MAX_BYTES = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life that travels along a flow."""

    source_alias: str
    target_alias: str
    timestamp_ms: int
    """When it was emitted; also the record's own timestamp."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A group's position on the source, and what it corresponds to on the target."""

    group: str
    topic: str
    """Name on the target."""
    partition: int
    upstream_offset: int
    downstream_offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class OffsetSync:
    """One pair of offsets that hold the same record."""

    topic: str
    """Name on the source."""
    partition: int
    upstream_offset: int
    downstream_offset: int


def encode_heartbeat(heartbeat: Heartbeat) -> tuple[bytes, bytes]:
    """Return key and value."""
    key = _string(heartbeat.source_alias) + _string(heartbeat.target_alias)
    return key, struct.pack(">hq", _VERSION, heartbeat.timestamp_ms)


def decode_heartbeat(key: bytes, value: bytes) -> Heartbeat:
    """Read key and value; raises DataError."""
    reader = _Reader(key, "heartbeat")
    source_alias, target_alias = reader.string(), reader.string()
    reader = _Reader(value, "heartbeat")
    reader.version()
    return Heartbeat(source_alias, target_alias, reader.int64())


def encode_checkpoint(checkpoint: Checkpoint) -> tuple[bytes, bytes]:
    """Return key and value."""
    key = _string(checkpoint.group) + _string(checkpoint.topic) + struct.pack(">i", checkpoint.partition)
    value = struct.pack(">hqq", _VERSION, checkpoint.upstream_offset, checkpoint.downstream_offset)
    return key, value + _string(checkpoint.metadata)


def decode_checkpoint(key: bytes, value: bytes) -> Checkpoint:
    """Read key and value; raises DataError."""
    reader = _Reader(key, "checkpoint")
    group, topic, partition = reader.string(), reader.string(), reader.int32()
    reader = _Reader(value, "checkpoint")
    reader.version()
    return Checkpoint(group, topic, partition, reader.int64(), reader.int64(), reader.string())


def encode_offset_sync(sync: OffsetSync) -> tuple[bytes, bytes]:
    """Return key and value."""
    key = _string(sync.topic) + struct.pack(">i", sync.partition)
    return key, struct.pack(">qq", sync.upstream_offset, sync.downstream_offset)


def decode_offset_sync(key: bytes, value: bytes) -> OffsetSync:
    """Read key and value; raises DataError."""
    reader = _Reader(key, "offset sync")
    topic, partition = reader.string(), reader.int32()
    reader = _Reader(value, "offset sync")
    return OffsetSync(topic, partition, reader.int64(), reader.int64())


def _string(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > _STRING_MAX_BYTES:
        raise DataError(
            f"A text of {len(encoded):,} bytes does not fit Kafka's STRING of {_STRING_MAX_BYTES:,}",
            remedy="Group ids and the metadata committed with an offset must be shorter",
        )
    return struct.pack(">h", len(encoded)) + encoded


class _Reader:
    """Takes primitives off the front of a record's key or value."""

    __slots__ = ("_content", "_kind", "_position")

    def __init__(self, content: bytes, kind: str) -> None:
        self._content = content
        self._kind = kind
        self._position = 0

    def version(self) -> None:
        """Take a version, which must be 0: later ones may mean anything (KAFKA-20659)."""
        (version,) = struct.unpack(">h", self._take(2))
        if version != _VERSION:
            raise DataError(f"A {self._kind} record has the version {version}; only 0 is known")

    def int32(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def int64(self) -> int:
        return int.from_bytes(self._take(8), "big", signed=True)

    def string(self) -> str:
        try:
            return self._take(int.from_bytes(self._take(2), "big", signed=True)).decode()
        except UnicodeDecodeError as error:
            raise DataError(f"A {self._kind} record holds a text that is not UTF-8") from error

    def _take(self, size_bytes: int) -> bytes:
        end = self._position + size_bytes
        if size_bytes < 0 or end > len(self._content):
            raise DataError(f"A {self._kind} record ends early: {len(self._content)} bytes, {end} expected")
        taken = self._content[self._position : end]
        self._position = end
        return taken
