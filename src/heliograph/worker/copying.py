"""Copying one flow for as long as its lanes are ours: topics and lanes, positions, and the jobs beside them.

::

    read stored positions ──> look at the topics ──> open lanes, find their places ──> data plane + periodic jobs
                                     ^                                                        │
                                     └────────────────── every refresh interval ──────────────┘
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.events import ClusterBack, ClusterTrouble, Event, SourceRecordsLost
from heliograph.flow.fetcher import Reading
from heliograph.flow.flow import Flow, FlowSettings
from heliograph.flow.lane import Lane, Producer, State
from heliograph.flow.positions import Clusters, Place, locate
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.resume import Outcome
from heliograph.mirror.topics import LanePlan, topic_rules_of
from heliograph.observe.log import Log
from heliograph.worker.offsets import Offsets
from heliograph.worker.periodic import Job, every, persistently
from heliograph.worker.telling import tell
from heliograph.worker.topics import Found, TopicJob

LANE_SHARE_MAX = 8
"""A lane may hold at least one part in so many of the window; with fewer lanes, more."""
LANE_BYTES_MIN = 1 << 20
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
    trouble: Callable[[str], None]
    """Why a cluster cannot be used at the moment; empty: it answers again."""


class Copying:
    """One stretch of copying: made anew whenever the lanes are gained."""

    def __init__(self, config: FlowConfig, source: Cluster, target: Cluster, log: Log, callbacks: Callbacks) -> None:
        """Nothing moves before :meth:`run`; both clusters must have been started."""
        self.config = config
        self.source, self.target = source, target
        self.log = log
        self.topics = 0
        """Topics of the source that are copied."""
        self.flow = self._make_flow(callbacks.holds)
        self._callbacks = callbacks
        self._offsets = Offsets(target, config)
        self._topic_job = TopicJob(source, target, topic_rules_of(config))
        self._committed: dict[Lane, Anchor] = {}
        self._stored: dict[tuple[str, int], Anchor] = {}
        self._producer: Producer | None = None
        self._problems: dict[str, HeliographError] = {}

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
            FlowSettings(reading, config.window_bytes, config.produce_timeout_ms),
            listener=self._on_event,
            may_send=may_send,
            resume=self._resume,
        )

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Copy until cancelled."""
        await persistently("read the stored positions", self._load, self.log, self._callbacks.waiting)
        await persistently("look at the topics", self._refresh, self.log, self._callbacks.waiting)
        self._callbacks.running()
        self.log.info("running", topics=self.topics, partitions=len(self.flow.lanes))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.flow.run())
            for job in self._jobs():
                group.create_task(every(job, self.log), name=job.name)

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
        return jobs

    async def finish(self, budget_s: float) -> None:
        """Drain and commit, in ``budget_s`` seconds."""
        flow = self.flow
        if not await flow.drain(budget_s * 0.6):
            self.log.warning("some batches were not acknowledged in time; the next start finds out which were written")
        try:
            async with asyncio.timeout(budget_s * 0.4):
                await self.commit()
        except (HeliographError, TimeoutError) as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)
        self.log.info("stopped", records=sum(lane.records for lane in flow.lanes.values()))

    def _metadata_age_s(self) -> float:
        """Age at which knowledge of brokers and leaders is renewed even if nothing went wrong."""
        return max(1.0, min(self.config.source.metadata_max_age_ms, self.config.target.metadata_max_age_ms) / 1000)

    async def _load(self) -> None:
        self._stored = await self._offsets.read()
        if self._offsets.unreadable:
            self.log.warning("some stored positions cannot be read and are left alone", count=self._offsets.unreadable)
        self._producer = Producer(*await admin.init_producer_id(self.target))

    # ---- topics and lanes ---------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        """Look at the topics; open lanes for new partitions, close those whose source is gone."""
        flow, job = self.flow, self._topic_job
        found = await job.look()
        self._note_topics(found)
        wanted = {(plan.source_topic, plan.partition): plan for plan in found.lanes}
        for key, lane in list(flow.lanes.items()):
            if key not in wanted:
                self.log.warning("the source topic is gone; its lane is closed", topic=key[0], partition=key[1])
            if key not in wanted or key[0] in found.anew:
                self._close(lane)
        for key in [key for key in self._stored if key[0] in found.anew]:
            was = self._stored.pop(key).source_offset + 1
            self.log.error(
                "the source topic was made anew; it is copied from its first record",
                topic=key[0],
                partition=key[1],
                old_position=was,
            )
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
        lane.limit_bytes = self.config.batch_max_bytes
        return lane

    def _close(self, lane: Lane) -> None:
        """Give up a lane; should its topic come back, it goes on where this one ended."""
        self.flow.remove(lane)
        self._committed.pop(lane, None)
        self._producer = None  # its sequence numbers are used up on that partition
        if lane.anchor is not None:
            self._stored[lane.source_topic, lane.partition] = lane.anchor

    def _note_topics(self, found: Found) -> None:
        self.topics = len({plan.source_topic for plan in found.lanes})
        for name in found.created:
            self.log.info("topic created", topic=name)
        if found.unknown_settings:
            settings = ",".join(found.unknown_settings)
            self.log.warning("the target does not know some settings; topics were created without", settings=settings)
        for name in found.grown:
            self.log.info("partitions added", topic=name)
        for name, problem in found.problems.items():
            if str(self._problems.get(name)) != str(problem):
                self.log.error("a topic cannot be mirrored", topic=name, cause=problem)
        self._problems = dict(found.problems)

    async def _sync_settings(self) -> None:
        """Let the settings of target topics follow the source's."""
        pairs = {lane.source_topic: lane.target_topic for lane in self.flow.lanes.values()}
        synced = await self._topic_job.sync_settings(pairs)
        for change, before in synced.changes:
            self.log.info(
                "topic setting changed",
                topic=change.topic,
                setting=change.name,
                value="(default)" if change.value is None else change.value,
                before="-" if before is None else before.value,
            )
        for topic, problem in synced.problems.items():
            self.log.warning("topic settings cannot be followed", topic=topic, cause=problem)

    # ---- where lanes begin --------------------------------------------------------------------------------------

    async def _resume(self, lanes: list[Lane]) -> None:
        """Find where ``lanes`` begin and start them; those for which it cannot be found fail with the cause."""
        if not lanes:
            return
        try:
            if self._producer is None or any(lane.producer is not None for lane in lanes):
                self._producer = Producer(*await admin.init_producer_id(self.target))
            assert self._producer is not None
            stored = {lane: known for lane in lanes if (known := self._known(lane)) is not None}
            clusters = Clusters(self.source, self.target, self.config.read_committed, self.config.start_at_latest)
            places = await locate(clusters, lanes, stored)
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
            self._start(lane, place, fresh=lane not in stored)

    def _known(self, lane: Lane) -> Anchor | None:
        return lane.anchor or self._stored.get((lane.source_topic, lane.partition))

    def _start(self, lane: Lane, place: Place, *, fresh: bool) -> None:
        assert self._producer is not None
        lane.start(place.position, place.expected_offset, self._producer)
        if fresh or place.outcome is Outcome.EXACT:
            lane.anchor = Anchor(place.position - 1, None if lane.shared else place.expected_offset - 1)
        where = {"topic": lane.source_topic, "partition": lane.partition}
        if place.lost:
            self._on_event(SourceRecordsLost(lane.source_topic, lane.partition, *place.lost))
        if place.doubtful or (place.outcome is not Outcome.EXACT and (not fresh or place.expected_offset)):
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

    # ---- positions ----------------------------------------------------------------------------------------------

    async def _commit_new(self, lanes: list[Lane]) -> None:
        """Store where new lanes begin, so that even a kill before the next commit is exact."""
        anchors = [(lane, lane.anchor) for lane in lanes if lane.anchor is not None and lane.state is State.RUNNING]
        await self._store(anchors)

    async def commit(self) -> None:
        """Store the positions that moved since the last time."""
        if not self._callbacks.holds():
            return
        moved = [
            (lane, lane.anchor)
            for lane in self.flow.lanes.values()
            if lane.anchor is not None and self._committed.get(lane) != lane.anchor
        ]
        await self._store(moved)

    async def _store(self, anchors: list[tuple[Lane, Anchor]]) -> None:
        if anchors:
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
