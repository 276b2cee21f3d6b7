"""How many records a target partition holds between two offsets, where offsets themselves do not tell.

A writer of transactions (an exactly-once MirrorMaker 2, or this program in that mode) leaves a control record behind
each of them, and the records of aborted ones stay in the log. Both take offsets and are no records. They are told by
batch headers and by the broker's list of aborted transactions.
"""

from dataclasses import dataclass

from heliograph import records
from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError
from heliograph.records import Kind
from heliograph.wire import errors as codes

FETCH_BYTES = 1 << 20
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
    position, found, last_offset, fetched = first, 0, -1, 0
    while position < end and fetched < COUNT_BYTES_MAX:
        try:
            row, frame = await table.fetch_once(cluster, topic, partition, position, max_bytes=FETCH_BYTES)
        except BrokerError as error:
            if error.code == codes.OFFSET_OUT_OF_RANGE:  # deleted from the front of the partition meanwhile
                return None
            raise
        scanned = records.scan(frame, row.start, row.end, position, aborted=row.aborted, small_bytes=0)
        for run in scanned.runs:
            if run.kind is Kind.DROP or run.first_offset >= end:
                continue
            whole = run.first_offset >= first and run.next_offset <= end
            if run.kind is Kind.FORWARD and whole and run.records == run.next_offset - run.first_offset:
                found, last_offset = found + run.records, run.next_offset - 1
                continue
            inside = [each.offset for each in records.decode(frame, run.start, run.end) if first <= each.offset < end]
            if inside:
                found, last_offset = found + len(inside), inside[-1]
        if scanned.next_offset <= position:
            return None
        position = scanned.next_offset
        fetched += row.end - row.start
    return Counted(found, last_offset, end - first - found) if position >= end else None
