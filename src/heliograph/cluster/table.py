"""A compacted topic as a table: read whole, last write of each key wins; written a few rows at a time.

This is the slow, simple way to read and write a topic, for state of kilobytes; records go through the flow room.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.concurrency import all_of
from heliograph.errors import BrokerError, HeliographError, ProtocolError
from heliograph.records import Kind, Record, Run, decode, encode, scan, stamp
from heliograph.wire import errors as codes
from heliograph.wire import fetch, produce
from heliograph.wire.versions import FETCH, PRODUCE

TABLE = "table"
FETCH_BYTES = 1 << 20
FETCH_WAIT_MS = 500
OFFSET_END = 2**63 - 1


async def read(cluster: Cluster, topic: str) -> dict[bytes, bytes]:
    """Read ``topic`` from its beginning to the end it has now; keys whose last value is null are left out."""
    rows = await read_records(cluster, topic)
    return {key: record.value for key, record in rows.items() if record.value is not None}


async def read_records(cluster: Cluster, topic: str) -> dict[bytes, Record]:
    """Read ``topic`` like :func:`read`, and give each key's last record, be its value null or not."""
    await cluster.refresh(set(cluster.metadata.topics) | {topic})
    found = cluster.metadata.topics.get(topic)
    partitions = sorted(found.partitions) if found else []
    wanted = [(topic, partition) for partition in partitions]
    begins = await admin.list_offsets(cluster, wanted, admin.EARLIEST)
    ends = await admin.list_offsets(cluster, wanted, admin.LATEST)
    spans: dict[int, tuple[int, int]] = {}
    for key in wanted:
        begin, end = begins[key], ends[key]
        for each in (begin, end):
            if isinstance(each, HeliographError):
                raise each
        assert isinstance(begin, int)
        assert isinstance(end, int)
        if end > begin:
            spans[key[1]] = (begin, end)
    rows: dict[bytes, Record] = {}
    for latest in await all_of(_read_partition(cluster, topic, p, *span) for p, span in spans.items()):
        rows.update(latest)
    return rows


async def _read_partition(cluster: Cluster, topic: str, partition: int, position: int, end: int) -> dict[bytes, Record]:
    """Give the last record of each key; what is compacted later is let go of while reading.

    What an aborted transaction wrote counts for nothing, as for every read_committed consumer.
    """
    rows: dict[bytes, Record] = {}
    async for run, frame in runs_between(cluster, topic, partition, position, end):
        rows.update((record.key, record) for record in unpacked(run, frame, position) if record.key is not None)
    return rows


async def runs_between(
    cluster: Cluster,
    topic: str,
    partition: int,
    first: int,
    before: int,
    *,
    read_committed: bool = True,
    budget_bytes: int | None = None,
) -> AsyncGenerator[tuple[Run, bytearray], None]:
    """Give what lies from offset ``first`` to before ``before``, batch by batch, each with the frame that holds it.

    The last run reaches to ``before`` or beyond it, and may lie there altogether. If it does not, the rest cannot be
    read (it belongs to a transaction that is still open), or ``budget_bytes`` were fetched. Raises a ClusterError.
    """
    position, fetched_bytes, max_bytes = first, 0, FETCH_BYTES
    while position < before and (budget_bytes is None or fetched_bytes < budget_bytes):
        row, frame = await fetch_once(
            cluster, topic, partition, position, max_bytes=max_bytes, read_committed=read_committed
        )
        aborted = row.aborted if read_committed else ()
        found = scan(frame, row.start, row.end, position, aborted=aborted, small_bytes=0)
        for run in found.runs:
            yield run, frame
            if run.next_offset >= before:
                return
        if found.next_offset <= position and found.needed <= max_bytes:
            return
        max_bytes = max(max_bytes, found.needed)
        position = max(position, found.next_offset)
        fetched_bytes += max(row.end - row.start, 1)


def unpacked(run: Run, frame: bytearray, first: int, before: int = OFFSET_END) -> list[Record]:
    """Give the records of ``run`` from offset ``first`` to before ``before``; none where they count for nothing.

    Raises DamagedBatch.
    """
    if run.kind is Kind.DROP:
        return []
    return [record for record in decode(frame, run.start, run.end) if first <= record.offset < before]


async def fetch_once(
    cluster: Cluster,
    topic: str,
    partition: int,
    offset: int,
    *,
    max_bytes: int,
    read_committed: bool = True,
    purpose: str = TABLE,
) -> tuple[fetch.Fetched, bytearray]:
    """Fetch one partition once, outside any session, on a connection for ``purpose``, with retries."""

    async def once() -> tuple[fetch.Fetched, bytearray]:
        node = cluster.metadata.leader(topic, partition)
        if node < 0:
            await cluster.refresh(set(cluster.metadata.topics) | {topic})
            raise BrokerError(
                f"{topic}-{partition} on {cluster.alias} has no leader", code=codes.NOT_LEADER_OR_FOLLOWER
            )
        connection = await cluster.connection(node, purpose)
        version = connection.versions.choose(FETCH)
        correlation_id = connection.next_correlation_id()
        body = fetch.encode(
            version,
            correlation_id=correlation_id,
            client_id=cluster.config.client_id,
            wanted={topic: [fetch.Wanted(partition, offset, -1, max_bytes)]},
            forgotten={},
            max_wait_ms=FETCH_WAIT_MS,
            min_bytes=1,
            max_bytes=max_bytes,
            read_committed=read_committed,
        )
        waiting = await connection.send(
            correlation_id, [body], timeout_ms=cluster.config.request_timeout_ms, what="fetch"
        )
        frame = await waiting
        answer = fetch.decode(version, frame)
        _raise(answer.error, cluster, "read", topic, "Read")
        if not answer.partitions:
            raise ProtocolError(f"{connection.where} answers a fetch of {topic}-{partition} without that partition")
        row = answer.partitions[0]
        if row.error:
            await cluster.refresh(set(cluster.metadata.topics) | {topic})
        _raise(row.error, cluster, "read", topic, "Read")
        return row, frame

    result: tuple[fetch.Fetched, bytearray] = await cluster.retrying(once)
    return result


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
        await cluster.refresh(set(cluster.metadata.topics) | {topic})
    by_leader: dict[int, list[int]] = defaultdict(list)
    for partition in left:
        by_leader[cluster.metadata.leader(topic, partition)].append(partition)
    for node, partitions in by_leader.items():
        if node < 0:
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
                await cluster.refresh(set(cluster.metadata.topics) | {topic})
            _raise(row.error, cluster, "write to", topic, "Write")
            left.pop(row.partition, None)


def _batch(rows: Sequence[tuple[bytes, bytes | None]], now_ms: int) -> tuple[bytes, bytes | bytearray | memoryview]:
    parcel = encode([Record(i, now_ms, key, value, ()) for i, (key, value) in enumerate(rows)])
    return stamp(parcel, -1, -1, -1), parcel.body


def _raise(code: int, cluster: Cluster, verb: str, topic: str, right: str) -> None:
    raise_for(code, f"{verb} topic {topic} on {cluster.alias}", f"topic {topic}", right=right)
