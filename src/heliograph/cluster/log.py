"""Reading a partition outside the data plane: where it begins and ends, its batches, and single places in it.

Translating an offset exactly sometimes needs a look at the records themselves: how many are there between two offsets,
which one is the third after this one, what would be read next, what was read last. Every look is bounded by the bytes
it may fetch, because how far apart two offsets lie is somebody else's claim. Batches are counted by their headers; only
a batch with holes is unpacked.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.cluster.pace import Pace
from heliograph.errors import BrokerError, HeliographError, ProtocolError
from heliograph.records import Kind, Record, Run, decode, scan
from heliograph.wire import errors as codes
from heliograph.wire import fetch
from heliograph.wire.versions import FETCH

READ = "read"
"""Of the connections."""
FETCH_BYTES = 1 << 20
FETCH_WAIT_MS = 500
RECORD_BYTES = 1 << 20
"""For a look at one record."""
COUNT_BYTES_MAX = 256 << 20
"""Most that is read before a count is given up: how far back an anchor lies is somebody else's claim."""
LOOK_BYTES = 1 << 20
"""Most that one look for a last record may fetch."""
WALK_BYTES_MAX = 64 << 20
"""Most that one question may fetch before it is given up."""
STEPS_BACK = (1, 16, 256, 4_096, 65_536)
"""How many offsets before a place its last record is looked for, one after another."""


@dataclass(frozen=True, slots=True)
class PartitionLog:
    """One partition and how it is read."""

    cluster: Cluster
    topic: str
    partition: int
    read_committed: bool = True
    pace: Pace | None = field(default=None, compare=False)
    """How fast it may be read; None: as fast as it comes."""

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.topic}-{self.partition} on {self.cluster.alias}"


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a partition begins and ends."""

    begin: int
    end: int
    """Offset after the last record that a reader may see (the last stable offset, if only committed ones)."""


async def ends_of(logs: list[PartitionLog], *, to_end: bool = False) -> dict[PartitionLog, Ends | HeliographError]:
    """Ask where partitions begin and end, all of one cluster together; by partition, or why it is not known.

    ``to_end``: the end is that of the log even for a reader of committed records, who may have to wait for it.
    """
    found: dict[PartitionLog, Ends | HeliographError] = {}
    for cluster, committed in dict.fromkeys((log.cluster, log.read_committed) for log in logs):
        asked = [log for log in logs if log.cluster is cluster and log.read_committed is committed]
        wanted = [(log.topic, log.partition) for log in asked]
        begins = await admin.list_offsets(cluster, wanted, admin.EARLIEST)
        ends = await admin.list_offsets(cluster, wanted, admin.LATEST, read_committed=committed and not to_end)
        for log, key in zip(asked, wanted, strict=True):
            begin, end = begins[key], ends[key]
            if isinstance(begin, HeliographError):
                found[log] = begin
            elif isinstance(end, HeliographError):
                found[log] = end
            else:
                found[log] = Ends(begin, end)
    return found


async def fetch_once(
    log: PartitionLog, offset: int, *, max_bytes: int, purpose: str = READ, wait_ms: int = FETCH_WAIT_MS
) -> tuple[fetch.Fetched, bytearray]:
    """Fetch from ``offset`` on once, outside any session, on a connection for ``purpose``; with retries.

    Rests afterwards as long as the partition's pace wants it.
    """
    cluster, topic, partition = log.cluster, log.topic, log.partition

    async def once() -> tuple[fetch.Fetched, bytearray]:
        node = cluster.metadata.leader(topic, partition)
        if node < 0:
            await cluster.refresh([topic])
            raise BrokerError(f"{log} has no leader", code=codes.NOT_LEADER_OR_FOLLOWER)
        connection = await cluster.connection(node, purpose)
        version = connection.versions.choose(FETCH)
        correlation_id = connection.next_correlation_id()
        body = fetch.encode(
            version,
            correlation_id=correlation_id,
            client_id=cluster.config.client_id,
            wanted={topic: [fetch.Wanted(partition, offset, -1, max_bytes)]},
            forgotten={},
            max_wait_ms=wait_ms,
            min_bytes=1,
            max_bytes=max_bytes,
            read_committed=log.read_committed,
        )
        waiting = await connection.send(
            correlation_id, [body], timeout_ms=cluster.config.request_timeout_ms, what="fetch"
        )
        frame = await waiting
        answer = fetch.decode(version, frame)
        what = f"read topic {topic} on {cluster.alias}"
        raise_for(answer.error, what, f"topic {topic}", right="Read")
        if not answer.partitions:
            raise ProtocolError(f"{connection.where} answers a fetch of {topic}-{partition} without that partition")
        row = answer.partitions[0]
        if row.error:
            await cluster.refresh([topic])
        raise_for(row.error, what, f"topic {topic}", right="Read")
        return row, frame

    loop = asyncio.get_running_loop()
    begun = loop.time()
    result: tuple[fetch.Fetched, bytearray] = await cluster.retrying(once)
    if log.pace is not None:
        now = loop.time()
        await asyncio.sleep(log.pace.rest_s(now, result[0].end - result[0].start, now - begun))
    return result


async def runs_between(
    log: PartitionLog, first: int, before: int, budget_bytes: int | None = WALK_BYTES_MAX
) -> AsyncGenerator[tuple[Run, bytearray], None]:
    """Yield what lies from offset ``first`` to before ``before``, batch by batch, each with the frame that holds it.

    The last run reaches to ``before`` or beyond it, and may lie there altogether. If it does not, the rest cannot be
    read (it belongs to a transaction that is still open), or ``budget_bytes`` were fetched. Raises a ClusterError.
    """
    position, fetched_bytes, max_bytes = first, 0, FETCH_BYTES
    while position < before and (budget_bytes is None or fetched_bytes < budget_bytes):
        row, frame = await fetch_once(log, position, max_bytes=max_bytes)
        aborted = row.aborted if log.read_committed else ()
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


def unpacked(run: Run, frame: bytearray, first: int, before: int) -> list[Record]:
    """Return the records of ``run`` from offset ``first`` to before ``before``; none where they count for nothing.

    Raises DamagedBatch.
    """
    if run.kind is Kind.DROP:
        return []
    return [record for record in decode(frame, run.start, run.end) if first <= record.offset < before]


@dataclass(frozen=True, slots=True)
class Counted:
    """What lies between two offsets."""

    records: int
    last_offset: int
    """Of the last of these records; -1: there is none."""
    others: int
    """Offsets that belong to no record: control records, records of aborted transactions, holes."""


async def counted(log: PartitionLog, first: int, before: int, *, budget_bytes: int = COUNT_BYTES_MAX) -> Counted | None:
    """Count the records from ``first`` to before ``before``; None when that would be too much to read.

    A writer of transactions (an exactly-once MirrorMaker 2, or this program in that mode) leaves a control record
    behind each of them, and the records of aborted ones stay in the log. Both take offsets and are no records; they are
    told by batch headers and by the broker's list of aborted transactions. ``before`` must not lie beyond the end, or
    the count waits for records that may never come. Raises ClusterError or DataError.
    """
    found, last_offset, reached = 0, -1, first
    async for run, frame in runs_between(log, first, before, budget_bytes):
        reached = run.next_offset
        whole = run.first_offset >= first and run.next_offset <= before
        if run.kind is Kind.FORWARD and whole and run.records == run.next_offset - run.first_offset:
            found, last_offset = found + run.records, run.next_offset - 1
        elif inside := unpacked(run, frame, first, before):
            found, last_offset = found + len(inside), inside[-1].offset
    return Counted(found, last_offset, before - first - found) if reached >= before else None


async def counted_if_there(log: PartitionLog, first: int, before: int) -> Counted | None:
    """Count as :func:`counted` does; None also where ``first`` was deleted from the front of the partition."""
    try:
        return await counted(log, first, before)
    except BrokerError as error:
        if error.code == codes.OFFSET_OUT_OF_RANGE:
            return None
        raise


async def count(log: PartitionLog, first: int, before: int) -> int | None:
    """Count the records from ``first`` to before ``before``; None when that would be more than a look may read."""
    found = await counted(log, first, before, budget_bytes=WALK_BYTES_MAX)
    return None if found is None else found.records


async def record_at(log: PartitionLog, offset: int) -> Record | None:
    """Read the record at ``offset``, committed or not; None where it is gone, or was none."""
    try:
        row, frame = await fetch_once(replace(log, read_committed=False), offset, max_bytes=RECORD_BYTES)
    except BrokerError as error:
        if error.code == codes.OFFSET_OUT_OF_RANGE:
            return None
        raise
    return next((record for record in decode(frame, row.start, row.end) if record.offset == offset), None)


async def nth(log: PartitionLog, first: int, number: int, before: int) -> int | None:
    """Return the offset of the record that has ``number`` records between ``first`` and itself; None if none has."""
    left = number
    async for run, frame in runs_between(log, first, before):
        if run.kind is Kind.FORWARD and run.first_offset >= first and run.records <= left:
            left -= run.records
            continue
        inside = unpacked(run, frame, first, before)
        if left < len(inside):
            return inside[left].offset
        left -= len(inside)
    return None


async def next_record(log: PartitionLog, first: int, end: int) -> Record | None:
    """Return the first record at or after ``first``; None where there is none before ``end``."""
    async for run, frame in runs_between(log, first, end):
        for record in unpacked(run, frame, first, end):
            return record
    return None


async def last_record(log: PartitionLog, before: int, begin: int) -> Record | None:
    """Return the last record before ``before``; None where there is none within reach after ``begin``."""
    for step in STEPS_BACK:
        first = max(begin, before - step)
        last = None
        async for run, frame in runs_between(log, first, before, LOOK_BYTES):
            inside = unpacked(run, frame, first, before)
            last = inside[-1] if inside else last
        if last is not None or first == begin:
            return last
    return None


async def each_record(
    log: PartitionLog, first: int, before: int, *, budget_bytes: int | None = WALK_BYTES_MAX
) -> AsyncGenerator[Record, None]:
    """Yield the records from ``first`` to before ``before``, in order; ends early when the budget is used."""
    async for run, frame in runs_between(log, first, before, budget_bytes):
        for record in unpacked(run, frame, first, before):
            yield record


async def news_of(log: PartitionLog, offset: int, *, wait_ms: int, purpose: str) -> tuple[list[Record], int]:
    """Wait, no longer than ``wait_ms``, for records from ``offset`` on; return them, and the offset after them.

    Raises a ClusterError. Each caller that waits at the same time needs a ``purpose`` of its own.
    """
    max_bytes = FETCH_BYTES
    while True:
        row, frame = await fetch_once(log, offset, max_bytes=max_bytes, purpose=purpose, wait_ms=wait_ms)
        found = scan(frame, row.start, row.end, offset, aborted=row.aborted, small_bytes=0)
        if found.next_offset > offset or found.needed <= max_bytes:
            records = [each for run in found.runs for each in unpacked(run, frame, offset, found.next_offset)]
            return records, max(offset, found.next_offset)
        max_bytes = found.needed


def same(one: Record | None, other: Record | None) -> bool:
    """Say whether two records hold the same; a time that a broker stamped itself tells nothing."""
    if one is None or other is None:
        return False
    stamped = one.appended or other.appended
    return (
        one.key == other.key
        and one.value == other.value
        and one.headers == other.headers
        and (stamped or one.timestamp == other.timestamp)
    )
