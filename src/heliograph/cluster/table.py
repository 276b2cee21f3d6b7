"""A compacted topic as a table: read whole, last write of each key wins; written a few rows at a time.

This is the slow, simple way to read and write a topic, for state of kilobytes; records go through the flow room.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

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
    await cluster.refresh([topic])
    found = cluster.metadata.topics.get(topic)
    logs = [PartitionLog(cluster, topic, partition) for partition in sorted(found.partitions if found else ())]
    spans = await ends_of(logs, to_end=True)
    rows: dict[bytes, Record] = {}
    for latest in await all_of(_read_partition(log, ends) for log, ends in spans.items()):
        rows.update(latest)
    return rows


async def _read_partition(log: PartitionLog, ends: Ends | HeliographError) -> dict[bytes, Record]:
    """Return the last record of each key; what is compacted later is let go of while reading.

    What an aborted transaction wrote counts for nothing, as for every read_committed consumer.
    """
    if isinstance(ends, HeliographError):
        raise ends
    rows: dict[bytes, Record] = {}
    async for record in each_record(log, ends.begin, ends.end, budget_bytes=None):
        if record.key is not None:
            rows[record.key] = record
    return rows


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
