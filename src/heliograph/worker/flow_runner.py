"""One flow's life: reach both clusters, own the lanes, copy, and let go in good order.

::

    reach clusters ──> join the group ──> own ──> look at topics, find positions ──> copy ──> drain, commit, leave
         ^                                 ^                                           │
         └── waiting (one message) ────────┴──────────────── ownership lost ───────────┘
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Coroutine
from functools import partial

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import until_answered
from heliograph.cluster.transactions import is_fenced
from heliograph.concurrency import all_of, cancel_all, single_cause
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.flow.sender import PURPOSE as PRODUCE_PURPOSE
from heliograph.observe.health import GOOD
from heliograph.observe.log import Log
from heliograph.observe.model import FlowState
from heliograph.observe.text import byte_rate
from heliograph.offsets.stored import ensure_topic
from heliograph.upkeep.periodic import Job
from heliograph.worker import session
from heliograph.worker.limits import Limit, limits_of
from heliograph.worker.losses import Losses
from heliograph.worker.ownership import Ownership, lease_clock_s
from heliograph.worker.session import Session
from heliograph.worker.sharing import OwnershipListener
from heliograph.worker.snapshot import FlowNow

REACH_BACKOFF_S_MAX = 3.0
LEAVE_S = 0.7
COME_BACK_S = 2.0
"""The same for a static member that comes back: all others must have heard of it."""
PART_MIN = 0.9
"""Of an even part of a limit: a worker that has less, and is held back, asks for more at once."""


class FlowRunner:
    """Copies one flow for as long as it runs."""

    def __init__(self, config: FlowConfig, losses: Losses, limit: Limit, total: Limit) -> None:
        """Nothing is connected before :meth:`run`.

        ``losses`` and ``limit`` outlive this runner: they count for the whole process. ``total`` limits all flows.
        """
        self.config = config
        self.limit = limit
        """How much the flow may read."""
        self._limits = limits_of(limit, total)
        self.state = FlowState.STARTING
        self.cause = ""
        self._since_s = time.monotonic()
        """When it got into that state or, while it runs, got a cause."""
        self.error: HeliographError | None = None
        """Why the flow has failed for good."""
        self.losses = losses
        self.halted = 0
        """Partitions that stood still after a loss when the flow was stopped."""
        self.log = Log(config.name)
        self._source = Cluster(config.source)
        self._target = Cluster(config.target)
        self._session: Session | None = None
        self._stop = asyncio.Event()
        self._lost = asyncio.Event()
        self._owned = asyncio.Event()
        self._ownership: Ownership | None = None
        self._excused: set[tuple[str, int]] = set()
        self._told_limit: tuple[int | None, bool] = (None, False)
        """What was logged of it."""
        self._short = False
        """Its part of the limit was too small when it last looked."""

    @property
    def flow(self) -> DataPlane | None:
        """The data plane while it moves records."""
        copies = self.state in GOOD
        return self._session.flow if self._session is not None and copies else None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The periodic jobs of the session; none while nothing is copied."""
        return self._session.jobs if self.flow is not None and self._session is not None else ()

    def now(self) -> FlowNow:
        """Return what there is to see of the flow at this moment."""
        state, cause, cause_s = self.state, self.cause, time.monotonic() - self._since_s
        session = self._session
        if session is None:
            return FlowNow(self.config, state, cause, cause_s, self.losses)
        flow, lanes = self.flow, session.lanes
        gone: dict[str, dict[int, int]] = defaultdict(dict)
        for (topic, partition), at in lanes.gone.items():
            gone[topic][partition] = at.source_offset + 1
        return FlowNow(
            self.config,
            state,
            cause,
            cause_s,
            self.losses,
            topics=lanes.topics,
            lanes=flow.lanes if flow is not None else {},
            latencies_ms=flow.latencies_ms if flow is not None else (),
            held_up=session.held_up.now,
            problems=lanes.problems,
            leaderless=self._leaderless,
            throttled=tuple(each.alias for each in (self._source, self._target) if each.throttled),
            jobs=self.jobs,
            gone=gone,
            paused=lanes.resting,
            limit_bytes_per_s=self.limit.throttle.bytes_per_s,
            held_back=self._limits.hold_back,
        )

    def _leaderless(self, lane: Lane) -> str:
        """Say which of a lane's partitions has no leader; empty: both have one."""
        if self._source.metadata.leader(lane.source_topic, lane.partition) < 0:
            return f"{lane.source_topic}-{lane.partition} has no leader on {self._source.alias}"
        if self._target.metadata.leader(lane.target_topic, lane.target_partition) < 0:
            return f"{lane.target_topic}-{lane.target_partition} has no leader on {self._target.alias}"
        return ""

    def _be(self, state: FlowState, cause: str = "") -> None:
        """Be in ``state`` from now on, for this ``cause``."""
        if state is not self.state or bool(cause) != bool(self.cause):
            self._since_s = time.monotonic()
        self.state, self.cause = state, cause

    async def change(self, config: FlowConfig) -> None:
        """Copy as ``config`` says from now on, without a pause.

        Only for what :class:`~heliograph.config.changes.Extent` calls a change in place.
        """
        self.config = config
        self.limit.follow(config.limit)
        for cluster, reached in ((self._source, config.source), (self._target, config.target)):
            if cluster.config != reached:
                cluster.change(reached)
        if self._ownership is not None:
            self._ownership.change(config)
        if self._session is not None:
            await self._session.change(config)

    def look(self) -> None:
        """See which limit holds, and ask for a larger part of it where this worker could use an even one."""
        self.limit.look()
        now = (self.limit.bytes_per_s, self.limit.by_command)
        if now != self._told_limit:
            rate, by = "none" if now[0] is None else byte_rate(now[0]), "a command" if now[1] else "the file"
            self.log.info("limit of bandwidth", rate=rate, by=by)
            self._told_limit = now
        if self._ownership is not None:
            share = self._ownership.share
            short = (
                self.limit.throttle.holds_back and share.part is not None and share.part < PART_MIN * share.even_part
            )
            if short and not self._short:
                self._ownership.rejoin()
            self._short = short

    @property
    def workers(self) -> int:
        """Number of processes that share the flow, as far as this one knows."""
        return 1 if self._ownership is None else max(1, len(self._ownership.share.slots))

    def is_elsewhere(self, alias: str, cluster_id: str | None) -> bool:
        """Say whether a cluster with this id is not the one that the flow knows by ``alias``."""
        known = next(each.metadata.cluster_id for each in (self._source, self._target) if each.alias == alias)
        return None not in (known, cluster_id) and known != cluster_id

    # ---- life -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask for an orderly end; :meth:`run` returns when it is reached."""
        self._stop.set()

    async def run(self) -> None:
        """Copy until stopped. An error that cannot pass by itself ends the flow and is kept in :attr:`error`."""
        try:
            with single_cause():
                await self._live()
            self._be(FlowState.STOPPED)
        except HeliographError as error:
            self._be(FlowState.FAILED, str(error))
            self.error = error
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
            OwnershipListener(
                gained=self._on_gained,
                shared=self._on_shared,
                lost=self._on_lost,
                held=lambda: self._session.lanes.held if self._session is not None else frozenset(),
                loads=lambda: self._session.loads.now if self._session is not None else {},
                spared=lambda: self._session.spared if self._session is not None else frozenset(),
                able=lambda: self._session is None or self._session.able,
                steered=lambda: self._session.steering.reached if self._session is not None else -1,
                wanted=lambda: self._session.lanes.wanted if self._session is not None else None,
                limit=lambda: self.limit.bytes_per_s,
                held_back=lambda: self.limit.throttle.holds_back,
            ),
            clock=lease_clock_s,
        )
        self._ownership = ownership
        membership = asyncio.create_task(ownership.run(), name=f"group {self.config.group_id}")
        try:
            while not self._stop.is_set():
                if await self._first_of(membership, self._owned):
                    self._lost.clear()
                    await self._own(membership)
        finally:
            try:
                await cancel_all(membership)
            finally:
                await self._leave(ownership)

    async def _leave(self, ownership: Ownership) -> None:
        comes_back = self._stop.is_set()
        try:
            async with asyncio.timeout(COME_BACK_S if comes_back and self.config.instance_id else LEAVE_S):
                await ownership.leave(comes_back=comes_back)
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
            await cancel_all(running, stopped)

    async def _prepare(self) -> None:
        await all_of((self._reach(self._source), self._reach(self._target)))
        self._be(FlowState.STARTING)
        error = await ensure_topic(self._target, self.config)
        if error is not None:
            raise error

    async def _reach(self, cluster: Cluster) -> None:
        """Connect; a cluster that does not answer is waited for, with one message."""
        told = False

        def trouble(error: HeliographError) -> None:
            nonlocal told
            if not told:
                self.log.warning("waiting for a cluster", cluster=cluster.alias, cause=error)
            told = True
            self._be(FlowState.WAITING, str(error))

        await until_answered(cluster.start, pause_s=_reach_pause_s, trouble=trouble)
        if told:
            self.log.info("the cluster answers", cluster=cluster.alias)

    def _share_limit(self) -> None:
        assert self._ownership is not None
        share = self._ownership.share
        self.limit.share(share.even_part if share.part is None else share.part)

    # ---- ownership ----------------------------------------------------------------------------------------------

    def _on_gained(self) -> None:
        self._share_limit()
        self._owned.set()

    def _on_shared(self) -> None:
        self._share_limit()
        if self._session is not None:
            self._session.shared()

    def _on_lost(self, reason: str) -> None:
        self._owned.clear()
        self._lost.set()
        self.log.warning("the lanes are no longer ours", reason=reason)
        self._be(FlowState.WAITING, f"it has no part in the group {self.config.group_id} any more: {reason}")

    async def _own(self, membership: "asyncio.Task[None]") -> None:
        """Copy for as long as the lanes are ours."""
        ownership = self._ownership
        assert ownership is not None
        self._be(FlowState.STARTING)
        self.log.info("copying", group=self.config.group_id)
        listener = session.SessionListener(
            holds=partial(ownership.holds, ownership.tenure),
            sharing=ownership,
            running=self._on_running,
            paused=self._on_paused,
            standby=self._on_standby,
            waiting=self._on_waiting,
            trouble=self._on_trouble,
            lost=self.losses.add,
            excused=self._excused,
            limits=self._limits,
            limited=self.limit.override,
        )
        current = Session(self.config, self._source, self._target, self.log, listener)
        self._session = current
        running = asyncio.create_task(current.run(), name=f"copy {self.config.name}")
        ends = [asyncio.create_task(self._lost.wait()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait([running, membership, *ends], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                self._end_of(running)
            if membership.done():
                membership.result()
            if self._stop.is_set() and self.flow is not None:
                self.halted = sum(lane.state is State.HALTED for lane in current.flow.lanes.values())
                await current.finish(max(0.5, self.config.shutdown_timeout_ms / 1000 - 2 * LEAVE_S))
        finally:
            try:
                await cancel_all(running, *ends)
            finally:
                self._target.drop_connections(PRODUCE_PURPOSE)
                self._session = None

    def _end_of(self, running: "asyncio.Task[None]") -> None:
        """Take the end of copying; raises what ended it, unless others have fenced us: then one may try again."""
        assert self._ownership is not None
        try:
            running.result()
        except BrokerError as error:
            if not is_fenced(error):
                raise
            self._ownership.give_up(f"another program has taken the transactional id: {error.message}")

    def _on_running(self) -> None:
        """Run; whoever runs already and lacks a cluster still does, whatever share it has now."""
        self._be(FlowState.RUNNING, self.cause if self.state is FlowState.RUNNING else "")

    def _on_standby(self) -> None:
        self._be(FlowState.STANDBY, f"other workers copy all partitions (group {self.config.group_id})")

    def _on_paused(self, words: str) -> None:
        self._be(FlowState.PAUSED, words)

    def _on_waiting(self, error: HeliographError) -> None:
        self._be(FlowState.WAITING, str(error))

    def _on_trouble(self, cause: str) -> None:
        self._be(self.state, cause)


def _reach_pause_s(failures: int) -> float:
    return min(0.25 * 2.0 ** min(failures, 5), REACH_BACKOFF_S_MAX)
