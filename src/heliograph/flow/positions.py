"""Where lanes begin: stored positions, held against what both clusters really have.

The arithmetic is :mod:`heliograph.mirror.resume`'s; this module brings it the batches and records it asks for. All
lanes are looked at together, because two thousand questions in one request are cheaper than two thousand requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph import records
from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import ClusterError, DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror import resume
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.resume import LastRecord, Outcome, Resume, SourceBatch
from heliograph.records import Kind, Record

WALK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lane begins."""

    position: int
    """Source offset to fetch first."""
    expected_offset: int
    """Target offset that the lane's next record will get if nobody else writes there."""
    outcome: Outcome
    reason: str
    lost: tuple[int, int] | None = None
    """Source offsets from the first to before the second that are gone from the source, and were not copied."""
    doubtful: tuple[int, int] | None = None
    """Target offsets in doubt, when the place is not exact."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Both sides, and how the source is read."""

    source: Cluster
    target: Cluster
    read_committed: bool
    start_at_latest: bool


async def locate(
    clusters: Clusters, lanes: Sequence[Lane], stored: Mapping[Lane, Anchor]
) -> dict[Lane, Place | HeliographError]:
    """Find each lane's place, or why it cannot be found."""
    sources = {(lane.source_topic, lane.partition) for lane in lanes}
    targets = {(lane.target_topic, lane.target_partition) for lane in lanes}
    begins = await admin.list_offsets(clusters.source, sources, admin.EARLIEST)
    ends = await admin.list_offsets(clusters.source, sources, admin.LATEST)
    target_ends = await admin.list_offsets(clusters.target, targets, admin.LATEST)
    found: dict[Lane, Place | HeliographError] = {}
    for lane in lanes:
        begin, end = begins[lane.source_topic, lane.partition], ends[lane.source_topic, lane.partition]
        target_end = target_ends[lane.target_topic, lane.target_partition]
        wrong = next((each for each in (begin, end, target_end) if isinstance(each, HeliographError)), None)
        if wrong is not None:
            found[lane] = wrong
            continue
        assert isinstance(begin, int)
        assert isinstance(end, int)
        assert isinstance(target_end, int)
        try:
            found[lane] = await _place(clusters, lane, stored.get(lane), _Ends(begin, end, target_end))
        except (ClusterError, DataError) as error:
            found[lane] = error
    return found


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where a lane's partitions begin and end (offsets; an end is the one after the last record)."""

    begin: int
    end: int
    target_end: int


async def _place(clusters: Clusters, lane: Lane, stored: Anchor | None, ends: _Ends) -> Place:
    begin, end, target_end = ends.begin, ends.end, ends.target_end
    if stored is None:
        position = end if clusters.start_at_latest else begin
        reason = "no position is stored"
        if target_end:
            reason += f", and {lane.target_topic}-{lane.target_partition} already ends at {target_end}"
        return Place(position, target_end, Outcome.UNKNOWN, reason)
    answer = await _resume(clusters, lane, stored, target_end)
    doubtful = (answer.target_first, answer.target_next) if answer.target_next > answer.target_first else None
    if answer.position > end:
        raise DataError(
            f"{lane.source_topic}-{lane.partition} on {clusters.source.alias} ends at {end}, but records up to "
            f"{answer.position - 1} were copied: it was truncated or created anew",
            remedy=f"If it was created anew, delete its stored position or topic {lane.target_topic} on the target",
        )
    lost = (answer.position, begin) if answer.position < begin else None
    return Place(max(answer.position, begin), target_end, answer.outcome, answer.reason, lost, doubtful)


async def _resume(clusters: Clusters, lane: Lane, stored: Anchor, target_end: int) -> Resume:
    begun = resume.begin(stored.source_offset, resume.choose_anchor(stored, None), target_end)
    if isinstance(begun, Resume):
        return begun
    state: resume.Walk | resume.Compare = begun
    batch_records: list[Record] = []
    while isinstance(state, resume.Walk):
        batches = await _source_batches(clusters, lane, state.position)
        if not batches:
            return resume.source_ended(state)
        for batch, held in batches:
            moved = resume.walk(state, batch)
            if isinstance(moved, resume.Open):
                moved = resume.opened(moved, tuple(record.offset for record in held()))
            if isinstance(moved, resume.Compare):
                batch_records = held()
                state = moved
                break
            assert isinstance(moved, resume.Walk)
            state = moved
    assert isinstance(state, resume.Compare)
    before = [record for record in batch_records if record.offset < state.position]
    source_last = LastRecord(before[-1].timestamp, before[-1].key, before[-1].value) if before else None
    return resume.compare(state, source_last, await _target_last(clusters, lane, target_end))


class _Held:
    """The records of one batch, decoded only when asked for."""

    def __init__(self, frame: bytearray, start: int, end: int) -> None:
        self._frame, self._start, self._end = frame, start, end

    def __call__(self) -> list[Record]:
        return list(records.decode(self._frame, self._start, self._end))


async def _source_batches(clusters: Clusters, lane: Lane, position: int) -> list[tuple[SourceBatch, _Held]]:
    """Read the source from ``position`` once, as batches; empty at its end."""
    row, frame = await table.fetch_once(
        clusters.source,
        lane.source_topic,
        lane.partition,
        position,
        max_bytes=WALK_BYTES,
        read_committed=clusters.read_committed,
    )
    aborted = row.aborted if clusters.read_committed else ()
    found = records.scan(frame, row.start, row.end, position, aborted=aborted, small_bytes=0)
    batches: list[tuple[SourceBatch, _Held]] = []
    for run in found.runs:
        held = _Held(frame, run.start, run.end)
        if run.kind is Kind.LEGACY:
            batches += ((SourceBatch(r.offset, r.offset + 1, 1), held) for r in held() if r.offset >= position)
        else:
            count = 0 if run.kind is Kind.DROP else run.records
            batches.append((SourceBatch(run.first_offset, run.next_offset, count), held))
    return batches


async def _target_last(clusters: Clusters, lane: Lane, target_end: int) -> LastRecord | None:
    row, frame = await table.fetch_once(
        clusters.target,
        lane.target_topic,
        lane.target_partition,
        target_end - 1,
        max_bytes=WALK_BYTES,
        read_committed=False,
    )
    last = None
    for record in records.decode(frame, row.start, row.end):
        if record.offset == target_end - 1:
            last = LastRecord(None if record.appended else record.timestamp, record.key, record.value)
    return last
