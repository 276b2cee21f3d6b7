"""What stands between a flow and its records: topics, permissions, limits.

Findings of one kind share a line: a permission that is missing on forty topics is one finding with forty names. Those
needed are what Kafka's authorizer asks for: on the source Describe, Read and DescribeConfigs on each topic; on the
target Describe and Write on each copy, Create or Alter where something has to be created. What else a flow needs is in
:mod:`~heliograph.preflight.check_state`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.refused_configs import RefusedConfig
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError, NotAuthorized
from heliograph.mirror.topics import (
    AddPartitions,
    ConfigEntry,
    ConfigSource,
    CreateTopic,
    TopicPlan,
    own_values,
    partition_counts,
    shapes_of,
    topic_rules_of,
)
from heliograph.observe.text import plural
from heliograph.preflight import rehearsal
from heliograph.preflight.finding import About, Finding, Level, listed
from heliograph.preflight.permissions import describe
from heliograph.wire import errors as codes
from heliograph.wire.operations import NOT_TOLD, Operation, missing

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PROBE = "heliograph-check"
"""Name of a topic that is never created: would the target allow it?"""


class FlowCheck:
    """Examines one flow, step by step; :meth:`topics` comes first, for the others build on it."""

    def __init__(self, flow: FlowConfig, source: Cluster, target: Cluster) -> None:
        """Both clusters have been reached."""
        self._flow = flow
        self._say = About(flow.name)
        self._source = source
        self._target = target
        self._rules = topic_rules_of(flow)
        self._plan = TopicPlan((), (), ())
        self._upstream: dict[str, str] = {}
        """Topic on the source by its copy's name."""
        self._configs: Mapping[str, Mapping[str, ConfigEntry]] = {}
        """Of topics on the source, as far as they may be read."""
        self._copies: Mapping[str, Mapping[str, ConfigEntry]] | None = None
        """The same of copies that exist; None: not read yet."""

    # ---- topics ----------------------------------------------------------------------------------------------------

    async def topics(self) -> list[Finding]:
        """Say what is selected, and what of it must be created or grown."""
        source = (await self._source.refresh(None)).topics
        target = (await self._target.refresh(None)).topics
        present = {name: topic for name, topic in source.items() if topic.partitions}
        chosen = [name for name in present if self._rules.selection.selects(name)]
        self._configs = await _read_configs(self._source, chosen)
        shapes = shapes_of(present, self._configs)
        self._plan = self._rules.plan(shapes, partition_counts(target))
        self._upstream = {lane.target_topic: lane.source_topic for lane in self._plan.lanes}
        return [self._selected(), *self._planned(), *await self._unseen(present)]

    def _selected(self) -> Finding:
        topics = sorted(set(self._upstream.values()))
        if not topics:
            text = f"No topic of {self._source.alias} is selected by topics={','.join(self._flow.topics)}"
            return self._say.warn(
                text, "Check the names and the Describe permission; a topic that appears later is copied then"
            )
        lanes = plural(len(self._plan.lanes), "partition")
        return self._say.good(f"{plural(len(topics), 'topic')} with {lanes} will be copied: {listed(topics)}")

    def _planned(self) -> list[Finding]:
        alias = self._target.alias
        created = [f"{each.name} ({each.partitions})" for each in self._creations()]
        grown = [f"{each.name} (to {each.total})" for each in self._growths()]
        findings = []
        if created:
            findings.append(self._say.good(f"{plural(len(created), 'topic')} to create on {alias}: {listed(created)}"))
        if grown:
            findings.append(self._say.good(f"{plural(len(grown), 'topic')} to grow on {alias}: {listed(grown)}"))
        return findings

    async def _unseen(self, present: Iterable[str]) -> list[Finding]:
        """Ask by name for topics that the configuration names and the list of all topics lacks."""
        seen = set(present)
        unseen = [name for name in self._flow.topics if _PLAIN_NAME.fullmatch(name) and name not in seen]
        if not unseen:
            return []
        answer = await describe(self._source, unseen)
        hidden = [name for name, row in answer.items() if int(row.error_code) == codes.TOPIC_AUTHORIZATION_FAILED]
        absent = [name for name in unseen if name not in hidden]
        findings = []
        if hidden:
            findings.append(self._say.lacks("Describe", f"topic {listed(hidden)}", self._source.config))
        if absent:
            text = f"{self._source.alias} has no topic {listed(absent)}"
            findings.append(self._say.warn(text, "Check the name; it is copied when it appears"))
        return findings

    # ---- what must be created --------------------------------------------------------------------------------------

    async def creation(self) -> list[Finding]:
        """Put to the target what would be created or grown, only to be validated."""
        wanted = [
            admin.NewTopic(each.name, each.partitions, each.replication_factor, dict(each.configs))
            for each in self._creations()
        ]
        sifted = await rehearsal.create(self._target, wanted)
        problems = {name: error for name, error in sifted.errors.items() if error is not None}
        refused = await rehearsal.grow(self._target, {each.name: each.total for each in self._growths()})
        problems.update({name: error for name, error in refused.items() if not admin.may_not_grow(error)})
        findings = [self._problem(names, error) for names, error in _alike(problems)]
        findings += self._refused(sifted.refused, "The topic is created without it")
        findings += self._shared([each for each in self._growths() if each.name in refused.keys() - problems.keys()])
        if (
            not wanted
            and self._flow.refresh_topics_interval_s
            and not all(map(_PLAIN_NAME.fullmatch, self._flow.topics))
        ):
            findings += await self._later()
        return findings

    # ---- what must be changed --------------------------------------------------------------------------------------

    async def configs(self) -> list[Finding]:
        """Put to the target which configs of copies that exist would be changed, only to be validated."""
        if not self._flow.sync_topic_configs_interval_s:
            return []
        copies = await self._read_copies()
        wanted = {
            name: {each.name: each.value for each in self._rules.config_changes(name, theirs, present)}
            for name, present in copies.items()
            if (theirs := self._configs.get(self._upstream[name])) is not None
        }
        changes = {name: configs for name, configs in wanted.items() if configs}
        own = {name: own_values(copies[name]) for name in changes}
        sifted = await rehearsal.configure(self._target, changes, own)
        problems = {
            name: error
            for name, error in sifted.errors.items()
            if error is not None and not isinstance(error, NotAuthorized)  # which permissions() tells
        }
        findings = [self._problem(names, error, Level.WARNING) for names, error in _alike(problems)]
        return findings + self._refused(sifted.refused, "The topic keeps the value that it has")

    async def _read_copies(self) -> Mapping[str, Mapping[str, ConfigEntry]]:
        """Read, once, the configs of copies that exist."""
        if self._copies is None:
            made = {each.name for each in self._creations()}
            self._copies = await _read_configs(self._target, set(self._upstream) - made)
        return self._copies

    def _refused(self, refused: Iterable[RefusedConfig], outcome: str) -> list[Finding]:
        """Say which configs of the source's topics the copies will go without."""
        alike: dict[tuple[str, str | None, str], list[str]] = defaultdict(list)
        for each in refused:
            alike[each.name, each.value, each.reason].append(each.topic)
        return [
            self._say.warn(
                f"{self._target.alias} refuses {name}={value or '(default)'} for topic {listed(topics)}: {reason}",
                f"{outcome}; change it on {self._source.alias} to have it follow",
            )
            for (name, value, reason), topics in alike.items()
        ]

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
        return [self._say.warn(text, "Grant Alter on them, or add the partitions")]

    async def _later(self) -> list[Finding]:
        """Ask whether a topic that the source may get tomorrow could be created."""
        probe = self._rules.selection.naming.remote_topic(_PROBE)
        wanted = [admin.NewTopic(probe, 1, self._flow.replication_factor, {})]
        error = (await rehearsal.create(self._target, wanted)).errors.get(probe)
        if error is None:
            return []
        text = f"A topic that appears later may not be created on {self._target.alias}: {error.message}"
        return [
            self._say.warn(
                text.replace(f"topic {probe}", "a topic"), f"Grant Create on the cluster {self._target.alias}"
            )
        ]

    def _problem(self, names: list[str], error: HeliographError, level: Level = Level.ERROR) -> Finding:
        if isinstance(error, NotAuthorized):
            return self._say.lacks(error.right, f"topic {listed(names)}", self._target.config)
        if isinstance(error, BrokerError) and error.code == codes.TOPIC_ALREADY_EXISTS:  # there, but not to be seen
            return self._say.lacks("Describe", f"topic {listed(names)}", self._target.config)
        remedy = error.remedy
        if isinstance(error, BrokerError) and error.code == codes.INVALID_REPLICATION_FACTOR:
            remedy = f"Set replication.factor to at most {len(self._target.metadata.brokers)}, or add brokers"
        also = f" (and for {listed(names[1:])})" if len(names) > 1 else ""
        return Finding(level, self._flow.name, error.message + also, remedy)

    # ---- permissions ------------------------------------------------------------------------------------------------

    async def permissions(self) -> list[Finding]:
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
            told = await describe(self._source, upstream[:1])
            if any(getattr(row, "topic_authorized_operations", NOT_TOLD) == NOT_TOLD for row in told.values()):
                text = f"{self._source.alias} is too old to tell permissions (before Kafka 2.3)"
                return [self._say.good(f"{text}; copying will show what is missing")]
            return [self._say.good("No permission is missing on the topics")]
        return findings

    async def _compare(
        self, cluster: Cluster, topics: Sequence[str], needed: Sequence[Operation], level: Level
    ) -> list[Finding]:
        lacking: dict[Operation, list[str]] = defaultdict(list)
        for name, row in sorted((await describe(cluster, topics)).items()):
            for operation in missing(getattr(row, "topic_authorized_operations", NOT_TOLD), needed):
                lacking[operation].append(name)
        return [
            self._say.lacks(operation.right, f"topic {listed(names)}", cluster.config, level)
            for operation, names in lacking.items()
        ]

    # ---- limits ----------------------------------------------------------------------------------------------------

    async def limits(self) -> list[Finding]:
        """Compare the largest batch that each copy takes with the largest that its source holds."""
        smaller = []
        for name, configs in (await self._read_copies()).items():
            here = _limit(configs)
            there = _limit(self._configs.get(self._upstream[name], {}))
            if here is not None and there is not None and here < there:
                smaller.append(f"{name} ({here:,} of {there:,} bytes)")
        if not smaller:
            return []
        text = f"{admin.MAX_MESSAGE_BYTES} is smaller on {self._target.alias} than on the source: {listed(smaller)}"
        return [self._say.warn(text, "Raise it, or records above it cannot be copied")]

    # ---- words -----------------------------------------------------------------------------------------------------

    def _creations(self) -> list[CreateTopic]:
        return [each for each in self._plan.actions if isinstance(each, CreateTopic)]

    def _growths(self) -> list[AddPartitions]:
        return [each for each in self._plan.actions if isinstance(each, AddPartitions)]


async def _read_configs(cluster: Cluster, topics: Iterable[str]) -> dict[str, dict[str, ConfigEntry]]:
    """Read the configs of topics; one whose configs may not be read is left out."""
    return {
        topic: {
            key: ConfigEntry(each.value, ConfigSource(each.source), each.read_only, each.sensitive)
            for key, each in found.items()
        }
        for topic, found in (await admin.describe_topics(cluster, sorted(topics))).items()
        if not isinstance(found, HeliographError)
    }


def _limit(configs: Mapping[str, ConfigEntry]) -> int | None:
    found = configs.get(admin.MAX_MESSAGE_BYTES)
    return int(found.value) if found is not None and found.value is not None else None


def _alike(problems: Mapping[str, HeliographError]) -> list[tuple[list[str], HeliographError]]:
    """Put errors of the same kind together: names, and the first one's error."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, error in sorted(problems.items()):
        what = error.right if isinstance(error, NotAuthorized) else str(getattr(error, "code", ""))
        kinds[type(error).__name__, what].append(name)
    return [(names, problems[names[0]]) for names in kinds.values()]
