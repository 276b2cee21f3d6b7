"""What a flow needs beside its topics: the topics that hold its state, the group that decides who copies, a producer.

A start fails without its stored positions, its group and its producer. The other topics that hold state are made by
jobs beside the copying, which goes on without them; so what is wrong there is a warning. Permissions: Read and Write on
the offsets topic, Read on the one that says what is paused, Write on the others, Read on the group, and
IdempotentWrite, which Write on any topic implies (KIP-679).
"""

from typing import Any

from heliograph.cluster import admin, groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import find_coordinator
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import BrokerError, HeliographError, NotAuthorized
from heliograph.mirror.naming import PROTOCOL_TYPE, Location, naming_of
from heliograph.mirror.state_topics import COMPACT, StateTopic, forgets, state_topics_of
from heliograph.observe.text import plural
from heliograph.offsets.claims import group_in_use
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.valve import steering_of
from heliograph.preflight.finding import About, Finding, Level
from heliograph.preflight.permissions import describe
from heliograph.wire import errors as codes
from heliograph.wire.operations import NOT_TOLD, Operation, missing


class StateCheck:
    """Examines what one flow needs beside its topics."""

    def __init__(self, flow: FlowConfig, source: Cluster, target: Cluster) -> None:
        """Both clusters have been reached."""
        self._flow = flow
        self._say = About(flow.name)
        self._target = target
        self._clusters = {Location.SOURCE: source, Location.TARGET: target}
        self._positions, *self._others = state_topics_of(flow)

    # ---- topics that hold state ------------------------------------------------------------------------------------

    async def positions(self) -> list[Finding]:
        """Look at the topic that holds the stored positions, or whether it could be created."""
        name, alias = self._positions.name, self._target.alias
        row = (await describe(self._target, [name])).get(name)
        code = int(row.error_code) if row is not None else codes.UNKNOWN_TOPIC_OR_PARTITION
        if code == codes.TOPIC_AUTHORIZATION_FAILED:
            return [self._say.lacks("Describe", f"topic {name}", self._target.config)]
        if row is None or code:
            if problem := await self._not_made(self._positions, Level.ERROR):
                return [problem]
            return [self._say.good(f"Positions will be kept in {name} on {alias}, which is to be created")]
        lacking = missing(getattr(row, "topic_authorized_operations", NOT_TOLD), (Operation.READ, Operation.WRITE))
        if lacking:
            return [self._say.lacks(each.right, f"topic {name}", self._target.config) for each in lacking]
        return [self._say.good(f"Positions are kept in {name} on {alias}")]

    async def state(self) -> list[Finding]:
        """Look at the other topics that hold the flow's state, and whether the cleanup policy of any deletes it."""
        there = {
            location: await describe(cluster, [each.name for each in self._others if each.location is location])
            for location, cluster in self._clusters.items()
        }
        findings: list[Finding] = []
        for topic in self._others:
            if topic.written:
                findings += await self._written(topic, there)
        return [*findings, *await self._forgetful()]

    async def _written(self, topic: StateTopic, there: dict[Location, dict[str, Any]]) -> list[Finding]:
        """Say why the flow cannot use ``topic``; ``there`` are topics as the clusters describe them."""
        needed = Operation.READ if topic.only_read else Operation.WRITE
        row = there[topic.location].get(topic.name)
        config, resource = self._clusters[topic.location].config, f"topic {topic.name}"
        if row is not None and int(row.error_code) == codes.TOPIC_AUTHORIZATION_FAILED:
            return [self._say.lacks(f"Describe and {needed.right}", resource, config, Level.WARNING)]
        if row is not None and not int(row.error_code):
            lacking = missing(getattr(row, "topic_authorized_operations", NOT_TOLD), [needed])
            return [self._say.lacks(each.right, resource, config, Level.WARNING) for each in lacking]
        if self._flow.sync.offset_syncs_location is None and topic.what == "offset syncs":
            source = naming_of(self._flow).offset_syncs_topic(Location.SOURCE)
            if (elsewhere := there[Location.SOURCE].get(source)) is not None and not int(elsewhere.error_code):
                return []  # they are written where they are, unless that topic is the reverse flow's
        problem = await self._not_made(topic, Level.WARNING)
        return [problem] if problem else []

    async def _not_made(self, topic: StateTopic, level: Level) -> Finding | None:
        """Say why a topic could not be created; None where it could."""
        cluster = self._clusters[topic.location]
        wanted = admin.NewTopic(topic.name, topic.partitions, topic.replication_factor, COMPACT)
        error = (await admin.create_topics(cluster, [wanted], validate_only=True)).get(topic.name)
        if error is None or (isinstance(error, BrokerError) and error.code == codes.TOPIC_ALREADY_EXISTS):
            return None
        if isinstance(error, NotAuthorized):
            return self._say.lacks(error.right, f"topic {topic.name}", cluster.config, level)
        remedy = error.remedy
        if isinstance(error, BrokerError) and error.code == codes.INVALID_REPLICATION_FACTOR:
            remedy = f"Set {topic.option} to at most {len(cluster.metadata.brokers)}"
        return Finding(level, self._flow.name, error.message, remedy)

    async def _forgetful(self) -> list[Finding]:
        findings = []
        for location, cluster in self._clusters.items():
            kept = {
                each.name: each for each in (self._positions, *self._others) if each.location is location and each.loss
            }
            for name, policy in (await admin.cleanup_policies(cluster, sorted(kept))).items():
                if forgets(policy):
                    topic = kept[name]
                    text = f"Topic {name} on {cluster.alias} holds the {topic.what} and has cleanup.policy={policy}"
                    findings.append(self._say.warn(f"{text}: {topic.loss}", "Set cleanup.policy=compact on it"))
        return findings

    async def steering(self) -> list[Finding]:
        """Look what is paused; a topic that says so and may not be read is told of elsewhere."""
        try:
            told = await steering_of(SteeringTopic(self._target, self._flow))
        except NotAuthorized:
            return []
        if not told.runs(Part.SOURCE):
            return [self._say.warn("The flow is paused: it will copy nothing", "heliograph resume has it go on")]
        topics = sorted({*told.paused, *(topic for topic, _ in told.rewinding)})
        if topics:
            return [self._say.warn(f"Paused: {', '.join(topics)}", "heliograph resume --topic has a topic go on")]
        return []

    # ---- group and producer ----------------------------------------------------------------------------------------

    async def group(self) -> list[Finding]:
        """Look who has the group that decides which process copies."""
        alias = self._target.alias
        group = await group_in_use(self._flow, self._target)
        found = (await groups.describe(self._target, [group], with_operations=True))[group]
        if isinstance(found, NotAuthorized):
            return [self._say.lacks("Read", f"group {group}", self._target.config)]
        if isinstance(found, HeliographError):
            raise found
        if missing(found.operations, [Operation.READ]):
            return [self._say.lacks("Read", f"group {group}", self._target.config)]
        members = len(found.members)
        if members and found.protocol_type != PROTOCOL_TYPE:
            text = (
                f"Group {group} on {alias} belongs to another program ({plural(members, 'member')} of kind "
                f"{found.protocol_type}: {groups.whereabouts(found.members)}), most likely a running MirrorMaker 2: "
                "both would copy the same records"
            )
            return [Finding(Level.ERROR, self._flow.name, text, "Stop it, or give this flow another group.id")]
        if members:
            verbs = ("copies", "stands") if members == 1 else ("copy", "stand")
            told = f"{plural(members, 'process')} {verbs[0]} this flow or {verbs[1]} by already"
            return [self._say.good(f"Group {group} on {alias}: {told}")]
        return [self._say.good(f"Group {group} on {alias} is free")]

    async def producer(self) -> list[Finding]:
        """Ask for a producer id, as the flow will: Write on any topic allows it, or a permission on the cluster.

        With transactions that would fence the process that copies now, so only their coordinator is asked for.
        """
        if self._flow.transactions is not None:
            try:
                await self._target.retrying(lambda: find_coordinator(self._target, self._flow.transactional_id()))
            except NotAuthorized as error:
                return [self._say.lacks("Describe and Write", error.resource, self._target.config)]
            return []
        try:
            await admin.init_producer_id(self._target)
        except NotAuthorized:
            resource = "any topic (or IdempotentWrite on the cluster)"
            return [self._say.lacks("Write", resource, self._target.config)]
        return []
