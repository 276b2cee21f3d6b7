"""Copying one flow for as long as its lanes are ours: topics and lanes, positions, and the jobs beside them.

::

    read stored positions ──> look at the topics ──> open lanes, find their places ──> data plane + periodic jobs
                                     ^                                                        │
                                     └────────────────── every refresh interval ──────────────┘
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from heliograph.cluster.cluster import Cluster
from heliograph.concurrency import single_cause
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import HeliographError, NotAuthorized
from heliograph.flow.data_plane import DataPlane, DataPlaneConfig
from heliograph.flow.events import ClusterBack, ClusterTrouble, Event, OthersWrite
from heliograph.flow.fetcher import Reading
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.flow.positions import Clusters
from heliograph.flow.throttle import Limits
from heliograph.mirror.deletions import Deletions
from heliograph.mirror.losses import Loss
from heliograph.mirror.naming import naming_of
from heliograph.mirror.steering import Restart, Steering, ToldLimit
from heliograph.mirror.topics import TopicRules, topic_rules_of
from heliograph.observe.log import Log
from heliograph.offsets.commits import Commits
from heliograph.offsets.fencing import fence
from heliograph.offsets.stored import Offsets
from heliograph.offsets.takeover import Takeover
from heliograph.upkeep.deletion import DeletionJob
from heliograph.upkeep.held_up import HeldUpPartitions
from heliograph.upkeep.instances import LOOK_S as LOOK_AT_INSTANCES_S
from heliograph.upkeep.jobs import Upkeep
from heliograph.upkeep.periodic import Job, Schedule, Scope, until_done
from heliograph.upkeep.topic_configs import TopicConfigsJob
from heliograph.upkeep.topics import TopicJob
from heliograph.upkeep.unkeyed import OPEN, Unkeyed
from heliograph.worker.event_log import tell
from heliograph.worker.lane_set import LaneSet
from heliograph.worker.loads import MEASURE_S, Loads
from heliograph.worker.producers import Producers
from heliograph.worker.share_told import Doing, ShareTold, paused_words
from heliograph.worker.sharing import Sharing
from heliograph.worker.starting import Starter
from heliograph.worker.steering import SteeringFollower
from heliograph.worker.transactions import transactions_for

LANE_SHARE_MAX = 8
"""A lane may hold at least one part in so many of the window; with fewer lanes, more."""
LANE_BYTES_MIN = 1 << 20
LOOK_S = 1.0
MISSING_S = 0.5
"""Lanes that cannot be opened yet are looked for so often."""
CUT_OFF_S = 5.0
"""A worker that cannot reach the source for so long leaves its lanes to others who can."""
BALANCE_S = 15.0
"""How often the leader has lanes shared out by their present load."""


STANDING = (State.FAILED, State.HALTED)
"""What a wish to start again means that is for what has failed only."""
TopicPartition = tuple[str, int]


class _StartOver(Exception):
    """The session is to end in good order, and another one to follow it."""


@dataclass(frozen=True, slots=True)
class _Down:
    """A cluster that cannot be used."""

    cause: str
    since_s: float
    """On the steady clock."""


@dataclass(frozen=True, slots=True)
class SessionListener:
    """What the copying asks of the flow it belongs to, and tells it."""

    holds: Callable[[], bool]
    """Whether the lanes are ours at this moment (the lease)."""
    sharing: Sharing
    """This worker's part in the group."""
    running: Callable[[], None]
    """Lanes are being copied."""
    paused: Callable[[str], None]
    """All lanes are paused; in words."""
    standby: Callable[[], None]
    """All lanes are other workers'."""
    waiting: Callable[[HeliographError], None]
    """It cannot begin yet, and why."""
    lost: Callable[[Loss], None]
    """Something was lost."""
    trouble: Callable[[str], None]
    """Why a cluster cannot be used at the moment; empty: both answer."""
    excused: set[TopicPartition]
    """Lanes that stood still after a loss and are to go on in spite of it; taken out when they have begun."""
    limits: Limits
    """How much may be read."""
    limited: Callable[[ToldLimit | None], None]
    """A command says how much; None: none does."""


class Session:
    """One stretch of copying: created whenever this process gains the lanes."""

    def __init__(
        self, config: FlowConfig, source: Cluster, target: Cluster, log: Log, listener: SessionListener
    ) -> None:
        """Nothing moves before :meth:`run`; both clusters must have been started."""
        self.config = config
        self.source, self.target = source, target
        self.log = log
        self._listener = listener
        self._sharing = listener.sharing
        self._hindered = False
        """Whether something does not answer that it needs before it can copy."""
        self._cut_off = False
        """Whether the source cannot be reached from here, and has not been for a while."""
        self.spared: frozenset[str] = frozenset()
        """Topics on the target whose configs nobody else may change for now."""
        self._down: dict[str, _Down] = {}
        """By alias: clusters that cannot be used at the moment."""
        self._others_write = False
        """Whether it was told that others write to copies of heartbeats topics."""
        self._offsets = Offsets(target, config)
        self._transactions = transactions_for(config, target, self._offsets, self._sharing.share.slot)
        self._commits = Commits(self._offsets, self._transactions, listener.holds)
        self._producers = Producers(target)
        self.flow = self._make_flow()
        self._schedule = Schedule(log, self._may)
        self.loads = Loads(self.flow.lanes)
        self._shared = asyncio.Event()
        self._look_soon = asyncio.Event()
        self._share_told = ShareTold(log, config.group_id)
        self.held_up = HeldUpPartitions(source, self.flow.lanes, log)
        self._upkeep = Upkeep(config, source, target, self.flow, log)
        self.instances = self._upkeep.instances
        clusters = Clusters(
            source,
            target,
            config.read_committed,
            config.start_at_latest,
            transactional=self._transactions is not None,
        )
        takeover = Takeover(source, target, config)
        self.steering = SteeringFollower(config, target, log)
        self._starter = Starter(
            config, clusters, takeover, self._producers, self._commits, log, self.flow, listener.excused
        )
        topic_job = TopicJob(source, target, topic_rules_of(config))
        self.lanes = LaneSet(
            config,
            self.flow,
            topic_job,
            self._deletion(topic_job.rules),
            self._commits,
            self._starter.start,
            self._upkeep.begun,
            self._sharing,
            self._catch_up,
            log,
            lambda lane: self.steering.now.pauses(lane),  # noqa: PLW0108 - what holds changes
            lambda: self.steering.now.runs(Part.SOURCE),
            self.instances.leaves,
        )
        self.unkeyed = Unkeyed(source, target, self.flow.lanes, log)
        self._configs_job = TopicConfigsJob(source, target, topic_job.rules, log, topic_job.refused)

    def _make_flow(self) -> DataPlane:
        config = self.config
        reading = Reading(
            max_bytes=config.fetch_max_bytes,
            max_partition_bytes=config.fetch_max_partition_bytes,
            max_wait_ms=config.fetch_max_wait_ms,
            read_committed=config.read_committed,
            rack=config.client_rack,
            lane_limit_bytes=max(LANE_BYTES_MIN, config.window_bytes // LANE_SHARE_MAX),
        )
        return DataPlane(
            self.source,
            self.target,
            DataPlaneConfig(
                reading,
                config.window_bytes,
                config.produce_timeout_ms,
                config.stop_on_loss,
                naming_of(config).is_heartbeats,
            ),
            listener=self._on_event,
            may_send=self._listener.holds,
            resume=self._resume,
            clock=asyncio.get_running_loop().time,
            transactions=self._transactions,
            limits=self._listener.limits,
        )

    def _deletion(self, rules: TopicRules) -> DeletionJob | None:
        if not self.config.delete_topics:
            return None
        return DeletionJob(self.source, self.target, Deletions(rules.selection.naming), self.log)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What is done again and again beside the copying, once that has begun."""
        return self._schedule.jobs

    async def change(self, config: FlowConfig) -> None:
        """Copy as ``config`` says from now on; lanes that it does not concern never pause.

        Only for what :class:`~heliograph.config.changes.Extent` calls a change in place.
        """
        self.config = config
        rules = topic_rules_of(config)
        self.flow.stop_on(config.stop_on_loss)
        self._starter.config = config
        self._configs_job.rules = rules
        self._upkeep.change(config)
        self.steering.change(config)
        await self.lanes.change(config, rules, self._deletion(rules))
        if self.jobs:  # else they begin with this configuration
            await self._schedule.change(self._jobs())
        self._look_soon.set()

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Copy until cancelled."""
        await until_done("read what is paused", self.steering.begin, self.log, self._wait)
        self._listener.limited(self.steering.now.limit)
        await until_done("read the stored positions", self._load, self.log, self._wait)
        await self._look_for_instances()
        await until_done("look at the topics", self.lanes.look, self.log, self._wait)
        self._go_on()
        if self._sharing.leads:  # what there is to be shared is known only now
            self._shared.clear()
            self._sharing.rejoin()
            await self._shared.wait()
        self._shared.clear()
        await until_done("begin the partitions", self.lanes.take_share, self.log, self._wait)
        self._go_on()
        if self.steering.now != Steering():
            self._sharing.rejoin()  # who waits until nobody has what is paused has to see that it was heard here
        self._after_change()
        try:
            with single_cause():
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.flow.run())
                    group.create_task(
                        self._whenever(self._shared, "take over partitions", self.lanes.take_share), name="share"
                    )
                    group.create_task(self.steering.follow(self._on_told), name="steering")
                    group.create_task(
                        self._whenever(self._look_soon, "look at the topics", self.lanes.refresh), name="configuration"
                    )
                    group.create_task(self._schedule.run(self._jobs()), name="jobs")
        except* _StartOver:
            self.log.info("starting over")

    def _wait(self, cause: HeliographError) -> None:
        """Have the partitions left to other workers, as this one cannot begin yet."""
        if not self._hindered:
            self._hindered = True
            self._sharing.rejoin()
        self._listener.waiting(cause)

    def _go_on(self) -> None:
        if self._hindered:
            self._hindered = False
            self._sharing.rejoin()

    @property
    def able(self) -> bool:
        """Whether this worker can copy, as far as it knows."""
        return not (self._cut_off or self._hindered)

    async def _on_told(self, before: Steering, restarts: list[Restart]) -> None:
        """Do what people have told the flow, and let them see that this worker has heard it."""
        now = self.steering.now
        if now != before:
            self._listener.limited(now.limit)
            for part in Part:
                if before.runs(part) and not now.runs(part):
                    self.log.info("a part of the flow is paused", part=part)
                elif now.runs(part) and not before.runs(part):
                    self.log.info("a part of the flow goes on", part=part)
            self.lanes.steered()
            self._share_told.steered(self._doing)
            self._shared.set()
        self._sharing.rejoin()
        for restart in restarts:
            self._listener.excused.update(
                key for key, lane in self.flow.lanes.items() if restart.has(key) and lane.state is State.HALTED
            )
            if restart.topic is None and not restart.only_failed:
                await self._drain(self.config.shutdown_timeout_ms / 1000)
                raise _StartOver
            again = partial(self.lanes.restart, partial(self._is_to_start_again, restart))
            await until_done("start partitions again", again, self.log, lambda _: None)
            self.log.info("partitions were started again", topic=restart.topic)

    def _is_to_start_again(self, restart: Restart, key: TopicPartition) -> bool:
        lane = self.flow.lanes.get(key)
        return restart.has(key) and (not restart.only_failed or (lane is not None and lane.state in STANDING))

    async def _look_for_instances(self) -> None:
        """See what is left for this instance; one that cannot see the others does everything."""
        with suppress(HeliographError):
            if self.instances.matter:
                await self.instances.look()

    def shared(self) -> None:
        """Take note that the share of this worker may have changed."""
        self.lanes.shared()
        self._shared.set()

    async def _whenever(self, event: asyncio.Event, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` each time that the event is set."""
        while True:
            await event.wait()
            event.clear()
            await until_done(what, work, self.log, lambda _: None)
            self._after_change()

    def _after_change(self) -> None:
        """Tell what is copied here now, and come back soon where something is missing."""
        self._tell_share()
        if self.lanes.missing:
            asyncio.get_running_loop().call_later(MISSING_S, self._shared.set)

    @property
    def _doing(self) -> Doing:
        lanes, pauses = self.flow.lanes, self.steering.now.pauses
        whole = sum(not pauses(key) for key in self.lanes.plans)
        return Doing(len(lanes), len({topic for topic, _ in lanes}), whole, self._sharing.share.same_config)

    def _tell_share(self) -> None:
        """Say what this worker does, where that has changed."""
        doing = self._doing
        paused = paused_words(self.steering.now, doing, plans=len(self.lanes.plans))
        if paused:
            self._listener.paused(paused)
        elif doing.partitions or not doing.of:
            self._listener.running()
        else:
            self._listener.standby()
        self._share_told.tell(doing)

    async def _balance(self) -> None:
        """Have the lanes shared out once more, by what was measured since."""
        if self._sharing.share.shared_out:
            self._sharing.rejoin()

    async def _tell_others(self) -> None:
        """Notice what the other workers must know of this one, and have the leader told.

        That is whether the source has been out of reach for long enough to leave the lanes to others, and which copies
        are not compacted for now.
        """
        down = self._down.get(self.source.alias)
        told = (self._cut_off, self.spared)
        self._cut_off = down is not None and time.monotonic() - down.since_s >= CUT_OFF_S
        self.spared = frozenset(self.unkeyed.spared)
        if told != (self._cut_off, self.spared):
            self._sharing.rejoin()

    async def _follow_instances(self) -> None:
        """Take on, or leave to another instance, what one does for all. Raises HeliographError."""
        with suppress(NotAuthorized):
            if await self.instances.look():
                self.lanes.steered()

    def _may(self, job: Job) -> bool:
        """Say whether a job is this worker's at the moment."""
        steering = self.steering.now
        return (job.scope is Scope.LANES or self._sharing.leads) and (job.part is None or steering.runs(job.part))

    def _jobs(self) -> list[Job]:
        """Return the jobs that run beside the copying."""
        config = self.config
        jobs = [
            Job("measure the load", Scope.LANES, MEASURE_S, self.loads.measure),
            Job("tell the other workers", Scope.LANES, LOOK_S, self._tell_others),
            Job("share by load", Scope.FLOW, BALANCE_S, self._balance),
            Job("store positions", Scope.LANES, config.offset_flush_interval_ms / 1000, self.commit),
            Job("look at brokers and leaders", Scope.LANES, self._metadata_age_s(), self.flow.look_again),
        ]
        if self.instances.matter:
            jobs.append(
                Job("look at other instances", Scope.FLOW, LOOK_AT_INSTANCES_S, self._follow_instances, at_once=True)
            )
        if config.sync_topic_configs_interval_s:
            jobs.append(
                Job(
                    "sync topic configs",
                    Scope.FLOW,
                    config.sync_topic_configs_interval_s,
                    self._sync_configs,
                    at_once=True,
                    part=Part.SOURCE,
                )
            )
        if config.refresh_topics_interval_s:
            jobs.append(Job("look at the topics", Scope.LANES, config.refresh_topics_interval_s, self.lanes.refresh))
        return jobs + self.unkeyed.jobs() + self.held_up.jobs() + self._upkeep.jobs()

    async def finish(self, budget_s: float) -> None:
        """Drain and commit, in ``budget_s`` seconds."""
        await self._drain(budget_s)
        self.log.info("stopped", records=sum(lane.records_copied for lane in self.flow.lanes.values()))

    async def _drain(self, budget_s: float) -> None:
        flow = self.flow
        if not await flow.drain(budget_s * 0.6):
            self.log.warning("some batches were not acknowledged in time; the next start finds out which were written")
        if not self._listener.holds():
            self.log.warning("positions were not stored: the lanes may be another process's by now")
        try:
            async with asyncio.timeout(budget_s * 0.3):
                await self.commit()
        except (HeliographError, TimeoutError) as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)
        await self._upkeep.finish(budget_s * 0.1)

    def _metadata_age_s(self) -> float:
        """Age at which knowledge of brokers and leaders is renewed even if nothing went wrong."""
        return max(1.0, min(self.config.source.metadata_max_age_ms, self.config.target.metadata_max_age_ms) / 1000)

    async def _load(self) -> None:
        await self._fence()
        await self._commits.load()
        if self._offsets.unreadable:
            self.log.warning("some stored positions cannot be read and are left alone", count=self._offsets.unreadable)
        if self._transactions is None:
            await self._producers.prepare()

    async def _fence(self) -> None:
        """Shut out an exactly-once MM2 before its positions are read; where that is not allowed, go on without."""
        try:
            slots = self._sharing.share.slots if self._transactions is not None else frozenset()
            fenced = await fence(self.target, self.config, slots)
        except NotAuthorized as error:
            self.log.warning("an exactly-once MirrorMaker 2 cannot be fenced", cause=error)
        else:
            if fenced:
                self.log.info("earlier writers in transactions were fenced", transactional_ids=",".join(fenced))

    async def _catch_up(self) -> None:
        """Learn how far other workers have come, of whom some may be gone. Raises a ClusterError."""
        if self._transactions is not None:
            await self._fence()
        await self._commits.look_again()

    async def commit(self) -> None:
        """Store the positions that moved since the last time. Raises a ClusterError."""
        await self._commits.commit(self.flow.moved)

    async def _resume(self, lanes: list[Lane]) -> None:
        await self._starter.start(lanes)

    async def _sync_configs(self) -> None:
        """Let the configs of target topics follow the source's."""
        pairs = {plan.source_topic: plan.target_topic for plan in self.lanes.plans.values()}
        await self._configs_job.sync(pairs, self._spared)

    def _spared(self) -> dict[str, frozenset[str]]:
        """Return the configs that must be left alone, by topic on the target, whichever worker needs it."""
        return dict.fromkeys(self._sharing.spared, frozenset(OPEN)) | self.unkeyed.spared

    # ---- what the data plane says ---------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, OthersWrite):
            if not self._others_write:
                tell(event, self.log)
            self._others_write = True
            return
        tell(event, self.log)
        match event:
            case ClusterTrouble(alias, cause):
                before = self._down.get(alias)
                self._down[alias] = _Down(str(cause), time.monotonic() if before is None else before.since_s)
                self._tell_trouble()
            case ClusterBack(alias):
                self._down.pop(alias, None)
                self._tell_trouble()
            case Loss():
                self._listener.lost(event)

    def _tell_trouble(self) -> None:
        self._listener.trouble("; ".join(each.cause for each in self._down.values()))
