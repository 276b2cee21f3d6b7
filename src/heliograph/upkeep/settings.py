"""Settings of topics on the target follow the source's, and whatever somebody set there by hand is told before it goes.

A setting of a target topic that agrees with what the source had at the last look is a copy. Any other was made on the
target, by hand or by another program, and MirrorMaker 2 replaces it without a word; here a warning with the value
stands in the log first, so that it can be put back on the source, or into ``config.properties.exclude``.

Brokers before 2.3 cannot change one setting: they take a topic's settings whole (KIP-339 tells why that was mended).
There they are read, changed and written back; a change that somebody makes in between is lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.errors import HeliographError
from heliograph.mirror.topics import ConfigChange, ConfigEntry, ConfigSource, TopicRules
from heliograph.observe.log import Log

Settings = Mapping[str, ConfigEntry]


async def read_settings(
    cluster: Cluster, topics: Iterable[str], problems: dict[str, HeliographError] | None = None
) -> dict[str, dict[str, ConfigEntry]]:
    """Read topics' settings; a topic for which that is not allowed is left out, and named among ``problems``."""
    found: dict[str, dict[str, ConfigEntry]] = {}
    for name, settings in (await admin.describe_topics(cluster, sorted(set(topics)))).items():
        if isinstance(settings, HeliographError):
            if problems is not None:
                problems[name] = settings
            continue
        found[name] = {
            key: ConfigEntry(each.value, ConfigSource(each.source), each.read_only, each.sensitive)
            for key, each in settings.items()
        }
    return found


@dataclass(slots=True)
class SettingsJob:
    """Lets the settings of target topics follow the source's; writes differences only."""

    source: Cluster
    target: Cluster
    rules: TopicRules
    log: Log
    _seen: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """The source's settings at the last look, by topic on the target: what the target has of them is a copy."""

    async def sync(self, pairs: Mapping[str, str]) -> None:
        """Look once; ``pairs`` gives the target topic by source topic. Raises ClusterError.

        A topic whose settings may not be read on either side is left alone, and the log says so.
        """
        problems: dict[str, HeliographError] = {}
        source = await read_settings(self.source, pairs, problems)
        target = await read_settings(self.target, pairs.values(), problems)
        both = {remote: source[name] for name, remote in pairs.items() if name in source and remote in target}
        changes = {remote: self.rules.config_changes(remote, theirs, target[remote]) for remote, theirs in both.items()}
        changes = {remote: made for remote, made in changes.items() if made}
        for remote, made in changes.items():
            for change in made:
                self._warn_of_override(change, target[remote].get(change.name))
        if changes:
            answer = await self._alter(changes, target)
            problems.update({name: error for name, error in answer.items() if error is not None})
        self._tell(changes, target, problems)
        self._seen = {remote: {name: entry.value for name, entry in theirs.items()} for remote, theirs in both.items()}

    def _warn_of_override(self, change: ConfigChange, present: ConfigEntry | None) -> None:
        if present is None or present.source is not ConfigSource.TOPIC:
            return
        if self._seen.get(change.topic, {}).get(change.name) != present.value:
            self.log.warning(
                "a setting made on the target is replaced by the source's",
                topic=change.topic,
                setting=change.name,
                value=_shown(change),
                before=present.value,
            )

    async def _alter(
        self, changes: Mapping[str, tuple[ConfigChange, ...]], target: Mapping[str, Settings]
    ) -> dict[str, HeliographError | None]:
        if await admin.alters_incrementally(self.target):
            by_topic: dict[str, dict[str, str | None]] = defaultdict(dict)
            for topic, made in changes.items():
                by_topic[topic].update({change.name: change.value for change in made})
            return await admin.alter_topics(self.target, by_topic)
        return await admin.replace_topic_settings(
            self.target, {topic: _own_after(target[topic], made) for topic, made in changes.items()}
        )

    def _tell(
        self,
        changes: Mapping[str, tuple[ConfigChange, ...]],
        target: Mapping[str, Settings],
        problems: Mapping[str, HeliographError],
    ) -> None:
        for topic, made in changes.items():
            for change in made if topic not in problems else ():
                before = target[topic].get(change.name)
                self.log.info(
                    "topic setting changed",
                    topic=topic,
                    setting=change.name,
                    value=_shown(change),
                    before="-" if before is None else before.value,
                )
        for topic, problem in problems.items():
            self.log.warning("topic settings cannot be followed", topic=topic, cause=problem)


def _own_after(settings: Settings, changes: Iterable[ConfigChange]) -> dict[str, str]:
    """Give all settings that a topic has of its own once ``changes`` are made."""
    own = {name: entry.value for name, entry in settings.items() if entry.source is ConfigSource.TOPIC}
    own.update({change.name: change.value for change in changes})
    return {name: value for name, value in own.items() if value is not None}


def _shown(change: ConfigChange) -> str:
    return "(default)" if change.value is None else change.value
