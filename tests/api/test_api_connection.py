"""Connections end in time, whatever a client does."""

import socket
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from heliograph.api import connection
from heliograph.api.access.gate import Gate, Sites, hosts_of
from heliograph.api.connection import HEAD_BYTES_MAX
from rest_server import Client, serving

LIMIT_S = 10


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def large(_: Request) -> PlainTextResponse:
    return PlainTextResponse("x" * (32 << 20))


APP = Starlette(routes=[Route("/", length, methods=["GET", "POST"]), Route("/large", large)])


@pytest.fixture
def hasty(monkeypatch):
    """Times that a test can wait for."""
    monkeypatch.setattr(connection, "ARRIVAL_S", 0.5)
    monkeypatch.setattr(connection, "LEAVING_S", 0.5)
    monkeypatch.setattr(connection, "LOOK_S", 0.05)


def ended_after_s(peer: socket.socket, trickle: bytes = b"") -> float:
    """Send a little now and then until the other side has ended the connection, and say how long that took."""
    begun = time.monotonic()
    peer.settimeout(0.05)
    while time.monotonic() - begun < LIMIT_S:
        try:
            peer.sendall(trickle)
            if peer.recv(65536) == b"":
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - begun
    pytest.fail("the connection stays")


@pytest.mark.parametrize(
    ("begin", "trickle"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"x: y\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["nothing", "head", "body", "chunks"],
)
def test_a_request_that_does_not_arrive_ends_its_connection(hasty, begin, trickle):
    with serving(APP) as port, socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(begin)
        assert 0.4 < ended_after_s(peer, trickle) < 5


def test_a_body_after_its_answer_does_not_keep_the_connection(hasty):
    with serving(Starlette()) as port, socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert ended_after_s(peer, b"x") < 5


def test_an_answer_that_nobody_reads_ends_its_connection(hasty):
    with serving(APP) as port, socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)  # what the kernel takes is sent
        deadline = time.monotonic() + LIMIT_S
        while True:  # an aborted connection answers what is sent with a reset
            try:
                peer.sendall(b"x")
            except OSError:
                break
            assert time.monotonic() < deadline, "the connection stays"
            time.sleep(0.05)


def test_a_head_that_is_too_large_is_refused():
    with serving(APP) as port, socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * HEAD_BYTES_MAX * 2)
        assert peer.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_answers_say_what_time_it_is_and_a_connection_serves_several():
    with serving(APP) as port, Client(port) as client:
        for size in (0, 5):
            status, text, headers = client.ask("POST", "/", b"x" * size)
            assert (status, text) == (200, size)
            assert headers["date"].endswith("GMT")
            assert headers["server"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nno request\r\n\r\n",
        b"no request\r\n\r\n",
    ],
)
def test_what_is_no_http_in_the_middle_of_it_is_no_defect(content, caplog):
    with serving(Gate(APP, Sites(hosts_of()))) as port, socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(content)
        received = b""
        while piece := peer.recv(65536):
            received += piece
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 200 "))
    assert caplog.records == []
