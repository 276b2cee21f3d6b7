"""What may be lost beside a lane, and how that is told from what is merely late. Pure.

A replicator copies what the source still holds when it reads. It cannot stop records from disappearing before it reads
them (*retention*), a source from forgetting what it served (*truncation*: a lagging replica was elected and its log is
shorter), a topic from being replaced by another of the same name (*recreation*), or somebody from deleting, truncating
or writing to the copy. It can notice each of these, name the offsets, and continue where nothing more is lost.

Three marks give them away: the id of a topic (KIP-516), which is new when the topic was recreated; the end of a
leader's epoch (KIP-320), which lies before our position when the log was cut there; and the offset that our next record
should get on the target, where we are the only writer.
"""

from dataclasses import dataclass

from heliograph.config.model import LossKind
from heliograph.mirror.anchor import Anchor

NO_ID = ("", "00000000-0000-0000-0000-000000000000")
"""How a topic id looks that was not told."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing lost, with its exact place."""

    kind: LossKind
    topic: str
    """Name on the source."""
    partition: int
    """Of the source topic."""
    target_topic: str
    target_partition: int
    source_offsets: tuple[int, int] = (0, 0)
    """Source offsets concerned, from the first to before the second; equal: none, or not known."""
    target_offsets: tuple[int, int] = (0, 0)
    """The same on the target."""
    goes_on_at: int | None = None
    """Source offset at which the lane goes on if it may; None: where it is."""

    @property
    def on_target(self) -> bool:
        """Whether it happened on the target, so that its range is one of target offsets."""
        return self.kind in (LossKind.TARGET_DELETION, LossKind.TARGET_TRUNCATION, LossKind.FOREIGN_WRITE)

    @property
    def offsets(self) -> tuple[int, int]:
        """The range on the side where it happened, from the first to before the second."""
        return self.target_offsets if self.on_target else self.source_offsets

    @property
    def count(self) -> int:
        """Offsets in that range."""
        first, after = self.offsets
        return max(0, after - first)


def cut_at(position: int, epoch: int, known_epoch: int, end_offset: int) -> int | None:
    """Say where a log was cut before ``position``, up to which it was read under ``epoch``; None: it was not.

    The leader's answer is the largest epoch it knows that is not above ``epoch``, and where that ends; -1: not known.
    The rule is the consumer's (KIP-320): the log has diverged when the leader's end of the epoch lies before the
    position, or when it does not know the epoch at all.
    """
    if known_epoch < 0 or end_offset < 0:
        return None
    if end_offset < position or known_epoch < epoch:
        return min(end_offset, position)
    return None


def is_other(known: str, now: str) -> bool:
    """Whether two ids are those of two topics; what is not known is no other."""
    return known not in NO_ID and now not in NO_ID and known != now


@dataclass(frozen=True, slots=True)
class Shortfall:
    """How much of what was acknowledged the target no longer holds."""

    kind: LossKind
    end_offset: int
    """Target offset from which on it is gone; 0: everything."""
    missing: int
    """Target offsets that are gone."""


def shortfall(stored: Anchor, target_end: int, target_id: str) -> Shortfall | None:
    """Compare what was acknowledged with the target's end; None where all of it is there, as far as offsets tell."""
    if stored.target_offset is None:
        return None
    acknowledged_end = stored.target_offset + 1
    if is_other(stored.target_id, target_id):
        return Shortfall(LossKind.TARGET_DELETION, 0, acknowledged_end) if acknowledged_end else None
    if target_end >= acknowledged_end:
        return None
    same = stored.target_id not in NO_ID and stored.target_id == target_id
    kind = LossKind.TARGET_DELETION if target_end == 0 and not same else LossKind.TARGET_TRUNCATION
    return Shortfall(kind, target_end, acknowledged_end - target_end)


LOOK_BACK_RECORDS_MAX = 5_000_000
"""Records that are passed on the way back at most; a copy that lacks more is filled again from the beginning."""

Span = tuple[int, int]
"""Consecutive source offsets of copied records: the first, and how many."""


@dataclass(slots=True)
class Backwards:
    """Finds the source offset of the record that lies a number of copied records before a known place.

    Offsets on the source may have holes, so the record lies at or before ``after - missing``. What was read is not read
    again: each step asks for what lies in front, and for ever longer stretches of it.
    """

    begin: int
    """The source's first offset."""
    after: int
    """Source offset behind the last record of those to pass."""
    missing: int
    """Copied records still to pass on the way back; more than 0."""
    stretch: int = 1
    """How many times as many offsets as records are missing are read next."""

    def next_span(self) -> tuple[int, int] | None:
        """Return the source offsets to read next, from the first to before the second; None: nothing lies in front."""
        if self.after <= self.begin:
            return None
        return max(self.begin, self.after - self.stretch * self.missing), self.after

    def passed(self, first: int, copied: list[Span]) -> int | None:
        """Take the copied records between ``first`` and the place so far, rising; gives the offset once it is found."""
        for start, count in reversed(copied):
            if count >= self.missing:
                return start + count - self.missing
            self.missing -= count
        self.after = first
        self.stretch *= 2
        return None
