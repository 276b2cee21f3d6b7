"""The job that commits the positions of followed groups on the target, so that they can go on there at any time.

Only groups without members are moved, and only forward. The broker itself refuses the commit for a group that has
members, so one that joins at the last moment is not disturbed either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin, groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Committed
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import HeliographError
from heliograph.mirror.checkpoints import Wanted, plan_group_sync
from heliograph.observe.log import Log
from heliograph.upkeep.checkpoints import Checkpoints, Place
from heliograph.upkeep.periodic import Job, Scope

TopicPartition = tuple[str, int]
Wishes = Mapping[str, Mapping[TopicPartition, Wanted]]
"""Where groups should stand, by group."""


@dataclass(slots=True)
class GroupSync:
    """Groups of one flow on its target."""

    config: FlowConfig
    target: Cluster
    checkpoints: Checkpoints
    log: Log
    _active: frozenset[str] = frozenset()
    """Groups that were left alone the last time."""
    _failures: dict[str, str] = field(default_factory=dict)
    _metadata: Mapping[str, Mapping[TopicPartition, str]] = field(default_factory=dict)
    """Of the source's commits, by group and target partition, as far as it was carried over."""

    def jobs(self) -> list[Job]:
        """Return its periodic jobs."""
        interval_s = self.config.sync.group_offsets_interval_s
        if interval_s is None:
            return []
        return [Job("sync group offsets", Scope.LANES, interval_s, self.sync, part=Part.CHECKPOINT)]

    async def sync(self) -> None:
        """Move the groups that can be moved. Raises a ClusterError."""
        wanted = await self._wanted()
        plans, unread = await self._plan(wanted)
        described = await groups.describe(self.target, plans)
        active: set[str] = set()
        waiting: dict[str, Mapping[TopicPartition, Wanted]] = {group: wanted[group] for group in unread}
        for group, commits in plans.items():
            state = described[group]
            waiting[group] = commits
            if isinstance(state, HeliographError):
                self._tell(group, state)
            elif state.active or (done := await self._commit(group, commits)) is None:
                active.add(group)
            else:
                waiting[group] = {key: each for key, each in commits.items() if key not in done}
        self._metadata = self._carried(wanted, waiting)
        for group in sorted(active - self._active):
            self.log.info("a group has members on the target and is left alone", group=group)
        self._active = frozenset(active)

    async def _wanted(self) -> dict[str, dict[TopicPartition, Wanted]]:
        """Return where groups should stand."""
        found = await self.checkpoints.translate()
        begins = await self._begins(found)
        return {
            group: {
                place.target: Wanted(max(place.downstream, begins.get(place.target, 0)), place.upstream.metadata)
                for place in places
            }
            for group, places in found.items()
        }

    async def _plan(self, wanted: Wishes) -> tuple[dict[str, Mapping[TopicPartition, Wanted]], set[str]]:
        """Say what is to be committed, by group, and of which groups that cannot be known.

        Groups that are where they should be are in neither.
        """
        there = await groups.committed_by(self.target, wanted)
        plans: dict[str, Mapping[TopicPartition, Wanted]] = {}
        unread: set[str] = set()
        for group, positions in wanted.items():
            committed = there[group]
            if isinstance(committed, HeliographError):
                self._tell(group, committed)
                unread.add(group)
                continue
            found = {key: Wanted(each.offset, each.metadata) for key, each in committed.items()}
            plan = plan_group_sync(positions, found, active=False, metadata=self._metadata.get(group, {}))
            if plan.commit:
                plans[group] = plan.commit
        return plans, unread

    def _carried(self, wanted: Wishes, waiting: Wishes) -> dict[str, dict[TopicPartition, str]]:
        """Return the metadata of the source as of now; where it could not be carried over, as it was before."""
        carried: dict[str, dict[TopicPartition, str]] = {}
        for group, positions in wanted.items():
            before, left = self._metadata.get(group, {}), waiting.get(group, {})
            carried[group] = {
                key: before[key] if key in left and key in before else each.metadata for key, each in positions.items()
            }
        return carried

    async def _begins(self, wanted: Mapping[str, list[Place]]) -> dict[TopicPartition, int]:
        """Return where the target's partitions begin: a position before that would be none for a consumer."""
        keys = {place.target for places in wanted.values() for place in places}
        found = await admin.list_offsets(self.target, keys, admin.EARLIEST)
        return {key: each for key, each in found.items() if isinstance(each, int)}

    async def _commit(self, group: str, wanted: Mapping[TopicPartition, Wanted]) -> frozenset[TopicPartition] | None:
        """Commit, and return what was committed; None where the group has members after all."""
        positions = {key: Committed(to.offset, metadata=to.metadata) for key, to in wanted.items()}
        try:
            outcome = await groups.commit(self.target, group, positions)
        except HeliographError as error:
            self._tell(group, error)
            return frozenset()
        for refusal in outcome.refused.values():
            self._tell(group, refusal)
        if not outcome.refused:
            self._failures.pop(group, None)
        if outcome.done:
            self.log.debug("a group was moved on the target", group=group, partitions=len(outcome.done))
        return None if outcome.active else frozenset(outcome.done)

    def _tell(self, group: str, cause: HeliographError) -> None:
        """Warn once for as long as the cause stays."""
        if self._failures.get(group) != str(cause):
            self._failures[group] = str(cause)
            self.log.warning("a group cannot be moved on the target", group=group, cause=cause)
