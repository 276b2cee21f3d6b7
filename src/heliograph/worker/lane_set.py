"""The lanes of one session: opened for what is selected, moved, and closed when their source is gone.

A look at both clusters' topics (:class:`~heliograph.upkeep.topics.TopicJob`) says which lanes there should be; this
brings the data plane there, and tells what changed.
"""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from heliograph.concurrency import all_of
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.topics import LanePlan
from heliograph.observe.log import Log
from heliograph.offsets.commits import Commits
from heliograph.upkeep.deletion import DeletionJob
from heliograph.upkeep.topic_configs import tell_refused
from heliograph.upkeep.topics import Found, TopicJob

TopicPartition = tuple[str, int]
SETTLE_S = 5.0
"""How long a lane that is to go to another target partition may take to have everything acknowledged."""
BATCH_OVERHEAD_BYTES = 12
"""max.message.bytes counts a batch without its first two fields, or with them, by version: stay below both."""


@dataclass(slots=True)
class LaneSet:
    """Which lanes there are."""

    config: FlowConfig
    flow: DataPlane
    topic_job: TopicJob
    deletion: DeletionJob | None
    """Deletes copies whose source topics are gone; None: they stay."""
    commits: Commits
    start: Callable[[list[Lane]], Awaitable[None]]
    """Finds where lanes begin, and starts them."""
    begins: Callable[[Lane, int, int], None]
    """Told by each lane where it begins (position, expected target offset), while its anchor still is what it was."""
    log: Log
    topics: int = 0
    """Topics of the source that are copied."""
    gone: dict[TopicPartition, Anchor] = field(default_factory=dict)
    """Partitions that were copied and are no longer on the source, with how far they were."""
    problems: dict[str, HeliographError] = field(default_factory=dict)
    """By topic on the target: why nothing can be copied to it yet, as of the last look."""
    _ends: dict[TopicPartition, int | None] = field(default_factory=dict)
    """Where partitions ended whose lanes are closed, as far as was seen."""
    _folded: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By topic on the target that stays too small: partitions of the source's topic, and its own."""

    async def refresh(self) -> None:
        """Look at the topics; open lanes for new partitions, close those whose source is gone.

        Raises a ClusterError; what was not done is done by the next look.
        """
        flow = self.flow
        found = await self.topic_job.look(self._target_partitions())
        self._note_topics(found)
        wanted = {(plan.source_topic, plan.partition): plan for plan in found.lanes}
        for key, lane in list(flow.lanes.items()):
            if key not in wanted or key[0] in found.anew:
                self._close(lane)
        await self._move(wanted)
        self._note_gone(wanted)
        new = [self._open(flow.window, plan) for key, plan in wanted.items() if key not in flow.lanes]
        if new:
            await self._begin(new, found)
        flow.leaders_changed()
        if self.deletion:
            await self._delete_copies(self.deletion)

    async def _begin(self, new: list[Lane], found: Found) -> None:
        """Start new lanes and give them to the data plane; those without a topic on the target wait there."""
        for lane in new:
            problem = found.problems.get(lane.target_topic)
            if problem is not None:  # before anything that may fail: it is to be seen
                lane.resume_needed(problem)
                self.flow.add(lane)
        new = [lane for lane in new if lane.target_topic not in found.problems]
        limits = await self.topic_job.limits(lane.target_topic for lane in new)
        for lane in new:
            limit = limits.get(lane.target_topic)
            if limit is not None:
                lane.limit(max(1, min(self.config.batch_max_bytes, limit - BATCH_OVERHEAD_BYTES)))
        await self.start(new)
        await self.commits.commit_begun(new)
        for lane in new:
            self.flow.add(lane)

    def _target_partitions(self) -> dict[TopicPartition, int]:
        """Say where the records of source partitions go, or went when they were last copied."""
        stored = self.commits.stored
        before = {key: anchor.target_partition for key, anchor in stored.items() if anchor.target_partition >= 0}
        return before | {key: lane.target_partition for key, lane in self.flow.lanes.items()}

    async def _move(self, wanted: Mapping[TopicPartition, LanePlan]) -> None:
        """Close lanes that are to go to another target partition, at a point where all they sent is acknowledged."""
        lanes = self.flow.lanes
        moving = [lane for key, lane in lanes.items() if lane.target_partition != wanted[key].target_partition]
        settled = await all_of(self.flow.settle(lane, SETTLE_S) for lane in moving)
        for lane, done in zip(moving, settled, strict=True):
            if done:
                self._close(lane)
        busy = {lane.target_topic for lane, done in zip(moving, settled, strict=True) if not done}
        for key, lane in lanes.items():
            if lane.target_topic not in busy:  # else those that stay still share its partition
                lane.share(shared=wanted[key].shared)

    def _note_gone(self, wanted: Mapping[TopicPartition, LanePlan]) -> None:
        """Take note of partitions that were copied and are no longer on the source."""
        before = {topic for topic, _ in self.gone}
        selection = self.topic_job.rules.selection
        self.gone = {
            key: at for key, at in self.commits.stored.items() if key not in wanted and selection.selects(key[0])
        }
        partitions = Counter(topic for topic, _ in self.gone)
        for topic, count in partitions.items():
            if topic not in before:
                self.log.warning("the source topic is gone; its copy stays", topic=topic, partitions=count)

    async def _delete_copies(self, job: DeletionJob) -> None:
        """Have copies deleted whose source topics are gone, and forget where they were."""
        gone: dict[str, set[str]] = defaultdict(set)
        for (topic, _), at in self.gone.items():
            gone[topic].update(filter(None, [at.target_id]))
        deleted = await job.look(gone, {topic for topic, _ in self.flow.lanes})
        forgotten = [key for key in self.gone if key[0] in deleted]
        await self.commits.forget(forgotten)
        for key in forgotten:
            del self.gone[key]

    def _open(self, window: Window, plan: LanePlan) -> Lane:
        return Lane(
            plan.source_topic,
            plan.target_topic,
            plan.partition,
            window,
            target_partition=plan.target_partition,
            shared=plan.shared,
            transactional=self.commits.transactions is not None,
            source=self.config.source.alias,
            target=self.config.target.alias,
            limit_bytes=self.config.batch_max_bytes,
            end_offset=self._ends.pop((plan.source_topic, plan.partition), None),
            moved=self.flow.moved,
            begins=self.begins,
        )

    def _close(self, lane: Lane) -> None:
        """Close a lane; should its topic come back, it continues where this one ended."""
        self.flow.remove(lane)
        self.commits.close(lane)
        self._ends[lane.source_topic, lane.partition] = lane.end_offset

    def _note_topics(self, found: Found) -> None:
        self.topics = len({plan.source_topic for plan in found.lanes})
        for name in found.created:
            self.log.info("topic created", topic=name)
        if found.unknown_configs:
            configs = ",".join(found.unknown_configs)
            self.log.warning(
                "the target does not know some topic configs; topics were created without", configs=configs
            )
        tell_refused(found.refused, self.log)
        for name in found.grown:
            self.log.info("partitions added", topic=name)
        for each in found.folded:
            if self._folded.get(each.topic) != (each.partitions, each.target_partitions):
                self.log.warning(
                    "a topic may not be given partitions; source partitions share those there are",
                    topic=each.topic,
                    source_partitions=each.partitions,
                    partitions=each.target_partitions,
                    cause=each.cause,
                )
        self._folded = {each.topic: (each.partitions, each.target_partitions) for each in found.folded}
        for name, problem in found.problems.items():
            if str(self.problems.get(name)) != str(problem):
                self.log.error("a topic cannot be mirrored", topic=name, cause=problem)
        self.problems = dict(found.problems)
