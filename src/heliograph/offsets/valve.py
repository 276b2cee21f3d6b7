"""Pause, go on, start again: what a person tells a flow, written where all workers read it, and seen to happen.

No worker is asked. What is told holds also where none runs, until it is told otherwise; whether it has happened is seen
in the group (:mod:`heliograph.offsets.claims`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import CopiedByOther, NotFound
from heliograph.mirror.naming import naming_of
from heliograph.mirror.steering import (
    Partitions,
    Restart,
    Row,
    Steering,
    TargetState,
    paused_row,
    restart_row,
    rewind_row,
    state_row,
)
from heliograph.mirror.topics import partition_counts, shapes_of, topic_rules_of
from heliograph.observe.operations import Copier
from heliograph.observe.text import plural
from heliograph.offsets.claims import Claims, claims_on
from heliograph.offsets.endpoints import both
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets
from heliograph.wire import errors as codes

TopicPartition = tuple[str, int]

LOOK_S = 0.5
"""Between two looks at the group."""
SHOWN = 5
"""Topics that an error names."""


class Verb(StrEnum):
    """What a flow is told."""

    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants."""

    flow: FlowConfig
    verb: Verb
    topics: tuple[str, ...] = ()
    """On the source; empty: the whole flow."""
    partitions: Partitions = None
    """Of the one topic; None: all."""
    parts: tuple[Part, ...] = tuple(Part)
    """Of the flow, where no topics are named."""
    timeout_s: float = 30.0
    """How long to wait until it is seen to have happened."""


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    order: Order
    copier: Copier = Copier.NOBODY
    lanes: frozenset[TopicPartition] = frozenset()
    """Those that there are at the moment, of what was named."""
    changed: bool = False
    """Whether anything was to be told that was not told before."""
    before: Steering = field(default_factory=Steering)
    """What was paused before."""
    left: frozenset[TopicPartition] = frozenset()
    """Those of which it was not seen in time."""
    done: bool = False
    """Whether it was seen to have happened, or happens by itself with the next start."""
    notes: list[str] = field(default_factory=list)


async def carry_out(order: Order) -> Outcome:
    """Tell the flow, and wait until it is so. Raises HeliographError."""
    async with both(order.flow) as endpoints:
        assert endpoints.target is not None, "the target is needed"
        source, target = endpoints.source, endpoints.target
        outcome = Outcome(order, notes=list(endpoints.missing))
        claims = await claims_on(order.flow, target)
        outcome.copier = claims.copier
        refuse_others(order.flow, claims, for_topics=bool(order.topics))
        there = await lanes_of(order.flow, source, target)
        outcome.lanes = chosen_of(order.flow, there, order.topics, order.partitions)
        topic = SteeringTopic(target, order.flow)
        outcome.before = before = await steering_of(topic)
        rows = _rows(order, before, there)
        outcome.changed = bool(rows)
        if rows:
            await topic.write(rows)
        _note(outcome, before)
        await _see(outcome, topic, target)
        return outcome


def refuse_others(flow: FlowConfig, claims: Claims, *, for_topics: bool) -> None:
    """Raise where whoever copies would not understand."""
    if claims.copier is Copier.OTHER or (claims.copier is Copier.MIRROR_MAKER and for_topics):
        what = "a running MirrorMaker 2, which" if claims.copier is Copier.MIRROR_MAKER else "another program, which"
        raise CopiedByOther(
            f"Group {flow.group_id} on {flow.target.alias} belongs to {what} cannot be told of topics",
            code=codes.INCONSISTENT_GROUP_PROTOCOL,
            remedy="Stop it first",
        )
    if claims.everything:
        raise CopiedByOther(
            f"A worker of version 0.1 copies {flow.name}, which cannot be told anything",
            code=codes.INCONSISTENT_GROUP_PROTOCOL,
            remedy="Restart it with this version first",
        )


async def lanes_of(flow: FlowConfig, source: Cluster | None, target: Cluster) -> frozenset[TopicPartition]:
    """Return what the flow is to copy; without ``source``, what it has copied. Raises HeliographError."""
    if source is None:
        return frozenset(await Offsets(target, flow).read())
    here, there = (await source.refresh(None)).topics, (await target.refresh(None)).topics
    plans = topic_rules_of(flow).plan(shapes_of(here), partition_counts(there)).lanes
    return frozenset((plan.source_topic, plan.partition) for plan in plans)


def chosen_of(
    flow: FlowConfig, there: frozenset[TopicPartition], topics: tuple[str, ...], partitions: Partitions
) -> frozenset[TopicPartition]:
    """Return the lanes that ``topics`` and ``partitions`` name. Raises NotFound for what the flow does not copy."""
    if not topics:
        return there
    names = {topic for topic, _ in there}
    for topic in topics:
        if topic not in names:
            shown = ", ".join(sorted(names)[:SHOWN]) or "nothing"
            more = ", …" if len(names) > SHOWN else ""
            remedy = f"Name it as on {flow.source.alias}; it copies {shown}{more}"
            raise NotFound(f"{flow.name} copies no topic {topic!r}", remedy=remedy)
    for partition in sorted(partitions or ()):
        if (topics[0], partition) not in there:
            count = sum(topic == topics[0] for topic, _ in there)
            remedy = f"It has {plural(count, 'partition')}"
            raise NotFound(f"{topics[0]} has no partition {partition}", remedy=remedy)
    return frozenset(
        (topic, partition)
        for topic, partition in there
        if topic in topics and (partitions is None or partition in partitions)
    )


async def steering_of(topic: SteeringTopic) -> Steering:
    """Return what holds; where there is no such topic, nothing is paused. Raises HeliographError."""
    try:
        await topic.load()
    except NotFound:
        return Steering()
    return topic.now


def _rows(order: Order, before: Steering, there: frozenset[TopicPartition]) -> list[Row]:
    """Return what is to be written; nothing where all of it holds already."""
    names = order.flow.connectors
    if order.verb is Verb.RESTART:
        return [restart_row(Restart(topic, order.partitions), names) for topic in order.topics or (None,)]
    if not order.topics:
        state = TargetState.PAUSED if order.verb is Verb.PAUSE else TargetState.STARTED
        return [
            state_row(names[part], state)
            for part in order.parts
            if before.runs(part) is not (state is TargetState.STARTED)
        ]
    rows: list[Row] = []
    for topic in order.topics:
        was: Partitions = before.paused.get(topic, frozenset())
        if order.verb is Verb.PAUSE:
            now = before.with_paused(topic, order.partitions)
        else:
            now = before.without_paused(topic, order.partitions, [number for name, number in there if name == topic])
            rows += [
                rewind_row(lane, None)
                for lane in sorted(before.rewinding)
                if lane[0] == topic and (order.partitions is None or lane[1] in order.partitions)
            ]
        if now != was:
            rows.append(paused_row(topic, now))
    return rows


def _note(outcome: Outcome, before: Steering) -> None:
    """Say what a person may not expect."""
    order = outcome.order
    if order.verb is Verb.RESUME and not order.topics and Part.SOURCE in order.parts:
        alone = sorted({lane[0] for lane in outcome.lanes if before.pauses_itself(lane)})
        if alone:
            outcome.notes.append(f"Paused by themselves, and still: {', '.join(alone)}")
    elif order.verb is not Verb.PAUSE and not before.runs(Part.SOURCE):
        outcome.notes.append("The whole flow is paused; nothing is copied before that is resumed")
    if outcome.copier is Copier.NOBODY:
        holds = "nothing is started again" if order.verb is Verb.RESTART else "it holds from the next start on"
        outcome.notes.append(f"No worker runs: {holds}")
    elif outcome.copier is Copier.MIRROR_MAKER:
        outcome.notes.append("MirrorMaker 2 runs, and does it by itself")


async def _see(outcome: Outcome, topic: SteeringTopic, target: Cluster) -> None:
    """Wait until it has happened, as far as that can be seen."""
    order = outcome.order
    if outcome.copier is not Copier.WORKERS or order.verb is Verb.RESTART:
        outcome.done = outcome.copier is not Copier.NOBODY or order.verb is not Verb.RESTART
        return
    steering = await steering_of(topic)
    moving = outcome.lanes if order.topics or Part.SOURCE in order.parts else frozenset()
    if order.verb is Verb.RESUME:
        others = naming_of(order.flow).is_heartbeats  # another instance may have these
        moving = frozenset(
            lane for lane in moving if not steering.pauses(lane) and (order.topics or not others(lane[0]))
        )
    if order.verb is Verb.RESUME:
        outcome.left = await until_taken(order.flow, target, moving, order.timeout_s)
    else:
        outcome.left = await until_free(topic, moving, order.timeout_s)
    outcome.done = not outcome.left


async def until_free(
    topic: SteeringTopic, lanes: frozenset[TopicPartition], timeout_s: float
) -> frozenset[TopicPartition]:
    """Wait until nobody copies ``lanes``, nor can begin to; return those of which that was not seen in time.

    ``topic`` was read up to what pauses them. A worker that has not read as far may be about to begin.
    """

    def left(claims: Claims) -> frozenset[TopicPartition]:
        heard = claims.copier is not Copier.WORKERS or claims.steered >= topic.reached
        return lanes & claims.claimed if heard else lanes

    return await _until_none(topic.config, topic.cluster, left, lanes, timeout_s)


async def until_taken(
    flow: FlowConfig, target: Cluster, lanes: frozenset[TopicPartition], timeout_s: float
) -> frozenset[TopicPartition]:
    """Wait until workers have all of ``lanes``; return those of which that was not seen in time."""

    def left(claims: Claims) -> frozenset[TopicPartition]:
        return lanes - claims.given if claims.copier is Copier.WORKERS else frozenset()

    return await _until_none(flow, target, left, lanes, timeout_s)


async def _until_none(
    flow: FlowConfig,
    target: Cluster,
    left_of: Callable[[Claims], frozenset[TopicPartition]],
    lanes: frozenset[TopicPartition],
    timeout_s: float,
) -> frozenset[TopicPartition]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    left = lanes
    while True:
        claims = await claims_on(flow, target)
        if claims.known:
            left = left_of(claims)
        if not left or loop.time() >= deadline:
            return left
        await asyncio.sleep(LOOK_S)


def by_topic(lanes: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Return partitions by topic, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for topic, partition in sorted(lanes):
        found[topic].append(partition)
    return dict(found)
