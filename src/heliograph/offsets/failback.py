"""Bringing records and groups home after a failover: facts from both clusters, the step that is due, and doing it.

The theory is in :mod:`heliograph.mirror.homecoming`; here the facts are fetched and positions written. Where the copies
end is found from the last stored pair of offsets: whatever was copied after it is the same on both sides, record by
record, up to the first difference.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog, count, each_record, ends_of, same
from heliograph.config.model import FlowConfig, Policy
from heliograph.errors import HeliographError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.homecoming import Boundary, Facts, Partition, Stage, Step, Turn, is_current, steps
from heliograph.mirror.moves import Allowances, Move, Position, Verdict
from heliograph.mirror.offset_map import OffsetMap
from heliograph.mirror.offsets import offset_key, offset_value, partition_for
from heliograph.offsets.flow_map import FlowMap, TopicPartition
from heliograph.offsets.moving import GroupMoves, who_runs
from heliograph.offsets.stored import ensure_topic
from heliograph.offsets.translation import Crossing
from heliograph.records import Record

COMPARE_BYTES_MAX = 256 << 20
"""Most that is compared of one partition to find where its copies end."""
LOOK_AHEAD = 1_000
"""Records behind the boundary on either side that are looked at for one that stands on both."""


@dataclass(frozen=True, slots=True)
class Homecoming:
    """How far a failback is."""

    steps: tuple[Step, ...]
    partitions: tuple[Partition, ...]
    moves: tuple[Move, ...]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all(step.turn is Turn.DONE for step in self.steps)


@dataclass(slots=True)
class Failback:
    """One failback; ``forward`` is the flow that failed over, ``reverse`` the one that brings records home."""

    forward: FlowConfig
    reverse: FlowConfig
    home: Cluster
    away: Cluster
    allowances: Allowances
    wanted: tuple[str, ...] = ()
    """Groups; empty: all that the flow follows."""

    async def look(self) -> Homecoming:
        """Find out how far everything is; changes nothing. Raises a ClusterError."""
        ahead, back = FlowMap(self.reverse, self.away, self.home), FlowMap(self.forward, self.home, self.away)
        await ahead.load()
        await back.load()
        forward_runs = await who_runs(self.away, self.forward.group_id)
        reverse_runs = await who_runs(self.home, self.reverse.group_id)
        partitions: tuple[Partition, ...] = ()
        if self.forward.policy is Policy.IDENTITY:
            partitions = await self._partitions(ahead, back, runs=bool(reverse_runs))
        crossing = Crossing(self.away.alias, self.home.alias, ahead, back)
        allowances = replace(self.allowances, home_counts=True)
        mover = GroupMoves(crossing, self.forward, allowances, self.wanted)
        moves = await mover.plan(adjust=lambda position: _passed_over(position, partitions))
        facts = Facts(
            self.forward.name,
            self.reverse.name,
            forward_runs,
            reverse_runs,
            partitions,
            groups_left=len({move.position.group for move in moves if move.verdict is Verdict.MOVE}),
            groups_refused=len({move.position.group for move in moves if move.verdict is Verdict.REFUSED}),
        )
        return Homecoming(steps(facts), partitions, tuple(moves))

    async def advance(self, found: Homecoming) -> tuple[Move, ...]:
        """Do the step that is due, if one is; gives the moves that were made. Look again afterwards."""
        due = next((step for step in found.steps if step.turn is Turn.DUE), None)
        if due is None:
            return ()
        prepare = [each for each in found.partitions if each.stage is Stage.PREPARE]
        finish = [each for each in found.partitions if each.stage is Stage.FINISH]
        if prepare:
            await ensure(self.home, self.reverse)
            await write_positions(self.away, self.forward, {key_of(each): each.boundary_pair for each in prepare})
            await write_positions(self.home, self.reverse, {key_of(each): each.reverse_start for each in prepare})
            return ()
        to_move = [move for move in found.moves if move.verdict is Verdict.MOVE]
        if to_move:
            return tuple(await GroupMoves.commit(self.home, to_move))
        positions = {key_of(each): anchor for each in finish if (anchor := each.forward_start) is not None}
        await write_positions(self.away, self.forward, positions)
        return ()

    # ---- records -----------------------------------------------------------------------------------------------------

    async def _partitions(self, ahead: FlowMap, back: FlowMap, *, runs: bool) -> tuple[Partition, ...]:
        """Describe every partition that both flows copy under one name."""
        away_topics = (await self.away.refresh(None)).topics
        await self.home.refresh(None)
        keys = [
            (topic, partition)
            for topic, shape in sorted(away_topics.items())
            if ahead.selection.selects(topic)
            and ahead.naming.remote_topic(topic) == topic
            and back.selection.selects(topic)
            for partition in sorted(shape.partitions)
        ]
        logs = {key: (self._log(self.home, key), self._log(self.away, key)) for key in keys}
        ends = await ends_of([log for pair in logs.values() for log in pair])
        found = []
        for key in keys:
            home, away = logs[key]
            away_ends, home_ends = ends[away], ends[home]
            if isinstance(away_ends, HeliographError):
                raise away_ends
            if isinstance(home_ends, HeliographError):
                if _exists(home):
                    raise home_ends
                home_ends = Ends(0, 0)
            sides = _Sides(home, away, home_ends, away_ends)
            found.append(await _describe(sides, ahead.anchors.get(key), back, runs=runs))
        return tuple(found)

    def _log(self, cluster: Cluster, key: TopicPartition) -> PartitionLog:
        return PartitionLog(cluster, key[0], key[1], self.forward.read_committed)


def key_of(each: Partition) -> TopicPartition:
    """Return topic and partition."""
    return each.topic, each.partition


def _exists(log: PartitionLog) -> bool:
    known = log.cluster.metadata.topics.get(log.topic)
    return known is not None and log.partition in known.partitions


@dataclass(frozen=True, slots=True)
class _Sides:
    """One partition on both sides."""

    home: PartitionLog
    away: PartitionLog
    home_ends: Ends
    away_ends: Ends


async def _describe(sides: _Sides, reverse: Anchor | None, back: FlowMap, *, runs: bool) -> Partition:
    away, away_ends = sides.away, sides.away_ends
    key = (away.topic, away.partition)
    boundary = _last_pair(sides, _end_of(back.anchors.get(key), back.maps.get(key)))
    current = not boundary.problem and is_current(reverse, boundary, runs=runs)
    if not boundary.problem and not current:
        boundary = await _extended(sides, boundary)
    written = 0 if boundary.problem else await _records(away, boundary.away + 1, away_ends)
    left, first_home = written, sides.home_ends.end
    if current and reverse is not None:
        left = await _records(away, reverse.source_offset + 1, away_ends)
        came = await count(away, max(boundary.away + 1, away_ends.begin), min(reverse.source_offset + 1, away_ends.end))
        first_home = -1 if came is None or reverse.target_offset is None else reverse.target_offset + 1 - came
    stranded = (boundary.home + 1, first_home) if written and first_home > boundary.home + 1 else None
    return Partition(
        away.topic,
        away.partition,
        boundary,
        sides.home_ends.end,
        away_ends.end,
        written=written,
        reverse=reverse,
        left=left,
        stranded=stranded,
    )


async def _records(log: PartitionLog, first: int, ends: Ends) -> int:
    """Count records from ``first`` to the end; where that is too much to read, the offsets."""
    first = max(first, ends.begin)
    if first >= ends.end:
        return 0
    number = await count(log, first, ends.end)
    return ends.end - first if number is None else number


def _end_of(anchor: Anchor | None, known: OffsetMap | None) -> tuple[int, int] | None:
    """Return the offsets behind the last record copied: by the stored position, else by offset syncs."""
    if anchor is not None and anchor.target_offset is not None:
        return anchor.source_offset + 1, anchor.target_offset + 1
    return None if known is None else known.end


def _last_pair(sides: _Sides, end: tuple[int, int] | None) -> Boundary:
    """Return the last pair of offsets that the forward flow has stored, as far as it still makes sense."""
    home_ends, away_ends = sides.home_ends, sides.away_ends
    gone = end is not None and home_ends.end < end[0] and home_ends.begin == home_ends.end
    if gone or (end is None and home_ends.end == 0):  # home was lost, or is new: everything comes home
        return Boundary(home_ends.end - 1, away_ends.begin - 1)
    if end is None and away_ends.end == 0:
        return Boundary(home_ends.end - 1, away_ends.end - 1)
    if end is None:
        return Boundary(-1, -1, "the flow has stored no pair of offsets, and both sides hold records")
    home, away = end[0] - 1, end[1] - 1
    if end[0] > home_ends.end or end[1] > away_ends.end:
        return Boundary(home, away, f"records that were copied (up to {home} at home, {away} away) are gone there")
    return Boundary(home, away)


async def _extended(sides: _Sides, boundary: Boundary) -> Boundary:
    """Go on behind the last stored pair for as long as both sides hold the same records."""
    home, away, home_ends, away_ends = sides.home, sides.away, sides.home_ends, sides.away_ends
    ours: list[Record] = []
    theirs: list[Record] = []
    home_at, away_at = max(boundary.home + 1, home_ends.begin), max(boundary.away + 1, away_ends.begin)
    if home_at >= home_ends.end or away_at >= away_ends.end:
        return boundary
    left = each_record(home, home_at, home_ends.end, budget_bytes=COMPARE_BYTES_MAX)
    right = each_record(away, away_at, away_ends.end, budget_bytes=COMPARE_BYTES_MAX)
    try:
        while True:
            ours += [one] if (one := await anext(left, None)) is not None else []
            theirs += [other] if (other := await anext(right, None)) is not None else []
            if not ours or not theirs or not same(ours[-1], theirs[-1]):
                break
            boundary = Boundary(ours.pop().offset, theirs.pop().offset)
        await _look_ahead(left, ours)
        await _look_ahead(right, theirs)
    finally:
        await left.aclose()
        await right.aclose()
    if _meet(ours, theirs):
        return replace(
            boundary, problem="copies and records written there cannot be told apart: one side was compacted"
        )
    return boundary


async def _look_ahead(rest: AsyncIterator[Record], taken: list[Record]) -> None:
    async for record in rest:
        taken.append(record)
        if len(taken) >= LOOK_AHEAD:
            return


def _meet(ours: list[Record], theirs: list[Record]) -> bool:
    """Say whether some record stands on both sides."""
    by_content: dict[tuple[bytes | None, bytes | None], list[Record]] = {}
    for mine in ours:
        by_content.setdefault((mine.key, mine.value), []).append(mine)
    return any(same(mine, other) for other in theirs for mine in by_content.get((other.key, other.value), ()))


def _passed_over(position: Position, partitions: tuple[Partition, ...]) -> Position:
    """Note which records that never left home a group would pass over: it has read records that came behind them."""
    place = next((each for each in partitions if key_of(each) == (position.topic, position.partition)), None)
    if place is None or place.stranded is None or position.offset <= place.boundary.away + 1:
        return position
    first, after = max(place.stranded[0], position.held or 0), place.stranded[1]
    return replace(position, passed_over=(first, after)) if first < after else position


# ---- writing positions -----------------------------------------------------------------------------------------------


async def ensure(cluster: Cluster, flow: FlowConfig) -> None:
    """Make sure that the flow's offsets topic is there; raises why it cannot be made."""
    problem = await ensure_topic(cluster, flow)
    if problem is not None:
        raise problem


async def write_positions(cluster: Cluster, flow: FlowConfig, positions: dict[TopicPartition, Anchor]) -> None:
    """Store positions of ``flow`` on its target ``cluster``; raises a ClusterError."""
    name = flow.offsets_topic.name
    await cluster.refresh([name])
    found = cluster.metadata.topics.get(name)
    partitions = len(found.partitions) if found and found.partitions else flow.offsets_topic.partitions
    rows: dict[int, list[tuple[bytes, bytes | None]]] = {}
    for (topic, partition), anchor in positions.items():
        key = offset_key(flow.connector_name, flow.source_name, topic, partition)
        rows.setdefault(partition_for(key, partitions), []).append((key, offset_value(anchor)))
    if rows:
        await table.write(cluster, name, rows, time.time_ns() // 1_000_000)
