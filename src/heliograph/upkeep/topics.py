"""The periodic look at both clusters' topics: what is selected, what must be created, which lanes follow from it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.refused_configs import Configs, RefusedConfig, RefusedConfigs, sift
from heliograph.errors import HeliographError
from heliograph.mirror.topics import (
    AddPartitions,
    CreateTopic,
    LanePlan,
    TopicRules,
    fold,
    partition_counts,
    shapes_of,
)
from heliograph.upkeep.topic_configs import read_configs

APPEAR_S_MAX = 10.0
"""How long a topic just created may take to show in the target's metadata."""
SAMPLE_TOPICS = 10
"""Topics of the target that are asked which configs there are: some may not be described."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A topic on the target that has fewer partitions than the source's, and may not be given more."""

    topic: str
    """Name on the target."""
    partitions: int
    """Of the source's topic."""
    target_partitions: int
    cause: HeliographError
    """Why it may not be given more."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found, after what had to be done was done."""

    lanes: tuple[LanePlan, ...]
    created: tuple[str, ...] = ()
    """Topics made on the target."""
    grown: tuple[str, ...] = ()
    """Topics given more partitions."""
    problems: Mapping[str, HeliographError] = field(default_factory=dict)
    """By topic on the target: why it could not be created or grown, so that nothing can be copied to it yet."""
    folded: tuple[Folded, ...] = ()
    """Topics on the target that stay too small, so that source partitions share theirs."""
    anew: frozenset[str] = frozenset()
    """Source topics that were deleted and created again since the last look: what was copied is of no use there."""
    unknown_configs: tuple[str, ...] = ()
    """Configs of the source's topics which the target does not know, so that topics were created without them."""
    refused: tuple[RefusedConfig, ...] = ()
    """Configs that the target does not take, so that topics were created without them; none that was told before."""


@dataclass(slots=True)
class TopicJob:
    """Looks, and does what must be done."""

    source: Cluster
    target: Cluster
    rules: TopicRules
    refused: RefusedConfigs = field(default_factory=RefusedConfigs)
    """What the target has refused so far."""
    _ids: dict[str, str] = field(default_factory=dict)
    """Topic ids (KIP-516) of the selected source topics, as last seen."""

    async def look(
        self, before: Mapping[tuple[str, int], int], folded: Mapping[str, int] | None = None, *, acts: bool = True
    ) -> Found:
        """Compare both clusters, create and grow topics on the target; raises a ClusterError.

        ``before`` says where records went until now: the target partition by source topic and partition. A worker
        that does not act leaves topics to the one that does, and is told by it which stay too small: ``folded``.
        """
        source = (await self.source.refresh(None)).topics
        target = (await self.target.refresh(None)).topics
        shapes, counts = shapes_of(source), partition_counts(target)
        plan = self.rules.plan(shapes, counts)
        anew = self._made_anew({lane.source_topic: shapes[lane.source_topic].topic_id for lane in plan.lanes})
        if not plan.actions:
            return Found(plan.lanes, anew=anew)
        if not acts:
            return Found(fold(plan.lanes, folded or {}, before), anew=anew)
        missing = {action.name for action in plan.actions if isinstance(action, CreateTopic)}
        upstream = {lane.source_topic for lane in plan.lanes if lane.target_topic in missing}
        for name, entries in (await read_configs(self.source, upstream)).items():
            shapes[name] = replace(shapes[name], configs=entries)
        actions = self.rules.plan(shapes, counts).actions
        problems: dict[str, HeliographError] = {}
        to_create, unknown = await self._creatable([each for each in actions if isinstance(each, CreateTopic)])
        created, refused = await self._create(to_create, problems)
        growths = [each for each in actions if isinstance(each, AddPartitions)]
        grown = await self._grow(growths, problems)
        small = tuple(
            Folded(each.name, each.total, counts[each.name], problems.pop(each.name))
            for each in growths
            if each.name in problems and admin.may_not_grow(problems[each.name])
        )
        lanes = fold(plan.lanes, {each.topic: each.target_partitions for each in small}, before)
        await self._wait_for({lane.target_topic for lane in lanes} - set(problems), lanes)
        return Found(lanes, tuple(created), tuple(grown), problems, small, anew, unknown, refused)

    def _made_anew(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Compare with the ids of the last look; brokers before 2.8 tell none."""
        anew = {name for name, topic_id in ids.items() if topic_id and self._ids.get(name, topic_id) != topic_id}
        self._ids.update({name: topic_id for name, topic_id in ids.items() if topic_id})
        return frozenset(anew)

    async def limits(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the largest batch that target topics take; topics whose configs may not be read are left out."""
        found: dict[str, int] = {}
        for name, configs in (await admin.describe_topics(self.target, sorted(set(topics)))).items():
            if isinstance(configs, HeliographError):
                continue
            limit = configs.get(admin.MAX_MESSAGE_BYTES)
            if limit is not None and limit.value is not None:
                found[name] = int(limit.value)
        return found

    async def _creatable(self, actions: list[CreateTopic]) -> tuple[list[CreateTopic], tuple[str, ...]]:
        """Leave out configs that the target does not know, for which it would refuse the topic; return their names too.

        Versions of Kafka have lost configs (``message.format.version`` in 4.0) and gained others. Which the target
        knows is learnt from any of its topics; where none may be described, it decides itself.
        """
        wanted = {name for action in actions for name, _ in action.configs}
        if not wanted:
            return actions, ()
        present = sorted(self.target.metadata.topics)[:SAMPLE_TOPICS]
        described = await read_configs(self.target, present)
        if not described:
            return actions, ()
        unknown = wanted.difference(*described.values())
        kept = [
            replace(action, configs=tuple(pair for pair in action.configs if pair[0] not in unknown))
            for action in actions
        ]
        return kept, tuple(sorted(unknown))

    async def _create(
        self, actions: list[CreateTopic], problems: dict[str, HeliographError]
    ) -> tuple[list[str], tuple[RefusedConfig, ...]]:
        """Create topics, without those of their configs that the target refuses; return the names, and what is new."""
        by_name = {each.name: each for each in actions}

        async def attempt(proposals: Mapping[str, Configs]) -> dict[str, HeliographError | None]:
            return await admin.create_topics(
                self.target, [_new_topic(by_name[name], configs) for name, configs in proposals.items()]
            )

        sifted = await sift(
            {name: self.refused.without(name, dict(each.configs)) for name, each in by_name.items()}, attempt
        )
        problems.update({name: error for name, error in sifted.errors.items() if error is not None})
        created = [name for name in by_name if sifted.errors[name] is None]
        return created, tuple(each for each in sifted.refused if self.refused.note(each))

    async def _grow(self, actions: list[AddPartitions], problems: dict[str, HeliographError]) -> list[str]:
        if not actions:
            return []
        answer = await admin.create_partitions(self.target, {each.name: each.total for each in actions})
        problems.update({name: error for name, error in answer.items() if error is not None})
        return [name for name, error in answer.items() if error is None]

    async def _wait_for(self, topics: set[str], lanes: Iterable[LanePlan]) -> None:
        """Wait until the target's metadata shows every partition of ``topics`` with a leader."""
        wanted = [lane for lane in lanes if lane.target_topic in topics]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + APPEAR_S_MAX
        while loop.time() < deadline:
            await self.target.refresh(topics)
            if all(self.target.metadata.leader(lane.target_topic, lane.target_partition) >= 0 for lane in wanted):
                return
            await asyncio.sleep(0.1)


def _new_topic(action: CreateTopic, configs: Configs) -> admin.NewTopic:
    wanted = {name: value for name, value in configs.items() if value is not None}
    return admin.NewTopic(action.name, action.partitions, action.replication_factor, wanted)
