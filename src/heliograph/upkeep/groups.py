"""The consumer groups that a flow follows, and their positions on the source.

The groups of the source are listed now and then. Those are followed which the lists choose, which have offsets of the
usual kind (classic groups and those of KIP-848), and which have committed one for a topic that is copied.
"""

import time
from dataclasses import dataclass, field

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Committed
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.mirror.checkpoints import GroupChoice, follows_topic, group_choice_of
from heliograph.mirror.selection import Selection, selection_of
from heliograph.observe.log import Log

TopicPartition = tuple[str, int]
OTHERS_NAMED = 5


@dataclass(slots=True)
class Followed:
    """Groups of one flow's source."""

    config: FlowConfig
    source: Cluster
    log: Log
    names: tuple[str, ...] = ()
    """Groups that the lists choose, as of the last listing."""
    choice: GroupChoice = field(init=False)
    selection: Selection = field(init=False)
    _listed_s: float | None = None
    _others: tuple[str, ...] = ()
    _failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ConfigError for lists that are no patterns."""
        self.choice = group_choice_of(self.config)
        self.selection = selection_of(self.config)

    async def positions(self) -> dict[str, dict[TopicPartition, Committed]]:
        """Return what each followed group has committed for topics that are copied. Raises a ClusterError."""
        if self._listing_due():
            await self._list()
        found: dict[str, dict[TopicPartition, Committed]] = {}
        failures: dict[str, str] = {}
        for group, committed in (await groups.committed_by(self.source, self.names)).items():
            if isinstance(committed, HeliographError):
                failures[group] = str(committed)
                if self._failures.get(group) != failures[group]:
                    self.log.warning("a group's positions cannot be read", group=group, cause=committed)
                continue
            ours = {key: each for key, each in committed.items() if follows_topic(self.selection, key[0])}
            if ours:
                found[group] = ours
        self._failures = failures
        return found

    def _listing_due(self) -> bool:
        interval_s = self.config.sync.refresh_groups_interval_s
        if self._listed_s is None:
            return True
        return interval_s is not None and time.monotonic() - self._listed_s >= interval_s

    async def _list(self) -> None:
        listed = await groups.list_groups(self.source)
        chosen = [each for each in listed if self.choice.follows(each.group)]
        self.names = tuple(each.group for each in chosen if each.of_consumers)
        self._listed_s = time.monotonic()
        # Connect's workers and the like have no offsets; groups of shares and streams have some that cannot be moved.
        kinds = (groups.Protocol.SHARE, groups.Protocol.STREAMS)
        others = tuple(each.group for each in chosen if each.protocol in kinds)
        if others and others != self._others:
            names = ",".join(others[:OTHERS_NAMED]) + (",..." if len(others) > OTHERS_NAMED else "")
            self.log.info("share and streams groups are not followed", count=len(others), groups=names)
        self._others = others
