"""What has to exist on the target so that every selected partition of the source has its counterpart.

The plan is made from two descriptions and says everything at once: topics to create, topics to grow, which source
partition goes where, and what is left alone and why. Nothing on the target is ever shrunk. A created topic gets the
source's configs that somebody set, not those which merely hold there by default, so that the target's own defaults
apply (KIP-894: unless ``use.defaults.from`` says ``source``).

Where the target has fewer partitions than the source and may not be given more, source partition *p* goes to target
partition *p mod n* (:func:`fold`). Each source partition then keeps its order, because all of its records go to one
place. A target partition that several share tells nothing about any of them: offsets there cannot be counted or
translated. Going to another place breaks the order for whoever reads both, so a lane stays where its records went
before, until every source partition can have its own.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

from heliograph.config.model import FlowConfig
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.selection import Selection, selection_of

LIMITS = frozenset(
    {
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.difference.max.ms",
    }
)
"""Configs whose higher value lets a topic take more records. A copy must take whatever the source holds, also from
before its limits were lowered, so a limit on the copy is raised with the source's and never lowered or removed."""
TOPIC_NAME_MAX = 249
"""Longest name that a broker accepts, in characters."""


class ConfigSource(IntEnum):
    """Where a topic's config comes from (DescribeConfigs, KIP-226)."""

    UNKNOWN = 0
    TOPIC = 1
    DYNAMIC_BROKER = 2
    DYNAMIC_DEFAULT_BROKER = 3
    STATIC_BROKER = 4
    DEFAULT = 5


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One config of a topic as a broker describes it."""

    value: str | None
    source: ConfigSource = ConfigSource.TOPIC
    read_only: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class TopicShape:
    """A topic on the source."""

    partitions: int
    configs: Mapping[str, ConfigEntry] = field(default_factory=dict)
    topic_id: str = ""
    """Changes when a topic is deleted and created again (KIP-516); empty where the broker knows no ids."""


class Described(Protocol):
    """A topic in a cluster's metadata."""

    @property
    def partitions(self) -> Collection[int]:
        """Return the partitions' numbers."""

    @property
    def topic_id(self) -> object:
        """Return its id (KIP-516); None where the broker knows no ids."""


def shapes_of(
    topics: Mapping[str, Described], configs: Mapping[str, Mapping[str, ConfigEntry]] | None = None
) -> dict[str, TopicShape]:
    """Return the shapes of topics that have partitions, by name; without ``configs`` a shape has none."""
    return {
        name: TopicShape(len(topic.partitions), (configs or {}).get(name, {}), str(topic.topic_id or ""))
        for name, topic in topics.items()
        if topic.partitions
    }


def partition_counts(topics: Mapping[str, Described]) -> dict[str, int]:
    """Return the partition counts of topics that have partitions, by name."""
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.partitions}


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """Create a topic on the target."""

    name: str
    partitions: int
    replication_factor: int
    """-1: the broker's default."""
    configs: tuple[tuple[str, str], ...] = ()
    """Configs by name, sorted."""


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """Grow a topic on the target."""

    name: str
    total: int
    """Partitions afterwards."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Change one config of a topic on the target."""

    topic: str
    """Name on the target."""
    name: str
    value: str | None
    """None: remove the topic's own value, so that the broker's default holds."""


@dataclass(frozen=True, slots=True)
class LanePlan:
    """One source partition and the target partition that takes its records."""

    source_topic: str
    partition: int
    target_topic: str
    target_partition: int
    """The same number, unless the target has fewer partitions and cannot be given more."""
    shared: bool = False
    """The target partition is not this source partition's own: others go there too, or it has another number."""


@dataclass(frozen=True, slots=True)
class Note:
    """Why something was not done."""

    topic: str
    """Name on the source."""
    reason: str
    """One phrase, lower case, without a full stop."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """All that follows from one look at both clusters."""

    actions: tuple[CreateTopic | AddPartitions, ...]
    """In order of the source topics' names."""
    lanes: tuple[LanePlan, ...]
    """Every selected partition of the source, as they are once the actions are done."""
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class TopicRules:
    """What a flow does with topics."""

    selection: Selection
    config_exclude: Patterns
    """Names of configs that stay as they are on the target (``config.properties.exclude``)."""
    replication_factor: int
    defaults_from_source: bool
    """``use.defaults.from = source``: configs that hold by default on the source are copied too."""
    merges: bool = False
    """Another flow may fill the same topics, so no target partition is a lane's own."""

    def plan(self, source: Mapping[str, TopicShape], target_partitions: Mapping[str, int]) -> TopicPlan:
        """Compare the source's topics with the target's, given as partition counts by name."""
        actions: list[CreateTopic | AddPartitions] = []
        lanes: list[LanePlan] = []
        notes: list[Note] = []
        for topic, shape in sorted(source.items()):
            verdict = self.selection.judge(topic)
            if not verdict.selected:
                notes.append(Note(topic, verdict.reason))
                continue
            remote = self.selection.naming.remote_topic(topic)
            if len(remote) > TOPIC_NAME_MAX:
                notes.append(Note(topic, f"its name on the target would have more than {TOPIC_NAME_MAX} characters"))
                continue
            existing = target_partitions.get(remote)
            if existing is None:
                configs = self.creation_configs(shape.configs)
                actions.append(CreateTopic(remote, shape.partitions, self.replication_factor, configs))
            elif existing < shape.partitions:
                actions.append(AddPartitions(remote, shape.partitions))
            elif existing > shape.partitions:
                notes.append(Note(topic, f"{remote} has {existing} partitions, the source {shape.partitions}: kept"))
            lanes.extend(
                LanePlan(topic, partition, remote, partition, self.merges) for partition in range(shape.partitions)
            )
        return TopicPlan(tuple(actions), tuple(lanes), tuple(notes))

    def creation_configs(self, configs: Mapping[str, ConfigEntry]) -> tuple[tuple[str, str], ...]:
        """Return the configs with which a topic is created on the target, sorted by name."""
        return tuple(
            (name, value)
            for name, value, is_default in self._copied(configs)
            if self.defaults_from_source or not is_default
        )

    def config_changes(
        self, topic: str, source: Mapping[str, ConfigEntry], target: Mapping[str, ConfigEntry]
    ) -> tuple[ConfigChange, ...]:
        """Return what makes the configs of ``topic`` (its name on the target) agree with the source's.

        Only differences are given. A config that the target's brokers do not know is left out: they would refuse
        the whole request for it. What holds by default on the source loses its own value on the target, also where
        somebody set it there by hand, as with MirrorMaker 2; but a limit (``LIMITS``) is never made stricter.
        """
        changes: list[ConfigChange] = []
        for name, value, is_default in self._copied(source):
            present = target.get(name)
            if present is None:
                continue
            own = present.source is ConfigSource.TOPIC
            if own and name in LIMITS and (is_default or _takes_more(present.value, value)):
                continue
            if is_default and not self.defaults_from_source:
                if own:
                    changes.append(ConfigChange(topic, name, None))
            elif not own or present.value != value:
                changes.append(ConfigChange(topic, name, value))
        return tuple(changes)

    def _copied(self, configs: Mapping[str, ConfigEntry]) -> Iterator[tuple[str, str, bool]]:
        """Yield name, value and whether it holds by default, for the configs which are the topic's business."""
        for name, entry in sorted(configs.items()):
            if entry.read_only or entry.sensitive or entry.value is None or entry.source is ConfigSource.STATIC_BROKER:
                continue
            if not self.config_exclude.matches(name):
                yield name, entry.value, entry.source is ConfigSource.DEFAULT


def own_values(configs: Mapping[str, ConfigEntry]) -> dict[str, str]:
    """Return the values that a topic has of its own, by name of the config."""
    return {
        name: entry.value
        for name, entry in configs.items()
        if entry.source is ConfigSource.TOPIC and entry.value is not None
    }


def _takes_more(present: str | None, wanted: str) -> bool:
    return present is not None and int(present) >= int(wanted)


def fold(
    lanes: Iterable[LanePlan], partitions: Mapping[str, int], before: Mapping[tuple[str, int], int]
) -> tuple[LanePlan, ...]:
    """Lay lanes of topics that stay too small on the partitions that there are.

    ``partitions`` has the partition count of each topic on the target that stays too small; lanes of other topics are
    given back as they are. ``before`` says where a source partition's records went before, by source topic and
    partition: there it stays. The others go to *p mod n*: with Kafka's default partitioner, and *n* a divisor of the
    source's count, that is where a producer on the target would have put the same keys.
    """
    placed = [_folded(lane, partitions.get(lane.target_topic), before) for lane in lanes]
    users = Counter((lane.target_topic, lane.target_partition) for lane in placed)
    own = [lane.target_partition == lane.partition for lane in placed]
    alone = [users[lane.target_topic, lane.target_partition] == 1 for lane in placed]
    return tuple(
        replace(lane, shared=lane.shared or not (mine and single))
        for lane, mine, single in zip(placed, own, alone, strict=True)
    )


def _folded(lane: LanePlan, count: int | None, before: Mapping[tuple[str, int], int]) -> LanePlan:
    if count is None:
        return lane
    place = before.get((lane.source_topic, lane.partition), lane.partition)
    return replace(lane, target_partition=place if place < count else lane.partition % count)


def topic_rules_of(flow: FlowConfig) -> TopicRules:
    """Return the rules of ``flow``; raises ConfigError for a list that is no Java regular expression."""
    return TopicRules(
        selection=selection_of(flow),
        config_exclude=Patterns(flow.config_properties_exclude),
        replication_factor=flow.replication_factor,
        defaults_from_source=flow.use_defaults_from == "source",
        merges=flow.merges,
    )
