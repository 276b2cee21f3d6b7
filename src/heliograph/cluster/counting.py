"""How many records a target partition holds between two offsets, where offsets themselves do not tell.

A writer of transactions (an exactly-once MirrorMaker 2, or this program in that mode) leaves a control record behind
each of them, and the records of aborted ones stay in the log. Both take offsets and are no records. They are told by
batch headers and by the broker's list of aborted transactions.
"""

from dataclasses import dataclass

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError
from heliograph.records import Kind
from heliograph.wire import errors as codes

COUNT_BYTES_MAX = 256 << 20
"""Most that is read before the count is given up: how far back an anchor lies is somebody else's claim."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What lies between two offsets."""

    records: int
    last_offset: int
    """Of the last of these records; -1: there is none."""
    others: int
    """Offsets that belong to no record: control records, records of aborted transactions, holes."""


async def count_records(cluster: Cluster, topic: str, partition: int, first: int, end: int) -> Counted | None:
    """Count the records from offset ``first`` to before ``end``; None where they cannot be read up to there.

    Raises ClusterError or DataError.
    """
    try:
        return await count_between(cluster, topic, partition, first, end)
    except BrokerError as error:
        if error.code == codes.OFFSET_OUT_OF_RANGE:  # deleted from the front of the partition meanwhile
            return None
        raise


async def count_between(
    cluster: Cluster,
    topic: str,
    partition: int,
    first: int,
    end: int,
    *,
    read_committed: bool = True,
    budget_bytes: int = COUNT_BYTES_MAX,
) -> Counted | None:
    """Count like :func:`count_records`, and raise also where ``first`` is gone; None when it would be too much."""
    found, last_offset, reached = 0, -1, first
    runs = table.runs_between(
        cluster, topic, partition, first, end, read_committed=read_committed, budget_bytes=budget_bytes
    )
    async for run, frame in runs:
        reached = run.next_offset
        whole = run.first_offset >= first and run.next_offset <= end
        if run.kind is Kind.FORWARD and whole and run.records == run.next_offset - run.first_offset:
            found, last_offset = found + run.records, run.next_offset - 1
        elif inside := table.unpacked(run, frame, first, end):
            found, last_offset = found + len(inside), inside[-1].offset
    return Counted(found, last_offset, end - first - found) if reached >= end else None
