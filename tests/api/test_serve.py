"""The server on a real socket, asked with the standard library's client."""

import asyncio
import dataclasses
import json
import socket
import urllib.error
import urllib.request

import pytest

from heliograph.api.connection import Connection
from heliograph.api.serve import listen, serve_metrics
from heliograph.config.model import CauseKind
from heliograph.errors import ConfigError
from heliograph.observe.model import Cause, FlowState, FlowView, LaneState, LaneView, ProcessView


def picture(state: FlowState = FlowState.RUNNING) -> ProcessView:
    lane = LaneView("t", "A.t", 3, LaneState.RUNNING, settled=12, end_offset=20, lag=8, records=12, bytes=340)
    flow = FlowView("A->B", state, "because" if state is not FlowState.RUNNING else "", 1, (lane,), 12, 340)
    return ProcessView("1.2.3", "compiled", 5.0, 0.5, 1_000_000, (flow,))


class Still:
    """A process that always looks the same."""

    def __init__(self, view: ProcessView):
        self._view = view

    def view(self) -> ProcessView:
        return self._view


async def ask(view: ProcessView, path: str) -> tuple[int, str]:
    listener = listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = asyncio.create_task(serve_metrics(listener, Still(view)))

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    try:
        return await asyncio.to_thread(get)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


def test_alive():
    assert asyncio.run(ask(picture(FlowState.WAITING), "/live")) == (200, "alive\n")


@pytest.mark.parametrize("state", [FlowState.RUNNING, FlowState.STANDBY])
def test_ready(state):
    assert asyncio.run(ask(picture(state), "/ready"))[0] == 200


@pytest.mark.parametrize("state", [FlowState.STARTING, FlowState.WAITING, FlowState.FAILED, FlowState.STOPPED])
def test_not_ready(state):
    status, text = asyncio.run(ask(picture(state), "/ready"))
    assert status == 503
    assert text == f"A->B: {state} because\n"


def test_status():
    status, text = asyncio.run(ask(picture(), "/status"))
    assert status == 200
    found = json.loads(text)
    assert found["flows"][0]["lanes"][0]["settled"] == 12
    assert found["flows"][0]["state"] == "running"


def test_metrics():
    status, text = asyncio.run(ask(picture(), "/metrics"))
    assert status == 200
    name = "kafka_connect_mirror_mirrorsourceconnector_record_count"
    assert f'{name}{{partition="3",source="A",target="B",topic="A.t"}} 12.0' in text


def test_unknown_paths():
    assert asyncio.run(ask(picture(), "/secrets"))[0] == 404


def test_a_port_in_use_is_told():
    with listen(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match=r"heliograph\.http\.listener"):
        listen(("127.0.0.1", taken.getsockname()[1]))


def test_what_is_degraded_is_told_and_does_not_unready():
    (flow,) = picture().flows
    degraded = dataclasses.replace(flow, degraded=(Cause(CauseKind.STANDING_STILL, "t-3: no permission", 1),))
    view = dataclasses.replace(picture(), flows=(degraded,))
    told = "ready\nA->B: degraded: standing-still, partitions=1: t-3: no permission\n"
    assert asyncio.run(ask(view, "/ready")) == (200, told)


def test_answers_are_sent_at_once(monkeypatch):
    """Head and body are written one after the other: the body must not wait until the head is acknowledged."""
    told = []

    class Told(Connection):
        def connection_made(self, transport):
            told.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    monkeypatch.setattr("heliograph.api.serve.Connection", Told)
    assert asyncio.run(ask(picture(), "/live"))[0] == 200
    assert told
    assert all(told)
