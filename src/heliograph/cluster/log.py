"""Single places of a partition, as a reader of committed records would find them.

Translating an offset exactly sometimes needs a look at the records themselves: how many are there between two offsets,
which one is the third after this one, what would be read next, what was read last. Every look is bounded by the bytes
it may fetch, because how far apart two offsets lie is somebody else's claim. Batches are counted by their headers; only
a batch with holes is unpacked.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.counting import count_between
from heliograph.errors import HeliographError
from heliograph.records import Kind, Record, Run

LOOK_BYTES = 1 << 20
"""Most that one look for a last record may fetch."""
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


def _runs(
    log: Log, first: int, before: int, budget_bytes: int = WALK_BYTES_MAX
) -> AsyncGenerator[tuple[Run, bytearray], None]:
    """Give what lies from offset ``first`` to before ``before``, batch by batch; ends early when the budget is used."""
    return table.runs_between(
        log.cluster,
        log.topic,
        log.partition,
        first,
        before,
        read_committed=log.read_committed,
        budget_bytes=budget_bytes,
    )


async def count(log: Log, first: int, before: int) -> int | None:
    """Count the records from ``first`` to before ``before``; None when that would be too much to read.

    ``before`` must not lie beyond the end, or the count waits for records that may never come.
    """
    counted = await count_between(
        log.cluster,
        log.topic,
        log.partition,
        first,
        before,
        read_committed=log.read_committed,
        budget_bytes=WALK_BYTES_MAX,
    )
    return None if counted is None else counted.records


async def nth(log: Log, first: int, number: int, before: int) -> int | None:
    """Give the offset of the record that has ``number`` records between ``first`` and itself; None if there is none."""
    left = number
    async for run, frame in _runs(log, first, before):
        if run.kind is Kind.FORWARD and run.first_offset >= first and run.records <= left:
            left -= run.records
            continue
        inside = table.unpacked(run, frame, first, before)
        if left < len(inside):
            return inside[left].offset
        left -= len(inside)
    return None


async def next_record(log: Log, first: int, end: int) -> Record | None:
    """Give the first record at or after ``first``; None where there is none before ``end``."""
    async for run, frame in _runs(log, first, end):
        for record in table.unpacked(run, frame, first, end):
            return record
    return None


async def last_record(log: Log, before: int, begin: int) -> Record | None:
    """Give the last record before ``before``; None where there is none within reach after ``begin``."""
    for step in STEPS_BACK:
        first = max(begin, before - step)
        last = None
        async for run, frame in _runs(log, first, before, LOOK_BYTES):
            inside = table.unpacked(run, frame, first, before)
            last = inside[-1] if inside else last
        if last is not None or first == begin:
            return last
    return None


async def each_record(
    log: Log, first: int, before: int, *, budget_bytes: int = WALK_BYTES_MAX
) -> AsyncGenerator[Record, None]:
    """Give the records from ``first`` to before ``before``, in order; ends early when the budget is used."""
    async for run, frame in _runs(log, first, before, budget_bytes):
        for record in table.unpacked(run, frame, first, before):
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
