"""One flow's life: reach both clusters, own the lanes, copy, and let go in good order.

::

    reach clusters ──> join the group ──> own ──> look at topics, find positions ──> copy ──> drain, commit, leave
         ^                                 ^                                           │
         └── waiting (one message) ────────┴──────────────── ownership lost ───────────┘
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import retriable
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.events import (
    ClusterBack,
    ClusterTrouble,
    Event,
    ForeignWrite,
    LaneFailed,
    LaneRecovered,
    SourceRecordsLost,
)
from heliograph.flow.fetcher import Reading
from heliograph.flow.flow import Flow, FlowSettings
from heliograph.flow.lane import Anchor, Lane, Producer, State
from heliograph.flow.positions import Clusters, Place, locate
from heliograph.flow.sender import PURPOSE as PRODUCE_PURPOSE
from heliograph.flow.window import Window
from heliograph.mirror.offsets import StoredOffset
from heliograph.mirror.resume import Outcome
from heliograph.mirror.topics import LanePlan, topic_rules_of
from heliograph.observe.log import Log
from heliograph.observe.model import FlowState
from heliograph.worker.offsets import Offsets, ensure_topic
from heliograph.worker.ownership import Callbacks, Ownership
from heliograph.worker.topics import Found, TopicJob

LANE_SHARE_MAX = 8
"""A lane may hold at least one part in so many of the window; with fewer lanes, more."""
LANE_BYTES_MIN = 1 << 20
REACH_BACKOFF_S_MAX = 3.0
LEAVE_S = 0.7
BATCH_OVERHEAD_BYTES = 12
"""max.message.bytes counts a batch without its first two fields, or with them, by version: stay below both."""


class Mirror:
    """Copies one flow for as long as it runs."""

    def __init__(self, config: FlowConfig) -> None:
        """Nothing is connected before :meth:`run`."""
        self.config = config
        self.state = FlowState.STARTING
        self.cause = ""
        self.error: HeliographError | None = None
        """Why the flow has failed for good."""
        self.flow: Flow | None = None
        self.topics = 0
        self.log = Log(config.name)
        self._source = Cluster(config.source)
        self._target = Cluster(config.target)
        self._offsets = Offsets(self._target, config)
        self._rules = topic_rules_of(config)
        self._stop = asyncio.Event()
        self._lost = asyncio.Event()
        self._owned = asyncio.Event()
        self._committed: dict[Lane, Anchor] = {}
        self._stored: dict[tuple[str, int], StoredOffset] = {}
        self._producer: Producer | None = None
        self._problems: dict[str, HeliographError] = {}
        self._ownership: Ownership | None = None

    # ---- life -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask for an orderly end; :meth:`run` returns when it is reached."""
        self._stop.set()

    async def run(self) -> None:
        """Copy until stopped. An error that cannot pass by itself ends the flow and is kept in :attr:`error`."""
        try:
            await self._live()
            self.state, self.cause = FlowState.STOPPED, ""
        except HeliographError as error:
            self.state, self.cause, self.error = FlowState.FAILED, str(error), error
            self.log.error("flow failed", cause=error)  # noqa: TRY400 - the cause is one line, not a trace
        finally:
            await self._source.close()
            await self._target.close()

    async def _live(self) -> None:
        if not await self._until_stopped(self._prepare()):
            return
        ownership = Ownership(
            self._target,
            self.config,
            time.time_ns() // 1_000_000,
            Callbacks(gained=self._on_gained, lost=self._on_lost, standby=self._on_standby),
        )
        self._ownership = ownership
        membership = asyncio.create_task(ownership.run(), name=f"group {self.config.group_id}")
        try:
            while not self._stop.is_set():
                if await self._first_of(membership, self._owned):
                    self._lost.clear()
                    await self._own(membership)
        finally:
            membership.cancel()
            await asyncio.gather(membership, return_exceptions=True)
            await self._leave(ownership)

    async def _leave(self, ownership: Ownership) -> None:
        try:
            async with asyncio.timeout(LEAVE_S):
                await ownership.leave()
        except (HeliographError, TimeoutError) as error:
            self.log.debug("the group was not left in order", cause=error)

    async def _first_of(self, membership: "asyncio.Task[None]", wanted: asyncio.Event) -> bool:
        """Wait for ``wanted`` or a stop; raises what ended the membership. Says whether it was ``wanted``."""
        waiters = [asyncio.create_task(wanted.wait()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait([membership, *waiters], return_when=asyncio.FIRST_COMPLETED)
            if membership.done():
                membership.result()
            return wanted.is_set() and not self._stop.is_set()
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _until_stopped(self, job: Coroutine[None, None, None]) -> bool:
        """Run ``job``, but no longer than until a stop; says whether it was done."""
        running = asyncio.create_task(job)
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                return False
            running.result()
            return True
        finally:
            for each in (running, stopped):
                each.cancel()
            await asyncio.gather(running, stopped, return_exceptions=True)

    async def _prepare(self) -> None:
        await asyncio.gather(self._reach(self._source), self._reach(self._target))
        self.state, self.cause = FlowState.STARTING, ""
        error = await ensure_topic(self._target, self.config)
        if error is not None:
            raise error

    async def _reach(self, cluster: Cluster) -> None:
        """Connect; a cluster that does not answer is waited for, with one message."""
        attempt = 0
        while True:
            try:
                await cluster.start()
            except HeliographError as error:
                if retriable(error) is None:
                    raise
                if attempt == 0:
                    self.log.warning("waiting for a cluster", cluster=cluster.alias, cause=error)
                self.state, self.cause = FlowState.WAITING, str(error)
                attempt += 1
                await asyncio.sleep(min(0.25 * 2 ** min(attempt, 5), REACH_BACKOFF_S_MAX))
            else:
                if attempt:
                    self.log.info("the cluster answers", cluster=cluster.alias)
                return

    # ---- ownership ----------------------------------------------------------------------------------------------

    def _on_gained(self) -> None:
        self._owned.set()

    def _on_standby(self) -> None:
        if self.state is not FlowState.STANDBY:
            self.state = FlowState.STANDBY
            self.cause = f"another process copies this flow (group {self.config.group_id})"
            self.log.info("standing by: another process copies this flow", group=self.config.group_id)

    def _on_lost(self, reason: str) -> None:
        self._owned.clear()
        self._lost.set()
        self.log.warning("the lanes are no longer ours", reason=reason)

    async def _own(self, membership: "asyncio.Task[None]") -> None:
        """Copy for as long as the lanes are ours."""
        assert self._ownership is not None
        self.state, self.cause = FlowState.STARTING, ""
        self.log.info("copying", group=self.config.group_id)
        copying = asyncio.create_task(self._copy(), name=f"copy {self.config.name}")
        ends = [asyncio.create_task(self._lost.wait()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait([copying, membership, *ends], return_when=asyncio.FIRST_COMPLETED)
            if copying.done():
                copying.result()
            if membership.done():
                membership.result()
            if self._stop.is_set():
                await self._finish()
        finally:
            for task in (copying, *ends):
                task.cancel()
            await asyncio.gather(copying, *ends, return_exceptions=True)
            self._target.drop_connections(PRODUCE_PURPOSE)
            self.flow = None

    async def _finish(self) -> None:
        """Drain and commit, within the time that a stop may take."""
        flow = self.flow
        if flow is None:
            return
        budget_s = max(0.5, self.config.shutdown_timeout_ms / 1000 - 2 * LEAVE_S)
        drained = await flow.drain(budget_s * 0.6)
        if not drained:
            self.log.warning("some batches were not acknowledged in time; the next start finds out which were written")
        try:
            async with asyncio.timeout(budget_s * 0.4):
                await self._commit()
        except (HeliographError, TimeoutError) as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)
        self.log.info("stopped", records=sum(lane.records for lane in flow.lanes.values()))

    # ---- copying ------------------------------------------------------------------------------------------------

    async def _copy(self) -> None:
        await self._persistently("read the stored positions", self._load)
        flow = self._make_flow()
        job = TopicJob(self._source, self._target, self._rules)
        await self._persistently("look at the topics", lambda: self._refresh(flow, job))
        self.flow = flow
        self.state, self.cause = FlowState.RUNNING, ""
        self.log.info("running", topics=self.topics, partitions=len(flow.lanes))
        async with asyncio.TaskGroup() as group:
            group.create_task(flow.run())
            group.create_task(self._every(self.config.offset_flush_interval_ms / 1000, self._commit))
            group.create_task(self._every(self._metadata_age_s(), flow.look_again))
            if self.config.sync_topic_configs_interval_s:
                group.create_task(
                    self._every(
                        self.config.sync_topic_configs_interval_s, lambda: self._sync_settings(flow, job), at_once=True
                    )
                )
            if self.config.refresh_topics_interval_s:
                group.create_task(self._every(self.config.refresh_topics_interval_s, lambda: self._refresh(flow, job)))

    def _metadata_age_s(self) -> float:
        """Age at which knowledge of brokers and leaders is renewed even if nothing went wrong."""
        return max(1.0, min(self.config.source.metadata_max_age_ms, self.config.target.metadata_max_age_ms) / 1000)

    async def _persistently(self, what: str, job: Callable[[], Awaitable[None]]) -> None:
        """Do ``job`` until it succeeds; what may pass by itself is told once."""
        told = False
        while True:
            try:
                await job()
            except HeliographError as error:
                if retriable(error) is None:
                    raise
                if not told:
                    self.log.warning("not yet possible; it is tried again", step=what, cause=error)
                told = True
                self.state, self.cause = FlowState.WAITING, str(error)
                await asyncio.sleep(0.5)
            else:
                return

    async def _every(self, interval_s: float, job: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
        """Do ``job`` every ``interval_s``; an error is logged, and it is done again next time."""
        pause_s = 0.0 if at_once else interval_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = interval_s
            try:
                await job()
            except HeliographError as error:
                self.log.warning("a periodic job failed; it is done again", cause=error)

    async def _load(self) -> None:
        self._stored = await self._offsets.read()
        if self._offsets.unreadable:
            self.log.warning("some stored positions cannot be read and are left alone", count=self._offsets.unreadable)
        self._producer = Producer(*await admin.init_producer_id(self._target))
        self._committed.clear()

    def _make_flow(self) -> Flow:
        config = self.config
        assert self._ownership is not None
        reading = Reading(
            max_bytes=config.fetch_max_bytes,
            max_partition_bytes=config.fetch_max_partition_bytes,
            max_wait_ms=config.fetch_max_wait_ms,
            read_committed=config.read_committed,
            rack=config.client_rack,
            lane_limit_bytes=max(LANE_BYTES_MIN, config.window_bytes // LANE_SHARE_MAX),
        )
        return Flow(
            self._source,
            self._target,
            FlowSettings(reading, config.window_bytes, config.produce_timeout_ms),
            listener=self._on_event,
            may_send=self._ownership.holds,
            resume=self._resume,
        )

    async def _refresh(self, flow: Flow, job: TopicJob) -> None:
        """Look at the topics; open lanes for new partitions, close those whose source is gone."""
        found = await job.look()
        self._note_topics(found)
        wanted = {(plan.source_topic, plan.partition): plan for plan in found.lanes}
        for key, lane in list(flow.lanes.items()):
            if key not in wanted:
                self.log.warning("the source topic is gone; its lane is closed", topic=key[0], partition=key[1])
            if key not in wanted or key[0] in found.anew:
                self._close(flow, lane)
        for key in [key for key in self._stored if key[0] in found.anew]:
            was = self._stored.pop(key).offset + 1
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

    def _close(self, flow: Flow, lane: Lane) -> None:
        """Give up a lane; should its topic come back, it goes on where this one ended."""
        flow.remove(lane)
        self._committed.pop(lane, None)
        self._producer = None  # its sequence numbers are used up on that partition
        if lane.anchor is not None:
            where = (lane.source_topic, lane.partition)
            self._stored[where] = StoredOffset(lane.anchor.source_offset, lane.anchor.target_offset)

    async def _sync_settings(self, flow: Flow, job: TopicJob) -> None:
        """Let the settings of target topics follow the source's."""
        plans = [LanePlan(lane.source_topic, lane.partition, lane.target_topic) for lane in flow.lanes.values()]
        synced = await job.sync_settings(plans)
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

    def _open(self, window: Window, plan: LanePlan) -> Lane:
        lane = Lane(plan.source_topic, plan.target_topic, plan.partition, window)
        lane.state = State.RESUMING
        lane.limit_bytes = self.config.batch_max_bytes
        return lane

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

    async def _resume(self, lanes: list[Lane]) -> None:
        """Find where ``lanes`` begin and start them; those for which it cannot be found fail with the cause."""
        if not lanes:
            return
        try:
            if self._producer is None or any(lane.producer is not None for lane in lanes):
                self._producer = Producer(*await admin.init_producer_id(self._target))
            assert self._producer is not None
            stored = {lane: known for lane in lanes if (known := self._known(lane)) is not None}
            clusters = Clusters(self._source, self._target, self.config.read_committed, self.config.start_at_latest)
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

    def _known(self, lane: Lane) -> StoredOffset | None:
        if lane.anchor is not None:
            return StoredOffset(lane.anchor.source_offset, lane.anchor.target_offset)
        return self._stored.get((lane.source_topic, lane.partition))

    def _start(self, lane: Lane, place: Place, *, fresh: bool) -> None:
        assert self._producer is not None
        lane.start(place.position, place.expected_offset, self._producer)
        if fresh or place.outcome is Outcome.EXACT:
            lane.anchor = Anchor(place.position - 1, place.expected_offset - 1)
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

    async def _commit(self) -> None:
        """Store the positions that moved since the last time."""
        flow = self.flow
        if flow is None or self._ownership is None or not self._ownership.holds():
            return
        moved = [
            (lane, lane.anchor)
            for lane in flow.lanes.values()
            if lane.anchor is not None and self._committed.get(lane) != lane.anchor
        ]
        await self._store(moved)

    async def _store(self, anchors: list[tuple[Lane, Anchor]]) -> None:
        if anchors:
            await self._offsets.write(anchors, time.time_ns() // 1_000_000)
            self._committed.update(anchors)

    # ---- what the data plane says ---------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        log = self.log
        match event:
            case LaneFailed(topic, partition, cause, retry_in_s):
                retry = f"{retry_in_s:.1f}s"
                log.error("a partition stands still", topic=topic, partition=partition, cause=cause, next_try_in=retry)
            case LaneRecovered(topic, partition):
                log.info("a partition moves again", topic=topic, partition=partition)
            case SourceRecordsLost(topic, partition, first, after):
                log.error(
                    "records were deleted on the source before they could be copied",
                    topic=topic,
                    partition=partition,
                    offsets=f"{first}..{after - 1}",
                    count=after - first,
                )
            case ForeignWrite(topic, partition, expected, got):
                log.error(
                    "somebody else writes to the target partition",
                    topic=topic,
                    partition=partition,
                    offsets=f"{expected}..{got - 1}",
                )
            case ClusterTrouble(alias, cause):
                log.warning("a cluster does not answer; it is tried again", cluster=alias, cause=cause)
                self.cause = str(cause)
            case ClusterBack(alias):
                log.info("the cluster answers again", cluster=alias)
                self.cause = ""
