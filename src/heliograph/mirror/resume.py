"""Finding the exact place at which a lane goes on, after however hard a stop.

A stored position trails what has already reached the target: it is written now and then, not with every batch. Resuming
there would copy the records in between once more. But the position comes with its *anchor*: source offset *s* became
target offset *t*. If lanes are the only writers of the target partition and its end offset is now *e*, then exactly
``e - (t + 1)`` records were copied after the anchor. So walk that many records forward on the source, looking at batch
headers only, and go on behind them.

The premise is then checked: the last record passed on the source must be the last record on the target. Where it is
not, or cannot be compared, somebody else writes there (or a copier that also copies other things, or the target was
truncated), and no arithmetic can tell what is missing. Then the stored position holds: nothing is lost, something may
be there twice, and the range in doubt is named.

The machine is a few frozen states and a function for each event::

    begin ──> Walk ──walk──> Walk … ──> Compare ──compare──> Resume
                │  └─────> Open ──opened──> Compare
                └──source_ended──> Resume            begin ──> Resume (nothing to walk)
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync

_STRANGE = "the target's last record is not the one copied last (another writer, or the source was compacted since)"


class Outcome(StrEnum):
    """How much is known about the place."""

    EXACT = "exact"
    """Every record before the position is on the target, once; none after it is."""
    UNKNOWN = "unknown"
    """No anchor, or the target's last record is gone: records after the stored position may be there already."""
    FOREIGN = "foreign"
    """The target holds records that this flow did not put there."""
    TRUNCATED = "truncated"
    """The target holds less than was acknowledged: records are missing there."""


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """What the walk needs of a batch."""

    first_offset: int
    next_offset: int
    """One more than the batch's last offset, which need not belong to a record any more (compaction)."""
    records: int
    """Records in it that are copied; 0 for control batches and those of aborted transactions that are left out."""


@dataclass(frozen=True, slots=True)
class LastRecord:
    """What is compared of a record."""

    timestamp_ms: int | None
    """None where the target stamps records itself (LogAppendTime), so that it means nothing."""
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Resume:
    """The answer."""

    position: int
    """Source offset to fetch first."""
    outcome: Outcome
    reason: str
    """One phrase, lower case, without a full stop."""
    target_first: int = 0
    target_next: int = 0
    """Target offsets in doubt, from ``target_first`` to before ``target_next``; equal: none."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Wants the source's next batch, which is the one that holds ``position`` or the first after it."""

    position: int
    left: int
    """Records still to pass; more than 0."""
    stored_position: int
    """Where to go on if the walk proves nothing."""
    target_first: int
    """Target offset after the anchor's; the records from there on are those to pass."""
    target_end: int


@dataclass(frozen=True, slots=True)
class Open:
    """Wants the offsets of the records in ``batch``: it has holes, and the place lies inside."""

    before: Walk
    batch: SourceBatch


@dataclass(frozen=True, slots=True)
class Compare:
    """Wants the last record before ``position`` on the source, and the record before ``walked.target_end``."""

    position: int
    walked: Walk


HAND_MS = 10_000
"""A position stored so long after a sync is not from the process that wrote it: MirrorMaker 2 gives a flush 5 s."""


def believes(sync_offset: int, sync_ms: int, stored_offset: int | None, stored_ms: int | None) -> bool:
    """Say whether an offset sync (its source offset, when it was written) still tells where the records end.

    A crash leaves a sync that is ahead of the stored position, because positions are stored less often. So does a
    person who sets the position back (``PATCH /connectors/.../offsets``) or has it forgotten to copy records again;
    but then the position, or the tombstone in its place (``stored_offset`` None), is younger than the sync. None for
    ``stored_ms``: nothing was ever stored.
    """
    if stored_ms is None:
        return True
    if stored_offset is None:
        return sync_ms > stored_ms
    return sync_offset <= stored_offset or sync_ms > stored_ms - HAND_MS


def choose_anchor(stored: Anchor | None, sync: OffsetSync | None) -> Anchor | None:
    """Return the newest pair known: from the stored position itself, or from MM2's offset syncs.

    The newest is the one furthest on the target: on the source MirrorMaker 2 begins again and again at older offsets.
    """
    anchors: list[Anchor] = []
    if stored is not None and stored.target_offset is not None:
        anchors.append(stored)
    if sync is not None:
        anchors.append(Anchor(sync.upstream_offset, sync.downstream_offset))
    return max(anchors, key=lambda anchor: -1 if anchor.target_offset is None else anchor.target_offset, default=None)


def begin(
    stored_offset: int, anchor: Anchor | None, target_end: int, *, target_records: int | None = None
) -> Walk | Resume:
    """Start with the stored position (last acknowledged source offset, -1 for none) and the target's end offset.

    ``target_records`` is how many records the target holds behind the anchor, where they were counted; without it
    every offset there counts as one, as it does unless transactions wrote there.
    """
    stored_position = stored_offset + 1
    if anchor is None or anchor.target_offset is None:
        if target_end == 0:
            return Resume(stored_position, Outcome.UNKNOWN, "the target partition is empty")
        return Resume(stored_position, Outcome.UNKNOWN, "the stored position has no target offset with it")
    after_anchor = anchor.target_offset + 1
    if target_end < after_anchor:
        return Resume(
            stored_position,
            Outcome.TRUNCATED,
            f"the target ends at {target_end}, but {anchor.target_offset} was acknowledged there",
            target_first=target_end,
            target_next=after_anchor,
        )
    left = target_end - after_anchor if target_records is None else target_records
    if not left:
        return Resume(anchor.source_offset + 1, Outcome.EXACT, "nothing was written after the stored position")
    return Walk(
        position=anchor.source_offset + 1,
        left=left,
        stored_position=stored_position,
        target_first=after_anchor,
        target_end=target_end,
    )


def walk(state: Walk, batch: SourceBatch) -> Walk | Open | Compare:
    """Pass ``batch``, or find the place in it."""
    if batch.next_offset <= state.position:
        return state
    first = max(batch.first_offset, state.position)
    dense = batch.records == batch.next_offset - batch.first_offset
    if not batch.records:
        return _at(state, batch.next_offset, state.left)
    if dense:
        passed = min(batch.next_offset - first, state.left)
        position = first + passed if passed == state.left else batch.next_offset
        return _passed(state, position, state.left - passed)
    if first > batch.first_offset or batch.records > state.left:
        return Open(state, batch)
    return _passed(state, batch.next_offset, state.left - batch.records)


def opened(state: Open, record_offsets: tuple[int, ...]) -> Walk | Compare:
    """Go on with the offsets of all records in the batch, rising."""
    ahead = [offset for offset in record_offsets if offset >= state.before.position]
    if len(ahead) < state.before.left:
        return _at(state.before, state.batch.next_offset, state.before.left - len(ahead))
    return Compare(ahead[state.before.left - 1] + 1, state.before)


def compare(state: Compare, source: LastRecord | None, target: LastRecord | None) -> Resume:
    """Judge by the last record of both sides; None where it is gone (retention, compaction)."""
    walked = state.walked
    if source is None or target is None:
        side = "source" if source is None else "target"
        return _give_up(walked, Outcome.UNKNOWN, f"the {side}'s last record is gone and cannot be compared")
    stamped = source.timestamp_ms is not None and target.timestamp_ms is not None
    if source.key != target.key or source.value != target.value:
        return _give_up(walked, Outcome.FOREIGN, f"{_STRANGE}: other content")
    if stamped and source.timestamp_ms != target.timestamp_ms:
        return _give_up(walked, Outcome.FOREIGN, f"{_STRANGE}: another time")
    copied = walked.target_end - walked.target_first
    return Resume(state.position, Outcome.EXACT, f"{copied} records were copied after the stored position")


def source_ended(state: Walk) -> Resume:
    """Answer when the source has no batch left although the target holds ``state.left`` records more."""
    return _give_up(state, Outcome.FOREIGN, f"the target holds {state.left} records more than the source")


def _passed(state: Walk, position: int, left: int) -> Walk | Compare:
    return _at(state, position, left) if left else Compare(position, state)


def _at(state: Walk, position: int, left: int) -> Walk:
    return Walk(position, left, state.stored_position, state.target_first, state.target_end)


def _give_up(state: Walk, outcome: Outcome, reason: str) -> Resume:
    return Resume(
        state.stored_position,
        outcome,
        reason,
        target_first=state.target_first,
        target_next=state.target_end,
    )
