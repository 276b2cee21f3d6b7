"""One flow's data plane, joined: lanes, a fetcher for each source broker, a sender for each target broker.

It keeps lanes with the brokers that lead them, gives failed lanes their next try, and tells what happens as events.
Where a lane's position comes from is not its business: a lane that needs one is handed to ``resume``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import LossKind
from heliograph.errors import ClusterError, HeliographError, RecordsLost
from heliograph.flow.damage import loss_of
from heliograph.flow.events import Listener, OthersWrite, TransactionAborted
from heliograph.flow.fetcher import Fetcher, FetchListener, Reading
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Foreign, State
from heliograph.flow.partition_state import topic_id
from heliograph.flow.placement import Placement
from heliograph.flow.reach import COORDINATOR, METADATA, Reach
from heliograph.flow.recovery import Recovery
from heliograph.flow.refusals import Consequence
from heliograph.flow.sender import Sender, SendListener
from heliograph.flow.throttle import Limits
from heliograph.flow.transactions import TransactionListener, Transactions
from heliograph.flow.watch import Watch, WatchListener
from heliograph.flow.window import Window
from heliograph.mirror.losses import Loss, is_other
from heliograph.wire import errors as codes
from heliograph.wire.errors import error_of, meaning

TICK_S = 0.2
REFRESH_S_MIN = 0.2
"""Least time between two looks at fresh metadata of one cluster."""
LATENCIES_KEPT = 2_048


@dataclass(frozen=True, slots=True)
class DataPlaneConfig:
    """What a flow's data plane needs to know."""

    reading: Reading
    window_bytes: int
    produce_timeout_ms: int
    stop_on_loss: frozenset[LossKind] = frozenset()
    """Losses at which a lane stands still until a person decides."""
    many_write: Callable[[str], bool] = lambda _: False
    """Topics of the source to whose copies others may write too; there that is no loss."""


class DataPlane:
    """Moves records between two clusters, for the lanes it is given."""

    def __init__(
        self,
        source: Cluster,
        target: Cluster,
        config: DataPlaneConfig,
        *,
        listener: Listener,
        may_send: Callable[[], bool],
        resume: Callable[[list[Lane]], Awaitable[None]],
        clock: Callable[[], float],
        transactions: Transactions | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing moves before :meth:`run`; both clusters must have been started.

        ``clock`` tells the loop's time. With ``transactions``, lanes must be transactional; what ends the transactions
        for good ends :meth:`run`.
        """
        self.lanes: dict[tuple[str, int], Lane] = {}
        """By source topic and partition."""
        self.moved: dict[Lane, None] = {}
        """Lanes whose anchors moved since they were last stored; whoever stores them takes them out."""
        self.window = Window(config.window_bytes, freed=self._window_freed)
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)
        """Time from the records' timestamps to their acknowledgement, newest last."""
        self._source, self._target = source, target
        self._limits = limits
        self._config = config
        self._listener = listener
        self._may_send = may_send
        self._resume = resume
        self._transactions = transactions
        self._placement = Placement(source, target, self._make_fetcher, self._make_sender)
        self._tasks: asyncio.TaskGroup | None = None
        self._loop = asyncio.get_running_loop()
        self._now = clock
        self._attention = asyncio.Event()
        """Set when a lane or a cluster's metadata needs the periodic look, which costs nothing otherwise."""
        self._progressed = asyncio.Event()
        """Set when something may have been the last answer that :meth:`drain` or :meth:`settle` waits for."""
        self._recovery = Recovery(listener, self._attention.set)
        self._identity = Watch(source, target, WatchListener(doubted=self._doubted, confirmed=self._confirmed))
        self._stale = {"source": False, "target": False}
        self._refreshed_at = {"source": 0.0, "target": 0.0}
        self._reach = {"source": Reach(source.alias, listener), "target": Reach(target.alias, listener)}
        self._stopping = False

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Move records until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                if self._transactions:
                    group.create_task(self._transactions.run(self._transaction_listener()), name="transactions")
                for lane in self.lanes.values():
                    self._place(lane)
                while True:
                    if self._recovery.at_rest and not any(self._stale.values()):
                        self._attention.clear()
                        await self._attention.wait()
                    await asyncio.sleep(TICK_S)
                    await self._tick()
        finally:
            self._tasks = None

    def stop_on(self, losses: frozenset[LossKind]) -> None:
        """Have lanes stand still at these losses from now on, and at no others."""
        self._config = replace(self._config, stop_on_loss=losses)

    async def drain(self, timeout_s: float) -> bool:
        """Fetch no more, wait for what is under way; says whether all of it was answered in time."""
        self._stopping = True
        if self._transactions:
            self._transactions.hurry()
        return await self._answered(list(self.lanes.values()), timeout_s)

    def _committed_all(self) -> bool:
        return self._transactions is None or self._transactions.at_rest

    # ---- lanes ------------------------------------------------------------------------------------------------

    def add(self, lane: Lane) -> None:
        """Take a lane that was started, has failed, or is to be resumed."""
        self.lanes[lane.source_topic, lane.partition] = lane
        if lane.state not in (State.RUNNING, State.HALTED):
            self._recovery.watch(lane)
        if self._tasks:
            self._place(lane)

    def remove(self, lane: Lane) -> None:
        """Abandon a lane."""
        self.lanes.pop((lane.source_topic, lane.partition), None)
        self._recovery.forget(lane)
        self.moved.pop(lane, None)
        if self._transactions:
            self._transactions.remove(lane)
        self._placement.remove(lane)
        lane.close()
        self._progressed.set()

    async def settle(self, lane: Lane, limit_s: float) -> bool:
        """Read no more for ``lane`` and wait for what is under way; says whether all of it is acknowledged.

        Where it is not in time, the lane goes on as before.
        """
        if await self._answered([lane], limit_s):
            return True
        self.resume_reading(lane)
        return False

    def resume_reading(self, lane: Lane) -> None:
        """Undo :meth:`settle`."""
        self._placement.read_again(lane)

    async def _answered(self, lanes: list[Lane], limit_s: float) -> bool:
        """Read no more for ``lanes`` and wait until all they sent is answered; says whether it was in time."""
        for lane in lanes:
            # An answer that comes now must not be taken: it would be sent while the positions are being stored.
            self._placement.stop_reading(lane)
            lane.stop_reading()
        self._arrived(lanes)
        try:
            async with asyncio.timeout(limit_s):
                while any(lane.in_flight or lane.uncommitted for lane in lanes) or (
                    self._stopping and not self._committed_all()
                ):
                    self._progressed.clear()
                    await self._progressed.wait()
        except TimeoutError:
            return False
        return True

    def _place(self, lane: Lane) -> None:
        """Bring the lane to the brokers that lead its partitions now."""
        assert self._tasks is not None, "lanes are placed while the flow runs"
        self._identity.look(lane)
        self._placement.place(lane, reading=not self._stopping)
        if self._placement.fetcher(lane) is None:
            self._look_at("source")
        if self._placement.sender(lane) is None:
            self._look_at("target")
        else:
            self._offer(lane)

    def _read_from(self, lane: Lane, node: int) -> None:
        """Read from another replica of the source partition from now on; -1: from the leader."""
        self._placement.prefer(lane, node)
        self._place(lane)

    def _make_fetcher(self, node: int) -> Fetcher:
        assert self._tasks is not None
        listener = FetchListener(
            arrived=self._arrived,
            partition_error=self._partition_error,
            damaged=self._fail,
            nearer=self._read_from,
            trouble=self._source_trouble,
            fine=self._reach["source"].fine,
            lanes=lambda: len(self.lanes),
            channels=lambda: sum(fetcher.channels for fetcher in self._placement.fetchers.values()),
        )
        fetcher = Fetcher(self._source, node, self._config.reading, self.window, listener, limits=self._limits)
        self._tasks.create_task(fetcher.run(), name=f"fetcher {node}")
        return fetcher

    def _make_sender(self, node: int) -> Sender:
        assert self._tasks is not None
        listener = SendListener(
            acknowledged=self._acknowledged,
            refused=self._refused,
            failed=self._fail,
            trouble=lambda node, error: self._trouble("target", node, error),
            fine=self._reach["target"].fine,
            may_send=self._may_send,
        )
        sender = Sender(self._target, node, self._config.produce_timeout_ms, listener, self._transactions)
        self._tasks.create_task(sender.run(), name=f"sender {node}")
        return sender

    # ---- the stream -------------------------------------------------------------------------------------------

    def _arrived(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            self._offer(lane)
        self._pump()

    def _offer(self, lane: Lane) -> None:
        sender = self._placement.sender(lane)
        if sender is not None:
            sender.offer(lane)

    def _pump(self) -> None:
        for sender in self._placement.senders.values():
            sender.pump()

    def _ready_to_read(self, lane: Lane) -> None:
        fetcher = self._placement.fetcher(lane)
        if fetcher is not None and not self._stopping:
            fetcher.ready(lane)

    def _moved(self, lane: Lane) -> None:
        """Have the lane read where it is now."""
        fetcher = self._placement.fetcher(lane)
        if fetcher is not None:
            fetcher.moved(lane)

    def _window_freed(self) -> None:
        for fetcher in self._placement.fetchers.values():
            fetcher.window_freed()

    def _acknowledged(self, lane: Lane, foreign: Foreign | None) -> None:
        if self._transactions:
            self._transactions.settled(lane)
        else:
            self._note_latency(lane)
        if foreign:
            self._surprised(lane, foreign)
        self._recovery.acknowledged(lane)
        self._offer(lane)
        self._ready_to_read(lane)
        self._progressed.set()

    def _note_latency(self, lane: Lane) -> None:
        if lane.max_timestamp >= 0:
            self.latencies_ms.append(time.time() * 1000 - lane.max_timestamp)

    def _refused(self, lane: Lane, consequence: Consequence) -> None:
        if self._transactions:
            self._transactions.settled(lane)
        now = self._now()
        if consequence is Consequence.ABORT:
            self._spoil(lane)
        elif consequence is Consequence.FAILED:
            self._recovery.tell(lane, now)
        elif consequence is Consequence.RESUME:
            self._recovery.watch(lane)
        elif consequence in (Consequence.RETRY, Consequence.RETRY_METADATA):
            if consequence is Consequence.RETRY_METADATA:
                self._look_at("target")
            else:
                self._recovery.sent_again(lane, now)
            self._offer_later(lane, now)
        else:
            self._recovery.was_written(lane)
            self._offer(lane)
        self._progressed.set()

    # ---- transactions -----------------------------------------------------------------------------------------

    def _transaction_listener(self) -> TransactionListener:
        return TransactionListener(
            offer=self._arrived,
            committed=self._committed,
            aborted=self._aborted,
            failed=self._fail,
            trouble=lambda error: self._trouble("target", COORDINATOR, error),
            fine=lambda: self._reach["target"].fine(COORDINATOR),
            rested=self._progressed.set,
        )

    def _spoil(self, lane: Lane) -> None:
        """Have the transaction aborted that a refused batch belongs to."""
        assert self._transactions is not None, "only transactions are aborted"
        assert lane.cause is not None, "a failed lane has a cause"
        if lane.state is State.FAILED:
            self._recovery.tell(lane, self._now())
        self._transactions.spoil(lane.cause)

    def _committed(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            self._note_latency(lane)
        self._progressed.set()

    def _aborted(self, lanes: list[Lane], cause: HeliographError) -> None:
        self._listener(TransactionAborted(self._target.alias, len(lanes), cause))
        for lane in lanes:
            self._moved(lane)
        self._progressed.set()

    def _offer_later(self, lane: Lane, now: float) -> None:
        def offer() -> None:
            if not self._stopping or lane.in_flight:
                self._offer(lane)
                self._pump()

        self._loop.call_later(max(0.0, lane.retry_at - now) + 0.001, offer)

    # ---- what goes wrong ----------------------------------------------------------------------------------------

    def _partition_error(self, lane: Lane, code: int) -> None:
        where, alias = f"{lane.source_topic}-{lane.partition}", self._source.alias
        found = meaning(code)
        if self._placement.is_nearby(lane):  # a follower may lag or have gone; the leader knows
            self._read_from(lane, -1)
            return
        error = error_of(code, f"read {where} on {alias}", f"topic {lane.source_topic} on {alias}", right="Read")
        if code == codes.OFFSET_OUT_OF_RANGE:
            lane.fail(error, self._now())
            self._spawn(self._find_range(lane))
            return
        if found.after:
            self._look_at("source")
        fail = self._recovery.fail_quietly if found.retriable else self._recovery.fail
        fail(lane, error, self._now())

    async def _find_range(self, lane: Lane) -> None:
        """Find out what is still there for a lane whose position is not."""
        key = (lane.source_topic, lane.partition)
        begin: int | HeliographError
        try:
            await self._source.refresh({lane.source_topic})
            begin = (await admin.list_offsets(self._source, [key], admin.EARLIEST))[key]
        except ClusterError as error:
            begin = error
        if isinstance(begin, HeliographError):
            self._fail(lane, begin)
            return
        position = lane.next_position
        anew = is_other(lane.identity.topic_id, topic_id(self._source, lane.source_topic))
        if not anew and position < begin:
            loss = loss_of(lane, LossKind.RETENTION, source_offsets=(position, begin), goes_on_at=begin)
            if self.lose(lane, loss):
                lane.skip_to(begin)
                self._recovery.watch(lane)
            return
        words = f"{lane.source_topic}-{lane.partition} on {self._source.alias} no longer holds {position}"
        self._doubted(lane, ClusterError(words))

    # ---- what was lost ------------------------------------------------------------------------------------------

    def lose(self, lane: Lane, loss: Loss, *, halts: bool = True) -> bool:
        """Tell of a loss; says whether the lane may go on, and else (where it ``halts``) has it stand still."""
        if loss.kind is LossKind.FOREIGN_WRITE and self._config.many_write(lane.source_topic):
            self._listener(OthersWrite(loss.target_topic))
            return True
        self._listener(loss)
        if not halts or loss.kind not in self._config.stop_on_loss:
            return True
        first, after = loss.offsets
        cause = RecordsLost(
            f"{lane.source_topic}-{lane.partition} met a loss ({loss.kind}, "
            f"{'target' if loss.on_target else 'source'} offsets {first} to {after - 1})",
            remedy=f"To go on in spite of it: heliograph restart --topic {loss.topic} --partition {loss.partition}",
        )
        self._recovery.halt(lane, cause)
        return False

    def _surprised(self, lane: Lane, foreign: Foreign) -> None:
        """Find out what it means that an acknowledgement came at another offset than the only writer's would."""
        expected, got = foreign.expected_offset, foreign.got_offset
        if got < expected:
            words = (
                f"{lane.target_topic}-{lane.target_partition} on {self._target.alias} ended at {got}, not {expected}"
            )
            self._doubted(lane, ClusterError(words))
        elif not self.lose(lane, loss_of(lane, LossKind.FOREIGN_WRITE, target_offsets=(expected, got))):
            lane.keep_anchor(foreign.anchor)

    def _doubted(self, lane: Lane, cause: HeliographError) -> None:
        self._recovery.doubt(lane, cause, self._now())

    def _confirmed(self, lane: Lane) -> None:
        """Read on under the leader's new epoch."""
        self._recovery.hasten(lane, self._now())
        self._moved(lane)

    def _look_at(self, side: str) -> None:
        """Have the metadata of one side refreshed soon."""
        self._stale[side] = True
        self._attention.set()

    def _fail(self, lane: Lane, cause: HeliographError) -> None:
        self._recovery.fail(lane, cause, self._now())

    def _source_trouble(self, node: int, error: HeliographError) -> None:
        for lane in self._placement.preferring(node):
            self._read_from(lane, -1)
        self._trouble("source", node, error)

    def _trouble(self, side: str, node: int, error: HeliographError) -> None:
        if self._tasks is None:
            return  # the flow is over: its connections are closed by ourselves
        self._look_at(side)
        self._reach[side].trouble(node, error)

    # ---- periodic -----------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        now = self._now()
        due = self._recovery.due(now)
        for lane in due.retried:
            self._moved(lane)
            self._offer(lane)
        if due.to_resume and not self._stopping:
            self._spawn(self._resume_lanes(list(due.to_resume)))
        self._progressed.set()
        for side, cluster in (("source", self._source), ("target", self._target)):
            if self._stale[side] and now - self._refreshed_at[side] >= REFRESH_S_MIN:
                await self._refresh(side, cluster)
        self._pump()

    async def _resume_lanes(self, lanes: list[Lane]) -> None:
        self._recovery.resuming(lanes)
        await self._resume(lanes)
        for lane in self._recovery.resumed(lanes, self._now()):
            self._moved(lane)
        self._progressed.set()

    async def _refresh(self, side: str, cluster: Cluster) -> None:
        self._stale[side] = False
        try:
            await cluster.refresh(set(cluster.metadata.topics))
        except ClusterError as error:
            self._refreshed_at[side] = self._now() + 0.5
            self._trouble(side, METADATA, error)
            return
        self._reach[side].fine(METADATA)
        self._refreshed_at[side] = self._now()
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
            self._reach["source"].needs(self._placement.read_from)
            self._reach["target"].needs(self._placement.written_to)
            if self._identity.unchecked:
                self._spawn(self._identity.check_epochs())

    def _spawn(self, job: Awaitable[None]) -> None:
        async def run() -> None:
            await job

        if self._tasks:
            self._tasks.create_task(run())
