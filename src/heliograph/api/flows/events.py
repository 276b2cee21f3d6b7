"""What changes, as a stream of events (``text/event-stream``): made of two pictures of the process, a second apart.

One look serves all who listen. Who does not take what is sent to him is cut off, and may begin again: a stream begins
with the state of every flow.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from heliograph.api.flows.problems import Busy
from heliograph.concurrency import cancel_all
from heliograph.observe.model import Cause, FlowView, LaneView, LossView, ProcessView

LOOK_S = 1.0
CLIENTS_MAX = 16
EVENTS_MAX = 1000
"""That wait for one client."""
QUIET_S = 15.0
"""After so long without an event a comment is sent, so that nobody on the way takes the line for dead."""
END_S = 1.0
"""For streams to end with the process."""
EVENT_STREAM = "text/event-stream"


class EventKind(StrEnum):
    """What has changed; it is the event's type in the stream too."""

    FLOW = "flow"
    """What a flow does."""
    LANE = "lane"
    """What a partition does; of those that are new only what is not as it should be is told."""
    LOSS = "loss"
    """Something was lost."""
    HEALTH = "health"
    """Whether all of a flow is copied."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one flow."""

    kind: EventKind
    flow: str
    state: str = ""
    """Of the flow or the lane, as it is now; empty: a flow that there is no longer."""
    was: str = ""
    """As it was; empty: there was none."""
    cause: str = ""
    """Why it is so."""
    topic: str = ""
    """Of a lane, by its name on the source."""
    partition: int | None = None
    loss: LossView | None = None
    degraded: tuple[Cause, ...] | None = None
    """Of health: why not everything is copied; empty: all is well."""


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events."""

    flow: str | None = None
    """Only those of this flow."""


def events_of(before: Mapping[str, FlowView], after: Iterable[FlowView]) -> Iterator[Event]:
    """Yield what has changed between two pictures of flows."""
    gone = dict(before)
    for now in after:
        yield from _of_flow(gone.pop(now.name, None), now)
    for was in gone.values():
        yield Event(EventKind.FLOW, was.name, "", was.state)


def _of_flow(was: FlowView | None, now: FlowView) -> Iterator[Event]:
    if was is None or (was.state, was.cause) != (now.state, now.cause):
        yield Event(EventKind.FLOW, now.name, now.state, was.state if was is not None else "", now.cause)
    kinds = {each.kind for each in was.degraded} if was is not None else set()
    if kinds != {each.kind for each in now.degraded}:
        yield Event(EventKind.HEALTH, now.name, degraded=now.degraded)
    if was is None:
        return
    known = set(was.losses)
    for loss in reversed(now.losses):
        if loss not in known:
            yield Event(EventKind.LOSS, now.name, topic=loss.topic, partition=loss.partition, loss=loss)
    lanes = {(lane.topic, lane.partition): lane for lane in was.lanes}
    for lane in now.lanes:
        yield from _of_lane(now.name, lanes.get((lane.topic, lane.partition)), lane)


def _of_lane(flow: str, was: LaneView | None, now: LaneView) -> Iterator[Event]:
    if was is None and not now.cause:
        return
    if was is None or (was.state, was.cause) != (now.state, now.cause):
        before = was.state if was is not None else ""
        yield Event(EventKind.LANE, flow, now.state, before, now.cause, now.topic, now.partition)


class Streams:
    """All who listen."""

    def __init__(self, view: Callable[[], ProcessView]) -> None:
        """``view`` takes a picture."""
        self._view = view
        self._clients: set[asyncio.Queue[Event | None]] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._looking: asyncio.Task[None] | None = None

    def check_room(self) -> None:
        """Raise Busy where nobody else may listen."""
        if len(self._clients) >= CLIENTS_MAX:
            raise Busy(f"{CLIENTS_MAX} clients listen already", remedy="Wait until one has gone")

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Event | None]]:
        """Put events into a queue as long as the block lasts; None: there will be no more."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(EVENTS_MAX)
        flows = {flow.name: flow for flow in self._view().flows}
        for event in list(events_of({}, flows.values()))[:EVENTS_MAX]:
            queue.put_nowait(event)
        self._clients.add(queue)
        self._nobody.clear()
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(flows), name="events")
        try:
            yield queue
        finally:
            self._clients.discard(queue)
            if not self._clients:
                self._nobody.set()
                if self._looking is not None:
                    self._looking.cancel()
                    self._looking = None

    async def _look(self, before: Mapping[str, FlowView]) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            flows = {flow.name: flow for flow in self._view().flows}
            for event in events_of(before, flows.values()):
                self._tell(event)
            before = flows

    def _tell(self, event: Event) -> None:
        for queue in self._clients:
            if queue.full():
                _cut_off(queue)
            else:
                queue.put_nowait(event)

    async def end(self) -> None:
        """Tell all who listen that there will be no more."""
        for queue in self._clients:
            _cut_off(queue)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._nobody.wait()

    async def lines(self, queue: asyncio.Queue[Event | None], wanted: Callable[[str], bool]) -> AsyncIterator[bytes]:
        """Yield what is sent to one client of the flows that are wanted, until he is cut off."""
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    event = await queue.get()
            except TimeoutError:
                yield b":\n\n"
                continue
            if event is None:
                return
            if wanted(event.flow):
                yield b"event: " + event.kind.encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _cut_off(queue: asyncio.Queue[Event | None]) -> None:
    """Have a queue end where it is; what waits in it is left out."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


class EventStream(Response):
    """The answer to one client."""

    def __init__(self, streams: Streams, wanted: Callable[[str], bool]) -> None:
        """Tell of the flows that are ``wanted``."""
        super().__init__(headers={"Cache-Control": "no-store"}, media_type=EVENT_STREAM)
        del self.headers["content-length"]
        self._streams = streams
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client is gone, or does not take them."""
        with self._streams.listening() as queue:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            tasks = asyncio.create_task(self._send(queue, send)), asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_all(*tasks)

    async def _send(self, queue: asyncio.Queue[Event | None], send: Send) -> None:
        """Send lines; a client that takes none is disconnected below (:mod:`heliograph.api.connection`)."""
        async for line in self._streams.lines(queue, self._wanted):
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
