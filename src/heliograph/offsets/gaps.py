"""Positions in a gap between two known pairs of offsets, made exact by counting records on both sides.

All positions in one gap are counted together: one walk over the gap here says how many records lie before each and
behind it, and one walk over the gap there finds the places with as many. What was counted is then proven: the next
record must be the same on both sides, and the last one too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from heliograph.cluster.log import WALK_BYTES_MAX, Ends, PartitionLog
from heliograph.cluster.walk import Mark, Places, Stretch, same, walked
from heliograph.errors import HeliographError
from heliograph.mirror.offset_map import OffsetMap, Translation

SHARE_MAX = 4
"""A walk for many positions may fetch as much as one for so many single ones."""
_TOO_FAR = "it is too far from the nearest known pair of offsets to count the records"


@dataclass(frozen=True, slots=True)
class Translated:
    """A position on the other side."""

    offset: int | None
    """The next record to read there, or an earlier one where it is not exact; None: nothing is known."""
    exact: bool
    reason: str
    """One phrase, lower case, without a full stop."""
    behind: int = 0
    """Records before the position that are not on the other side yet."""
    at_end: bool = False
    """Everything on the other side lies before the position."""
    deleted: bool = False
    """The record at the position was deleted: it lies before its partition's log start offset."""
    error: HeliographError | None = None
    """Why the records could not be read; what is said here is what is known without them."""


@dataclass(frozen=True, slots=True)
class BothLogs:
    """One partition on both sides."""

    here: PartitionLog
    there: PartitionLog
    here_ends: Ends
    there_ends: Ends


@dataclass(frozen=True, slots=True)
class Gap:
    """Two known pairs with positions between them; ``None``: the partition's end, for want of a later pair."""

    here_first: int
    there_first: int
    here_next: int | None
    there_next: int | None


def gap_of(known: OffsetMap, found: Translation, *, backwards: bool) -> Gap:
    """Return the gap that makes an answer of ``known`` inexact."""
    span, end = found.span, known.end
    if span is None:
        assert end is not None, "a map that answers has an end"
        here, there = (end[1], end[0]) if backwards else end
        return Gap(here, there, None, None)
    up, down = (span.upstream_first, span.upstream_next), (span.downstream_first, span.downstream_next)
    here_pair, there_pair = (down, up) if backwards else (up, down)
    return Gap(here_pair[0], there_pair[0], here_pair[1], there_pair[1])


def counted_gap(known: OffsetMap, found: Translation, offset: int, logs: BothLogs, *, backwards: bool) -> Gap:
    """Return the gap in which records are counted for ``offset``, the same for all positions in it."""
    gap = gap_of(known, found, backwards=backwards)
    if gap.here_first == offset:
        # Before the first known pair: what may be counted from then is where both partitions begin.
        return replace(gap, here_first=logs.here_ends.begin, there_first=logs.there_ends.begin)
    return gap


@dataclass(frozen=True, slots=True)
class _Counts:
    """Records between a position and the two ends of its gap here; None: too many to count."""

    before: int | None
    after: int | None
    mark: Mark | None


@dataclass(slots=True)
class GapCount:
    """Positions in one gap on their way to the other side."""

    gap: Gap
    logs: BothLogs
    rough: Mapping[int, Translation]
    """The positions, and what is known of each without counting."""

    async def translated(self) -> dict[int, Translated]:
        """Make the answers exact, or say why that cannot be done. Raises ClusterError or DataError."""
        end = self.logs.here_ends.end
        answers = {
            offset: self._inexact(offset, f"{self.logs.here} ends at {end}, before it")
            for offset in self.rough
            if offset > end
        }
        counts = await self._counts_here([offset for offset in self.rough if offset <= end])
        if self.gap.here_next is None:
            answers |= {offset: self._all_copied() for offset, each in counts.items() if each.before == 0}
        left = {offset: each for offset, each in counts.items() if offset not in answers}
        return answers | await self._counted_there(left) if left else answers

    # ---- here -------------------------------------------------------------------------------------------------------

    async def _counts_here(self, offsets: list[int]) -> dict[int, _Counts]:
        first = max(self.gap.here_first, self.logs.here_ends.begin)
        found = await self._walked_here(first, offsets, 2)
        counts = {offset: self._between(found, offset, from_front=True) for offset in offsets}
        beyond = [offset for offset, each in counts.items() if each.mark is None]
        if beyond and self.gap.here_next is not None:
            found = await self._walked_here(min(beyond), beyond, 1)
            counts |= {offset: self._between(found, offset, from_front=False) for offset in beyond}
        return counts

    async def _walked_here(self, first: int, offsets: list[int], looks: int) -> Places:
        ends, following = self.logs.here_ends, self.gap.here_next
        budget = looks * WALK_BYTES_MAX * min(len(offsets), SHARE_MAX)
        asked = offsets if following is None or following > ends.end else [*offsets, following]
        return await walked(Stretch(self.logs.here, ends.begin, first, ends.end, budget), offsets=asked)

    def _between(self, found: Places, offset: int, *, from_front: bool) -> _Counts:
        mark = found.by_offset.get(offset)
        following = None if self.gap.here_next is None else found.by_offset.get(self.gap.here_next)
        if mark is None:
            return _Counts(None, None, None)
        after = None if following is None else following.records - mark.records
        return _Counts(mark.records if from_front else None, after, mark)

    # ---- there ------------------------------------------------------------------------------------------------------

    @property
    def _there(self) -> tuple[int, int]:
        """Where the gap begins and ends there."""
        ends, following = self.logs.there_ends, self.gap.there_next
        first = max(self.gap.there_first, ends.begin)
        return first, max(first, ends.end if following is None else min(following, ends.end))

    async def _walked_there(self, numbers: set[int], *, positions: int, total: bool) -> Places:
        first, last = self._there
        ends, budget = self.logs.there_ends, WALK_BYTES_MAX * min(positions, SHARE_MAX)
        stretch = Stretch(self.logs.there, ends.begin, first, ends.end, budget)
        return await walked(stretch, offsets=[last] if total else [], numbers=numbers)

    async def _counted_there(self, counts: Mapping[int, _Counts]) -> dict[int, Translated]:
        _, last = self._there
        numbers = {each.before for each in counts.values() if each.before is not None}
        found = await self._walked_there(numbers | {0}, positions=len(counts), total=True)
        end = found.by_offset.get(last)
        total = None if end is None else end.records
        answers = self._not_copied(counts, total) | await self._before_all(counts, total, found.by_number.get(0))
        left = {offset: each for offset, each in counts.items() if offset not in answers}
        answers |= self._proven(left, {offset: each.before for offset, each in left.items()}, found, total)
        from_end = {
            offset: total - each.after
            for offset, each in left.items()
            if offset not in answers and total is not None and each.after is not None and total - each.after >= 0
        }
        from_end = {offset: number for offset, number in from_end.items() if number != counts[offset].before}
        if from_end:
            found = await self._walked_there(set(from_end.values()), positions=len(from_end), total=False)
            answers |= self._proven({offset: left[offset] for offset in from_end}, from_end, found, total)
        return answers | {
            offset: self._inexact(offset, _TOO_FAR if self._too_far(each, total) else self.rough[offset].reason)
            for offset, each in left.items()
            if offset not in answers
        }

    def _too_far(self, counts: _Counts, total: int | None) -> bool:
        following = self.gap.here_next
        needs_after = following is not None and following <= self.logs.here_ends.end
        return counts.before is None or total is None or (needs_after and counts.after is None)

    def _not_copied(self, counts: Mapping[int, _Counts], total: int | None) -> dict[int, Translated]:
        """Answer for the positions before which there are records that the other side does not have."""
        if total is None or self.gap.here_next is not None:
            return {}
        end = self.logs.there_ends.end
        behind = {
            offset: each.before - total
            for offset, each in counts.items()
            if each.before is not None and each.before > total
        }
        return {
            offset: Translated(
                end,
                exact=False,
                reason=f"{number} records before it are not copied yet",
                behind=number,
                at_end=True,
            )
            for offset, number in behind.items()
        }

    async def _before_all(
        self, counts: Mapping[int, _Counts], total: int | None, begin: Mark | None
    ) -> dict[int, Translated]:
        """Answer for the positions before all that is there, where a copy began late or its first records were deleted.

        Its ``total`` records are then the last ones before ``here_next``.
        """
        ends, gap = self.logs.there_ends, self.gap
        before = [offset for offset, each in counts.items() if total and each.after is not None and each.after >= total]
        if not before or gap.here_next is None or gap.there_first > ends.begin or begin is None:
            return {}
        lowest = counts[min(before)]
        assert lowest.after is not None, "it was chosen for that"
        assert total is not None, "it was chosen for that"
        ends_here, budget = self.logs.here_ends, 2 * WALK_BYTES_MAX
        number = lowest.after - total
        stretch = Stretch(self.logs.here, ends_here.begin, min(before), ends_here.end, budget)
        first = (await walked(stretch, numbers=[number])).by_number.get(number)
        if first is None or not same(first.next, begin.next):
            return {}
        reason = "it lies before the first record there"
        return {offset: Translated(ends.begin, exact=True, reason=reason) for offset in before}

    def _proven(
        self, counts: Mapping[int, _Counts], numbers: Mapping[int, int | None], found: Places, total: int | None
    ) -> dict[int, Translated]:
        """Answer for the positions whose place there, with so many records before it, holds the same records."""
        answers: dict[int, Translated] = {}
        _, last = self._there
        for offset, each in counts.items():
            number = numbers.get(offset)
            there = None if number is None else found.by_number.get(number)
            if number is None or there is None or each.mark is None:
                continue
            if number == total:
                there = replace(there, offset=last)
            elif there.offset >= last:
                continue  # there are not so many
            if self._agree(each.mark, there):
                answers[offset] = Translated(
                    there.offset,
                    exact=True,
                    reason="found by counting records",
                    at_end=there.offset >= self.logs.there_ends.end,
                )
        return answers

    def _agree(self, here: Mark, there: Mark) -> bool:
        """Say whether the next record and the last one are the same on both sides, as far as there are such."""
        if here.next is not None and there.next is not None and not same(here.next, there.next):
            return False
        if same(here.last, there.last):
            return True
        at_begin = here.offset <= self.logs.here_ends.begin or there.offset <= self.logs.there_ends.begin
        return at_begin and same(here.next, there.next)

    # ---- answers ----------------------------------------------------------------------------------------------------

    def _all_copied(self) -> Translated:
        """Answer for a position with nothing between it and the last known pair."""
        offset = self.gap.there_first
        at_end = offset >= self.logs.there_ends.end
        return Translated(offset, exact=True, reason="everything before it is copied", at_end=at_end)

    def _inexact(self, offset: int, reason: str) -> Translated:
        ends = self.logs.there_ends
        lower = max(ends.begin, min(self.rough[offset].offset, ends.end))
        return Translated(lower, exact=False, reason=reason)
