"""Reading from one source broker: a few channels, each a connection with a fetch session of its own.

A broker answers a fetch when any of its partitions has news or when the wait is over. A lane that was left out, because
it had no room, must not wait for that: another channel takes it. So a free channel adopts every lane that is ready
and in no other channel's session, and keeps it while it has room. Sessions (KIP-227) mean that a request names
only what changed; a lane that did not move costs nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.errors import ClusterError, DataError, HeliographError, ProtocolError
from heliograph.flow.lane import Lane
from heliograph.flow.window import Hold, Window
from heliograph.wire import errors as codes
from heliograph.wire import fetch
from heliograph.wire.versions import FETCH

CHANNELS_MAX = 3
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


@dataclass(slots=True)
class _Session:
    """A fetch session as both sides see it."""

    session_id: int = 0
    epoch: int = fetch.FULL_SESSION_EPOCH
    lanes: dict[Lane, int] = field(default_factory=dict)
    """Each with the position that the broker was told."""
    changed: dict[Lane, None] = field(default_factory=dict)
    """Lanes whose place in the session must be told again at the next fetch."""

    def reset(self) -> None:
        """Begin a new session with the same lanes."""
        self.session_id, self.epoch = 0, fetch.FULL_SESSION_EPOCH
        self.changed = dict.fromkeys(self.lanes)

    def advance(self, session_id: int) -> None:
        """Go on after a good answer; id 0 means that the broker keeps no session."""
        if session_id == 0:
            self.reset()
        elif self.epoch == fetch.FULL_SESSION_EPOCH:
            self.session_id, self.epoch = session_id, 1
        else:
            self.epoch = self.epoch % (2**31 - 1) + 1


class Fetcher:
    """All reading from one source broker."""

    def __init__(
        self, cluster: Cluster, node_id: int, reading: Reading, window: Window, listener: FetchListener
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
        self._channels = [_Channel(self, number) for number in range(CHANNELS_MAX)]

    # ---- which lanes ------------------------------------------------------------------------------------------

    def add(self, lane: Lane) -> None:
        """Read ``lane`` from this broker from now on."""
        self._lanes[lane.source_topic, lane.partition] = lane
        self.ready(lane)

    def remove(self, lane: Lane) -> None:
        """Read ``lane`` from here no longer."""
        self._lanes.pop((lane.source_topic, lane.partition), None)
        self._free.pop(lane, None)
        for channel in self._channels:
            channel.drop(lane)

    def ready(self, lane: Lane) -> None:
        """Take note that ``lane`` may have room again, or another position; cheap when nothing changed."""
        for channel in self._channels:
            if lane in channel.session.lanes:
                if lane in channel.session.changed:
                    channel.wake()
                return
        if (lane.source_topic, lane.partition) in self._lanes and lane.has_room(self.lane_limit_bytes):
            self._free[lane] = None
            self._wake_one()

    def moved(self, lane: Lane) -> None:
        """Take note that the lane's position was changed from outside the stream."""
        for channel in self._channels:
            if lane in channel.session.lanes:
                channel.session.changed[lane] = None
        self.ready(lane)

    def window_freed(self) -> None:
        """Take note that the window has room again."""
        for channel in self._channels:
            channel.wake()

    def _wake_one(self) -> None:
        """Wake the channel that will adopt free lanes: one with a session that is between fetches, else an idle one."""
        busy_between = [c for c in self._channels if c.session.lanes and not c.waiting_for_broker]
        idle = [c for c in self._channels if not c.session.lanes and not c.waiting_for_broker]
        for channel in (busy_between or idle)[:1]:
            channel.wake()

    def adopt(self) -> Iterable[Lane]:
        """Hand the free lanes to a channel."""
        adopted, self._free = self._free, {}
        return adopted

    # ---- running ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(channel.run(), name=f"fetch {self.node_id}/{channel.number}")

    @property
    def lane_limit_bytes(self) -> int:
        """Most bytes that one lane may have pending: a few lanes may have half of the window among them."""
        return max(self._reading.lane_limit_bytes, self._window.limit_bytes // (2 * max(1, self._listener.lanes())))

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

    def __init__(self, fetcher: Fetcher, number: int) -> None:
        self.number = number
        self.session = _Session()
        self.waiting_for_broker = False
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

    async def run(self) -> None:
        """Fetch, again and again."""
        fetcher = self._fetcher
        while True:
            budget = self._budget()
            request = self._compose() if budget else None
            if request is None:
                self._work.clear()
                await self._work.wait()
                continue
            try:
                await self._fetch(*request, budget)
            except ClusterError as error:
                self.session.reset()
                fetcher.listener.trouble(fetcher.node_id, error)
                await asyncio.sleep(fetcher.cluster.config.reconnect_backoff_ms / 1000)

    def _budget(self) -> int:
        window, reading = self._fetcher.window, self._fetcher.reading
        least = min(reading.max_bytes, window.limit_bytes // WINDOW_SHARE_MIN)
        return min(reading.max_bytes, window.free_bytes) if window.free_bytes >= least else 0

    def _compose(self) -> tuple[dict[str, list[fetch.Wanted]], dict[str, list[int]]] | None:
        """Bring the session up to date; gives what to tell the broker, or None when there is nothing to read."""
        fetcher, session = self._fetcher, self.session
        for lane in fetcher.adopt():
            session.lanes[lane] = lane.position
            session.changed[lane] = None
        wanted: dict[str, list[fetch.Wanted]] = defaultdict(list)
        forgotten: dict[str, list[int]] = defaultdict(list)
        limit_bytes = fetcher.lane_limit_bytes
        for lane in session.changed:
            if lane.has_room(limit_bytes) and fetcher.lane(lane.source_topic, lane.partition) is lane:
                wanted[lane.source_topic].append(self._row(lane))
                session.lanes[lane] = lane.position
            elif lane in session.lanes:
                del session.lanes[lane]
                if session.epoch != fetch.FULL_SESSION_EPOCH:
                    forgotten[lane.source_topic].append(lane.partition)
        session.changed = {}
        for topic, rows in wanted.items():  # a new lane may take an old one's place: brokers forget after they add
            kept = {row.partition for row in rows}
            forgotten[topic] = [partition for partition in forgotten[topic] if partition not in kept]
        if session.lanes:
            return wanted, {topic: partitions for topic, partitions in forgotten.items() if partitions}
        session.reset()  # nothing left to read here: the broker lets an unused session go by itself
        return None

    def _row(self, lane: Lane) -> fetch.Wanted:
        return fetch.Wanted(
            lane.partition,
            lane.position,
            lane.identity.leader_epoch,
            max(self._fetcher.reading.max_partition_bytes, lane.fetch_bytes),
        )

    async def _fetch(self, wanted: dict[str, list[fetch.Wanted]], forgotten: dict[str, list[int]], budget: int) -> None:
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
                    session_epoch=session.epoch,
                    max_wait_ms=reading.max_wait_ms,
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
            return
        if answer.error:
            raise ProtocolError(f"{connection.where} answers a fetch with error {answer.error}")
        fetcher.listener.fine(fetcher.node_id)
        if any(row.end > row.start for row in answer.partitions):
            connection.round_trip.note(asyncio.get_running_loop().time() - sent_at)
        with fetcher.window.holding(len(answer.frame)) as hold:
            self._hand_out(answer, hold, line_is_long=connection.round_trip.is_long)
        session.advance(answer.session_id if version >= 7 else 0)

    def _hand_out(self, answer: fetch.Answer, hold: Hold, *, line_is_long: bool) -> None:
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
            if lane.position != asked or row.end > row.start:
                self.session.changed[lane] = None
                if line_is_long:
                    self._grow(lane, row.end - row.start)
        if arrived:
            fetcher.listener.arrived(arrived)

    def _grow(self, lane: Lane, size: int) -> None:
        """On a long line, ask for more at a time where a lane has a backlog: it has one fetch under way."""
        reading = self._fetcher.reading
        asked_bytes = max(reading.max_partition_bytes, lane.fetch_bytes)
        if size * 2 > asked_bytes:
            lane.ask_for(min(2 * asked_bytes, max(asked_bytes, reading.max_bytes)))
