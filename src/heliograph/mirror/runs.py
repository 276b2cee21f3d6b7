"""From what a lane tells to runs of records that follow each other on both sides.

A lane does not tell every batch. It keeps *turns*, the pairs of offsets at which the difference between both sides
changed, and its *anchor*, the last record acknowledged. Between two turns the records are as many as the target has
offsets there, because the target has no holes; where the source has fewer offsets than that, somebody else wrote to
the target.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[int, int]
"""Source offset, target offset."""


@dataclass(frozen=True, slots=True)
class OffsetRun:
    """Records that follow each other on both sides."""

    upstream: int
    """Source offset of the first."""
    downstream: int
    """Target offset of the first."""
    count: int
    """0: only the place is known, before which everything is copied and after which nothing."""

    @property
    def end(self) -> Pair:
        """The offsets after the last record."""
        return self.upstream + self.count, self.downstream + self.count


@dataclass(frozen=True, slots=True)
class Followed:
    """What a lane has copied since the last look."""

    runs: tuple[OffsetRun, ...]
    """In the order of copying; a run that lies before the one before it copies records once more."""
    end: Pair | None
    """Offsets after the last record; the next look begins here."""


def follow(end: Pair | None, turns: Sequence[Pair], last: Pair | None, *, complete: bool = True) -> Followed:
    """Make runs of ``turns`` and the ``last`` record, going on from where the last look ended.

    ``complete`` is False where older turns may have been lost: then nothing is said of what lies before the first.
    """
    at = end if complete or not turns else None
    runs: list[OffsetRun] = []
    for turn in turns:
        if at is not None:
            count = min(turn[0] - at[0], turn[1] - at[1])
            if count > 0:
                runs.append(OffsetRun(*at, count))
        at = turn
    if last is None or (at is not None and not turns and last[0] < at[0]):
        return Followed(tuple(runs), at)  # nothing new, or the anchor is still the one from before
    if at is None:
        runs.append(OffsetRun(*last, 1))
    elif last[0] - at[0] == last[1] - at[1] and last[0] >= at[0]:
        runs.append(OffsetRun(*at, last[0] - at[0] + 1))
    elif last[0] + 1 != at[0] or last[1] + 1 != at[1]:
        runs.append(OffsetRun(*last, 1))  # a turn was missed: only this record is known
    return Followed(tuple(runs), (last[0] + 1, last[1] + 1))
