"""What stands between a flow and its records: topics, rights, limits, stored positions, the group.

Findings of one kind share a line: a right that is missing on forty topics is one finding with forty names. Rights are
those that Kafka's authoriser asks for: on the source Describe, Read and DescribeConfigs of each topic; on the target
Describe and Write of each copy, Create or Alter where something has to be made, Read and Write of the offsets
topic, Read of the group, and IdempotentWrite, which Write on any topic implies (KIP-679).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heliograph.cluster import admin, groups
from heliograph.cluster.cluster import GROUP, Cluster, raise_for
from heliograph.cluster.transactions import find_coordinator
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError, NotAuthorized
from heliograph.mirror.naming import PROTOCOL_TYPE
from heliograph.mirror.topics import (
    AddPartitions,
    ConfigEntry,
    ConfigSource,
    CreateTopic,
    TopicPlan,
    TopicShape,
    topic_rules_of,
)
from heliograph.preflight import rehearsal
from heliograph.preflight.finding import Finding, Level, counted, listed
from heliograph.wire import errors as codes
from heliograph.wire.operations import NOT_TOLD, Operation, missing

GROUP_ID_NOT_FOUND = 69
"""DescribeGroups from version 6 on, for a group that does not exist (KIP-1043); before, it looks empty."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PROBE = "heliograph-check"
"""Name of a topic that is never created: would the target allow it?"""


class FlowCheck:
    """Examines one flow, step by step; :meth:`topics` comes first, for the others build on it."""

    def __init__(self, flow: FlowConfig, source: Cluster, target: Cluster) -> None:
        """Both clusters have been reached."""
        self._flow = flow
        self._source = source
        self._target = target
        self._rules = topic_rules_of(flow)
        self._plan = TopicPlan((), (), ())
        self._upstream: dict[str, str] = {}
        """Topic on the source by its copy's name."""
        self._settings: Mapping[str, Mapping[str, admin.Setting]] = {}

    # ---- topics ----------------------------------------------------------------------------------------------------

    async def topics(self) -> list[Finding]:
        """Say what is selected, and what of it must be created or grown."""
        source = (await self._source.refresh(None)).topics
        target = (await self._target.refresh(None)).topics
        present = {name: topic for name, topic in source.items() if topic.partitions}
        chosen = [name for name in present if self._rules.selection.selects(name)]
        self._settings = {
            name: found
            for name, found in (await admin.describe_topics(self._source, sorted(chosen))).items()
            if not isinstance(found, HeliographError)
        }
        shapes = {name: TopicShape(len(topic.partitions), self._entries(name)) for name, topic in present.items()}
        counts = {name: len(topic.partitions) for name, topic in target.items() if topic.partitions}
        self._plan = self._rules.plan(shapes, counts)
        self._upstream = {lane.target_topic: lane.source_topic for lane in self._plan.lanes}
        return [self._selected(), *self._planned(), *await self._unseen(present)]

    def _entries(self, topic: str) -> dict[str, ConfigEntry]:
        return {
            key: ConfigEntry(each.value, ConfigSource(each.source), each.read_only, each.sensitive)
            for key, each in self._settings.get(topic, {}).items()
        }

    def _selected(self) -> Finding:
        topics = sorted(set(self._upstream.values()))
        if not topics:
            text = f"No topic of {self._source.alias} is selected by topics={','.join(self._flow.topics)}"
            return self._warn(text, "Check the names and the right Describe; a topic that appears later is copied then")
        lanes = counted(len(self._plan.lanes), "partition")
        return self._good(f"{counted(len(topics), 'topic')} with {lanes} will be copied: {listed(topics)}")

    def _planned(self) -> list[Finding]:
        alias = self._target.alias
        created = [f"{each.name} ({each.partitions})" for each in self._creations()]
        grown = [f"{each.name} (to {each.total})" for each in self._growths()]
        findings = []
        if created:
            findings.append(self._good(f"{counted(len(created), 'topic')} to create on {alias}: {listed(created)}"))
        if grown:
            findings.append(self._good(f"{counted(len(grown), 'topic')} to grow on {alias}: {listed(grown)}"))
        return findings

    async def _unseen(self, present: Iterable[str]) -> list[Finding]:
        """Ask by name for topics that the configuration names and the list of all topics lacks."""
        seen = set(present)
        unseen = [name for name in self._flow.topics if _PLAIN_NAME.fullmatch(name) and name not in seen]
        if not unseen:
            return []
        answer = await self._describe(self._source, unseen)
        hidden = [name for name, row in answer.items() if int(row.error_code) == codes.TOPIC_AUTHORIZATION_FAILED]
        absent = [name for name in unseen if name not in hidden]
        findings = []
        if hidden:
            findings.append(self._lacks("Describe", f"topic {listed(hidden)}", self._source))
        if absent:
            text = f"{self._source.alias} has no topic {listed(absent)}"
            findings.append(self._warn(text, "Check the name; it is copied when it appears"))
        return findings

    # ---- what must be created --------------------------------------------------------------------------------------

    async def creation(self) -> list[Finding]:
        """Put to the target what would be created or grown, only to be validated."""
        wanted = [
            admin.NewTopic(each.name, each.partitions, each.replication_factor, dict(each.configs))
            for each in self._creations()
        ]
        problems = await rehearsal.create(self._target, wanted)
        refused = await rehearsal.grow(self._target, {each.name: each.total for each in self._growths()})
        problems.update({name: error for name, error in refused.items() if not admin.may_not_grow(error)})
        findings = [self._problem(names, error) for names, error in _alike(problems)]
        findings += self._shared([each for each in self._growths() if each.name in refused.keys() - problems.keys()])
        if (
            not wanted
            and self._flow.refresh_topics_interval_s
            and not all(map(_PLAIN_NAME.fullmatch, self._flow.topics))
        ):
            findings += await self._later()
        return findings

    def _shared(self, growths: list[AddPartitions]) -> list[Finding]:
        """Say which topics stay too small, so that source partitions have to share theirs."""
        if not growths:
            return []
        counts = self._target.metadata.topics
        topics = listed(f"{each.name} ({each.total} on {len(counts[each.name].partitions)})" for each in growths)
        text = (
            f"Topics of {self._target.alias} that have too few partitions and may not be given more: {topics}. "
            "Source partitions share those there are: records are all copied, positions of groups are not translated"
        )
        return [self._warn(text, "Grant Alter on them, or add the partitions")]

    async def _later(self) -> list[Finding]:
        """Ask whether a topic that the source may get tomorrow could be created."""
        probe = self._rules.selection.naming.remote_topic(_PROBE)
        wanted = [admin.NewTopic(probe, 1, self._flow.replication_factor, {})]
        error = (await rehearsal.create(self._target, wanted)).get(probe)
        if error is None:
            return []
        text = f"A topic that appears later may not be created on {self._target.alias}: {error.message}"
        return [
            self._warn(text.replace(f"topic {probe}", "a topic"), f"Grant Create on the cluster {self._target.alias}")
        ]

    def _problem(self, names: list[str], error: HeliographError) -> Finding:
        if isinstance(error, NotAuthorized):
            return self._lacks(error.right, f"topic {listed(names)}", self._target)
        if isinstance(error, BrokerError) and error.code == codes.TOPIC_ALREADY_EXISTS:  # there, but not to be seen
            return self._lacks("Describe", f"topic {listed(names)}", self._target)
        remedy = error.remedy
        if isinstance(error, BrokerError) and error.code == codes.INVALID_REPLICATION_FACTOR:
            remedy = f"Set replication.factor to at most {len(self._target.metadata.brokers)}, or add brokers"
        also = f" (and for {listed(names[1:])})" if len(names) > 1 else ""
        return Finding(Level.ERROR, self._flow.name, error.message + also, remedy)

    # ---- rights ----------------------------------------------------------------------------------------------------

    async def rights(self) -> list[Finding]:
        """Compare what the principals may do with topics that exist with what the flow needs."""
        upstream = sorted(set(self._upstream.values()))
        made = {each.name for each in self._creations()}
        remote = sorted(set(self._upstream) - made)
        needed_there = [Operation.DESCRIBE, Operation.WRITE]
        findings = [
            *await self._compare(self._source, upstream, [Operation.DESCRIBE, Operation.READ], Level.ERROR),
            *await self._compare(self._source, upstream, [Operation.DESCRIBE_CONFIGS], Level.WARNING),
            *await self._compare(self._target, remote, needed_there, Level.ERROR),
            *await self._compare(self._target, remote, [Operation.DESCRIBE_CONFIGS], Level.WARNING),
        ]
        if self._flow.sync_topic_configs_interval_s:
            findings += await self._compare(self._target, remote, [Operation.ALTER_CONFIGS], Level.WARNING)
        if not findings and (upstream or remote):
            told = await self._describe(self._source, upstream[:1])
            if any(getattr(row, "topic_authorized_operations", NOT_TOLD) == NOT_TOLD for row in told.values()):
                return [
                    self._good(f"{self._source.alias} is too old to tell rights (Kafka 2.3); copying will show them")
                ]
            return [self._good("No right is missing on the topics")]
        return findings

    async def _compare(
        self, cluster: Cluster, topics: Sequence[str], needed: Sequence[Operation], level: Level
    ) -> list[Finding]:
        lacking: dict[Operation, list[str]] = defaultdict(list)
        for name, row in sorted((await self._describe(cluster, topics)).items()):
            for operation in missing(getattr(row, "topic_authorized_operations", NOT_TOLD), needed):
                lacking[operation].append(name)
        return [
            self._lacks(operation.right, f"topic {listed(names)}", cluster, level)
            for operation, names in lacking.items()
        ]

    async def _describe(self, cluster: Cluster, topics: Sequence[str]) -> dict[str, Any]:
        """Describe topics by name, with the bits of what is allowed."""
        if not topics:
            return {}
        values = {
            "topics": [{"name": name, "topic_id": None} for name in topics],
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": True,
        }
        return {str(row.name): row for row in (await cluster.call("metadata", values)).topics}

    # ---- limits ----------------------------------------------------------------------------------------------------

    async def limits(self) -> list[Finding]:
        """Compare the largest batch that each copy takes with the largest that its source holds."""
        made = {each.name for each in self._creations()}
        remote = sorted(set(self._upstream) - made)
        smaller = []
        for name, settings in (await admin.describe_topics(self._target, remote)).items():
            if isinstance(settings, HeliographError):
                continue
            here = _limit(settings)
            there = _limit(self._settings.get(self._upstream[name], {}))
            if here is not None and there is not None and here < there:
                smaller.append(f"{name} ({here:,} of {there:,} bytes)")
        if not smaller:
            return []
        text = f"{admin.MAX_MESSAGE_BYTES} is smaller on {self._target.alias} than on the source: {listed(smaller)}"
        return [self._warn(text, "Raise it, or records above it cannot be copied")]

    # ---- positions and group ---------------------------------------------------------------------------------------

    async def positions(self) -> list[Finding]:
        """Look at the topic that holds the stored positions, or whether it could be created."""
        topic, alias = self._flow.offsets_topic, self._target.alias
        row = (await self._describe(self._target, [topic.name])).get(topic.name)
        code = int(row.error_code) if row is not None else codes.UNKNOWN_TOPIC_OR_PARTITION
        if code == codes.TOPIC_AUTHORIZATION_FAILED:
            return [self._lacks("Describe", f"topic {topic.name}", self._target)]
        if row is None or code:
            wanted = admin.NewTopic(
                topic.name, topic.partitions, topic.replication_factor, {"cleanup.policy": "compact"}
            )
            problems = await rehearsal.create(self._target, [wanted])
            if not problems:
                return [self._good(f"Positions will be kept in {topic.name} on {alias}, which is to be created")]
            return [self._offsets_problem(error) for error in problems.values()]
        operations = (Operation.READ, Operation.WRITE)
        lacking = missing(getattr(row, "topic_authorized_operations", NOT_TOLD), operations)
        if lacking:
            return [self._lacks(each.right, f"topic {topic.name}", self._target) for each in lacking]
        return [self._good(f"Positions are kept in {topic.name} on {alias}")]

    def _offsets_problem(self, error: HeliographError) -> Finding:
        if isinstance(error, BrokerError) and error.code == codes.INVALID_REPLICATION_FACTOR:
            remedy = f"Set offset.storage.replication.factor to at most {len(self._target.metadata.brokers)}"
            return Finding(Level.ERROR, self._flow.name, error.message, remedy)
        return Finding.of_error(self._flow.name, error)

    async def group(self) -> list[Finding]:
        """Look who has the group that decides which process copies."""
        group = self._flow.group_id
        try:
            row = await self._target.retrying(self._describe_group)
        except NotAuthorized:
            return [self._lacks("Read", f"group {group}", self._target)]
        if missing(getattr(row, "authorized_operations", NOT_TOLD), [Operation.READ]):
            return [self._lacks("Read", f"group {group}", self._target)]
        members = len(row.members)
        kind = str(row.protocol_type)
        if members and kind != PROTOCOL_TYPE:
            places = [groups.Member(m.member_id, m.client_id, m.client_host.lstrip("/")) for m in row.members]
            text = (
                f"Group {group} on {self._target.alias} belongs to another program ({counted(members, 'member')} of "
                f"kind {kind}: {groups.whereabouts(places)}), most likely a running MirrorMaker 2: "
                "both would copy the same records"
            )
            return [Finding(Level.ERROR, self._flow.name, text, "Stop it, or give this flow another group.id")]
        if members:
            return [self._good(f"Group {group}: {counted(members, 'process')} copy this flow or stand by already")]
        return [self._good(f"Group {group} on {self._target.alias} is free")]

    async def _describe_group(self) -> Any:
        group = self._flow.group_id
        node = await self._target.coordinator(group)
        connection = await self._target.connection(node, GROUP)
        answer = await connection.call("describe_groups", {"groups": [group], "include_authorized_operations": True})
        row = answer.groups[0]
        code = int(row.error_code)
        if code == codes.NOT_COORDINATOR:
            self._target.forget_coordinator(group)
        if code != GROUP_ID_NOT_FOUND:
            raise_for(code, f"describe group {group} on {self._target.alias}", f"group {group}", right="Read")
        return row

    async def producer(self) -> list[Finding]:
        """Ask for a producer id, as the flow will: Write on any topic allows it, or a right on the cluster.

        With transactions that would fence whoever copies now, so only their coordinator is asked for.
        """
        if self._flow.transactions is not None:
            try:
                await self._target.retrying(lambda: find_coordinator(self._target, self._flow.transactional_id))
            except NotAuthorized as error:
                return [self._lacks("Describe and Write", error.resource, self._target)]
            return []
        try:
            await admin.init_producer_id(self._target)
        except NotAuthorized:
            return [self._lacks("Write", "any topic (or IdempotentWrite on the cluster)", self._target)]
        return []

    # ---- words -----------------------------------------------------------------------------------------------------

    def _creations(self) -> list[CreateTopic]:
        return [each for each in self._plan.actions if isinstance(each, CreateTopic)]

    def _growths(self) -> list[AddPartitions]:
        return [each for each in self._plan.actions if isinstance(each, AddPartitions)]

    def _good(self, text: str) -> Finding:
        return Finding(Level.OK, self._flow.name, text)

    def _warn(self, text: str, remedy: str) -> Finding:
        return Finding(Level.WARNING, self._flow.name, text, remedy)

    def _lacks(self, right: str, resource: str, cluster: Cluster, level: Level = Level.ERROR) -> Finding:
        sasl = cluster.config.sasl
        who = f"{sasl.username} on {cluster.alias}" if sasl else f"this client on {cluster.alias}"
        return Finding(level, self._flow.name, f"The right {right} is missing on {resource}", f"Grant it to {who}")


def _limit(settings: Mapping[str, admin.Setting]) -> int | None:
    found = settings.get(admin.MAX_MESSAGE_BYTES)
    return int(found.value) if found is not None and found.value is not None else None


def _alike(problems: Mapping[str, HeliographError]) -> list[tuple[list[str], HeliographError]]:
    """Put errors of the same kind together: names, and the first one's error."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, error in sorted(problems.items()):
        what = error.right if isinstance(error, NotAuthorized) else str(getattr(error, "code", ""))
        kinds[type(error).__name__, what].append(name)
    return [(names, problems[names[0]]) for names in kinds.values()]
