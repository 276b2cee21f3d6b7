"""Groups on their way to the other cluster: what they have committed, translated, judged, and committed there.

Where the cluster that they come from cannot be asked, their newest checkpoints on the other side stand for it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Committed, Described
from heliograph.cluster.log import Ends
from heliograph.config.model import FlowConfig
from heliograph.errors import ClusterError, HeliographError
from heliograph.mirror.checkpoints import group_choice_of
from heliograph.mirror.moves import Allowances, Basis, Move, Position, Verdict, judge, obstacle_of
from heliograph.observe.text import plural
from heliograph.offsets.flow_map import Stamped, TopicPartition
from heliograph.offsets.gaps import Translated
from heliograph.offsets.translation import Crossing, Destination, translate_all

GROUPS_MAX = 10_000
"""Most groups that one plan takes."""


def unchanged(position: Position) -> Position:
    """Return the position as it is."""
    return position


@dataclass(slots=True)
class GroupMoves:
    """Plans the way of groups over ``crossing`` and goes it."""

    crossing: Crossing
    flow: FlowConfig
    """Whose ``groups`` and ``groups.exclude`` say which groups there are."""
    allowances: Allowances
    wanted: tuple[str, ...] = ()
    """Groups; empty: all that the flow follows and that have a position which can be moved."""

    async def plan(self, adjust: Callable[[Position], Position] = unchanged) -> list[Move]:
        """Judge every position of every group; changes nothing. Raises a ClusterError.

        ``adjust`` may add to a position what only the caller knows.
        """
        positions = await self.positions()
        obstacles = await self._obstacles(dict.fromkeys(each.group for each in positions))
        by_group: dict[str, list[Position]] = {}
        for each in positions:
            by_group.setdefault(each.group, []).append(adjust(each))
        moves: list[Move] = []
        for group, some in by_group.items():
            if not self.wanted and not any(each.to_topic or each.problem for each in some):
                continue  # it reads nothing that a flow copies
            moves += judge(some, obstacles.get(group, ""), self.allowances)
        return moves

    async def positions(self) -> list[Position]:
        """Return all positions of the groups, translated. Raises a ClusterError, also for one group that is not there.

        A group among others whose positions cannot be read has one without a place, which tells the problem.
        """
        origin, destination = self.crossing.clusters
        if origin is None:
            positions = await self._from_checkpoints()
        else:
            positions = await self._from_groups(origin)
        if destination is None:
            return positions
        held = await groups.committed_by(destination, dict.fromkeys(each.group for each in positions))
        return [_with_held(each, held[each.group]) for each in positions]

    # ---- where they stand ------------------------------------------------------------------------------------------

    async def _from_groups(self, origin: Cluster) -> list[Position]:
        names = self.wanted or await self._followed(origin)
        committed = await groups.committed_by(origin, names)
        wanted: list[tuple[str, TopicPartition, int]] = []
        unknown: list[Position] = []
        for group, found in committed.items():
            problem = found if isinstance(found, HeliographError) else None
            if not found and self.wanted:
                problem = ClusterError(
                    f"Group {group} has committed nothing on {origin.alias}", remedy="Check its name with --all"
                )
            if problem is not None:
                unknown.append(_without_place(group, problem, alone=len(names) == 1))
            elif not isinstance(found, HeliographError):
                wanted += [(group, key, each.offset) for key, each in sorted(found.items())]
        answers = await translate_all(self.crossing, [(key, offset) for _, key, offset in wanted])
        return unknown + [
            _position(group, key, offset, answer) for (group, key, offset), answer in zip(wanted, answers, strict=True)
        ]

    async def _followed(self, origin: Cluster) -> tuple[str, ...]:
        listed = await groups.list_groups(origin)
        names = self._followed_among(each.group for each in listed if each.of_consumers)
        if len(names) > GROUPS_MAX:
            raise ClusterError(
                f"{origin.alias} has {len(names):,} groups; one plan takes {GROUPS_MAX:,}", remedy="Name some"
            )
        return names

    def _followed_among(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(filter(group_choice_of(self.flow).follows, sorted(names)))

    async def _from_checkpoints(self) -> list[Position]:
        """Take the newest checkpoints for the groups' own positions."""
        ahead = self.crossing.ahead
        assert ahead is not None, "checkpoints are the flow's that is followed"
        by_group = await ahead.checkpoints()
        names = self.wanted or self._followed_among(by_group)
        found: list[Position] = []
        now_ms = time.time_ns() // 1_000_000
        for group in names:
            if group not in by_group:
                problem = ClusterError(
                    f"Group {group} has no checkpoint, and {self.crossing.origin} cannot be asked",
                    remedy=f"The groups with checkpoints are {', '.join(sorted(by_group)[:5]) or 'none'}",
                )
                found.append(_without_place(group, problem, alone=len(names) == 1))
                continue
            rows = [(key, each) for key, each in sorted(by_group[group].items())]
            origins = [(ahead.naming.upstream_topic(key[0]) or key[0], key[1]) for key, _ in rows]
            asked = [(key, each.checkpoint.upstream_offset) for key, (_, each) in zip(origins, rows, strict=True)]
            answers = await translate_all(self.crossing, asked)
            for (key, offset), (_, stamped), answer in zip(asked, rows, answers, strict=True):
                position = _position(group, key, offset, answer)
                found.append(_by_checkpoint(position, stamped, now_ms, answer[3]))
        return found

    # ---- who reads -------------------------------------------------------------------------------------------------

    async def _obstacles(self, names: Iterable[str]) -> dict[str, str]:
        origin, destination = self.crossing.clusters
        names = list(names)
        here = {} if origin is None else await groups.describe(origin, names)
        there = {} if destination is None else await groups.describe(destination, names)
        return {
            name: obstacle_of(
                name, self.crossing.origin, _busy(here.get(name)), self.crossing.destination, _busy(there.get(name))
            )
            for name in names
        }

    @staticmethod
    async def commit(destination: Cluster, moves: Sequence[Move]) -> list[Move]:
        """Commit what is to be moved, group by group; gives all moves with what became of them."""
        done: dict[Move, Move] = {}
        for group in dict.fromkeys(move.position.group for move in moves):
            some = [move for move in moves if move.position.group == group and move.verdict is Verdict.MOVE]
            if some:
                done.update(await _commit(destination, group, some))
        return [done.get(move, move) for move in moves]


async def _commit(destination: Cluster, group: str, some: list[Move]) -> dict[Move, Move]:
    places = {(move.position.to_topic, move.position.partition): move for move in some}
    offsets = {
        key: Committed(move.position.to_offset) for key, move in places.items() if move.position.to_offset is not None
    }
    try:
        outcome = await groups.commit(destination, group, offsets)
    except HeliographError as error:
        return {move: replace(move, verdict=Verdict.REFUSED, reason=error.message) for move in some}
    result: dict[Move, Move] = {}
    for key, move in places.items():
        if key in outcome.done:
            position = replace(move.position, held=move.position.to_offset)
            result[move] = Move(position, Verdict.MOVED, move.reason)
        elif key in outcome.refused:
            result[move] = replace(move, verdict=Verdict.REFUSED, reason=outcome.refused[key].message)
        else:
            reason = f"group {group} became active on {destination.alias}"
            result[move] = replace(move, verdict=Verdict.REFUSED, reason=reason)
    return result


def _position(
    group: str,
    key: TopicPartition,
    offset: int,
    answer: tuple[Destination | None, Translated, Ends | None, Ends | None],
) -> Position:
    destination, found, here, there = answer
    to_lag = None if there is None or found.offset is None else max(0, there.end - found.offset)
    return Position(
        group,
        *key,
        offset,
        to_topic="" if destination is None else destination.topic,
        to_offset=found.offset,
        exact=found.exact,
        reason=found.reason,
        behind=found.behind,
        at_end=found.at_end,
        lag=None if here is None else max(0, here.end - offset),
        to_lag=to_lag,
    )


def _without_place(group: str, problem: HeliographError, *, alone: bool) -> Position:
    """Return what stands for a group whose positions are not known; raises the problem where it is asked for alone."""
    if alone:
        raise problem
    return Position(group, "", -1, -1, reason=problem.message, problem=problem.message)


def _by_checkpoint(position: Position, stamped: Stamped, now_ms: int, there: Ends | None) -> Position:
    """Improve a checkpoint by what the offset syncs know, which never leads beyond the right place."""
    known, said = position.to_offset, stamped.checkpoint.downstream_offset
    if known is None or (not position.exact and said > known):
        known = said
    if there is not None:
        known = min(known, there.end)
    return replace(
        position,
        to_topic=stamped.checkpoint.topic,
        to_offset=known,
        exact=True,
        reason="newest checkpoint: what the group has read since then, it reads again",
        to_lag=None if there is None else max(0, there.end - known),
        basis=Basis.CHECKPOINT,
        age_ms=max(0, now_ms - stamped.written_ms),
    )


def _with_held(position: Position, held: dict[TopicPartition, Committed] | HeliographError) -> Position:
    if isinstance(held, HeliographError):
        return replace(position, problem=position.problem or held.message)
    found = held.get((position.to_topic, position.partition))
    return position if found is None else replace(position, held=found.offset)


def _busy(described: Described | HeliographError | None) -> str:
    """Say what makes a group no resting group of consumers; empty where it is one, or is not there."""
    if described is None:
        return ""
    if isinstance(described, HeliographError):
        return described.message
    if described.members:
        return where(described)
    return f"its state is {described.state}" if described.active else ""


def where(described: Described) -> str:
    """Tell how many members a group has and where some of them run."""
    return f"{plural(len(described.members), 'member')}: {groups.whereabouts(described.members)}"


async def who_runs(cluster: Cluster, group: str) -> str:
    """Say where the processes of a flow's group run; empty where none does."""
    found = (await groups.describe(cluster, [group]))[group]
    if isinstance(found, HeliographError):
        raise found
    return where(found) if found.members else ""
