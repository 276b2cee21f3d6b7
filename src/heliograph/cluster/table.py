"""A compacted topic as a table: read whole, last write of each key wins; written a few rows at a time.

This is the slow, simple way to read and write a topic, for state of kilobytes; records go through the flow room.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.cluster.log import Ends, PartitionLog, each_record, ends_of
from heliograph.concurrency import all_of
from heliograph.errors import BrokerError, HeliographError
from heliograph.records import Record, encode, stamp
from heliograph.wire import errors as codes
from heliograph.wire import produce
from heliograph.wire.versions import PRODUCE

TABLE = "table"


async def read(cluster: Cluster, topic: str) -> dict[bytes, bytes]:
    """Read ``topic`` from its beginning to the end it has now; keys whose last value is null are left out."""
    rows = await read_records(cluster, topic)
    return {key: record.value for key, record in rows.items() if record.value is not None}


async def read_records(cluster: Cluster, topic: str) -> dict[bytes, Record]:
    """Read ``topic`` like :func:`read`, and give each key's last record, be its value null or not."""
    return (await TableReader(cluster, topic).read()).rows


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a table has found."""

    rows: dict[bytes, Record]
    """The last record of each key, of those that were read."""
    whole: bool
    """Whether that is the whole table; else it is what has come since the reading before."""


@dataclass(slots=True)
class TableReader:
    """A table that is read again and again: the first time whole, and then what has come since."""

    cluster: Cluster
    topic: str
    _places: dict[int, int] = field(default_factory=dict)
    """By partition: from where on nothing was read yet."""
    _topic_id: uuid.UUID | None = None

    async def read(self) -> Reading:
        """Read to the end that the topic has now. Raises a ClusterError; then nothing counts as read.

        It is read whole again where it was recreated, or cut below what had been read.
        """
        await self.cluster.refresh([self.topic])
        found = self.cluster.metadata.topics.get(self.topic)
        logs = [PartitionLog(self.cluster, self.topic, number) for number in sorted(found.partitions if found else ())]
        spans: dict[PartitionLog, Ends] = {}
        for log, ends in (await ends_of(logs, to_end=True)).items():
            if isinstance(ends, HeliographError):
                raise ends
            spans[log] = ends
        topic_id = found.topic_id if found else None
        whole = topic_id != self._topic_id or any(
            not ends.begin <= self._places.get(log.partition, -1) <= ends.end for log, ends in spans.items()
        )
        places = {log.partition: ends.begin if whole else self._places[log.partition] for log, ends in spans.items()}
        rows: dict[bytes, Record] = {}
        for latest, reached in await all_of(
            _latest(log, places[log.partition], ends.end) for log, ends in spans.items()
        ):
            rows.update(latest)
            places.update(reached)
        self._places, self._topic_id = places, topic_id
        return Reading(rows, whole)


async def _latest(log: PartitionLog, begin: int, end: int) -> tuple[dict[bytes, Record], dict[int, int]]:
    """Return the last record of each key, and where the next reading begins.

    What is compacted later is let go of while reading. What an aborted transaction wrote counts for nothing, as for
    every read_committed consumer. What an open one holds back is left to the next reading.
    """
    rows: dict[bytes, Record] = {}
    async for record in each_record(log, begin, end, budget_bytes=None):
        begin = record.offset + 1
        if record.key is not None:
            rows[record.key] = record
    return rows, {log.partition: begin}


async def write(
    cluster: Cluster, topic: str, rows: Mapping[int, Sequence[tuple[bytes, bytes | None]]], now_ms: int
) -> None:
    """Append key-value pairs to partitions of ``topic``, each partition's rows as one batch, confirmed by all replicas.

    Raises the first error after retries; some partitions may then have been written, which does no harm in a table.
    """
    left = dict(rows)

    async def once() -> None:
        await _write_once(cluster, topic, left, now_ms)

    await cluster.retrying(once)


async def _write_once(
    cluster: Cluster, topic: str, left: dict[int, Sequence[tuple[bytes, bytes | None]]], now_ms: int
) -> None:
    if any(cluster.metadata.leader(topic, partition) < 0 for partition in left):
        await cluster.refresh([topic])
    by_leader: dict[int, list[int]] = defaultdict(list)
    for partition in left:
        by_leader[cluster.metadata.leader(topic, partition)].append(partition)
    for node, partitions in by_leader.items():
        if node < 0:
            seen = cluster.metadata.topics.get(topic)
            if seen is not None and seen.error == codes.TOPIC_AUTHORIZATION_FAILED:  # it may not even be described
                raise_for(seen.error, f"write to {topic} on {cluster.alias}", f"topic {topic}", right="Write")
            raise BrokerError(f"{topic} on {cluster.alias} has no leader", code=codes.NOT_LEADER_OR_FOLLOWER)
        connection = await cluster.connection(node, TABLE)
        version = connection.versions.choose(PRODUCE)
        correlation_id = connection.next_correlation_id()
        batches = [(partition, *_batch(left[partition], now_ms)) for partition in partitions]
        buffers = produce.encode(
            version,
            correlation_id=correlation_id,
            client_id=cluster.config.client_id,
            batches={topic: batches},
            timeout_ms=cluster.config.request_timeout_ms,
        )
        waiting = await connection.send(
            correlation_id, buffers, timeout_ms=cluster.config.request_timeout_ms + 5_000, what="produce"
        )
        answer, throttle_ms = produce.decode(version, await waiting)
        connection.throttle(throttle_ms)
        for row in answer:
            if row.error == codes.NOT_LEADER_OR_FOLLOWER:
                await cluster.refresh([topic])
            raise_for(row.error, f"write to topic {topic} on {cluster.alias}", f"topic {topic}", right="Write")
            left.pop(row.partition, None)


def _batch(rows: Sequence[tuple[bytes, bytes | None]], now_ms: int) -> tuple[bytes, bytes | bytearray | memoryview]:
    parcel = encode([Record(i, now_ms, key, value, ()) for i, (key, value) in enumerate(rows)])
    return stamp(parcel, -1, -1, -1), parcel.body
