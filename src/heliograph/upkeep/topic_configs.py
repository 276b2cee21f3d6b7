"""Configs of topics on the target follow the source's, and what was set there by hand is logged before it goes.

A config of a target topic that agrees with what the source had at the last look is a copy. Any other was set on the
target, by hand or by another program, and MirrorMaker 2 replaces it silently; here a warning with the value is
logged first, so that it can be put back on the source, or into ``config.properties.exclude``.

What the target refuses is left out, so that the topic's other configs follow; it is logged once, and tried again when
the source's value changes.

Brokers before 2.3 cannot change one config: they take a topic's configs whole (which KIP-339 changed).
There they are read, changed and written back; a change that somebody makes in between is lost.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.refused_configs import Configs, RefusedConfig, RefusedConfigs, sift
from heliograph.errors import HeliographError
from heliograph.mirror.topics import ConfigChange, ConfigEntry, ConfigSource, TopicRules, own_values
from heliograph.observe.log import Log

Entries = Mapping[str, ConfigEntry]


async def read_configs(
    cluster: Cluster, topics: Iterable[str], problems: dict[str, HeliographError] | None = None
) -> dict[str, dict[str, ConfigEntry]]:
    """Read topics' configs; a topic for which that is not allowed is left out, and named among ``problems``."""
    found: dict[str, dict[str, ConfigEntry]] = {}
    for name, configs in (await admin.describe_topics(cluster, sorted(set(topics)))).items():
        if isinstance(configs, HeliographError):
            if problems is not None:
                problems[name] = configs
            continue
        found[name] = {
            key: ConfigEntry(each.value, ConfigSource(each.source), each.read_only, each.sensitive)
            for key, each in configs.items()
        }
    return found


async def change_configs(
    cluster: Cluster, changes: Mapping[str, Configs], entries: Mapping[str, Entries]
) -> dict[str, HeliographError | None]:
    """Change some configs of topics; ``entries`` are all that the topics have now. Returns each topic's error."""
    wanted = {topic: configs for topic, configs in changes.items() if configs}
    own = {topic: own_values(entries[topic]) for topic in wanted}
    return await admin.change_topic_configs(cluster, wanted, own)


def tell_refused(refused: Iterable[RefusedConfig], log: Log) -> None:
    """Log which configs copies go without."""
    for each in refused:
        log.warning(
            "the target refuses a topic config; the topic goes without it",
            topic=each.topic,
            config=each.name,
            value=_shown(each.value),
            cause=each.reason,
        )


@dataclass(slots=True)
class TopicConfigsJob:
    """Lets the configs of target topics follow the source's; writes differences only."""

    source: Cluster
    target: Cluster
    rules: TopicRules
    log: Log
    refused: RefusedConfigs
    """What the target has refused so far."""
    _seen: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was to be copied at the last look, by topic on the target: what the target has of it is a copy."""
    _problems: dict[str, str] = field(default_factory=dict)
    """By topic: why its configs could not be followed at the last look."""

    async def sync(self, pairs: Mapping[str, str], spared: Callable[[], Mapping[str, frozenset[str]]] = dict) -> None:
        """Look once; ``pairs`` gives the target topic by source topic. Raises ClusterError.

        ``spared`` returns configs, by topic on the target, that are left as they are for now; it is asked when both
        sides have been read, because another job may begin to hold a topic meanwhile. A topic whose configs may not
        be read on either side is left alone, and the log says so.
        """
        problems: dict[str, HeliographError] = {}
        source = await read_configs(self.source, pairs, problems)
        target = await read_configs(self.target, pairs.values(), problems)
        both = {remote: source[name] for name, remote in pairs.items() if name in source and remote in target}
        changes: dict[str, dict[str, ConfigChange]] = {}
        spare = spared()
        for remote, theirs in both.items():
            left_alone = spare.get(remote, frozenset())
            made = {
                each.name: each
                for each in self.rules.config_changes(remote, theirs, target[remote])
                if each.name not in left_alone and not self.refused.known(remote, each.name, each.value)
            }
            if made:
                changes[remote] = made
        for remote, made in changes.items():
            for change in made.values():
                self._warn_of_override(change, target[remote].get(change.name))
        if changes:
            refused = await self._alter(changes, target, problems)
            for each in refused:
                del changes[each.topic][each.name]
            tell_refused((each for each in refused if self.refused.note(each)), self.log)
        self._tell(changes, target, problems)
        self._seen = {remote: dict(self.rules.creation_configs(theirs)) for remote, theirs in both.items()}
        self.refused.keep(set(pairs.values()))

    def _warn_of_override(self, change: ConfigChange, present: ConfigEntry | None) -> None:
        if present is None or present.source is not ConfigSource.TOPIC:
            return
        if self._seen.get(change.topic, {}).get(change.name) != present.value:
            self.log.warning(
                "a config set on the target is replaced by the source's",
                topic=change.topic,
                config=change.name,
                value=_shown(change.value),
                before=present.value,
            )

    async def _alter(
        self,
        changes: Mapping[str, Mapping[str, ConfigChange]],
        target: Mapping[str, Entries],
        problems: dict[str, HeliographError],
    ) -> tuple[RefusedConfig, ...]:
        """Change configs, without those that the target refuses, which are returned."""

        async def attempt(proposals: Mapping[str, Configs]) -> Mapping[str, HeliographError | None]:
            return await change_configs(self.target, proposals, target)

        sifted = await sift(
            {topic: {each.name: each.value for each in made.values()} for topic, made in changes.items()}, attempt
        )
        problems.update({topic: error for topic, error in sifted.errors.items() if error is not None})
        return sifted.refused

    def _tell(
        self,
        changes: Mapping[str, Mapping[str, ConfigChange]],
        target: Mapping[str, Entries],
        problems: Mapping[str, HeliographError],
    ) -> None:
        for topic, made in changes.items():
            for change in made.values() if topic not in problems else ():
                before = target[topic].get(change.name)
                self.log.info(
                    "topic config changed",
                    topic=topic,
                    config=change.name,
                    value=_shown(change.value),
                    before="-" if before is None else before.value,
                )
        for topic, problem in problems.items():
            if self._problems.get(topic) != str(problem):
                self.log.warning("topic configs cannot be followed", topic=topic, cause=problem)
        self._problems = {topic: str(problem) for topic, problem in problems.items()}


def _shown(value: str | None) -> str:
    return "(default)" if value is None else value
