"""What was lost beside a lane while nobody looked, and where it goes on: found before the lane begins.

In this order, because each question makes sense only when those before it are answered with no: is the source topic
another one? Was the source's log cut before our position? Does the target hold less than it acknowledged? Where topic
ids and leader epochs are not told (old brokers, positions stored by MirrorMaker 2), single records of both sides are
compared instead.

The lane goes on where nothing more gets lost: at the first record of a new topic, at the cut of a log, at the first
record that the target lacks. Where that cannot be found it is the source's first record, and some are there twice.
"""

from dataclasses import dataclass

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import PartitionLog, record_at
from heliograph.config.model import LossKind
from heliograph.errors import ClusterError
from heliograph.flow.lane import Lane
from heliograph.flow.partition_state import PartitionState, alike, source_batches
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.losses import (
    LOOK_BACK_RECORDS_MAX,
    NO_ID,
    Backwards,
    Loss,
    Shortfall,
    Span,
    is_other,
    shortfall,
)


@dataclass(frozen=True, slots=True)
class Damage:
    """Losses, and what follows for the lane."""

    position: int
    """Source offset to fetch first."""
    reason: str
    """One phrase, lower case, without a full stop."""
    losses: tuple[Loss, ...]
    twice: bool = False
    """Records may be on the target twice from now on, because the exact place could not be found."""


def loss_of(
    lane: Lane,
    kind: LossKind,
    *,
    source_offsets: tuple[int, int] = (0, 0),
    target_offsets: tuple[int, int] = (0, 0),
    goes_on_at: int | None = None,
) -> Loss:
    """Make the loss of ``kind`` for ``lane``."""
    return Loss(
        kind,
        lane.source_topic,
        lane.partition,
        lane.target_topic,
        lane.target_partition,
        source_offsets,
        target_offsets,
        goes_on_at,
    )


async def find_loss(
    source: Cluster, target: Cluster, lane: Lane, stored: Anchor, state: PartitionState, *, read_committed: bool
) -> Damage | None:
    """Judge by ``state`` and, where that leaves a doubt, by records; None: all that was copied is on both sides.

    Raises a ClusterError or DataError when a cluster cannot be asked.
    """
    after = stored.source_offset + 1
    if is_other(stored.topic_id, state.topic_id):
        return _made_anew(lane, stored, state)
    cut = state.cut if state.cut is not None else min(state.end, after)
    if cut < after:
        if state.whole:  # the end that readers may see is not yet what the log holds: it follows soon
            raise ClusterError(
                f"{lane.source_topic}-{lane.partition} on {source.alias} shows its records up to {state.end} only,"
                f" and was read up to {after}"
            )
        same_topic = stored.topic_id not in NO_ID and state.topic_id not in NO_ID
        if not same_topic and not await _same_before(source, target, lane, stored, cut):
            return _made_anew(lane, stored, state)
        return _cut(lane, stored, state, cut)
    short = None if lane.shared else shortfall(stored, state.target_kept, state.target_id)
    if short is None:
        return None
    return await _fill_again(_Sides(source, target, read_committed), lane, stored, state, short)


def _made_anew(lane: Lane, stored: Anchor, state: PartitionState) -> Damage:
    """Begin with the new topic; what the old one still held behind the position is lost."""
    after = stored.source_offset + 1
    lost = (after, max(after, lane.end_offset or 0))
    loss = loss_of(lane, LossKind.RECREATION, source_offsets=lost, goes_on_at=state.begin)
    return Damage(state.begin, "the source topic was recreated", (loss,))


def _cut(lane: Lane, stored: Anchor, state: PartitionState, cut: int) -> Damage:
    """Go on at the cut. The target keeps what was copied from behind it; the source has other records there now."""
    position = max(cut, state.begin)
    short = None if lane.shared else shortfall(stored, state.target_kept, state.target_id)
    if short is not None:  # what the target lacks cannot be counted back over records that are gone
        position = state.begin
    losses = [loss_of(lane, LossKind.TRUNCATION, source_offsets=(cut, stored.source_offset + 1), goes_on_at=position)]
    if short is not None:
        gone = (short.end_offset, short.end_offset + short.missing)
        losses.append(loss_of(lane, short.kind, target_offsets=gone, goes_on_at=position))
    elif cut < state.begin:
        losses.append(loss_of(lane, LossKind.RETENTION, source_offsets=(cut, state.begin), goes_on_at=state.begin))
    return Damage(position, f"the source was cut at {cut}", tuple(losses), twice=short is not None)


async def _same_before(source: Cluster, target: Cluster, lane: Lane, stored: Anchor, offset: int) -> bool:
    """Whether the source's record before ``offset`` is the one that was copied from there, if nothing had holes."""
    if lane.shared or stored.target_offset is None:
        return False
    copied = stored.target_offset - (stored.source_offset - (offset - 1))
    if offset <= 0 or copied < 0:
        return False
    here = await record_at(PartitionLog(source, lane.source_topic, lane.partition), offset - 1)
    there = await record_at(PartitionLog(target, lane.target_topic, lane.target_partition), copied)
    return here is not None and there is not None and alike(here, there)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both clusters, and how the source is read."""

    source: Cluster
    target: Cluster
    read_committed: bool


async def _fill_again(sides: _Sides, lane: Lane, stored: Anchor, state: PartitionState, short: Shortfall) -> Damage:
    """Find the first record that the target lacks, and copy again from there."""
    after = stored.source_offset + 1
    place, twice = None, False
    if short.end_offset > 0 and short.missing <= LOOK_BACK_RECORDS_MAX:
        place = await _look_back(sides, lane, state.begin, after, short.missing)
        twice = place is not None and not await _fits(sides, lane, state.begin, place, short.end_offset)
    position = state.begin if place is None or twice else place
    gone = (short.end_offset, short.end_offset + short.missing)
    loss = loss_of(
        lane,
        short.kind,
        source_offsets=(min(position, after), after),
        target_offsets=gone,
        goes_on_at=position,
    )
    reason = f"the target lacks what it had acknowledged from {short.end_offset} on"
    return Damage(position, reason, (loss,), twice=twice or (place is None and short.end_offset > 0))


async def _fits(sides: _Sides, lane: Lane, begin: int, place: int, target_end: int) -> bool:
    """Whether the target's last record is the one that was copied before ``place``; what is gone proves nothing."""
    there = await record_at(PartitionLog(sides.target, lane.target_topic, lane.target_partition), target_end - 1)
    before = await _look_back(sides, lane, begin, place, 1)
    if there is None or before is None:
        return True
    here = await record_at(PartitionLog(sides.source, lane.source_topic, lane.partition), before)
    return here is None or alike(here, there)


async def _look_back(sides: _Sides, lane: Lane, begin: int, after: int, missing: int) -> int | None:
    """Return the offset of the record ``missing`` copied records before ``after``; None: the source begins later."""
    search = Backwards(begin, after, missing)
    while (span := search.next_span()) is not None:
        place = search.passed(span[0], await _copied(sides, lane, *span))
        if place is not None:
            return place
    return None


async def _copied(sides: _Sides, lane: Lane, first: int, after: int) -> list[Span]:
    """Return the source offsets, from ``first`` to before ``after``, whose records are copied."""
    found: list[Span] = []
    position = first
    while position < after:
        batches = await source_batches(sides.source, lane, position, read_committed=sides.read_committed)
        if not batches:
            break
        for batch, held in batches:
            if batch.records == batch.next_offset - batch.first_offset:
                _add(found, max(first, batch.first_offset), min(after, batch.next_offset))
            elif batch.records:
                for record in held():
                    if first <= record.offset < after:
                        _add(found, record.offset, record.offset + 1)
        position = max(position + 1, batches[-1][0].next_offset)
    return found


def _add(spans: list[Span], first: int, after: int) -> None:
    """Add offsets at the end, joined with the last span where they follow it."""
    if after <= first:
        return
    if spans and spans[-1][0] + spans[-1][1] == first:
        spans[-1] = (spans[-1][0], after - spans[-1][0])
    else:
        spans.append((first, after - first))
