"""The lanes of one session: opened for what is selected, moved, and closed when their source is gone.

A look at both clusters' topics (:class:`~heliograph.upkeep.topics.TopicJob`) says which lanes there should be; this
brings the data plane there, and tells what changed.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from heliograph.concurrency import all_of
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError, Unreachable
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.topics import LanePlan, TopicRules
from heliograph.observe.log import Log
from heliograph.observe.text import plural
from heliograph.offsets.commits import Commits
from heliograph.upkeep.deletion import DeletionJob
from heliograph.upkeep.topic_configs import tell_refused
from heliograph.upkeep.topics import Found, TopicJob
from heliograph.worker.sharing import Sharing, Wanted

TopicPartition = tuple[str, int]
SETTLE_S = 5.0
"""How long a lane that is to go elsewhere may take to have everything acknowledged."""
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
    sharing: Sharing
    catch_up: Callable[[], Awaitable[None]]
    """Learns what other workers have stored."""
    log: Log
    paused: Callable[[TopicPartition], bool] = lambda _: False
    """Whether a lane is not to be copied for now."""
    may_act: Callable[[], bool] = lambda: True
    """Whether the leader may create, change and delete topics."""
    leaves: Callable[[str], bool] = lambda _: False
    """Topics of the source that are another instance's for now."""
    plans: dict[TopicPartition, LanePlan] = field(default_factory=dict)
    """All lanes of the flow, whoever copies them, as of the last look."""
    wanted: Wanted | None = None
    """The same, for the leader to share out; None before the first look."""
    topics: int = 0
    """Topics of the source that are copied."""
    gone: dict[TopicPartition, Anchor] = field(default_factory=dict)
    """Partitions that were copied and are no longer on the source, with how far they were."""
    problems: dict[str, HeliographError] = field(default_factory=dict)
    """By topic on the target: why nothing can be copied to it yet, as of the last look."""
    _opening: frozenset[TopicPartition] = frozenset()
    """What is about to be opened; some of it may be open already."""
    _acted: bool = False
    """Whether the last look could create topics."""
    _outdated: bool = False
    """Whether other workers may have stored positions since they were read, or may still store some."""
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One change at a time, of what there is and of what is ours."""
    _ends: dict[TopicPartition, int | None] = field(default_factory=dict)
    """Where partitions ended whose lanes are closed, as far as was seen."""
    _folded: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By topic on the target that stays too small: partitions of the source's topic, and its own."""

    def __post_init__(self) -> None:
        """Take note of the share that there is already."""
        self.shared()

    async def refresh(self) -> None:
        """Look at the topics; open lanes for new partitions, close those whose source is gone.

        Raises a ClusterError; what was not done is done by the next look.
        """
        await self.look()
        await self.take_share()

    async def change(self, config: FlowConfig, rules: TopicRules, deletion: DeletionJob | None) -> None:
        """Open lanes by ``config`` from the next look on."""
        async with self._changing:
            self.config, self.topic_job.rules, self.deletion = config, rules, deletion

    async def look(self) -> None:
        """Look at the topics, and say what there is to be shared. Raises a ClusterError."""
        async with self._changing:
            await self._look()

    async def _look(self) -> None:
        leads = self.sharing.leads
        self._acted = acts = leads and self.may_act()
        found = await self.topic_job.look(self._target_partitions(), self.sharing.share.folded, acts=acts)
        self._note_topics(found)
        self.plans = {(plan.source_topic, plan.partition): plan for plan in found.lanes}
        for key, lane in list(self.flow.lanes.items()):
            if key[0] in found.anew or not self._is_on_source(key):
                self._close(lane)
        small = {each.topic: each.target_partitions for each in found.folded}
        self._want(small if leads else self.sharing.share.folded)

    def _want(self, folded: Mapping[str, int]) -> None:
        """Say what there is to be shared."""
        ours = frozenset(key for key in self.plans if not self.paused(key) and not self.leaves(key[0]))
        wanted = Wanted(ours, folded)
        if self.sharing.leads and wanted != self.wanted:
            self.sharing.rejoin()
        self.wanted = wanted

    def steered(self) -> None:
        """Take note that other lanes are paused than before; :meth:`take_share` then brings the lanes there."""
        self._outdated = True  # what was paused may have been given another position meanwhile
        if self.wanted is not None:
            self._want(self.wanted.folded)

    def shared(self) -> None:
        """Take note of a share; none may be missed, as a worker that is gone by the next one may have stored more."""
        self._outdated = self._outdated or self.sharing.share.shared_out

    async def take_share(self) -> None:
        """Open the lanes that are ours, and give up those that are another worker's. Raises a ClusterError.

        The leader may have looked later than this worker: then lanes are missing that cannot be opened yet.
        """
        async with self._changing:
            if self.missing:
                await self._look()
            wanted = self._mine()
            self._opening = frozenset(wanted)
            try:
                await self._bring_to(wanted)
            finally:
                self._opening = frozenset()
                self.sharing.report()

    async def restart(self, concerned: Callable[[TopicPartition], bool]) -> None:
        """Close lanes in good order and open them again. Raises a ClusterError; what was not done may be done again."""
        async with self._changing:
            wanted = self._mine()
            again = [lane for key, lane in self.flow.lanes.items() if key in wanted and concerned(key)]
            self._opening = frozenset(wanted)
            try:
                kept = await self._close_in_order(again)
                await self._bring_to(wanted)
            finally:
                self._opening = frozenset()
            self._require(kept)

    def _mine(self) -> dict[TopicPartition, LanePlan]:
        """Return what this worker should copy now."""
        share = self.sharing.share
        return {key: plan for key, plan in self.plans.items() if share.has(key) and not self.paused(key)}

    @property
    def missing(self) -> int:
        """How many lanes of the share cannot be opened, as the last look did not show them, or not their copies."""
        share = self.sharing.share
        told = share.lanes if share.lanes is not None and share.same_config else frozenset()
        unseen = len(told - self.plans.keys())
        return unseen + sum(not self._has_copy(plan) for plan in self._mine().values())

    def _has_copy(self, plan: LanePlan) -> bool:
        """Whether a lane has somewhere to go; who may create topics has done all that can be done."""
        copy = self.topic_job.target.metadata.topics.get(plan.target_topic)
        return self._acted or (copy is not None and plan.target_partition in copy.partitions)

    def _is_on_source(self, key: TopicPartition) -> bool:
        topic = self.topic_job.source.metadata.topics.get(key[0])
        return topic is not None and key[1] in topic.partitions

    @property
    def held(self) -> frozenset[TopicPartition]:
        """What this worker copies, or is about to: no other worker may be given it."""
        return self._opening.union(self.flow.lanes)

    @property
    def resting(self) -> dict[TopicPartition, int]:
        """What is paused, with the source offset up to which it is copied; as leader, for all workers.

        What another worker has stored of it is known as of this worker's last look.
        """
        stored = self.commits.stored
        return {
            key: stored[key].source_offset + 1 if key in stored else 0
            for key in (self.plans if self.sharing.leads else ())
            if key not in self.flow.lanes and self.paused(key)
        }

    async def _bring_to(self, wanted: Mapping[TopicPartition, LanePlan]) -> None:
        """Bring the data plane to ``wanted``. Raises a ClusterError."""
        kept = await self._give_up([lane for key, lane in self.flow.lanes.items() if key not in wanted])
        await self._move(wanted)
        if self.sharing.leads:
            self._note_gone()
        new = [
            self._open(self.flow.window, plan)
            for key, plan in wanted.items()
            if key not in self.flow.lanes and self._has_copy(plan)
        ]
        if new:
            if self._outdated:
                await self._catch_up()
            await self._begin(new)
        self.flow.leaders_changed()
        if self.deletion and self.sharing.leads and self.may_act():
            await self._delete_copies(self.deletion)
        self._require(kept)

    async def _catch_up(self) -> None:
        """Read the positions once more; what is heard of other workers meanwhile makes them outdated again."""
        self._outdated = self.sharing.share.shared_out
        try:
            await self.catch_up()
        except BaseException:
            self._outdated = True
            raise

    @staticmethod
    def _require(kept: int) -> None:
        if kept:
            raise Unreachable(
                f"What was sent for {plural(kept, 'partition')} was not acknowledged within {SETTLE_S:g} s"
            )

    async def _give_up(self, lanes: list[Lane]) -> int:
        """Close lanes that are paused, another worker's or nobody's; returns how many could not be closed."""
        kept = await self._close_in_order(lanes)
        keys = {(lane.source_topic, lane.partition) for lane in lanes} - self.flow.lanes.keys()
        ended = keys - self.plans.keys()
        paused = {key for key in keys - ended if self.paused(key)}
        if ended:
            self.log.info("partitions are no longer copied", partitions=len(ended))
        if paused:
            self.log.info("partitions paused", partitions=len(paused))
        if given := keys - ended - paused:
            self.log.info("partitions given to other workers", partitions=len(given))
        return kept

    async def _close_in_order(self, lanes: list[Lane]) -> int:
        """Close lanes where all they sent is acknowledged and stored.

        Returns how many could not be closed: they go on until the next attempt. Raises a ClusterError.
        """
        if not lanes:
            return 0
        settled = await all_of(self.flow.settle(lane, SETTLE_S) for lane in lanes)
        done = [lane for lane, is_settled in zip(lanes, settled, strict=True) if is_settled]
        try:
            await self.commits.commit(self.flow.moved)
        except HeliographError:
            for lane in done:
                self.flow.resume_reading(lane)
            raise
        for lane in done:
            self._close(lane)
        return len(lanes) - len(done)

    async def _begin(self, new: list[Lane]) -> None:
        """Start new lanes and give them to the data plane; those without a topic on the target wait there."""
        for lane in new:
            problem = self.problems.get(lane.target_topic)
            if problem is not None:  # before anything that may fail: it is to be seen
                lane.resume_needed(problem)
                self.flow.add(lane)
        new = [lane for lane in new if lane.target_topic not in self.problems]
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
        moving = [
            lane
            for key, lane in lanes.items()
            if key in wanted and lane.target_partition != wanted[key].target_partition
        ]
        settled = await all_of(self.flow.settle(lane, SETTLE_S) for lane in moving)
        for lane, done in zip(moving, settled, strict=True):
            if done:
                self._close(lane)
        busy = {lane.target_topic for lane, done in zip(moving, settled, strict=True) if not done}
        for key, lane in lanes.items():
            if key in wanted and lane.target_topic not in busy:  # else those that stay still share its partition
                lane.share(shared=wanted[key].shared)

    def _note_gone(self) -> None:
        """Take note of partitions that were copied and are no longer on the source."""
        before = {topic for topic, _ in self.gone}
        selection = self.topic_job.rules.selection
        self.gone = {
            key: at for key, at in self.commits.stored.items() if key not in self.plans and selection.selects(key[0])
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
        deleted = await job.look(gone, {topic for topic, _ in self.plans})
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
