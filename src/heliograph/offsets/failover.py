"""Moving groups to the cluster that takes over: plan, wait until replication has caught up with them, commit.

A plan changes nothing; it is what a dry run shows. Executing it commits what the plan says and nothing else, and
leaves out whatever the plan refuses.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from heliograph.config.model import FlowConfig
from heliograph.mirror.moves import Allowances, Move, Verdict
from heliograph.offsets.endpoints import Endpoints, both
from heliograph.offsets.flow_map import FlowMap
from heliograph.offsets.moving import GroupMoves
from heliograph.offsets.translation import Crossing

LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    flow: FlowConfig
    back: FlowConfig | None
    """The flow in the other direction, where there is one: topics that it copied go home with the group."""
    groups: tuple[str, ...]
    """Empty: all that the flow follows."""
    allowances: Allowances
    execute: bool
    wait_s: float
    """How long to wait for records that a group has read and that are not copied yet."""
    without_source: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    flow: str
    moves: tuple[Move, ...]
    notes: tuple[str, ...]
    """What the reader should know: which cluster could not be asked, and what follows."""


def nobody_looks(behind: int) -> None:
    """Take no notice."""


async def fail_over(order: Order, watch: Callable[[int], None] = nobody_looks) -> Outcome:
    """Plan, and execute if the order says so; ``watch`` is told of records that it waits for. Raises a ClusterError."""
    async with both(order.flow, without_source=order.without_source) as endpoints:
        moves = await _plan(order, endpoints)
        deadline = asyncio.get_running_loop().time() + order.wait_s
        while (behind := _behind(moves)) and asyncio.get_running_loop().time() < deadline:
            watch(behind)
            await asyncio.sleep(LOOK_AGAIN_S)
            moves = await _plan(order, endpoints)
        watch(behind)
        if order.execute and any(move.verdict is Verdict.MOVE for move in moves):
            assert endpoints.target is not None, "a failover needs its target"
            moves = await GroupMoves.commit(endpoints.target, moves)
        return Outcome(order.flow.name, tuple(moves), _notes(endpoints, moves))


async def _plan(order: Order, endpoints: Endpoints) -> list[Move]:
    crossing = await crossing_of(order.flow, order.back, endpoints)
    return await GroupMoves(crossing, order.flow, order.allowances, order.groups).plan()


async def crossing_of(flow: FlowConfig, back: FlowConfig | None, endpoints: Endpoints) -> Crossing:
    """Load what is known of a flow, and of the one back, as far as the clusters can be asked."""
    ahead = FlowMap(flow, endpoints.source, endpoints.target)
    await ahead.load()
    behind = None
    if back is not None:
        behind = FlowMap(back, endpoints.target, endpoints.source)
        await behind.load()
    return Crossing(flow.source.alias, flow.target.alias, ahead, behind)


def _behind(moves: list[Move]) -> int:
    """Return how many records that groups have read are not copied yet."""
    return sum(move.position.behind for move in moves)


def _notes(endpoints: Endpoints, moves: list[Move]) -> tuple[str, ...]:
    notes = list(endpoints.missing)
    if endpoints.source is None:
        notes.append("the positions are those of the newest checkpoints; what a group has read since, it reads again")
    waiting = _behind(moves)
    if waiting:
        notes.append(f"{waiting:,} records that groups have read are not copied yet; --wait waits for them")
    return tuple(notes)
