"""One flow's data plane, joined: lanes, a fetcher for each source broker, a sender for each target broker.

It keeps lanes with the brokers that lead them, gives failed lanes their next try, and tells what happens as events.
Where a lane's position comes from is not its business: a lane that needs one is handed to ``resume``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError, ClusterError, DataError, HeliographError, NotAuthorized
from heliograph.flow import fetcher as fetching
from heliograph.flow import sender as sending
from heliograph.flow.events import (
    ClusterBack,
    ClusterTrouble,
    ForeignWrite,
    LaneFailed,
    LaneRecovered,
    Listener,
    SourceRecordsLost,
)
from heliograph.flow.fetcher import Fetcher, Reading
from heliograph.flow.lane import Foreign, Lane, State, Verdict
from heliograph.flow.sender import Sender
from heliograph.flow.window import Window
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning

TICK_S = 0.2
REFRESH_S_MIN = 0.2
"""Least time between two looks at fresh metadata of one cluster."""
QUIET_FAILURES = 4
"""Failures in a row of a kind that passes by itself, such as a leader's move, before anybody is told."""
LATENCIES_KEPT = 2_048


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """What a flow's data plane needs to know."""

    reading: Reading
    window_bytes: int
    produce_timeout_ms: int


class Flow:
    """Moves records between two clusters, for the lanes it is given."""

    def __init__(
        self,
        source: Cluster,
        target: Cluster,
        settings: FlowSettings,
        *,
        listener: Listener,
        may_send: Callable[[], bool],
        resume: Callable[[list[Lane]], Awaitable[None]],
    ) -> None:
        """Nothing moves before :meth:`run`; both clusters must have been started."""
        self.lanes: dict[tuple[str, int], Lane] = {}
        """By source topic and partition."""
        self.window = Window(settings.window_bytes, freed=self._window_freed)
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)
        """Time from the records' timestamps to their acknowledgement, newest last."""
        self._source, self._target = source, target
        self._settings = settings
        self._listener = listener
        self._may_send = may_send
        self._resume = resume
        self._fetchers: dict[int, Fetcher] = {}
        self._senders: dict[int, Sender] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._loop = asyncio.get_running_loop()
        self._troubled: dict[Lane, None] = {}
        self._told: set[Lane] = set()
        self._attention = asyncio.Event()
        """Set when a lane or a cluster's metadata needs the periodic look, which costs nothing otherwise."""
        self._stale = {"source": False, "target": False}
        self._refreshed_at = {"source": 0.0, "target": 0.0}
        self._down: set[str] = set()
        self._stopping = False

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Move records until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                for lane in self.lanes.values():
                    self._place(lane)
                while True:
                    if not self._troubled and not any(self._stale.values()):
                        self._attention.clear()
                        await self._attention.wait()
                    await asyncio.sleep(TICK_S)
                    await self._tick()
        finally:
            self._tasks = None

    async def drain(self, timeout_s: float) -> bool:
        """Fetch no more, wait for what is under way; says whether all of it was answered in time."""
        self._stopping = True
        for lane in self.lanes.values():
            lane.stop_reading()
        deadline = self._loop.time() + timeout_s
        while any(lane.in_flight for lane in self.lanes.values()):
            if self._loop.time() >= deadline:
                return False
            for lane in self.lanes.values():
                self._offer(lane)
            self._pump()
            await asyncio.sleep(0.01)
        return True

    # ---- lanes ------------------------------------------------------------------------------------------------

    def add(self, lane: Lane) -> None:
        """Take a lane that was started, has failed, or is to be resumed."""
        self.lanes[lane.source_topic, lane.partition] = lane
        if lane.state is not State.RUNNING:
            self._watch(lane)
        if self._tasks:
            self._place(lane)

    def remove(self, lane: Lane) -> None:
        """Give a lane up."""
        self.lanes.pop((lane.source_topic, lane.partition), None)
        self._troubled.pop(lane, None)
        self._told.discard(lane)
        if lane.source_node in self._fetchers:
            self._fetchers[lane.source_node].remove(lane)
        if lane.target_node in self._senders:
            self._senders[lane.target_node].withdraw(lane)
        lane.close()

    def _place(self, lane: Lane) -> None:
        """Bring the lane to the brokers that lead its partitions now."""
        assert self._tasks is not None, "lanes are placed while the flow runs"
        node = lane.nearby_node
        if node not in self._source.metadata.brokers:
            node = self._source.metadata.leader(lane.source_topic, lane.partition)
        if node != lane.source_node:
            if lane.source_node in self._fetchers:
                self._fetchers[lane.source_node].remove(lane)
            lane.source_node = node
            if node >= 0:
                self._fetcher(node).add(lane)
        node = self._target.metadata.leader(lane.target_topic, lane.target_partition)
        if node != lane.target_node:
            if lane.target_node in self._senders:
                self._senders[lane.target_node].withdraw(lane)
            lane.target_node = node
        if lane.source_node < 0:
            self._look_at("source")
        if lane.target_node < 0:
            self._look_at("target")
        else:
            self._offer(lane)

    def _read_from(self, lane: Lane, node: int) -> None:
        """Read from another replica of the source partition from now on; -1: from the leader."""
        lane.nearby_node = node
        self._place(lane)

    def _fetcher(self, node: int) -> Fetcher:
        found = self._fetchers.get(node)
        if found is None:
            assert self._tasks is not None
            callbacks = fetching.Callbacks(
                arrived=self._arrived,
                partition_error=self._partition_error,
                damaged=self._fail,
                nearer=self._read_from,
                trouble=self._source_trouble,
                fine=lambda _: self._fine("source"),
            )
            found = Fetcher(self._source, node, self._settings.reading, self.window, callbacks)
            self._fetchers[node] = found
            self._tasks.create_task(found.run(), name=f"fetcher {node}")
        return found

    def _sender(self, node: int) -> Sender:
        found = self._senders.get(node)
        if found is None:
            assert self._tasks is not None
            callbacks = sending.Callbacks(
                acknowledged=self._acknowledged,
                refused=self._refused,
                failed=self._fail,
                trouble=lambda _, error: self._trouble("target", error),
                fine=lambda _: self._fine("target"),
                may_send=self._may_send,
            )
            found = Sender(self._target, node, self._settings.produce_timeout_ms, callbacks)
            self._senders[node] = found
            self._tasks.create_task(found.run(), name=f"sender {node}")
        return found

    # ---- the stream -------------------------------------------------------------------------------------------

    def _arrived(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            self._offer(lane)
        self._pump()

    def _offer(self, lane: Lane) -> None:
        if lane.target_node >= 0:
            self._sender(lane.target_node).offer(lane)

    def _pump(self) -> None:
        for sender in self._senders.values():
            sender.pump()

    def _ready_to_read(self, lane: Lane) -> None:
        fetcher = self._fetchers.get(lane.source_node)
        if fetcher and not self._stopping:
            fetcher.ready(lane)

    def _window_freed(self) -> None:
        for fetcher in self._fetchers.values():
            fetcher.window_freed()

    def _acknowledged(self, lane: Lane, foreign: Foreign | None) -> None:
        if lane.max_timestamp >= 0:
            self.latencies_ms.append(time.time() * 1000 - lane.max_timestamp)
        if foreign:
            self._listener(
                ForeignWrite(lane.target_topic, lane.target_partition, foreign.expected_offset, foreign.got_offset)
            )
        if lane.cause is not None:
            self._recovered(lane)
        self._offer(lane)
        self._ready_to_read(lane)

    def _refused(self, lane: Lane, verdict: Verdict) -> None:
        if verdict is Verdict.FAILED:
            self._tell_failed(lane)
        elif verdict is Verdict.RESUME:
            self._watch(lane)
        elif verdict is Verdict.RETRY_METADATA:
            self._look_at("target")
            self._offer_later(lane)
        elif verdict is Verdict.RETRY:
            if lane.failures == QUIET_FAILURES:
                self._tell_failed(lane)
            self._offer_later(lane)
        else:
            self._offer(lane)

    def _offer_later(self, lane: Lane) -> None:
        def now() -> None:
            if not self._stopping or lane.in_flight:
                self._offer(lane)
                self._pump()

        self._loop.call_later(max(0.0, lane.retry_at - self._loop.time()) + 0.001, now)

    # ---- what goes wrong ----------------------------------------------------------------------------------------

    def _partition_error(self, lane: Lane, code: int) -> None:
        where = f"{lane.source_topic}-{lane.partition}"
        found = meaning(code)
        if lane.nearby_node >= 0:  # a follower may lag or have gone; the leader knows
            self._read_from(lane, -1)
            return
        words = f"Cannot read {where} on {self._source.alias}: {found.prose} ({found.name})"
        if code == codes.OFFSET_OUT_OF_RANGE:
            lane.fail(BrokerError(words, code=code), self._loop.time())
            self._spawn(self._find_range(lane))
            return
        if code == codes.TOPIC_AUTHORIZATION_FAILED:
            resource = f"topic {lane.source_topic} on {self._source.alias}"
            self._fail(lane, NotAuthorized(words, right="Read", resource=resource))
            return
        if found.after:
            self._look_at("source")
        quiet = found.retriable and lane.failures < QUIET_FAILURES
        error = BrokerError(words, code=code)
        if quiet:
            lane.fail(error, self._loop.time())
            self._watch(lane)
        else:
            self._fail(lane, error)

    async def _find_range(self, lane: Lane) -> None:
        """Find out what is still there for a lane whose position is not."""
        key = (lane.source_topic, lane.partition)
        try:
            begin = (await admin.list_offsets(self._source, [key], admin.EARLIEST))[key]
            end = (await admin.list_offsets(self._source, [key], admin.LATEST))[key]
        except ClusterError as error:
            begin = end = error
        if isinstance(begin, HeliographError) or isinstance(end, HeliographError):
            self._fail(lane, begin if isinstance(begin, HeliographError) else end)  # type: ignore[arg-type]
            return
        position = lane.next_position
        if position < begin:
            lane.skip_to(begin)
            self._listener(SourceRecordsLost(lane.source_topic, lane.partition, position, begin))
        elif position > end:
            self._fail(
                lane,
                DataError(
                    f"{lane.source_topic}-{lane.partition} on {self._source.alias} ends at {end}, but it was read up"
                    f" to {position}: it was truncated or created anew",
                    remedy=f"If it was created anew, delete its stored position or topic {lane.target_topic}",
                ),
            )
            return
        self._watch(lane)

    def _watch(self, lane: Lane) -> None:
        """Look at the lane with every tick until it is well."""
        self._troubled[lane] = None
        self._attention.set()

    def _look_at(self, side: str) -> None:
        """Have the metadata of one side refreshed soon."""
        self._stale[side] = True
        self._attention.set()

    def _fail(self, lane: Lane, cause: HeliographError) -> None:
        lane.fail(cause, self._loop.time())
        self._tell_failed(lane)

    def _tell_failed(self, lane: Lane) -> None:
        self._watch(lane)
        assert lane.cause is not None, "a failed lane has a cause"
        self._told.add(lane)
        wait = max(0.0, lane.retry_at - self._loop.time())
        self._listener(LaneFailed(lane.source_topic, lane.partition, lane.cause, wait))

    def _recovered(self, lane: Lane) -> None:
        lane.cause = None
        lane.failures = 0
        self._troubled.pop(lane, None)
        if lane in self._told:
            self._told.discard(lane)
            self._listener(LaneRecovered(lane.source_topic, lane.partition))

    def _source_trouble(self, node: int, error: HeliographError) -> None:
        for lane in [each for each in self.lanes.values() if each.nearby_node == node]:
            self._read_from(lane, -1)
        self._trouble("source", error)

    def _trouble(self, side: str, error: HeliographError) -> None:
        if self._tasks is None:
            return  # the flow is over: its connections are closed by ourselves
        self._look_at(side)
        if side not in self._down:
            self._down.add(side)
            alias = self._source.alias if side == "source" else self._target.alias
            self._listener(ClusterTrouble(alias, error))

    def _fine(self, side: str) -> None:
        if side in self._down:
            self._down.discard(side)
            self._listener(ClusterBack(self._source.alias if side == "source" else self._target.alias))

    # ---- periodic -----------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        now = self._loop.time()
        to_resume: list[Lane] = []
        for lane in list(self._troubled):
            if lane.state is State.FAILED and now >= lane.retry_at:
                lane.retry()
                fetcher = self._fetchers.get(lane.source_node)
                if fetcher:
                    fetcher.moved(lane)
                self._offer(lane)
            elif lane.state is State.RUNNING and now >= lane.retry_at + 1.0:
                self._recovered(lane)
            if lane.state is State.RESUMING and now >= lane.retry_at:
                lane.retry_at = now + 1.0  # the next try, should this one not change the state
                to_resume.append(lane)
        if to_resume and not self._stopping:
            self._spawn(self._resume_lanes(to_resume))
        for side, cluster in (("source", self._source), ("target", self._target)):
            if self._stale[side] and now - self._refreshed_at[side] >= REFRESH_S_MIN:
                await self._refresh(side, cluster)
        self._pump()

    async def _resume_lanes(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            lane.retry_at = float("inf")
        await self._resume(lanes)
        now = self._loop.time()
        for lane in lanes:
            if lane.state is State.RUNNING:
                lane.retry_at = now
                fetcher = self._fetchers.get(lane.source_node)
                if fetcher:
                    fetcher.moved(lane)
            elif lane.retry_at == float("inf"):
                lane.retry_at = now + 1.0

    async def _refresh(self, side: str, cluster: Cluster) -> None:
        self._stale[side] = False
        try:
            await cluster.refresh(set(cluster.metadata.topics))
        except ClusterError as error:
            self._refreshed_at[side] = self._loop.time() + 0.5
            self._trouble(side, error)
            return
        self._refreshed_at[side] = self._loop.time()
        self.leaders_changed()

    async def look_again(self) -> None:
        """Have both clusters' metadata refreshed, whatever its age."""
        self._look_at("source")
        self._look_at("target")

    def leaders_changed(self) -> None:
        """Look at the clusters' metadata, which somebody has refreshed, and move lanes where leaders have moved."""
        if self._tasks and not self._stopping:
            for lane in self.lanes.values():
                self._place(lane)

    def _spawn(self, job: Awaitable[None]) -> None:
        async def run() -> None:
            await job

        if self._tasks:
            self._tasks.create_task(run())
