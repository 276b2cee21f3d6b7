"""What becomes of a group's positions when it goes to another cluster: one verdict for each partition, with the reason.

A group moves as a whole or is told why not. Nobody who reads at this moment is disturbed: a group with members, on
either side, is refused. A position is moved only where the translation is exact; an earlier place, at which some
records are read twice but none is skipped, is taken only when the caller allows it. A group never goes back on the
other side unless that is allowed too: it may have read there already.

The exceptions stay where they are on the other side, which skips nothing: a group that has read all that ever came
from here, and, on the way home, any group whose home is further than the place it comes from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is done with one partition's position."""

    MOVE = "move"
    """It is committed on the other side (when it is executed)."""
    MOVED = "moved"
    """It was committed on the other side."""
    THERE = "there"
    """The other side holds it already."""
    KEPT = "kept"
    """The other side is further, rightly, and stays as it is."""
    LEFT = "left"
    """No flow copies the topic: the position stays where it is."""
    REFUSED = "refused"


GOOD = frozenset({Verdict.MOVE, Verdict.MOVED, Verdict.THERE, Verdict.KEPT, Verdict.LEFT})


class Basis(StrEnum):
    """Where a position is known from."""

    GROUP = "group"
    """What the group has committed."""
    CHECKPOINT = "checkpoint"
    """The newest checkpoint, because the group's own cluster cannot be asked."""


@dataclass(frozen=True, slots=True)
class Position:
    """One partition of a group, translated."""

    group: str
    topic: str
    partition: int
    offset: int
    """Committed by the group on its cluster."""
    to_topic: str = ""
    """Empty: no flow copies the topic."""
    to_offset: int | None = None
    """The next record to read on the other side; None: not known."""
    exact: bool = False
    reason: str = ""
    """Why it is exact, or is not."""
    behind: int = 0
    """Records before the position that are not copied yet."""
    at_end: bool = False
    """Everything that came from here lies before the position."""
    held: int | None = None
    """What the other side holds for the group; None: nothing."""
    lag: int | None = None
    """Offsets from the position to the partition's end; None: not known."""
    to_lag: int | None = None
    basis: Basis = Basis.GROUP
    age_ms: int | None = None
    """How old the checkpoint is."""
    problem: str = ""
    """Why the group's positions cannot be known, one phrase; empty where they are."""
    passed_over: tuple[int, int] | None = None
    """Offsets on the other side, from the first to before the second, that the group has read nowhere and would not."""


@dataclass(frozen=True, slots=True)
class Move:
    """A position and what becomes of it."""

    position: Position
    verdict: Verdict
    reason: str
    """One phrase, lower case, without a full stop."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What the person allows beyond the exact and harmless."""

    rewind: bool = False
    """A group may go back on the other side."""
    repeats: bool = False
    """A place before the exact one will do, where the exact one is not known."""
    passing_over: bool = False
    """Records that never left the other side may be passed over."""
    home_counts: bool = False
    """The other side is the group's home: where it has read further there, that place counts."""


def judge(positions: Iterable[Position], obstacle: str, allowances: Allowances) -> list[Move]:
    """Judge one group's positions; ``obstacle`` is why the whole group cannot move, empty if it can."""
    return [_judge(position, obstacle, allowances) for position in positions]


def _judge(position: Position, obstacle: str, allowances: Allowances) -> Move:
    if position.problem:
        return Move(position, Verdict.REFUSED, position.problem)
    if not position.to_topic:
        return Move(position, Verdict.LEFT, position.reason or "no flow copies this topic")
    if position.to_offset is None:
        return Move(position, Verdict.REFUSED, position.reason)
    good_enough = position.exact or (allowances.repeats and not position.behind)
    if position.held == position.to_offset and good_enough:
        return Move(position, Verdict.THERE, "the other side holds this position already")
    refusal = obstacle or ("" if good_enough else position.reason)
    if refusal:
        return Move(position, Verdict.REFUSED, refusal)
    return _beside_held(position, position.to_offset, allowances)


def _beside_held(position: Position, to_offset: int, allowances: Allowances) -> Move:
    """Decide about a position that could be moved, by what the other side holds."""
    held = to_offset if position.held is None else position.held
    if held > to_offset and not allowances.rewind:
        if position.at_end or allowances.home_counts:
            return Move(position, Verdict.KEPT, f"it has read further there, up to {held}")
        return Move(position, Verdict.REFUSED, f"it would go back there, from {held} to {to_offset}")
    if position.passed_over is not None and not allowances.passing_over:
        first, after = position.passed_over
        reason = f"it would pass over records {first} to {after - 1}, which it has read nowhere"
        return Move(position, Verdict.REFUSED, reason)
    return Move(position, Verdict.MOVE, position.reason)


def obstacle_of(group: str, origin: str, here: str, destination: str, there: str) -> str:
    """Say why a group cannot move; ``here`` and ``there`` tell its state on either side, empty where it is at rest."""
    if here:
        return f"group {group} is still active on {origin} ({here})"
    if there:
        return f"group {group} is active on {destination} ({there})"
    return ""


def all_good(moves: Iterable[Move]) -> bool:
    """Whether nothing was refused."""
    return all(move.verdict in GOOD for move in moves)
