"""Positions of consumer groups as they are told: where each is on the other cluster, and what becomes of it.

The commands ``failover``, ``failback`` and ``offsets`` print these objects (``--json``), and the HTTP API answers with
them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import msgspec

from heliograph.mirror.moves import Basis, Move, Position, Verdict

WAIT_S_MAX = 86_400
"""For records that groups have read and that are not copied yet."""


class FailoverOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which groups are to go from the flow's source to its target; name some, or say that all are meant."""

    groups: tuple[str, ...] = ()
    """By their names."""
    all_groups: bool = False
    """Whether every group is meant that the flow follows."""
    execute: bool = False
    """Whether to commit the positions; without, only say what would be done."""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=WAIT_S_MAX)] = 0.0
    """How long to wait until records that the groups have read are copied."""
    allow_rewind: bool = False
    """Whether a group may go back on the target, where it stands further."""
    allow_repeats: bool = False
    """Whether an earlier place will do where the exact one is not known; nothing is skipped."""
    without_source: bool = False
    """Whether not to ask the source, and to go by the newest checkpoints."""

    def __post_init__(self) -> None:
        """Raise ValueError where it is not said which groups are meant."""
        if bool(self.groups) == self.all_groups:
            raise ValueError("a failover needs to know which groups: name some in groups, or set all_groups")


@dataclass(frozen=True, slots=True)
class GroupPosition:
    """One partition of a group, translated."""

    group: str | None
    """None: the position is of no group."""
    topic: str
    """On the cluster that the group leaves; empty: the group's positions are not known."""
    partition: int
    offset: int | None
    """Committed by the group there."""
    to_topic: str | None
    """On the other cluster; None: no flow copies the topic."""
    to_offset: int | None
    """The next record to read on the other cluster; None: not known."""
    exact: bool
    reason: str
    """Why it is exact or not or, with a verdict, why it is that one."""
    behind: int
    """Records before the position that are not copied yet."""
    at_end: bool
    """Whether everything that came from the one cluster lies before the position on the other."""
    held: int | None
    """What the other cluster holds for the group; None: nothing."""
    lag: int | None
    """Offsets from the position to the partition's end; None: not known."""
    to_lag: int | None
    """The same on the other cluster."""
    basis: Basis
    age_ms: int | None
    """How old the checkpoint is; None: the position comes from none."""
    problem: str
    """Why the group's positions cannot be known; empty where they are."""
    passed_over: tuple[int, ...] | None
    """Offsets on the other cluster, from the first to before the second, that the group would never read."""
    verdict: Verdict | None = None
    """What becomes of it; None: nothing was to become of it."""


@dataclass(frozen=True, slots=True)
class FailedOver:
    """What came of a failover, or would."""

    flow: str
    executed: bool
    """Whether positions were to be committed."""
    moves: tuple[GroupPosition, ...]
    notes: tuple[str, ...]
    """Which cluster could not be asked, and what follows."""
    all_good: bool
    """Whether nothing was refused."""


class GroupsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which groups, and from where to where."""

    group: str | None = None
    """Only this one; without it all that the flow follows."""
    topic: str | None = None
    """Only on this topic, by its name on the cluster that is left."""
    backwards: bool = False
    """Whether from the target to the source."""


@dataclass(frozen=True, slots=True)
class GroupsTold:
    """Where groups would go on on the other cluster."""

    flow: str
    backwards: bool
    """Whether from the target to the source."""
    positions: tuple[GroupPosition, ...]
    notes: tuple[str, ...]
    """Which cluster could not be asked, and what follows."""
    exact: bool
    """Whether there are any, and all that a flow copies are exact."""


def told_groups(flow: str, positions: Iterable[Position], notes: Iterable[str], *, backwards: bool) -> GroupsTold:
    """Return how positions of a flow's groups are told."""
    told = tuple(map(told_position, positions))
    exact = bool(told) and all(each.exact or not (each.to_topic or each.problem) for each in told)
    return GroupsTold(flow, backwards, told, tuple(notes), exact)


def told_position(position: Position) -> GroupPosition:
    """Return how a position is told; what is not known is null."""
    values = asdict(position)
    values["group"] = position.group or None
    values["offset"] = position.offset if position.offset >= 0 else None
    values["to_topic"] = position.to_topic or None
    return GroupPosition(**values)


def told_moves(moves: Iterable[Move]) -> tuple[GroupPosition, ...]:
    """Return how moves are told."""
    return tuple(replace(told_position(move.position), reason=move.reason, verdict=move.verdict) for move in moves)
