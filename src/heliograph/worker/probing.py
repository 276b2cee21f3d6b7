"""Single places of a partition, as a reader of committed records would find them.

Translating an offset exactly sometimes needs a look at the records themselves: how many are there between two offsets,
which one is the third after this one, what would be read next, what was read last. Every look is bounded by the bytes
it may fetch, because how far apart two offsets lie is somebody else's claim. Batches are counted by their headers; only
a batch with holes is unpacked.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from heliograph import records
from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import HeliographError
from heliograph.records import Kind, Record, Run

LOOK_BYTES = 1 << 20
"""Fetched at once."""
WALK_BYTES_MAX = 64 << 20
"""Most that one question may fetch before it is given up."""
STEPS_BACK = (1, 16, 256, 4_096, 65_536)
"""How many offsets before a place its last record is looked for, one after another."""


@dataclass(frozen=True, slots=True)
class Log:
    """One partition and how it is read."""

    cluster: Cluster
    topic: str
    partition: int
    read_committed: bool = True

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.topic}-{self.partition} on {self.cluster.alias}"


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a partition begins and ends."""

    begin: int
    end: int
    """Offset after the last record that a reader may see (the last stable offset, if only committed ones)."""


async def ends_of(logs: list[Log]) -> dict[Log, Ends | HeliographError]:
    """Ask where partitions begin and end, all of one cluster together; by partition, or why it is not known."""
    found: dict[Log, Ends | HeliographError] = {}
    for cluster, committed in dict.fromkeys((log.cluster, log.read_committed) for log in logs):
        asked = [log for log in logs if log.cluster is cluster and log.read_committed is committed]
        wanted = [(log.topic, log.partition) for log in asked]
        begins = await admin.list_offsets(cluster, wanted, admin.EARLIEST)
        ends = await admin.list_offsets(cluster, wanted, admin.LATEST, read_committed=committed)
        for log, key in zip(asked, wanted, strict=True):
            begin, end = begins[key], ends[key]
            if isinstance(begin, HeliographError):
                found[log] = begin
            elif isinstance(end, HeliographError):
                found[log] = end
            else:
                found[log] = Ends(begin, end)
    return found


async def _runs(
    log: Log, first: int, before: int, budget_bytes: int = WALK_BYTES_MAX
) -> AsyncIterator[tuple[Run, bytearray]]:
    """Give what lies from offset ``first`` to before ``before``, batch by batch; ends early when the budget is used.

    The last run reaches to ``before`` or beyond it, and may lie there altogether; if it does not, it ended early.
    """
    position, fetched = first, 0
    while position < before and fetched < budget_bytes:
        row, frame = await table.fetch_once(
            log.cluster, log.topic, log.partition, position, max_bytes=LOOK_BYTES, read_committed=log.read_committed
        )
        aborted = row.aborted if log.read_committed else ()
        found = records.scan(frame, row.start, row.end, position, aborted=aborted, small_bytes=0)
        for run in found.runs:
            yield run, frame
            if run.next_offset >= before:
                return
        if found.next_offset <= position:
            return
        position = found.next_offset
        fetched += max(row.end - row.start, 1)


def _unpacked(run: Run, frame: bytearray, first: int, before: int) -> list[Record]:
    if run.kind is Kind.DROP:
        return []
    return [each for each in records.decode(frame, run.start, run.end) if first <= each.offset < before]


async def count(log: Log, first: int, before: int) -> int | None:
    """Count the records from ``first`` to before ``before``; None when that would be too much to read.

    ``before`` must not lie beyond the end, or the count waits for records that may never come.
    """
    number, reached = 0, first
    async for run, frame in _runs(log, first, before):
        dense = run.records == run.next_offset - run.first_offset
        if run.kind is Kind.FORWARD and dense and run.first_offset >= first and run.next_offset <= before:
            number += run.records
        else:
            number += len(_unpacked(run, frame, first, before))
        reached = run.next_offset
    return number if reached >= before or first >= before else None


async def nth(log: Log, first: int, number: int, before: int) -> int | None:
    """Give the offset of the record that has ``number`` records between ``first`` and itself; None if there is none."""
    left = number
    async for run, frame in _runs(log, first, before):
        if run.kind is Kind.FORWARD and run.first_offset >= first and run.records <= left:
            left -= run.records
            continue
        inside = _unpacked(run, frame, first, before)
        if left < len(inside):
            return inside[left].offset
        left -= len(inside)
    return None


async def next_record(log: Log, first: int, end: int) -> Record | None:
    """Give the first record at or after ``first``; None where there is none before ``end``."""
    async for run, frame in _runs(log, first, end):
        for record in _unpacked(run, frame, first, end):
            return record
    return None


async def last_record(log: Log, before: int, begin: int) -> Record | None:
    """Give the last record before ``before``; None where there is none within reach after ``begin``."""
    for step in STEPS_BACK:
        first = max(begin, before - step)
        last = None
        async for run, frame in _runs(log, first, before, LOOK_BYTES):
            inside = _unpacked(run, frame, first, before)
            last = inside[-1] if inside else last
        if last is not None or first == begin:
            return last
    return None


async def each_record(
    log: Log, first: int, before: int, *, budget_bytes: int = WALK_BYTES_MAX
) -> AsyncGenerator[Record, None]:
    """Give the records from ``first`` to before ``before``, in order; ends early when the budget is used."""
    async for run, frame in _runs(log, first, before, budget_bytes):
        for record in _unpacked(run, frame, first, before):
            yield record


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
