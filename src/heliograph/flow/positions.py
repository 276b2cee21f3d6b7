"""Where lanes begin: stored positions, held against what both clusters really have.

The arithmetic is :mod:`heliograph.mirror.resume`'s; this module brings it the batches and records it asks for. All
lanes are looked at together, because two thousand questions in one request are cheaper than two thousand requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import PartitionLog, counted_if_there, record_at
from heliograph.config.model import LossKind
from heliograph.errors import ClusterError, DataError, HeliographError, NotAuthorized
from heliograph.flow.damage import find_loss, loss_of
from heliograph.flow.lane import Lane
from heliograph.flow.partition_state import PartitionState, alike, gather, source_batches
from heliograph.mirror import resume
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync
from heliograph.mirror.losses import Loss
from heliograph.mirror.resume import LastRecord, Outcome, Resume
from heliograph.records import Record


@dataclass(frozen=True, slots=True)
class LaneStart:
    """Where a lane begins."""

    position: int
    """Source offset to fetch first."""
    state: PartitionState
    """What it follows from."""
    outcome: Outcome
    reason: str
    losses: tuple[Loss, ...] = ()
    """What was lost since the stored position."""
    doubtful: tuple[int, int] | None = None
    """Target offsets in doubt, when the place is not exact."""

    @property
    def expected_offset(self) -> int:
        """Target offset that the lane's next record will get if nobody else writes there."""
        return self.state.target_end


@dataclass(frozen=True, slots=True)
class Clusters:
    """Both sides, and how the source is read."""

    source: Cluster
    target: Cluster
    read_committed: bool
    start_at_latest: bool
    transactional: bool = False
    """Whether records are copied in transactions, so that a position stored in one is exact by construction."""


async def locate(
    clusters: Clusters,
    lanes: Sequence[Lane],
    stored: Mapping[Lane, Anchor],
    syncs: Mapping[Lane, OffsetSync] | None = None,
) -> dict[Lane, LaneStart | HeliographError]:
    """Find each lane's place, or why it cannot be found; ``syncs`` are MirrorMaker 2's, where they may help."""
    found: dict[Lane, LaneStart | HeliographError] = {}
    for lane, state in (await gather(clusters.source, clusters.target, lanes, stored)).items():
        if isinstance(state, HeliographError):
            found[lane] = state
            continue
        try:
            found[lane] = await _place(clusters, lane, stored.get(lane), state, (syncs or {}).get(lane))
        except (ClusterError, DataError) as error:
            found[lane] = error
    return found


async def _place(
    clusters: Clusters, lane: Lane, stored: Anchor | None, state: PartitionState, sync: OffsetSync | None
) -> LaneStart:
    begin, end, target_end = state.begin, state.end, state.target_end
    if stored is None:
        if sync is not None and not lane.shared and target_end > sync.downstream_offset:
            answer = await _resume(clusters, lane, None, sync, state)
            if answer.outcome is Outcome.EXACT:
                return _judged(lane, answer, state)
        position = end if clusters.start_at_latest else begin
        reason = "no position is stored"
        if target_end:
            reason += f", and {lane.target_topic}-{lane.target_partition} already ends at {target_end}"
        return LaneStart(position, state, Outcome.UNKNOWN, reason)
    damaged = await find_loss(
        clusters.source, clusters.target, lane, stored, state, read_committed=clusters.read_committed
    )
    if damaged is not None:
        doubtful = (0, target_end) if damaged.twice and target_end else None
        return LaneStart(damaged.position, state, Outcome.EXACT, damaged.reason, damaged.losses, doubtful)
    if lane.shared:
        reason = f"other partitions are copied to {lane.target_topic}-{lane.target_partition} too: nothing to count by"
        answer = Resume(stored.source_offset + 1, Outcome.UNKNOWN, reason)
    elif _is_exact(clusters, stored, state):
        answer = Resume(stored.source_offset + 1, Outcome.EXACT, "it was stored in the transaction of its records")
    else:
        answer = await _resume(clusters, lane, stored, sync, state)
    return _judged(lane, answer, state)


def _is_exact(clusters: Clusters, stored: Anchor, state: PartitionState) -> bool:
    """Whether the stored position needs no proof.

    Without transactions it is so only where MirrorMaker 2 stored it, which tells no target offset: ours may have
    copied on since without having stored anything.
    """
    if stored.target_offset is None:
        return stored.transactional
    return stored.transactional and clusters.transactional and state.target_end > stored.target_offset


def _judged(lane: Lane, answer: Resume, state: PartitionState) -> LaneStart:
    """Make the answer a place, with the losses that it means."""
    position = max(answer.position, state.begin)
    doubtful = (answer.target_first, answer.target_next) if answer.target_next > answer.target_first else None
    losses = []
    if answer.position < state.begin:
        span = (answer.position, state.begin)
        losses.append(loss_of(lane, LossKind.RETENTION, source_offsets=span, goes_on_at=position))
    if answer.outcome is Outcome.FOREIGN and doubtful:
        losses.append(loss_of(lane, LossKind.FOREIGN_WRITE, target_offsets=doubtful, goes_on_at=position))
    return LaneStart(position, state, answer.outcome, answer.reason, tuple(losses), doubtful)


async def _resume(
    clusters: Clusters, lane: Lane, stored: Anchor | None, sync: OffsetSync | None, state: PartitionState
) -> Resume:
    stored_offset = -1 if stored is None else stored.source_offset
    anchor = resume.choose_anchor(stored, sync)
    begun = resume.begin(stored_offset, anchor, state.target_end)
    if isinstance(begun, Resume):
        return begun
    try:
        last = await _target_record(clusters, lane, state.target_end - 1)
    except NotAuthorized:  # copying does not need Read there, only this proof does
        reason = f"permission Read on {lane.target_topic} is missing, so its last record cannot be compared"
        return Resume(begun.stored_position, Outcome.UNKNOWN, reason, begun.target_first, begun.target_end)
    if begun.position < state.begin:
        return await _overtaken(clusters, lane, begun, last, state.begin)
    return await _proven(clusters, lane, begun, last, stored_offset=stored_offset, anchor=anchor)


async def _proven(
    clusters: Clusters,
    lane: Lane,
    begun: resume.Walk,
    last: Record | None,
    *,
    stored_offset: int,
    anchor: Anchor | None,
) -> Resume:
    """Walk and compare; where that fails, either count may be wrong: the target's, or the compacted source's."""
    target_end = begun.target_end
    answer = await _walked(clusters, lane, begun, last)
    if answer.outcome is Outcome.EXACT:
        return answer
    copy = PartitionLog(clusters.target, lane.target_topic, lane.target_partition)
    counted = await counted_if_there(copy, begun.target_first, target_end)
    if counted is not None and counted.others:
        again = resume.begin(stored_offset, anchor, target_end, target_records=counted.records)
        if isinstance(again, Resume):
            return again
        recounted = await _walked(clusters, lane, again, await _target_record(clusters, lane, counted.last_offset))
        return recounted if recounted.outcome is Outcome.EXACT else answer
    found = await _found(clusters, lane, begun, last, begun.position)
    if not found.holes:
        return answer
    if found.position is not None:
        return Resume(found.position, Outcome.EXACT, "the source was compacted since, but still holds the last record")
    reason = "the source was compacted since, and no longer holds the last record that was copied"
    return Resume(answer.position, Outcome.UNKNOWN, reason, answer.target_first, answer.target_next)


async def _walked(clusters: Clusters, lane: Lane, begun: resume.Walk, last: Record | None) -> Resume:
    """Walk on the source from ``begun``, and compare with the target's ``last`` record."""
    state: resume.Walk | resume.Compare = begun
    batch_records: list[Record] = []
    while isinstance(state, resume.Walk):
        batches = await source_batches(clusters.source, lane, state.position, read_committed=clusters.read_committed)
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
    target_last = LastRecord(None if last.appended else last.timestamp, last.key, last.value) if last else None
    return resume.compare(state, source_last, target_last)


async def _overtaken(clusters: Clusters, lane: Lane, walk: resume.Walk, last: Record | None, begin: int) -> Resume:
    """Find the place where the source no longer holds what followed the stored position."""
    found = await _found(clusters, lane, walk, last, begin)
    if found.position is not None:
        return Resume(found.position, Outcome.EXACT, "the target's last record is still on the source")
    reason = "the source no longer holds what followed the stored position"
    return Resume(walk.stored_position, Outcome.UNKNOWN, reason, walk.target_first, walk.target_end)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the target's last record is on the source."""

    position: int | None
    """Behind it; None: it is not there."""
    holes: bool
    """On the way there offsets were missing, other than those of control records: compaction."""


async def _found(clusters: Clusters, lane: Lane, walk: resume.Walk, last: Record | None, begin: int) -> _Found:
    """Look for the target's ``last`` record from ``begin`` on.

    Of the records that the target holds beyond the anchor, at most as many can still be on the source; if its last one
    is among them, everything before it was copied, or had gone from the source when its turn came.
    """
    position, passed, holes = begin, 0, False
    while last is not None and passed < walk.left:
        batches = await source_batches(clusters.source, lane, position, read_committed=clusters.read_committed)
        for batch, held in batches:
            offsets = batch.next_offset - batch.first_offset
            holes = holes or batch.first_offset > position or 0 < batch.records < offsets
            for record in held() if batch.records else ():
                if record.offset < position or record.offset >= batch.next_offset or passed >= walk.left:
                    continue
                passed += 1
                if alike(record, last):
                    return _Found(record.offset + 1, holes)
            position = max(position, batch.next_offset)
        if not batches:
            break
    return _Found(None, holes)


async def _target_record(clusters: Clusters, lane: Lane, offset: int) -> Record | None:
    return await record_at(PartitionLog(clusters.target, lane.target_topic, lane.target_partition), offset)
