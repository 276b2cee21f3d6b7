"""Copying one flow for as long as its lanes are ours: topics and lanes, positions, and the jobs beside them.

::

    read stored positions ──> look at the topics ──> open lanes, find their places ──> data plane + periodic jobs
                                     ^                                                        │
                                     └────────────────── every refresh interval ──────────────┘
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError, NotAuthorized
from heliograph.flow.events import ClusterBack, ClusterTrouble, Event
from heliograph.flow.fetcher import Reading
from heliograph.flow.flow import Flow, FlowSettings
from heliograph.flow.lane import Lane, Producer, State
from heliograph.flow.positions import Clusters, Place
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.deletions import Deletions
from heliograph.mirror.losses import Loss
from heliograph.mirror.resume import Outcome
from heliograph.mirror.topics import LanePlan, topic_rules_of
from heliograph.observe.log import Log
from heliograph.offsets.fencing import fence
from heliograph.offsets.stored import Offsets
from heliograph.offsets.takeover import Takeover
from heliograph.upkeep.deletion import DeletionJob
from heliograph.upkeep.jobs import Upkeep
from heliograph.upkeep.periodic import Job, every, persistently
from heliograph.upkeep.settings import SettingsJob
from heliograph.upkeep.topics import Found, TopicJob
from heliograph.worker.event_log import tell
from heliograph.worker.producers import Producers
from heliograph.worker.transactions import first_cause, transactions_for

LANE_SHARE_MAX = 8
"""A lane may hold at least one part in so many of the window; with fewer lanes, more."""
LANE_BYTES_MIN = 1 << 20
SETTLE_S = 5.0
"""How long a lane that is to go to another target partition may take to have everything acknowledged."""
BATCH_OVERHEAD_BYTES = 12
"""max.message.bytes counts a batch without its first two fields, or with them, by version: stay below both."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the copying asks of the flow it belongs to, and tells it."""

    holds: Callable[[], bool]
    """Whether the lanes are ours at this moment (the lease)."""
    running: Callable[[], None]
    """Copying has begun."""
    waiting: Callable[[HeliographError], None]
    """It cannot begin yet, and why."""
    lost: Callable[[Loss], None]
    """Something was lost."""
    trouble: Callable[[str], None]
    """Why a cluster cannot be used at the moment; empty: it answers again."""


class Session:
    """One stretch of copying: made anew whenever the lanes are gained."""

    def __init__(self, config: FlowConfig, source: Cluster, target: Cluster, log: Log, callbacks: Callbacks) -> None:
        """Nothing moves before :meth:`run`; both clusters must have been started."""
        self.config = config
        self.source, self.target = source, target
        self.log = log
        self.topics = 0
        """Topics of the source that are copied."""
        self.jobs: tuple[Job, ...] = ()
        """What is done again and again beside the copying, once that has begun."""
        self.gone: dict[tuple[str, int], Anchor] = {}
        """Partitions that were copied and are no longer on the source, with how far they were."""
        self._callbacks = callbacks
        self._offsets = Offsets(target, config)
        self._transactions = transactions_for(config, target, self._offsets)
        self.flow = self._make_flow(callbacks.holds)
        self._takeover = Takeover(source, target, config)
        self._upkeep = Upkeep(config, source, target, self.flow, log)
        self._topic_job = TopicJob(source, target, topic_rules_of(config))
        self._deletion = (
            DeletionJob(source, target, Deletions(self._topic_job.rules.selection.naming), log)
            if config.delete_topics
            else None
        )
        self._settings_job = SettingsJob(source, target, self._topic_job.rules, log)
        self._committed: dict[Lane, Anchor] = {}
        self._stored: dict[tuple[str, int], Anchor] = {}
        self._producers = Producers(target)
        self._problems: dict[str, HeliographError] = {}
        self._ends: dict[tuple[str, int], int | None] = {}
        """Where partitions ended whose lanes are closed, as far as was seen."""
        self._folded: dict[str, tuple[int, int]] = {}
        """By topic on the target that stays too small: partitions of the source's topic, and its own."""

    def _make_flow(self, may_send: Callable[[], bool]) -> Flow:
        config = self.config
        reading = Reading(
            max_bytes=config.fetch_max_bytes,
            max_partition_bytes=config.fetch_max_partition_bytes,
            max_wait_ms=config.fetch_max_wait_ms,
            read_committed=config.read_committed,
            rack=config.client_rack,
            lane_limit_bytes=max(LANE_BYTES_MIN, config.window_bytes // LANE_SHARE_MAX),
        )
        return Flow(
            self.source,
            self.target,
            FlowSettings(reading, config.window_bytes, config.produce_timeout_ms, config.stop_on_loss),
            listener=self._on_event,
            may_send=may_send,
            resume=self._resume,
            transactions=self._transactions,
        )

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Copy until cancelled."""
        await persistently("read the stored positions", self._load, self.log, self._callbacks.waiting)
        await persistently("look at the topics", self._refresh, self.log, self._callbacks.waiting)
        self.jobs = tuple(self._jobs())
        self._callbacks.running()
        self.log.info("running", topics=self.topics, partitions=len(self.flow.lanes))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.flow.run())
                for job in self.jobs:
                    group.create_task(every(job, self.log), name=job.name)
        except BaseExceptionGroup as errors:
            raise first_cause(errors) from errors

    def _jobs(self) -> list[Job]:
        """Give what is done beside the copying."""
        config = self.config
        jobs = [
            Job("store positions", config.offset_flush_interval_ms / 1000, self.commit),
            Job("look at brokers and leaders", self._metadata_age_s(), self.flow.look_again),
        ]
        if config.sync_topic_configs_interval_s:
            jobs.append(
                Job("sync topic settings", config.sync_topic_configs_interval_s, self._sync_settings, at_once=True)
            )
        if config.refresh_topics_interval_s:
            jobs.append(Job("look at the topics", config.refresh_topics_interval_s, self._refresh))
        return jobs + self._upkeep.jobs()

    async def finish(self, budget_s: float) -> None:
        """Drain and commit, in ``budget_s`` seconds."""
        flow = self.flow
        if not await flow.drain(budget_s * 0.6):
            self.log.warning("some batches were not acknowledged in time; the next start finds out which were written")
        try:
            async with asyncio.timeout(budget_s * 0.3):
                await self.commit()
        except (HeliographError, TimeoutError) as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)
        await self._upkeep.finish(budget_s * 0.1)
        self.log.info("stopped", records=sum(lane.records for lane in flow.lanes.values()))

    def _metadata_age_s(self) -> float:
        """Age at which knowledge of brokers and leaders is renewed even if nothing went wrong."""
        return max(1.0, min(self.config.source.metadata_max_age_ms, self.config.target.metadata_max_age_ms) / 1000)

    async def _load(self) -> None:
        await self._fence()
        if self._transactions is not None:
            await self._transactions.fence()
            await self._offsets.settle()
        self._stored = await self._offsets.read()
        if self._offsets.unreadable:
            self.log.warning("some stored positions cannot be read and are left alone", count=self._offsets.unreadable)
        if self._transactions is None:
            await self._producers.prepare()

    async def _fence(self) -> None:
        """Shut out an exactly-once MM2 before its positions are read; where that is not allowed, go on without."""
        try:
            fenced = await fence(self.target, self.config)
        except NotAuthorized as error:
            self.log.warning("an exactly-once MirrorMaker 2 cannot be fenced", cause=error)
        else:
            theirs = [each for each in fenced if not self._transactions or each != self.config.transactional_id]
            if theirs:
                self.log.info("earlier writers in transactions were fenced", transactional_ids=",".join(theirs))

    # ---- topics and lanes ---------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        """Look at the topics; open lanes for new partitions, close those whose source is gone."""
        flow, job = self.flow, self._topic_job
        found = await job.look(self._target_partitions())
        self._note_topics(found)
        wanted = {(plan.source_topic, plan.partition): plan for plan in found.lanes}
        for key, lane in list(flow.lanes.items()):
            if key not in wanted or key[0] in found.anew:
                self._close(lane)
        await self._move(wanted)
        self._note_gone(wanted)
        new = [self._open(flow.window, plan) for key, plan in wanted.items() if key not in flow.lanes]
        if new:
            limits = await job.limits(lane.target_topic for lane in new)
            for lane in new:
                limit = limits.get(lane.target_topic)
                if limit is not None:
                    lane.limit_bytes = max(1, min(self.config.batch_max_bytes, limit - BATCH_OVERHEAD_BYTES))
            await self._resume([lane for lane in new if lane.target_topic not in found.problems])
            await self._commit_new(new)
            for lane in new:
                problem = found.problems.get(lane.target_topic)
                if problem is not None:
                    lane.resume_needed(problem)
                flow.add(lane)
        flow.leaders_changed()
        if self._deletion:
            await self._delete_copies(self._deletion)

    def _target_partitions(self) -> dict[tuple[str, int], int]:
        """Say where the records of source partitions go, or went when they were last copied."""
        before = {key: anchor.target_partition for key, anchor in self._stored.items() if anchor.target_partition >= 0}
        return before | {key: lane.target_partition for key, lane in self.flow.lanes.items()}

    async def _move(self, wanted: Mapping[tuple[str, int], LanePlan]) -> None:
        """Close lanes that are to go to another target partition, at a point where all they sent is acknowledged."""
        lanes = self.flow.lanes
        moving = [lane for key, lane in lanes.items() if lane.target_partition != wanted[key].target_partition]
        settled = await asyncio.gather(*(self.flow.settle(lane, SETTLE_S) for lane in moving))
        for lane, done in zip(moving, settled, strict=True):
            if done:
                self._close(lane)
        busy = {lane.target_topic for lane, done in zip(moving, settled, strict=True) if not done}
        for key, lane in lanes.items():
            if lane.target_topic not in busy:  # else those that stay still share its partition
                lane.share(shared=wanted[key].shared)

    def _note_gone(self, wanted: Mapping[tuple[str, int], LanePlan]) -> None:
        """Take note of partitions that were copied and are no longer on the source."""
        before = {topic for topic, _ in self.gone}
        selection = self._topic_job.rules.selection
        self.gone = {key: at for key, at in self._stored.items() if key not in wanted and selection.selects(key[0])}
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
        await self._offsets.forget(forgotten, time.time_ns() // 1_000_000)
        for key in forgotten:
            del self.gone[key]
            self._stored.pop(key, None)

    def _open(self, window: Window, plan: LanePlan) -> Lane:
        lane = Lane(
            plan.source_topic,
            plan.target_topic,
            plan.partition,
            window,
            target_partition=plan.target_partition,
            shared=plan.shared,
        )
        lane.state = State.RESUMING
        lane.transactional = self._transactions is not None
        lane.end_offset = self._ends.pop((lane.source_topic, lane.partition), None)
        lane.limit_bytes = self.config.batch_max_bytes
        return lane

    def _close(self, lane: Lane) -> None:
        """Give up a lane; should its topic come back, it goes on where this one ended."""
        self.flow.remove(lane)
        self._committed.pop(lane, None)
        if lane.anchor is not None:
            self._stored[lane.source_topic, lane.partition] = lane.anchor
        self._ends[lane.source_topic, lane.partition] = lane.end_offset

    def _note_topics(self, found: Found) -> None:
        self.topics = len({plan.source_topic for plan in found.lanes})
        for name in found.created:
            self.log.info("topic created", topic=name)
        if found.unknown_settings:
            settings = ",".join(found.unknown_settings)
            self.log.warning("the target does not know some settings; topics were created without", settings=settings)
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
            if str(self._problems.get(name)) != str(problem):
                self.log.error("a topic cannot be mirrored", topic=name, cause=problem)
        self._problems = dict(found.problems)

    async def _sync_settings(self) -> None:
        """Let the settings of target topics follow the source's."""
        pairs = {lane.source_topic: lane.target_topic for lane in self.flow.lanes.values()}
        await self._settings_job.sync(pairs)

    # ---- where lanes begin --------------------------------------------------------------------------------------

    async def _resume(self, lanes: list[Lane]) -> None:
        """Find where ``lanes`` begin and start them; those for which it cannot be found fail with the cause."""
        if not lanes:
            return
        try:
            stored = {lane: known for lane in lanes if (known := self._known(lane)) is not None}
            clusters = Clusters(
                self.source,
                self.target,
                self.config.read_committed,
                self.config.start_at_latest,
                transactional=self._transactions is not None,
            )
            places = await self._takeover.locate(clusters, lanes, stored, self._offsets.written_ms)
            producers = {lane: await self._producer(lane) for lane, place in places.items() if isinstance(place, Place)}
        except HeliographError as error:
            places = dict.fromkeys(lanes, error)
        now = asyncio.get_running_loop().time()
        for lane, place in places.items():
            if isinstance(place, HeliographError):
                lane.fail(place, now)
                if str(self._problems.get(lane.target_topic)) != str(place):
                    self._problems[lane.target_topic] = place
                    self.log.error(
                        "a partition cannot begin", topic=lane.source_topic, partition=lane.partition, cause=place
                    )
                continue
            self._start(lane, place, producers[lane], fresh=lane not in stored)
        try:
            await self._commit_new(
                [
                    lane
                    for lane, place in places.items()
                    if isinstance(place, Place) and (place.losses or self._outlives(stored.get(lane)))
                ]
            )
        except HeliographError as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)

    def _outlives(self, stored: Anchor | None) -> bool:
        """Whether copying without transactions makes a position untrue that counts as exact because it was in one."""
        return stored is not None and stored.transactional and self._transactions is None

    async def _producer(self, lane: Lane) -> Producer:
        if self._transactions is not None:
            return self._transactions.producer
        return await self._producers.take(lane.target_topic, lane.target_partition)

    def _known(self, lane: Lane) -> Anchor | None:
        known = lane.anchor or self._stored.get((lane.source_topic, lane.partition))
        if lane.anchor is not None and self._transactions is not None:
            known = replace(lane.anchor, transactional=True)
        if known is None or _target_partition(lane, known) == lane.target_partition:
            return known
        # Nothing of this lane is on the partition where it goes now: its anchor there is the place before the first.
        return replace(known, target_offset=-1)

    def _start(self, lane: Lane, place: Place, producer: Producer, *, fresh: bool) -> None:
        where = {"topic": lane.source_topic, "partition": lane.partition}
        known = lane.anchor or self._stored.get((lane.source_topic, lane.partition))
        if known is not None and (before := _target_partition(lane, known)) != lane.target_partition:
            self.log.warning(
                "a source partition goes to another target partition from here on",
                **where,
                before=before,
                now=lane.target_partition,
                position=place.position,
            )
        for loss in place.losses:
            self.flow.lose(lane, loss)
        if lane.state is State.HALTED:
            return
        told = place.evidence
        lane.topic_id, lane.target_id, lane.leader_epoch = told.topic_id, told.target_id, told.leader_epoch
        self._upkeep.begun(lane, place.position, place.expected_offset)
        lane.start(place.position, place.expected_offset, producer)
        if fresh or place.outcome is Outcome.EXACT:
            lane.anchor = lane.anchor_at(place.position - 1, _target_before(lane, place, known))
        first = fresh and (not place.expected_offset or self._has_neighbour(lane))
        if place.doubtful or (place.outcome is not Outcome.EXACT and not first):
            doubt = "{}..{}".format(*place.doubtful) if place.doubtful else "-"
            self.log.warning(
                "the exact place is not known: records may be there twice, none is lost",
                **where,
                position=place.position,
                reason=place.reason,
                target_offsets_in_doubt=doubt,
            )
        else:
            self.log.debug("lane started", **where, position=place.position, reason=place.reason)

    def _has_neighbour(self, lane: Lane) -> bool:
        """Whether what the target partition holds is explained by another lane that goes there too."""
        place = (lane.target_topic, lane.target_partition)
        near = any((each.target_topic, each.target_partition) == place for each in self.flow.lanes.values())
        return lane.shared and (near or self.config.merges)

    # ---- positions ----------------------------------------------------------------------------------------------

    async def _commit_new(self, lanes: list[Lane]) -> None:
        """Store where new lanes begin, so that even a kill before the next commit is exact."""
        anchors = [(lane, lane.anchor) for lane in lanes if lane.anchor is not None and lane.state is State.RUNNING]
        await self._store(anchors)

    async def commit(self) -> None:
        """Store the positions that moved since the last time."""
        if self._transactions is not None or not self._callbacks.holds():
            return  # in transactions, positions go with their records
        moved = [
            (lane, lane.anchor)
            for lane in self.flow.lanes.values()
            if lane.anchor is not None and self._committed.get(lane) != lane.anchor
        ]
        await self._store(moved)

    async def _store(self, anchors: list[tuple[Lane, Anchor]]) -> None:
        if self._transactions is not None:
            self._transactions.store(lane for lane, _ in anchors)
        elif anchors:
            await self._offsets.write(anchors, time.time_ns() // 1_000_000)
            self._committed.update(anchors)

    # ---- what the data plane says ---------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        tell(event, self.log)
        match event:
            case ClusterTrouble(_, cause):
                self._callbacks.trouble(str(cause))
            case ClusterBack():
                self._callbacks.trouble("")
            case Loss():
                self._callbacks.lost(event)


def _target_before(lane: Lane, place: Place, known: Anchor | None) -> int:
    """Give the target offset of the record before ``place``; where it is not known, that of the end before it."""
    if (
        known is not None
        and known.target_offset is not None
        and known.source_offset == place.position - 1
        and _target_partition(lane, known) == lane.target_partition
        and not place.losses
    ):
        return known.target_offset
    return place.expected_offset - 1


def _target_partition(lane: Lane, anchor: Anchor) -> int:
    """Give the target partition that holds the records up to ``anchor``."""
    return anchor.target_partition if anchor.target_partition >= 0 else lane.partition
