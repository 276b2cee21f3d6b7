"""Writing to one target broker: one connection, at most five requests under way, one batch a lane in each.

Nothing lingers: a request goes out as soon as there is something to send and fewer than five are under way. Under load
the five are always under way, so what waits meanwhile goes out together, and small batches of a lane are merged. On a
long line there are ten, so that a few small ones do not leave it half empty; of a lane five batches at most.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from heliograph.broker.connection import Connection
from heliograph.cluster.cluster import Cluster
from heliograph.errors import ClusterError, DataError, HeliographError
from heliograph.flow.in_flight import IN_FLIGHT_MAX, InFlightBatch
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Foreign
from heliograph.flow.refusals import Consequence
from heliograph.wire import produce
from heliograph.wire.primitives import Buffer
from heliograph.wire.produce import Appended
from heliograph.wire.versions import PRODUCE

LONG_IN_FLIGHT_MAX = 10
REQUEST_BYTES_MAX = 4 << 20
"""A request is closed when it has reached this size (its last batch may exceed it)."""
GATHER_BELOW_BYTES = 64 << 10
GATHER_S = 0.002
"""How long less than GATHER_BELOW_BYTES may wait while a request is under way."""
PURPOSE = "produce"
ANSWER_SLACK_MS = 10_000
"""How much longer than its own time-out we wait for the broker's answer."""


@dataclass(frozen=True, slots=True)
class SendListener:
    """Whom a sender tells."""

    acknowledged: Callable[[Lane, Foreign | None], None]
    refused: Callable[[Lane, Consequence], None]
    failed: Callable[[Lane, DataError], None]
    """A batch of this lane could not be made."""
    trouble: Callable[[int, HeliographError], None]
    fine: Callable[[int], None]
    may_send: Callable[[], bool]
    """Whether the lanes are ours at this moment (the lease)."""


class Gate(Protocol):
    """What decides when a lane may send, beyond the lane itself: transactions."""

    @property
    def transactional_id(self) -> str:
        """What the broker must be told with each request."""

    def admits(self, lane: Lane) -> bool:
        """Say whether ``lane`` may send now; if not, it is offered again when it may."""

    def took(self, size_bytes: int) -> None:
        """Take note that a batch goes out."""


@dataclass(slots=True)
class _Request:
    """What one request under way holds."""

    batches: dict[tuple[str, int], tuple[Lane, InFlightBatch]]
    version: int
    connection: Connection


class Sender:
    """All writing to one target broker."""

    def __init__(
        self, cluster: Cluster, node_id: int, timeout_ms: int, listener: SendListener, gate: Gate | None = None
    ) -> None:
        """Nothing is sent before :meth:`run`. Without a ``gate`` a lane may send whenever it can."""
        self.node_id = node_id
        self._cluster = cluster
        self._timeout_ms = timeout_ms
        self._listener = listener
        self._gate = gate
        self._offered: dict[Lane, None] = {}
        self._connection: Connection | None = None
        self._under_way = 0
        self._sent_at = 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._work = asyncio.Event()
        self._in_trouble = False
        self._loop = asyncio.get_running_loop()

    def offer(self, lane: Lane) -> None:
        """Take note that ``lane`` may have something to send."""
        self._offered[lane] = None

    def withdraw(self, lane: Lane) -> None:
        """Send nothing more for ``lane`` from here."""
        self._offered.pop(lane, None)

    @property
    def under_way(self) -> int:
        """Requests sent and not answered."""
        return self._under_way

    @property
    def _under_way_max(self) -> int:
        connection = self._connection
        return LONG_IN_FLIGHT_MAX if connection is not None and connection.round_trip.is_long else IN_FLIGHT_MAX

    def pump(self) -> None:
        """Send what can be sent now."""
        while self._offered and self._under_way < self._under_way_max:
            if self._under_way and self._should_gather():
                return
            connection = self._connection
            if connection is not None and self._cluster.is_outdated(connection):
                if not self._under_way:  # a broker answers in order, but only what came on one connection
                    self._connection = None
                    self._work.set()
                return
            if connection is None or not connection.ready or not self._listener.may_send():
                self._work.set()
                return
            request = self._collect(connection)
            if request is None:
                return
            self._send(*request)

    def _should_gather(self) -> bool:
        """Whether what waits is so little that it had better wait for the answer that is due any moment.

        On a fast link that makes one request of two, at the price of less than a round trip; on a slow one the pause
        is over long before the answer comes, and nothing is held back.
        """
        left_s = self._sent_at + GATHER_S - self._loop.time()
        if left_s <= 0 or sum(lane.pending_bytes for lane in self._offered) >= GATHER_BELOW_BYTES:
            return False
        if self._gathering is None:
            self._gathering = self._loop.call_later(left_s, self._gathered)
        return True

    def _gathered(self) -> None:
        self._gathering = None
        self.pump()

    async def run(self) -> None:
        """Keep a connection and send, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._offered:
                continue
            try:
                if self._connection is None or self._connection.error:
                    self._connection = await self._cluster.connection(self.node_id, PURPOSE)
                await self._connection.until_ready()
            except ClusterError as error:
                self._connection = None
                self._tell_trouble(error)
                await asyncio.sleep(self._cluster.config.reconnect_backoff_ms / 1000)
                self._work.set()
                continue
            if self._in_trouble:  # perhaps nothing is left to send, whose answer would show it
                self._in_trouble = False
                self._listener.fine(self.node_id)
            if not self._listener.may_send():
                await asyncio.sleep(0.05)
                self._work.set()
                continue
            self.pump()

    def _collect(self, connection: Connection) -> tuple[_Request, list[Buffer], int] | None:
        """Take one batch of each lane that has one, up to the size of a request."""
        now = self._loop.time()
        rows: dict[str, list[tuple[int, Buffer, Buffer]]] = {}
        batches: dict[tuple[str, int], tuple[Lane, InFlightBatch]] = {}
        size = 0
        again: list[Lane] = []
        skipped: list[Lane] = []
        while self._offered and size < REQUEST_BYTES_MAX:
            lane = next(iter(self._offered))
            del self._offered[lane]
            if not lane.can_send(now):
                continue
            if (lane.target_topic, lane.target_partition) in batches:
                skipped.append(lane)  # another lane of the same target partition has its turn
                continue
            if self._gate is not None and not self._gate.admits(lane):
                continue
            try:
                # Five batches of a partition may be under way: on a long line it takes large ones to fill it.
                sent, header = lane.take(full=connection.round_trip.is_long)
            except DataError as error:
                self._listener.failed(lane, error)
                continue
            batches[lane.target_topic, lane.target_partition] = (lane, sent)
            rows.setdefault(lane.target_topic, []).append((lane.target_partition, header, sent.parcel.body))
            size += sent.parcel.size
            again.append(lane)
            if self._gate is not None:
                self._gate.took(sent.parcel.size)
        self._offered = dict.fromkeys([*skipped, *self._offered, *again])
        if not batches:
            return None
        version = connection.versions.choose(PRODUCE)
        correlation_id = connection.next_correlation_id()
        buffers = produce.encode(
            version,
            correlation_id=correlation_id,
            client_id=self._cluster.config.client_id,
            batches=rows,
            timeout_ms=self._timeout_ms,
            transactional_id=self._gate.transactional_id if self._gate is not None else None,
        )
        return _Request(batches, version, connection), buffers, correlation_id

    def _send(self, request: _Request, buffers: list[Buffer], correlation_id: int) -> None:
        answer = request.connection.put(
            correlation_id, buffers, timeout_ms=self._timeout_ms + ANSWER_SLACK_MS, what="produce"
        )
        self._under_way += 1
        sent_at = self._sent_at = self._loop.time()

        def answered(done: "asyncio.Future[bytearray]") -> None:
            request.connection.round_trip.note(self._loop.time() - sent_at)
            self._answered(request, done)

        answer.add_done_callback(answered)

    def _answered(self, request: _Request, answer: asyncio.Future[bytearray]) -> None:
        self._under_way -= 1
        if answer.cancelled():
            return
        error = answer.exception()
        rows: list[Appended] = []
        if error is None:
            try:
                rows, throttle_ms = produce.decode(request.version, answer.result())
                request.connection.throttle(throttle_ms)
                self._listener.fine(self.node_id)
            except ClusterError as unreadable:
                error = unreadable
                request.connection.close(unreadable)
        left = request.batches
        for row in rows:
            found = left.pop((row.topic, row.partition), None)
            if found:
                self._settle(*found, row)
        if left:
            self._lost(left, error)
        self.pump()

    def _settle(self, lane: Lane, sent: InFlightBatch, row: Appended) -> None:
        if row.error:
            self._listener.refused(lane, lane.refused(sent, row, self._loop.time()))
            return
        self._listener.acknowledged(lane, lane.acknowledged(sent, row.base_offset))

    def _lost(self, left: Mapping[tuple[str, int], tuple[Lane, InFlightBatch]], error: BaseException | None) -> None:
        """Deal with batches that will get no answer."""
        cause = error if isinstance(error, HeliographError) else ClusterError("The broker left batches unanswered")
        for lane, sent in left.values():
            lane.connection_lost([sent], cause)
            self._offered[lane] = None
        if error is not None:
            self._tell_trouble(cause)
        self._work.set()

    def _tell_trouble(self, cause: HeliographError) -> None:
        self._in_trouble = True
        self._listener.trouble(self.node_id, cause)
