"""The map from source offsets to target offsets of one partition, and back.

A record's two offsets differ by a *delta*, which changes only where one side has a hole (compaction, transaction
markers, aborted records) or an extra record (another writer). So the map is a short list of *runs*: from this pair of
offsets on, so many records follow each other on both sides. Lanes tell runs from their own acknowledgements; the
offset syncs of MirrorMaker 2 are runs of one record.

Between two runs lies a *gap*, which is told by what is missing on each side::

    nothing on the target     a hole: whatever points into it means the next record       exact
    as much on both sides     records nobody told us of, one after another                exact, the two runs are one
    less on the target        a hole somewhere among records                              a lower bound, and the span
    more on the target        somebody else wrote there                                   the gap's beginning

A position is *the next record to read*, so an answer is never beyond the right one: a reader may see a record twice,
but skips none. Memory is bounded: where there are too many runs, every other one of the older half is forgotten, and
what it told becomes a gap.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from heliograph.mirror.runs import OffsetRun, Pair

RUNS_MAX = 4_096
"""Runs that a map keeps by default (24 bytes each)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A gap: where the records between two known places went is not known one by one."""

    upstream_first: int
    downstream_first: int
    upstream_next: int
    """Source offset of the first known record after it."""
    downstream_next: int


@dataclass(frozen=True, slots=True)
class Translation:
    """An offset on the other side."""

    offset: int
    """The next record to read there; where it is not exact, it lies before the right one."""
    exact: bool
    reason: str
    """One phrase, lower case, without a full stop."""
    span: Span | None = None
    """The gap that makes it inexact; whoever counts the source's records in it makes it exact."""
    ahead: int = 0
    """By how many offsets the position lies beyond what is copied."""


class OffsetMap:
    """Runs of one partition, rising on both sides."""

    __slots__ = ("_count", "_down", "_foreign", "_reached", "_runs_max", "_up")

    def __init__(self, runs_max: int = RUNS_MAX) -> None:
        """Nothing is known yet."""
        assert runs_max >= 4, "a map keeps some runs"
        self._runs_max = runs_max
        self._up = array("q")
        self._down = array("q")
        self._count = array("q")
        self._foreign = bytearray()
        """For each run, whether somebody else wrote to the target between it and the one before."""
        self._reached = -1
        """Source offset before which everything is settled, when it lies behind the last record copied."""

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._up)

    def runs(self) -> Iterator[OffsetRun]:
        """Return all runs, in ascending order."""
        return (OffsetRun(*row) for row in zip(self._up, self._down, self._count, strict=True))

    @property
    def end(self) -> Pair | None:
        """The offsets after the last record known; None where none is."""
        return (self._up[-1] + self._count[-1], self._down[-1] + self._count[-1]) if self._up else None

    # ---- learning -------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything: one of the topics was recreated."""
        for column in (self._up, self._down, self._count, self._foreign):
            del column[:]
        self._reached = -1

    def acknowledged(self, upstream: int, downstream: int, count: int) -> None:
        """Learn from a lane that ``count`` records from ``upstream`` on are on the target from ``downstream`` on.

        With ``count`` 0 that is where a lane begins: its next record is ``upstream`` or a later one.

        Where a lane goes back on the source, it copies what follows once more: the newer copies count. Where it comes
        to lie before what is known on the target, that was cut off there: what the map knew of it is forgotten.
        """
        self._cut(upstream, downstream)
        self._append(upstream, downstream, count)

    def anchored(self, upstream: int, downstream: int) -> None:
        """Learn the last record that a lane has copied, by the position it stored; what lies within is known."""
        end = self.end
        if end is None or upstream >= end[0] or downstream >= end[1]:
            self.acknowledged(upstream, downstream, 1)

    def reached(self, upstream: int) -> None:
        """Learn that everything before ``upstream`` is settled, though the last of it may be nothing to copy."""
        self._reached = upstream

    def synced(self, upstream: int, downstream: int) -> None:
        """Learn from an offset sync, in the order of the topic; one that goes back forgets all before, as MM2 does."""
        if self._up and (upstream < self._up[-1] or downstream < self._down[-1]):
            self.reset()
        end = self.end
        if end is None or upstream >= end[0] or downstream >= end[1]:
            self._cut(upstream, downstream)
            self._append(upstream, downstream, 1)

    def _cut(self, upstream: int, downstream: int) -> None:
        """Forget what lies at or behind either offset."""
        end = self.end
        if end is None or (upstream >= end[0] and downstream >= end[1]):
            return
        while self._up and (self._up[-1] >= upstream or self._down[-1] >= downstream):
            self._pop(len(self._up) - 1)
        if self._up:
            room = min(upstream - self._up[-1], downstream - self._down[-1])
            self._count[-1] = min(self._count[-1], room)
        self._reached = -1

    def _append(self, upstream: int, downstream: int, count: int) -> None:
        end = self.end
        missing_up, missing_down = (upstream - end[0], downstream - end[1]) if end else (0, 0)
        if end and missing_up == missing_down:
            self._count[-1] += missing_up + count
            return
        if self._up and self._up[-1] == upstream and not self._count[-1]:
            foreign = self._foreign[-1]
            self._pop(len(self._up) - 1)
            self._push(upstream, downstream, count, foreign=bool(foreign) or missing_down > missing_up)
        else:
            self._push(upstream, downstream, count, foreign=missing_down > missing_up)
        if len(self._up) > self._runs_max:
            self._thin_out()

    def _push(self, upstream: int, downstream: int, count: int, *, foreign: bool) -> None:
        self._up.append(upstream)
        self._down.append(downstream)
        self._count.append(count)
        self._foreign.append(foreign)

    def _pop(self, index: int) -> None:
        for column in (self._up, self._down, self._count, self._foreign):
            column.pop(index)

    def _thin_out(self) -> None:
        """Forget every other run of the older half; a gap that comes of it keeps the mark of another writer."""
        half = len(self._up) // 2
        kept = [index for index in range(len(self._up)) if index % 2 == 0 or index >= half]
        for left, right in pairwise(kept):
            if right - left > 1:
                self._foreign[right] |= self._foreign[left + 1]
        self._up = array("q", (self._up[index] for index in kept))
        self._down = array("q", (self._down[index] for index in kept))
        self._count = array("q", (self._count[index] for index in kept))
        self._foreign = bytearray(self._foreign[index] for index in kept)

    # ---- asking -----------------------------------------------------------------------------------------------------

    def translate(self, upstream: int) -> Translation | None:
        """Return the target offset for the source position ``upstream``; None where nothing is known at all."""
        at = bisect_right(self._up, upstream) - 1
        if not self._up:
            return None
        if at < 0:
            return _before_first(Span(upstream, 0, self._up[0], self._down[0]), self._down[0])
        into = upstream - self._up[at]
        if into <= self._count[at]:
            return Translation(self._down[at] + into, exact=True, reason="copied")
        if at == len(self._up) - 1:
            return self._after_last(upstream)
        return self._in_gap(upstream, self._span(at), foreign=bool(self._foreign[at + 1]))

    def inverse(self, downstream: int) -> Translation | None:
        """Return the source offset for the target position ``downstream``; None where nothing is known at all."""
        at = bisect_right(self._down, downstream) - 1
        if not self._up:
            return None
        if at < 0:
            return _before_first(Span(0, downstream, self._up[0], self._down[0]), self._up[0])
        into = downstream - self._down[at]
        if into <= self._count[at]:
            return Translation(self._up[at] + into, exact=True, reason="copied")
        if at == len(self._up) - 1:
            ahead = into - self._count[at]
            reason = f"it lies {ahead} behind the last record copied"
            return Translation(self._up[at] + self._count[at], exact=False, reason=reason, ahead=ahead)
        span = self._span(at)
        if self._foreign[at + 1]:
            return Translation(span.upstream_first, exact=False, reason=_FOREIGN, span=span)
        # So many records were copied in the gap before it, each of which took one source offset at least.
        return Translation(
            span.upstream_first + downstream - span.downstream_first, exact=False, reason=_HOLE, span=span
        )

    def _after_last(self, upstream: int) -> Translation:
        end = self.end
        assert end is not None, "a map with runs has an end"
        ahead = upstream - max(end[0], self._reached)
        if ahead <= 0:
            return Translation(end[1], exact=True, reason="everything before it is copied")
        return Translation(end[1], exact=False, reason=f"it lies {ahead} beyond what is copied", ahead=ahead)

    @staticmethod
    def _in_gap(upstream: int, span: Span, *, foreign: bool) -> Translation:
        if foreign:
            return Translation(span.downstream_first, exact=False, reason=_FOREIGN, span=span)
        if span.downstream_first == span.downstream_next:
            return Translation(span.downstream_next, exact=True, reason="it lies in a hole: the next record copied")
        # At most so many records are left in the gap after it as there are offsets.
        least = span.downstream_next - (span.upstream_next - upstream)
        if least <= span.downstream_first:
            return Translation(span.downstream_first, exact=False, reason=_HOLE, span=span)
        return Translation(least, exact=False, reason=_HOLE, span=span)

    def _span(self, at: int) -> Span:
        """Return the gap behind run ``at``, which is not the last."""
        count = self._count[at]
        return Span(self._up[at] + count, self._down[at] + count, self._up[at + 1], self._down[at + 1])


_FOREIGN = "somebody else wrote to the target there"
_HOLE = "there is a hole among the records, and it is not known where"


def _before_first(span: Span, there: int) -> Translation:
    """Return what is known before the first pair, whose other offset is ``there``: nothing lies before 0."""
    if not there:
        return Translation(0, exact=True, reason="it lies before the first record there")
    return Translation(0, exact=False, reason="it lies before the first known pair of offsets", span=span)
