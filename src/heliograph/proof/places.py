"""Where on both sides a comparison begins and ends: arithmetic on offsets, pure.

The *anchor* is a pair of offsets of one record, stored by the replicator with its position. A record at source offset
*s* has its copy at *s* minus the anchor's difference if there are no holes in between on either side: a guess to be
tried. What is always right to look from is the first record at or after the record's time, which brokers find.
Retention may have removed the first records of one side; then the other side's counterparts are passed over first.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.proof.model import Side, Span

SAMPLE_SPANS_MAX = 10
"""Places in each partition at which a sample is taken."""
SAMPLE_RECORDS_MIN = 100
"""Records at one place, where there are so many."""


@dataclass(frozen=True, slots=True)
class Spans:
    """What both sides of a partition hold as the proof begins."""

    source: Span
    """From the log's start to the end, or to the first open transaction where only committed records are copied."""
    target: Span
    """As it was just before ``source``."""
    acknowledged: int = -1
    """Source offset of the last record known to be on the target; -1: none is known."""
    anchor_target: int | None = None
    """Target offset of that record."""

    @property
    def shift(self) -> int | None:
        """By how much the source's offsets are ahead, at the anchor."""
        if self.anchor_target is None or self.acknowledged < 0 or self.anchor_target < 0:
            return None
        return self.acknowledged - self.anchor_target

    def heads_that_may_lack(self, *, begins_late: bool) -> frozenset[Side]:
        """Say which side's first records the other one may lack: retention cut it, or copying began at the end."""
        found = set()
        if self.target.first > 0 or begins_late:
            found.add(Side.SOURCE)
        if self.source.first > 0:
            found.add(Side.TARGET)
        return frozenset(found)

    def guess(self) -> tuple[int, int]:
        """Return the first place on both sides that the anchor makes likely to be the same."""
        if self.shift is None:
            return self.source.first, self.target.first
        there = self.target.first + self.shift
        if there >= self.source.first:
            return min(there, self.source.next), self.target.first
        return self.source.first, min(self.source.first - self.shift, self.target.next)

    def on_target(self, source_offset: int) -> int:
        """Return the place on the target of the record at ``source_offset`` if there are no holes up to the anchor."""
        if self.shift is None:
            return self.target.first
        return min(max(source_offset - self.shift, self.target.first), self.target.next)


@dataclass(frozen=True, slots=True)
class Sample:
    """How much of each partition to compare."""

    records: int | None = None
    share: float | None = None
    """Above 0, at most 1; one of the two is given."""
    seed: int = 0
    """The same seed gives the same places, as long as the partition has not changed."""


def sample_spans(span: Span, sample: Sample, name: str) -> Sequence[Span]:
    """Choose random parts of ``span``, spread over it, in ascending order; all of it where it is small.

    ``name`` tells partitions apart, so that not all are looked at in the same places.
    """
    whole = span.next - span.first
    wanted = sample.records if sample.records is not None else -(-whole * (sample.share or 0) // 1)
    size = min(whole, int(wanted))
    if size <= 0:
        return ()
    if size == whole:
        return (span,)
    chance = random.Random(f"{sample.seed} {name}")
    places = max(1, min(SAMPLE_SPANS_MAX, size // SAMPLE_RECORDS_MIN))
    found = []
    for number in range(places):
        begin = span.first + whole * number // places
        room = span.first + whole * (number + 1) // places - begin
        length = size * (number + 1) // places - size * number // places
        first = begin + chance.randrange(room - length + 1)
        found.append(Span(first, first + length))
    return found
