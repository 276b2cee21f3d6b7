"""Where a partition goes when a person sets its position, and what that means for the copy. Pure.

A lane goes on at the new position and writes behind what the target holds. So whatever lies between the new position
and the old one is written once more (a rewind) or never (a skip). The new position is stored as an anchor like any
other: the record before it, with the offset before the target's end. The arithmetic of :mod:`heliograph.mirror.resume`
counts from there, so a kill right afterwards is as exact as any.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.mirror.anchor import Anchor


class Kind(StrEnum):
    """How a new position is said."""

    OFFSET = "offset"
    TIME = "time"
    BEGINNING = "beginning"
    END = "end"
    BY = "by"
    """So many offsets further; less than 0: back."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a person wants to go on."""

    kind: Kind
    value: int = 0
    """An offset, a time in milliseconds since the epoch, or a difference."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a source partition stands."""

    begin: int
    """Its log start offset."""
    end: int
    """Offset after the last record that the flow may read."""
    position: int
    """Source offset that is to be copied next, as things are."""
    at_time: int | None = None
    """Offset of the first record that is as late as the wanted time; None: there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it goes on."""

    position: int
    clipped: str = ""
    """Why it is not what was asked for; empty: it is."""


def place_of(goal: Goal, standing: Standing) -> Place:
    """Return the new position; never before the first record that there is, nor behind the last."""
    match goal.kind:
        case Kind.OFFSET:
            wanted = goal.value
        case Kind.TIME:
            wanted = standing.end if standing.at_time is None else standing.at_time
        case Kind.BEGINNING:
            wanted = standing.begin
        case Kind.END:
            wanted = standing.end
        case Kind.BY:
            wanted = standing.position + goal.value
    if wanted < standing.begin:
        return Place(standing.begin, f"{wanted} lies before the log start offset {standing.begin}")
    if wanted > standing.end:
        return Place(standing.end, f"{wanted} lies behind the end {standing.end}")
    if goal.kind is Kind.TIME and standing.at_time is None and standing.end > standing.begin:
        return Place(standing.end, "no record is as late as that")
    return Place(wanted)


def between(place: Place, standing: Standing) -> tuple[int, int]:
    """Return the source offsets that are written once more or left out: from the first to before the second."""
    low, high = sorted((place.position, standing.position))
    return max(low, min(standing.begin, high)), high


def anchor_for(
    position: int, target_end: int | None, *, topic_id: str, target_id: str, target_partition: int
) -> Anchor:
    """Return what is stored; ``target_end`` None: others write to the target partition too, so it tells nothing."""
    target_offset = None if target_end is None else target_end - 1
    return Anchor(
        position - 1, target_offset, topic_id, -1, target_partition, target_id, placed=target_offset is not None
    )
