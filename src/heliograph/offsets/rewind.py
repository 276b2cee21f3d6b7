"""Set the position of a topic's partitions: look what that does, hold them, store it, let them go.

::

    preview ──> hold ──> nobody has them ──> store the new positions ──> let go ──> workers go on there
                  │            │ not in time: let go, nothing is changed
                  └────────────┴── killed: they stay held; the same command, or resume, lets them go

A held partition is like a paused one, with a record of its own, so what was paused before stays so. As long as nobody
has a partition, its target does not grow, and so the new position can be stored with the offset that its next record
will get (:mod:`heliograph.mirror.rewind`).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import PartitionLog, count
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.positions import Clusters, LaneStart
from heliograph.flow.window import Window
from heliograph.mirror.rewind import Goal, Kind, Place, Standing, anchor_for, between, place_of
from heliograph.mirror.steering import Partitions, rewind_row
from heliograph.mirror.topics import LanePlan, partition_counts, shapes_of, topic_rules_of
from heliograph.observe.operations import Copier
from heliograph.offsets.claims import claims_on
from heliograph.offsets.endpoints import both
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets, ensure_topic
from heliograph.offsets.takeover import Takeover
from heliograph.offsets.valve import chosen_of, refuse_others, steering_of, until_free, until_taken
from heliograph.wire import errors as codes

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants."""

    flow: FlowConfig
    topic: str
    """On the source."""
    goal: Goal
    partitions: Partitions = None
    """None: all."""
    execute: bool = False
    timeout_s: float = 30.0
    """How long to wait until no worker has them, and then until workers have them again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One partition: where it is, where it goes, and what that does."""

    plan: LanePlan
    standing: Standing
    place: Place
    records: int
    """That are written once more, or left out."""
    counted: bool
    """False: there are too many to count; ``records`` are offsets, and at most so many records."""
    start: LaneStart | None
    """What both clusters say of the partition; None: it has no copy yet."""

    @property
    def key(self) -> TopicPartition:
        """Source topic and partition."""
        return self.plan.source_topic, self.plan.partition

    @property
    def twice(self) -> int:
        """Records that the target will hold twice."""
        return self.records if self.place.position < self.standing.position else 0

    @property
    def left_out(self) -> int:
        """Records that the target will not hold."""
        return self.records if self.place.position > self.standing.position else 0


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    order: Order
    steps: list[Step] = field(default_factory=list)
    """As it was done; before that, as it would be."""
    copier: Copier = Copier.NOBODY
    executed: bool = False
    """Whether the positions were stored."""
    left: frozenset[TopicPartition] = frozenset()
    """What a worker still had when the time was over, so that nothing was changed; or no worker has again since."""
    notes: list[str] = field(default_factory=list)


async def rewind(order: Order) -> Outcome:
    """Look what the order does and, if it says so, do it. Raises HeliographError."""
    async with both(order.flow, need_source=True) as endpoints:
        assert endpoints.source is not None, "the source is needed"
        assert endpoints.target is not None, "the target is needed"
        return await _Rewind(order, endpoints.source, endpoints.target).run()


@dataclass(slots=True)
class _Rewind:
    """One order on its way."""

    order: Order
    source: Cluster
    target: Cluster

    async def run(self) -> Outcome:
        order, flow = self.order, self.order.flow
        outcome = Outcome(order)
        claims = await claims_on(flow, self.target)
        outcome.copier = claims.copier
        refuse_others(flow, claims, for_topics=True)
        plans = await self._plans()
        outcome.steps = await self._look(plans)
        _note(outcome)
        moving = frozenset(step.key for step in outcome.steps)
        if not order.execute or not moving:
            return outcome
        error = await ensure_topic(self.target, flow)
        if error is not None:
            raise error
        topic = SteeringTopic(self.target, flow)
        before = await steering_of(topic)
        await topic.write([rewind_row(step.key, step.place.position) for step in outcome.steps])
        try:
            await topic.load()
            outcome.left = await until_free(topic, moving, order.timeout_s)
            if not outcome.left:
                await self._move(outcome, topic, plans)
        finally:
            await topic.write([rewind_row(key, None) for key in sorted(moving)])
        if outcome.executed and outcome.copier is Copier.WORKERS:
            back = frozenset(key for key in moving if not replace(before, rewinding=frozenset()).pauses(key))
            outcome.left = await until_taken(flow, self.target, back, order.timeout_s)
        return outcome

    async def _move(self, outcome: Outcome, topic: SteeringTopic, plans: Mapping[TopicPartition, LanePlan]) -> None:
        """Store the new positions, now that nobody copies."""
        outcome.steps = await self._look(plans, still=True)
        held = (await steering_of(topic)).rewinding
        if not all(step.key in held for step in outcome.steps):
            raise BrokerError(
                f"Somebody else has let {self.order.topic} go meanwhile, so nothing was changed",
                code=codes.CONCURRENT_TRANSACTIONS,
                remedy="Try again when no other rewind or resume of it is under way",
            )
        anchors = []
        for step in outcome.steps:
            state = step.start.state if step.start is not None else None
            end = 0 if state is None else state.target_end
            anchor = anchor_for(
                step.place.position,
                None if step.plan.shared else end,
                topic_id=state.topic_id if state is not None else "",
                target_id=state.target_id if state is not None else "",
                target_partition=step.plan.target_partition if step.plan.shared else -1,
            )
            anchors.append((_lane(step.plan), anchor))
        await Offsets(self.target, self.order.flow).write(anchors, time.time_ns() // 1_000_000)
        outcome.executed = True

    # ---- looking ----------------------------------------------------------------------------------------------------

    async def _plans(self) -> dict[TopicPartition, LanePlan]:
        """Return the lanes that the order is about. Raises NotFound."""
        flow = self.order.flow
        here, there = (await self.source.refresh(None)).topics, (await self.target.refresh(None)).topics
        stored = await Offsets(self.target, flow).read()
        lanes = topic_rules_of(flow).plan(shapes_of(here), partition_counts(there)).lanes
        plans = {(plan.source_topic, plan.partition): plan for plan in lanes}
        for key, anchor in stored.items():
            if key in plans and anchor.target_partition >= 0:  # it shares that one with others
                plans[key] = replace(plans[key], target_partition=anchor.target_partition, shared=True)
        wanted = chosen_of(flow, frozenset(plans), (self.order.topic,), self.order.partitions)
        return {key: plan for key, plan in plans.items() if key in wanted}

    async def _look(self, plans: Mapping[TopicPartition, LanePlan], *, still: bool = False) -> list[Step]:
        """Say of each partition what the order does; ``still``: nobody copies, so it is true until that changes."""
        offsets = Offsets(self.target, self.order.flow)
        if still:
            await self.target.retrying(offsets.settle)
        starts = await self._starts(plans, offsets)
        standings = await self._standings(plans, starts)
        return [await self._step(plans[key], starts.get(key), standing) for key, standing in standings.items()]

    async def _starts(
        self, plans: Mapping[TopicPartition, LanePlan], offsets: Offsets
    ) -> dict[TopicPartition, LaneStart]:
        """Find where each lane would begin now, as a worker does; those without a copy are left out."""
        flow = self.order.flow
        stored = await offsets.read()
        lanes = {key: _lane(plan) for key, plan in plans.items() if self._has_copy(plan)}
        known = {lane: stored[key] for key, lane in lanes.items() if key in stored}
        clusters = Clusters(
            self.source,
            self.target,
            flow.read_committed,
            flow.start_at_latest,
            transactional=flow.transactions is not None,
        )
        takeover = Takeover(self.source, self.target, flow)
        found = await takeover.locate(clusters, list(lanes.values()), known, offsets.written_ms)
        starts: dict[TopicPartition, LaneStart] = {}
        for key, lane in lanes.items():
            start = found[lane]
            if isinstance(start, HeliographError):
                raise start
            starts[key] = start
        return starts

    def _has_copy(self, plan: LanePlan) -> bool:
        copy = self.target.metadata.topics.get(plan.target_topic)
        return copy is not None and plan.target_partition in copy.partitions

    async def _standings(
        self, plans: Mapping[TopicPartition, LanePlan], starts: Mapping[TopicPartition, LaneStart]
    ) -> dict[TopicPartition, Standing]:
        flow, goal = self.order.flow, self.order.goal
        begins = await admin.list_offsets(self.source, plans, admin.EARLIEST)
        ends = await admin.list_offsets(self.source, plans, admin.LATEST, read_committed=flow.read_committed)
        times: Mapping[TopicPartition, int | HeliographError] = {}
        if goal.kind is Kind.TIME:
            times = await admin.list_offsets(self.source, plans, goal.value)
        found: dict[TopicPartition, Standing] = {}
        for key in sorted(plans):
            begin, end, at_time = _known(begins[key]), _known(ends[key]), _known(times.get(key, -1))
            first = end if flow.start_at_latest else begin
            position = max(begin, starts[key].position if key in starts else first)
            found[key] = Standing(begin, end, position, None if at_time < 0 else at_time)
        return found

    async def _step(self, plan: LanePlan, start: LaneStart | None, standing: Standing) -> Step:
        place = place_of(self.order.goal, standing)
        first, before = between(place, standing)
        records: int | None = 0
        if before > first:
            log = PartitionLog(self.source, plan.source_topic, plan.partition, self.order.flow.read_committed)
            records = await count(log, first, before)
        counted = records is not None
        return Step(plan, standing, place, before - first if records is None else records, counted, start)


def _lane(plan: LanePlan) -> Lane:
    return Lane(
        plan.source_topic,
        plan.target_topic,
        plan.partition,
        Window(1 << 20),
        target_partition=plan.target_partition,
        shared=plan.shared,
    )


def _known(answer: int | HeliographError) -> int:
    if isinstance(answer, HeliographError):
        raise answer
    return answer


def _note(outcome: Outcome) -> None:
    """Say what a person may not expect."""
    steps, notes = outcome.steps, outcome.notes
    for step in steps:
        if step.place.clipped:
            notes.append(f"{step.key[0]}-{step.key[1]} goes to {step.place.position}: {step.place.clipped}")
    if any(step.plan.shared for step in steps):
        notes.append("Partitions share a target partition: a kill before the next stored position may double records")
    if any(step.twice for step in steps):
        notes.append("What is copied again comes at the end of the copy: its consumers read it twice")
    if any(step.left_out for step in steps):
        notes.append("What is left out is not in the copy; groups that stand in it go on behind it")
    if any(step.start is not None and step.start.doubtful for step in steps):
        notes.append("How far the copy is cannot be proven, so the numbers are those of the stored positions")
