"""Events: what two pictures differ in, and the stream of them."""

import asyncio
import http.client
import json
import socket
import time
from dataclasses import replace

import pytest
from showing import FLOWS, LOSS, Everything, Still, Told

from heliograph.api.flows import events as subject
from heliograph.api.flows.api import Api
from heliograph.api.flows.app import make_flows_app
from heliograph.api.flows.events import CLIENTS_MAX, EVENTS_MAX, Event, EventKind, Streams, events_of
from heliograph.api.flows.problems import Busy
from heliograph.api.serve import listen, serve
from heliograph.config.model import CauseKind
from heliograph.observe.model import Cause, FlowState, FlowView, LaneState, LaneView, ProcessView
from rest_server import Client, in_a_loop

LANE = LaneView("t", "A.t", 0, LaneState.RUNNING)
FLOW = FlowView("A->B", FlowState.RUNNING, lanes=(LANE,))
DOWN = replace(LANE, state=LaneState.RETRYING, cause="no leader")
SICK = (Cause(CauseKind.STANDING_STILL, "t-0: no leader", 1),)


def between(before, after):
    return list(events_of({flow.name: flow for flow in before}, after))


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        ([FLOW], [FLOW], []),
        ([FLOW], [replace(FLOW, records=9, lanes=(replace(LANE, settled=4),))], []),
        ([], [FLOW], [Event(EventKind.FLOW, "A->B", "running")]),
        ([FLOW], [], [Event(EventKind.FLOW, "A->B", "", "running")]),
        (
            [FLOW],
            [replace(FLOW, state=FlowState.WAITING, cause="B is away")],
            [Event(EventKind.FLOW, "A->B", "waiting", "running", "B is away")],
        ),
        (
            [FLOW],
            [replace(FLOW, lanes=(DOWN,), degraded=SICK)],
            [
                Event(EventKind.HEALTH, "A->B", degraded=SICK),
                Event(EventKind.LANE, "A->B", "retrying", "running", "no leader", "t", 0),
            ],
        ),
        ([replace(FLOW, degraded=SICK)], [replace(FLOW, degraded=(replace(SICK[0], for_s=9.0),))], []),
        ([replace(FLOW, degraded=SICK)], [FLOW], [Event(EventKind.HEALTH, "A->B", degraded=())]),
        ([replace(FLOW, lanes=())], [FLOW], []),
        (
            [replace(FLOW, lanes=())],
            [replace(FLOW, lanes=(DOWN,))],
            [Event(EventKind.LANE, "A->B", "retrying", "", "no leader", "t", 0)],
        ),
        (
            [FLOW],
            [replace(FLOW, losses=(LOSS,))],
            [Event(EventKind.LOSS, "A->B", topic="orders-1", partition=3, loss=LOSS)],
        ),
        ([replace(FLOW, losses=(LOSS,))], [replace(FLOW, losses=(LOSS,))], []),
    ],
)
def test_what_two_pictures_differ_in(before, after, events):
    assert between(before, after) == events


def test_who_lets_events_wait_is_cut_off():
    async def run():
        states = [FlowState.RUNNING, FlowState.WAITING]

        def view():
            states.reverse()
            return ProcessView("1", "compiled", 1.0, 1.0, 1, tuple(FlowView(str(n), states[0]) for n in range(40)))

        streams = Streams(view)
        with streams.listening() as queue:
            for _ in range(EVENTS_MAX // 40 + 1):
                for event in events_of({}, view().flows):
                    streams._tell(event)
            return [line async for line in streams.lines(queue, lambda _: True)]

    assert asyncio.run(run()) == []


def test_only_so_many_listen():
    async def run():
        streams = Streams(lambda: ProcessView("1", "compiled", 1.0, 1.0, 1, (FLOW,)))
        open_ = [streams.listening() for _ in range(CLIENTS_MAX)]
        for each in open_:
            each.__enter__()
        with pytest.raises(Busy):
            streams.check_room()
        for each in open_:
            each.__exit__(None, None, None)
        with streams.listening() as queue:
            assert queue.get_nowait().state == "running"

    asyncio.run(run())


class Changing(Still):
    """A process that looks as it is told."""

    def show(self, *flows):
        self._flows = flows


@pytest.fixture
def changing():
    process = Changing(*FLOWS)
    api = Api(process, Told(), Everything())

    async def served():
        try:
            await serve(listener, make_flows_app(api, Everything()))
        finally:
            await api.end()

    listener = listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with in_a_loop(served()):
        yield process, port, api


def next_event(answer):
    lines = []
    while (line := answer.readline().decode().rstrip("\n")) or not lines:
        if line and not line.startswith(":"):
            lines.append(line)
    kind, data = lines
    found = json.loads(data.removeprefix("data: "))
    assert kind == f"event: {found['kind']}"
    return found


def test_a_client_hears_of_a_change(changing):
    process, port, _ = changing
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/heliograph/v1/events?flow=B-%3EA")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert next_event(answer)["state"] == "waiting"
    process.show(replace(FLOWS[0], state=FlowState.FAILED), replace(FLOWS[1], state=FlowState.RUNNING, cause=""))
    told = next_event(answer)
    assert (told["flow"], told["state"], told["was"]) == ("B->A", "running", "waiting")
    connection.close()


def test_a_client_that_is_gone_makes_room(changing):
    _, port, _ = changing
    sockets = []
    for _ in range(CLIENTS_MAX):
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        client.sendall(b"GET /heliograph/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        sockets.append(client)
    with Client(port) as client:
        status, body, _ = client.ask("GET", "/heliograph/v1/events")
        assert (status, body["error"]) == (503, "Busy")
        for each in sockets:
            each.close()
        deadline = time.monotonic() + 10
        while client.ask("HEAD", "/heliograph/v1/events")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_client_that_does_not_take_what_is_sent_is_cut_off(changing, monkeypatch):
    monkeypatch.setattr(subject, "LOOK_S", 0.01)
    monkeypatch.setattr("heliograph.observe.recent.AGE_S_MAX", 0.0)
    monkeypatch.setattr("heliograph.api.connection.LOOK_S", 0.1)
    monkeypatch.setattr("heliograph.api.connection.LEAVING_S", 1.0)
    process, port, api = changing
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /heliograph/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline, words = time.monotonic() + 20, ["x" * 20_000, "y" * 20_000]
        assert client.recv(20, socket.MSG_PEEK), "it has begun"
        while api._streams._clients:
            assert time.monotonic() < deadline, "it is still sent to"
            words.reverse()
            process.show(*(FlowView(f"{number}->B", FlowState.WAITING, words[0]) for number in range(50)))
            time.sleep(0.02)


def test_streams_end_with_the_api():
    async def run():
        streams = Streams(lambda: ProcessView("1", "compiled", 1.0, 1.0, 1, (FLOW,)))

        async def listen():
            with streams.listening() as queue:
                return [line async for line in streams.lines(queue, lambda _: True)]

        client = asyncio.create_task(listen())
        await asyncio.sleep(0)
        await streams.end()
        return await client

    (line,) = asyncio.run(run())
    assert line.startswith(b"event: flow\n")
