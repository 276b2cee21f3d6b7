"""What flows can be told and asked, done by whoever has their configuration.

It makes connections of its own to both clusters and asks no worker, so it is the same from a file and in a process.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import heliograph
from heliograph.config.model import FlowConfig, Part, Policy
from heliograph.errors import ConfigError, NotFound
from heliograph.mirror.moves import Allowances, all_good
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.steering import Partitions, ToldLimit
from heliograph.observe.group_positions import (
    FailedOver,
    FailoverOrder,
    GroupsQuery,
    GroupsTold,
    told_groups,
    told_moves,
)
from heliograph.observe.operations import (
    Connector,
    Limited,
    LimitedBy,
    LimitOrder,
    Planned,
    PlannedTopic,
    Progress,
    RestartOrder,
    RewindOrder,
    Rewound,
    RewoundPartition,
    StatusTold,
    Steered,
    SteerOrder,
    VerifyOrder,
)
from heliograph.offsets import failover as failing_over
from heliograph.offsets import rewind as rewinding
from heliograph.offsets import valve
from heliograph.offsets.endpoints import both
from heliograph.offsets.limit import LimitOutcome, Wish, limit_flow
from heliograph.offsets.lookup import lookup_of, notes_of
from heliograph.offsets.valve import TopicPartition, Verb, by_topic
from heliograph.preflight.plan import FlowPlan, plan_of
from heliograph.preflight.status import FlowStatus, status_of
from heliograph.proof.document import Proof, document
from heliograph.proof.progress import ProofProgress
from heliograph.proof.prover import IDLE_S, Request, prove
from heliograph.proof.wishes import pace_of, sample_of, since_of
from heliograph.wire.operations import kafka_release

PARTS = {
    Connector.SOURCE: Part.SOURCE,
    Connector.CHECKPOINT: Part.CHECKPOINT,
    Connector.HEARTBEAT: Part.HEARTBEAT,
}


class FlowOperations:
    """Implements :class:`heliograph.observe.operations.Operations`."""

    def __init__(self, flows: Callable[[], Iterable[FlowConfig]]) -> None:
        """``flows`` returns those that there are, as they are configured now."""
        self._flows = flows

    def _flow(self, name: str) -> FlowConfig:
        flows = {flow.name: flow for flow in self._flows()}
        if name not in flows:
            raise NotFound(f"There is no flow {name}", remedy=f"There are: {', '.join(flows) or 'none'}")
        return flows[name]

    async def status(self, flow: str) -> StatusTold:
        """Say who copies it, and how far it is."""
        async with both(self._flow(flow)) as endpoints:
            assert endpoints.target is not None, "the target is needed"
            return _status(await status_of(self._flow(flow), endpoints.source, endpoints.target))

    async def plan(self, flow: str) -> Planned:
        """Say what its configuration would change in it as it runs."""
        async with both(self._flow(flow), need_source=True) as endpoints:
            assert endpoints.source is not None, "the source is needed"
            assert endpoints.target is not None, "the target is needed"
            return _planned(await plan_of(self._flow(flow), endpoints.source, endpoints.target))

    async def pause(self, flow: str, order: SteerOrder) -> Steered:
        """Pause it or a part of it, and wait until it is so."""
        return await self._steer(flow, Verb.PAUSE, order)

    async def resume(self, flow: str, order: SteerOrder) -> Steered:
        """Go on with it or a part of it, and wait until it is so."""
        return await self._steer(flow, Verb.RESUME, order)

    async def restart(self, flow: str, order: RestartOrder) -> Steered:
        """Start it or a part of it again."""
        told = SteerOrder(topics=order.topics, partitions=order.partitions, timeout_s=0.0)
        return await self._steer(flow, Verb.RESTART, told)

    async def _steer(self, flow: str, verb: Verb, told: SteerOrder) -> Steered:
        topics = tuple(dict.fromkeys(told.topics))
        if told.partitions and len(topics) != 1:
            raise ConfigError("Partitions need one topic", remedy="Name the topic that the partitions are of")
        if told.connectors and topics:
            raise ConfigError("Connectors are of the whole flow", remedy="Name either connectors or topics")
        wanted = {PARTS[each] for each in told.connectors}
        parts = tuple(part for part in Part if not wanted or part in wanted)
        order = valve.Order(self._flow(flow), verb, topics, _chosen(told.partitions), parts, told.timeout_s)
        return _steered(await valve.carry_out(order))

    async def limit(self, flow: str) -> Limited:
        """Say which limit holds."""
        return _limited(self._flow(flow), await limit_flow(self._flow(flow), None))

    async def set_limit(self, flow: str, order: LimitOrder) -> Limited:
        """Have another limit hold for now."""
        wish = Wish(ToldLimit(order.bytes_per_second))
        return _limited(self._flow(flow), await limit_flow(self._flow(flow), wish))

    async def reset_limit(self, flow: str) -> Limited:
        """Have the file's limit hold."""
        return _limited(self._flow(flow), await limit_flow(self._flow(flow), Wish(None)))

    async def rewind(self, flow: str, order: RewindOrder) -> Rewound:
        """Have a topic go on elsewhere, or say what that would do."""
        return _rewound(
            await rewinding.rewind(
                rewinding.Order(
                    self._flow(flow),
                    order.topic,
                    order.goal,
                    _chosen(order.partitions),
                    execute=order.execute,
                    timeout_s=order.timeout_s,
                )
            )
        )

    async def verify(self, flow: str, order: VerifyOrder, report: Callable[[Progress], None]) -> Mapping[str, object]:
        """Prove that both sides hold the same records; returns the proof's document."""
        began = datetime.now(UTC)
        since_ms = since_of(order.since, began) if order.since else None
        request = Request(
            topics=Patterns(order.topics) if order.topics else None,
            sample=sample_of(order.sample, order.seed) if order.sample else None,
            since_ms=since_ms,
            digest=order.digest,
            pace=pace_of(order.bandwidth),
            wait_s=order.wait_s,
            idle_s=min(order.wait_s, IDLE_S),
        )
        progress = ProofProgress(lambda now: report(Progress(now.done, now.total, now.read_bytes)))
        found = await prove(self._flow(flow), request, progress.watch, kafka_release)
        return document(
            Proof(
                heliograph.__version__,
                f"verify {flow}",
                began,
                datetime.now(UTC),
                order.topics,
                order.sample,
                order.seed,
                None if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC),
                (found,),
            )
        )

    async def failover(self, flow: str, order: FailoverOrder, report: Callable[[Progress], None]) -> FailedOver:
        """Move groups from its source to its target, or say what that would do."""
        wanted = failing_over.Order(
            self._flow(flow),
            self._back_of(flow),
            order.groups,
            Allowances(rewind=order.allow_rewind, repeats=order.allow_repeats),
            order.execute,
            order.wait_s,
            order.without_source,
        )
        outcome = await failing_over.fail_over(wanted, _Waiting(report).watch)
        moves = told_moves(outcome.moves)
        return FailedOver(outcome.flow, order.execute, moves, outcome.notes, all_good(outcome.moves))

    async def groups(self, flow: str, query: GroupsQuery) -> GroupsTold:
        """Say where groups would go on on the other cluster."""
        names = () if query.group is None else (query.group,)
        topics = () if query.topic is None else (query.topic,)
        async with both(self._flow(flow), need_target=False) as endpoints:
            lookup = await lookup_of(self._flow(flow), endpoints, back=self._back_of(flow), backwards=query.backwards)
            found = await lookup.groups(names, topics)
            return told_groups(flow, found, notes_of(endpoints, lookup), backwards=query.backwards)

    def _back_of(self, name: str) -> FlowConfig | None:
        """Return the flow in the other direction; none where both keep names and so never run together."""
        flow = self._flow(name)
        if flow.policy is Policy.IDENTITY:
            return None
        pair = (flow.target.alias, flow.source.alias)
        return next((each for each in self._flows() if (each.source.alias, each.target.alias) == pair), None)


class _Waiting:
    """How far a failover is that waits for records."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._most = 0

    def watch(self, behind: int) -> None:
        """Learn how many records are not copied yet."""
        self._most = max(self._most, behind)
        self._report(Progress(self._most - behind, self._most))


def _chosen(numbers: tuple[int, ...]) -> Partitions:
    return frozenset(numbers) if numbers else None


def _by_topic(lanes: Iterable[TopicPartition]) -> Mapping[str, tuple[int, ...]]:
    return {topic: tuple(numbers) for topic, numbers in by_topic(lanes).items()}


def _steered(outcome: valve.Outcome) -> Steered:
    order, before = outcome.order, outcome.before
    return Steered(
        order.flow.name,
        order.verb,
        _by_topic(outcome.lanes) if order.topics else None,
        None if order.topics else order.parts,
        outcome.changed,
        outcome.copier,
        outcome.done,
        _by_topic(outcome.left),
        tuple(outcome.notes),
        _by_topic(filter(before.pauses_itself, outcome.lanes)) if order.topics else {},
        tuple(part for part in Part if not before.runs(part)),
    )


def _limited(flow: FlowConfig, outcome: LimitOutcome) -> Limited:
    by_file = flow.limit.at(datetime.now(UTC))
    told, before = outcome.told, outcome.before
    return Limited(
        flow.name,
        by_file if told is None else told.bytes_per_s,
        LimitedBy.FILE if told is None else LimitedBy.COMMAND,
        by_file,
        outcome.changed,
        outcome.copier,
        by_file if before is None else before.bytes_per_s,
    )


def _rewound(outcome: rewinding.Outcome) -> Rewound:
    return Rewound(
        outcome.order.flow.name,
        outcome.order.topic,
        outcome.order.goal,
        outcome.copier,
        outcome.executed,
        tuple(map(_partition, outcome.steps)),
        _by_topic(outcome.left),
        tuple(outcome.notes),
    )


def _partition(step: rewinding.Step) -> RewoundPartition:
    return RewoundPartition(
        step.plan.partition,
        step.plan.target_topic,
        step.standing.begin,
        step.standing.end,
        step.standing.position,
        step.place.position,
        step.twice,
        step.left_out,
        step.counted,
    )


def _status(found: FlowStatus) -> StatusTold:
    return StatusTold(
        found.flow.name,
        found.flow.group_id,
        found.group_state,
        found.copier,
        found.copied,
        found.paused,
        found.in_force,
        found.in_force == found.flow.digest if found.in_force else None,
        found.lag,
        found.stored_s,
        tuple(found.workers),
        tuple(found.topics),
        tuple(found.notes),
    )


def _planned(found: FlowPlan) -> Planned:
    begin_at = "latest" if found.flow.start_at_latest else "beginning"
    return Planned(
        found.flow.name,
        found.copier,
        found.changes,
        found.options,
        tuple(PlannedTopic(**asdict(topic), fresh_begin_at=begin_at) for topic in found.topics),
        tuple(found.notes),
    )
