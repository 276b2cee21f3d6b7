"""Reading from one source broker: a few channels, each a connection with a fetch session of its own.

A broker answers a fetch when any of its partitions has news or when the wait is over. A lane that was left out, because
it had no room, must not wait for that: another channel takes it. So a free channel adopts every lane that is ready
and in no other channel's session, and keeps it while it has room. Sessions (KIP-227) mean that a request names
only what changed; a lane that did not move costs nothing.

On a long line what is asked for at a time is the throughput. A channel whose answers come full asks for more there, and
shares its lanes with another; see :meth:`Fetcher.share`.

Under a limit the lanes that are behind wait for turns (:mod:`heliograph.flow.turns`), and one more channel reads them,
without a session: each time the first in the queue, as much as the limit allows (:mod:`heliograph.flow.throttle`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heliograph.cluster.cluster import Cluster
from heliograph.errors import ClusterError, DataError, HeliographError, ProtocolError
from heliograph.flow.fetch_session import FetchSession
from heliograph.flow.lane import Lane
from heliograph.flow.throttle import Limits, nap
from heliograph.flow.turns import Turns
from heliograph.flow.window import Hold, Window
from heliograph.wire import errors as codes
from heliograph.wire import fetch
from heliograph.wire.versions import FETCH

CHANNELS_MAX = 3
EXTRA_CHANNELS = 2
"""So many more where lanes are shared out on a long line."""
QUEUED_MAX = 16
"""Most lanes of the queue that one fetch names: if the first have not much to read, the others come too."""
LARGE_BATCH_PARTS, LARGE_BATCH_CHUNKS = 16, 2
"""Where a batch is more than one part in so many of a chunk, one cut in two costs much: more is asked for at a time."""
WINDOW_SHARE_MIN = 16
"""A fetch waits until at least one part in so many of the window is free."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a flow reads."""

    max_bytes: int
    max_partition_bytes: int
    max_wait_ms: int
    read_committed: bool
    rack: str
    """Where this process runs: leaders may send us to a follower there (KIP-392); empty: nowhere in particular."""
    lane_limit_bytes: int
    """Most bytes that one lane may have pending."""


@dataclass(frozen=True, slots=True)
class FetchListener:
    """Whom a fetcher tells."""

    arrived: Callable[[list[Lane]], None]
    """There is something to send for these lanes."""
    partition_error: Callable[[Lane, int], None]
    """The broker answered for this lane with an error code."""
    damaged: Callable[[Lane, DataError], None]
    """What came for this lane contradicts itself."""
    nearer: Callable[[Lane, int], None]
    """The lane should be read from this follower (node id) instead."""
    trouble: Callable[[int, HeliographError], None]
    """The broker (node id) cannot be used at the moment; it is tried again."""
    fine: Callable[[int], None]
    """The broker answered."""
    lanes: Callable[[], int]
    """Returns the number of the flow's lanes, at all brokers."""
    channels: Callable[[], int]
    """Returns the number of channels that read, at all brokers."""


class Fetcher:
    """All reading from one source broker."""

    def __init__(
        self,
        cluster: Cluster,
        node_id: int,
        reading: Reading,
        window: Window,
        listener: FetchListener,
        *,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is read before :meth:`run`."""
        self.node_id = node_id
        self._cluster = cluster
        self._reading = reading
        self._window = window
        self._listener = listener
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._free: dict[Lane, None] = {}
        """Ready, and in no channel's session."""
        self._turns = Turns()
        """Of lanes that are behind, under a limit."""
        self.limits = limits or Limits()
        """How much may be read."""
        count = CHANNELS_MAX + EXTRA_CHANNELS
        self._channels = [_Channel(self, number, extra=number >= CHANNELS_MAX) for number in range(count)]
        self._queue_channel = _Channel(self, count, queued=True)
        self._all_channels = (*self._channels, self._queue_channel)

    # ---- which lanes ------------------------------------------------------------------------------------------

    def add(self, lane: Lane) -> None:
        """Read ``lane`` from this broker from now on."""
        self._lanes[lane.source_topic, lane.partition] = lane
        self.ready(lane)

    def remove(self, lane: Lane) -> None:
        """Read ``lane`` from here no longer."""
        self._lanes.pop((lane.source_topic, lane.partition), None)
        self._free.pop(lane, None)
        self._turns.forget(lane)
        for channel in self._all_channels:
            channel.drop(lane)

    def ready(self, lane: Lane) -> None:
        """Take note that ``lane`` may have room again, or another position; cheap when nothing changed."""
        for channel in self._all_channels:
            if lane in channel.session.lanes:
                if lane in channel.session.changed:
                    channel.wake()
                return
        if self.lane(lane.source_topic, lane.partition) is lane and lane.has_room(self.lane_limit_bytes):
            if self.must_queue(lane):
                self._turns.join(lane)
                self._queue_channel.wake()
            else:
                self._turns.leave(lane)
                self._free[lane] = None
                self._wake_one()

    def moved(self, lane: Lane) -> None:
        """Take note that the lane's position was changed from outside the stream."""
        for channel in self._all_channels:
            if lane in channel.session.lanes:
                channel.session.changed[lane] = None
        self.ready(lane)

    def window_freed(self) -> None:
        """Take note that the window has room again."""
        for channel in self._all_channels:
            channel.wake()

    def _wake_one(self) -> None:
        """Wake the channel that will adopt free lanes: one with a session that is between fetches, else an idle one."""
        busy_between = [c for c in self._channels if c.session.lanes and not c.waiting_for_broker]
        idle = [c for c in self._idle() if not c.extra]
        for channel in (busy_between or idle)[:1]:
            channel.wake()

    def adopt(self) -> Iterable[Lane]:
        """Hand the free lanes to a channel."""
        adopted, self._free = self._free, {}
        return adopted

    def must_queue(self, lane: Lane) -> bool:
        """Whether ``lane`` must wait for a turn: there is a limit, and it is behind."""
        return self.limits.limited and lane.turn_bytes(1) > 0

    def came(self, lane: Lane) -> bool:
        """Take note that something came for ``lane``, be it nothing new; says whether it must wait for a turn now."""
        must_queue = self.must_queue(lane)
        if self.limits.limited and not must_queue:
            self._turns.reached_end(lane)
        return must_queue

    def next_in_queue(self) -> list[Lane]:
        """Return the lanes that may be read in the next turn, the one whose turn it is first."""
        lanes: list[Lane] = []
        for lane in list(self._turns):
            if len(lanes) == QUEUED_MAX:
                break
            if not self.must_queue(lane):
                self._turns.leave(lane)
                self.ready(lane)
            elif lane.has_room(self.lane_limit_bytes):
                lanes.append(lane)
        return lanes

    def end_turn(self, lanes: Sequence[Lane]) -> None:
        """Have lanes wait for their next turn that were read in one, or leave the queue if they are at their end."""
        self._turns.end(lanes[0])
        for lane in lanes:
            self.ready(lane)

    @property
    def queued(self) -> int:
        """Number of lanes that wait for a turn."""
        return len(self._turns)

    def share(self, channel: "_Channel", served: Iterable[Lane]) -> None:
        """Give every other lane of ``channel`` to an idle one, so that more fetches are under way on a long line.

        Those in ``served`` have a backlog, so they come first. One channel stays idle, for lanes left out meanwhile.
        """
        idle = self._idle()
        if len(idle) > 1:
            given = list({**dict.fromkeys(served), **channel.session.lanes})[1::2]
            channel.give(given)
            idle[-1].take(given)

    def _idle(self) -> list["_Channel"]:
        return [each for each in self._channels if not each.session.lanes and not each.waiting_for_broker]

    # ---- running ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in self._all_channels:
                group.create_task(channel.run(), name=f"fetch {self.node_id}/{channel.number}")

    @property
    def lane_limit_bytes(self) -> int:
        """Most bytes that one lane may have pending: a few lanes may have half of the window among them."""
        return max(self._reading.lane_limit_bytes, self._window.limit_bytes // (2 * max(1, self._listener.lanes())))

    @property
    def most_bytes(self) -> int:
        """Most bytes to ask for at a time on a long line: an answer each, and one being sent, fill the window."""
        return max(self._reading.max_bytes, self._window.limit_bytes // (1 + self._listener.channels()))

    @property
    def growth_bytes(self) -> int:
        """Most bytes of the window that its lanes take beside what they hold; see :attr:`Lane.growth_bytes`."""
        return sum(lane.growth_bytes for lane in self._lanes.values())

    @property
    def channels(self) -> int:
        """Return the number of its channels that read."""
        return sum(1 for channel in self._channels if channel.session.lanes)

    @property
    def cluster(self) -> Cluster:
        """The source."""
        return self._cluster

    @property
    def reading(self) -> Reading:
        """How it reads."""
        return self._reading

    @property
    def window(self) -> Window:
        """What bounds it."""
        return self._window

    @property
    def listener(self) -> FetchListener:
        """Whom it tells."""
        return self._listener

    def lane(self, topic: str, partition: int) -> Lane | None:
        """Find a lane read from here."""
        return self._lanes.get((topic, partition))


class _Channel:
    """One connection and one session."""

    def __init__(self, fetcher: Fetcher, number: int, *, extra: bool = False, queued: bool = False) -> None:
        self.number = number
        self.extra = extra
        """Nothing is read here but what another channel has shared."""
        self._queued = queued
        """Nothing is read here but what stands in the queue."""
        self.session = FetchSession()
        self.waiting_for_broker = False
        self._deep = False
        """The line is long and the last answer was at least half of what was asked for: more is asked for next."""
        self._fetcher = fetcher
        self._work = asyncio.Event()
        self._purpose = f"fetch {number}"

    def wake(self) -> None:
        """Look again whether there is something to do."""
        self._work.set()

    def drop(self, lane: Lane) -> None:
        """Take ``lane`` out of the session; the broker is told with the next fetch."""
        if lane in self.session.lanes:
            self.session.changed[lane] = None
            self.wake()

    def give(self, lanes: Iterable[Lane]) -> None:
        """Leave ``lanes`` to another channel."""
        for lane in lanes:
            del self.session.lanes[lane]
            self.session.changed.pop(lane, None)
            self.session.left[lane] = None

    def take(self, lanes: Iterable[Lane]) -> None:
        """Read ``lanes``, which no other channel reads."""
        for lane in lanes:
            self.session.lanes[lane] = lane.position
            self.session.changed[lane] = None
        self.wake()

    async def run(self) -> None:
        """Fetch, again and again."""
        fetcher = self._fetcher
        step = self._take_turn if self._queued else self._read_on
        while True:
            try:
                if not await step():
                    self._work.clear()
                    await self._work.wait()
            except ClusterError as error:
                self.session.reset()
                fetcher.listener.trouble(fetcher.node_id, error)
                await asyncio.sleep(fetcher.cluster.config.reconnect_backoff_ms / 1000)

    async def _read_on(self) -> bool:
        """Read what the session has; says whether there was anything to read, at once if there was not."""
        limits = self._fetcher.limits
        if (pause_s := limits.pause_s) > 0:
            await nap(pause_s)
            return True
        budget = self._budget()
        request = self._compose() if budget else None
        if request is None:
            return False
        limits.took(await self._fetch(*request, budget))
        return True

    async def _take_turn(self) -> bool:
        """Read some lanes of the queue in their turn; says whether there were any, at once if there were not."""
        fetcher, session = self._fetcher, self.session
        first = fetcher.next_in_queue()[:1]
        if not self._budget() or not first:
            return False
        large_bytes = (fetcher.limits.chunk_bytes or 0) // LARGE_BATCH_PARTS
        chunks = LARGE_BATCH_CHUNKS if first[0].turn_bytes(large_bytes) > large_bytes else 1
        async with fetcher.limits.turn(self, fetcher.queued, chunks) as turn:
            budget = min(self._budget(), turn.size_bytes)
            lanes = fetcher.next_in_queue()
            if budget and lanes:
                session.lanes = {lane: lane.position for lane in lanes}
                wanted: dict[str, list[fetch.Wanted]] = defaultdict(list)
                for lane in lanes:
                    wanted[lane.source_topic].append(self._row(lane, lane.turn_bytes(budget)))
                try:
                    turn.came_bytes = await self._fetch(wanted, {}, budget)
                finally:
                    session.lanes, session.changed = {}, {}
                    fetcher.end_turn(lanes)
        return True

    def _budget(self) -> int:
        fetcher, window = self._fetcher, self._fetcher.window
        most, free = fetcher.reading.max_bytes, window.free_bytes
        chunk_bytes = fetcher.limits.chunk_bytes
        if chunk_bytes is not None:
            most = most if self._queued else min(most, chunk_bytes)
        elif (
            self._deep
        ):  # what waits in large answers is much, and takes its place again in batches that are made of it
            most, free = fetcher.most_bytes, free - fetcher.growth_bytes
        return min(most, free) if free >= min(most, window.limit_bytes // WINDOW_SHARE_MIN) else 0

    def _compose(self) -> tuple[dict[str, list[fetch.Wanted]], dict[str, list[int]]] | None:
        """Bring the session up to date; gives what to tell the broker, or None when there is nothing to read."""
        fetcher, session = self._fetcher, self.session
        if session.lanes or not self.extra:
            self.take(fetcher.adopt())
        wanted: dict[str, list[fetch.Wanted]] = defaultdict(list)
        forgotten: dict[str, list[int]] = defaultdict(list)
        limit_bytes = fetcher.lane_limit_bytes
        for lane in session.left:
            forgotten[lane.source_topic].append(lane.partition)
        for lane in session.changed:
            known = fetcher.lane(lane.source_topic, lane.partition) is lane
            queues = known and fetcher.must_queue(lane)
            if known and not queues and lane.has_room(limit_bytes):
                wanted[lane.source_topic].append(self._row(lane, lane.fetch_bytes))
                session.lanes[lane] = lane.position
            elif lane in session.lanes:
                del session.lanes[lane]
                if session.epoch != fetch.FULL_SESSION_EPOCH:
                    forgotten[lane.source_topic].append(lane.partition)
                if queues:
                    fetcher.ready(lane)
        session.changed, session.left = {}, {}
        for topic, rows in wanted.items():  # a new lane may take an old one's place: brokers forget after they add
            kept = {row.partition for row in rows}
            forgotten[topic] = [partition for partition in forgotten[topic] if partition not in kept]
        if session.lanes:
            return wanted, {topic: partitions for topic, partitions in forgotten.items() if partitions}
        session.reset()  # nothing left to read here: the broker lets an unused session go by itself
        return None

    def _row(self, lane: Lane, least_bytes: int) -> fetch.Wanted:
        """Return what to ask for of ``lane``: ``least_bytes``, or more where there is no limit."""
        most_bytes = max(self._fetcher.reading.max_partition_bytes, least_bytes)
        chunk_bytes = self._fetcher.limits.chunk_bytes
        if chunk_bytes is not None:
            most_bytes = least_bytes if self._queued else min(most_bytes, chunk_bytes)
        return fetch.Wanted(lane.partition, lane.position, lane.identity.leader_epoch, most_bytes)

    async def _fetch(self, wanted: dict[str, list[fetch.Wanted]], forgotten: dict[str, list[int]], budget: int) -> int:
        """Ask the broker and hand out what it answers; returns the size of the answer."""
        fetcher, session, reading = self._fetcher, self.session, self._fetcher.reading
        self.waiting_for_broker = True
        try:
            with fetcher.window.holding(budget):
                connection = await fetcher.cluster.connection(fetcher.node_id, self._purpose)
                version = connection.versions.choose(FETCH)
                correlation_id = connection.next_correlation_id()
                body = fetch.encode(
                    version,
                    correlation_id=correlation_id,
                    client_id=fetcher.cluster.config.client_id,
                    wanted=wanted,
                    forgotten=forgotten,
                    session_id=session.session_id,
                    session_epoch=fetch.NO_SESSION_EPOCH if self._queued else session.epoch,
                    max_wait_ms=0 if self._queued else reading.max_wait_ms,
                    min_bytes=1,
                    max_bytes=budget,
                    read_committed=reading.read_committed,
                    rack=reading.rack,
                )
                timeout_ms = fetcher.cluster.config.request_timeout_ms + reading.max_wait_ms
                sent_at = asyncio.get_running_loop().time()
                frame = await (await connection.send(correlation_id, [body], timeout_ms=timeout_ms, what="fetch"))
        finally:
            self.waiting_for_broker = False
        answer = fetch.decode(version, frame)
        connection.throttle(answer.throttle_ms)
        if answer.error in (codes.FETCH_SESSION_ID_NOT_FOUND, codes.INVALID_FETCH_SESSION_EPOCH):
            session.reset()
            return len(frame)
        if answer.error:
            raise ProtocolError(f"{connection.where} answers a fetch with error {answer.error}")
        fetcher.listener.fine(fetcher.node_id)
        if any(row.end > row.start for row in answer.partitions):
            connection.round_trip.note(asyncio.get_running_loop().time() - sent_at)
        with fetcher.window.holding(len(answer.frame)) as hold:
            self._hand_out(answer, hold)
        long = connection.round_trip.is_long and not fetcher.limits.limited
        self._deep = long and self._has_backlog(answer, budget)
        session.advance(answer.session_id if version >= 7 else 0)
        return len(frame)

    def _hand_out(self, answer: fetch.Answer, hold: Hold) -> None:
        fetcher = self._fetcher
        arrived: list[Lane] = []
        for row in answer.partitions:
            lane = fetcher.lane(row.topic, row.partition)
            if lane is None or lane not in self.session.lanes:
                continue
            if row.error:
                self.session.changed[lane] = None
                fetcher.listener.partition_error(lane, row.error)
                continue
            if row.preferred_replica >= 0 and row.preferred_replica != fetcher.node_id:
                fetcher.listener.nearer(lane, row.preferred_replica)
                continue
            asked = self.session.lanes[lane]
            try:
                if lane.fetched(row, answer.frame, hold, asked=asked, read_committed=fetcher.reading.read_committed):
                    arrived.append(lane)
            except DataError as error:
                self.session.changed[lane] = None
                fetcher.listener.damaged(lane, error)
                continue
            if fetcher.came(lane) or lane.position != asked or row.end > row.start:
                self.session.changed[lane] = None
        if arrived:
            fetcher.listener.arrived(arrived)

    def _has_backlog(self, answer: fetch.Answer, budget: int) -> bool:
        """Say whether much more could have come, and have the lanes of which it could ask for more at a time."""
        fetcher = self._fetcher
        rows = [(fetcher.lane(row.topic, row.partition), row.end - row.start) for row in answer.partitions]
        served = {lane: size for lane, size in rows if size and lane in self.session.lanes}
        full = 2 * len(answer.frame) > budget
        for lane, size in served.items():
            asked_bytes = max(fetcher.reading.max_partition_bytes, lane.fetch_bytes)
            if 2 * size > asked_bytes:
                full = True
                lane.ask_for(max(asked_bytes, budget // len(served)))
        if full and len(served) > 1:
            fetcher.share(self, served)
        return full
