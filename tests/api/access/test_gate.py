"""What no request gets past: sizes, times, hosts that are none of ours, and pages of other sites."""

import asyncio
import http.client
import socket
import threading

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from heliograph.api.access.gate import PATH_BYTES_MAX, REQUESTS_MAX, Gate, Sites, hosts_of
from heliograph.api.connect.requests import BODY_BYTES_MAX
from rest_server import Client, serving

LIMIT_S = 20


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def never(_: Request) -> PlainTextResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def half(_: Request) -> StreamingResponse:
    async def parts():
        yield b"half"
        await asyncio.Event().wait()

    return StreamingResponse(parts())


async def events(_: Request) -> StreamingResponse:
    async def parts():
        for _ in range(4):
            yield b":\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(parts(), media_type="text/event-stream")


APP = Starlette(
    routes=[
        Route("/", length, methods=["GET", "POST"]),
        Route("/never", never),
        Route("/half", half),
        Route("/events", events),
    ],
)
OURS = Sites(hosts_of(["mm-0.example"]))


def gated(sites: Sites = OURS, **more: float) -> Gate:
    return Gate(APP, sites, **more)


@pytest.fixture(scope="module")
def port():
    with serving(gated()) as found:
        yield found


def status(port: int, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
    with Client(port) as client:
        return client.ask(method, path, body, headers)[0]


def test_a_body_may_have_its_size_and_no_more(port):
    assert status(port, "POST", "/", body=b"x" * BODY_BYTES_MAX) == 200
    assert status(port, "POST", "/", {"Content-Length": str(BODY_BYTES_MAX + 1)}) == 413


def test_a_body_in_pieces_is_not_read_further_than_its_limit(port):
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"

        def send() -> None:
            try:
                for _ in range(64):
                    peer.sendall(piece)
            except OSError:
                pass

        sending = threading.Thread(target=send)
        sending.start()
        answer = peer.recv(65536)
        sending.join(LIMIT_S)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a" * (PATH_BYTES_MAX // 2), 404),
        ("/a" * (PATH_BYTES_MAX // 2) + "a", 414),
        ("/%2e%2e/%2E%2e/etc/passwd", 400),
        ("/../..", 400),
        ("/a/./b", 400),
        ("/a%00b", 400),
        ("/a%0d%0ab", 404),
        ("/a%1b[2J", 404),
        ("http://localhost/", 400),
        ("//", 404),
        ("/%252e%252e", 404),
        ("/%zz%", 404),
    ],
)
def test_paths(port, path, expected):
    assert status(port, "GET", path) == expected


def test_methods_that_nothing_here_knows(port):
    assert status(port, "BREW", "/") == 405


def test_a_large_head_is_refused(port):
    assert status(port, "GET", "/?" + "x" * 8000, {f"x-{n}": "y" * 1000 for n in range(9)}) in (400, 431)


def test_a_body_of_another_type_is_refused(port):
    assert status(port, "POST", "/", {"Content-Type": "text/plain"}, b"{}") == 415
    assert status(port, "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b") == 415
    assert status(port, "POST", "/", {"Content-Type": "Application/JSON; charset=utf-8"}, b"{}") == 200
    assert status(port, "POST", "/") == 200


@pytest.mark.parametrize("host", ["localhost:8083", "127.0.0.1", "[::1]:8083", "MM-0.example:1", "LOCALHOST"])
def test_hosts_of_ours(port, host):
    assert status(port, "GET", "/", {"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:8083", "", "x@localhost", "localhost/", "[", "[::2]"],
)
def test_a_name_that_leads_here_but_is_none_of_ours_is_refused(port, host):
    assert status(port, "GET", "/", {"Host": host}) in (400, 403)


def test_who_names_no_host_is_no_browser(port):
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert peer.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:1", "Host": "localhost:1"}, 200),
        ({"Origin": "http://localhost:2", "Host": "localhost:1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://ops.example", "Sec-Fetch-Site": "cross-site"}, 200),
    ],
)
def test_changes_from_other_sites_pages(headers, expected):
    with serving(gated(Sites(OURS.hosts, origins=frozenset({"https://ops.example"})))) as port:
        assert status(port, "POST", "/", headers) == expected
        assert status(port, "GET", "/", headers) == 200


def test_an_answer_that_takes_too_long_is_given_up():
    with serving(gated(answer_s=0.2)) as port:
        assert status(port, "GET", "/never") == 500
        with pytest.raises(http.client.IncompleteRead), Client(port) as client:
            client.ask("GET", "/half")


def test_a_stream_of_events_goes_on():
    with serving(gated(answer_s=0.2)) as port, Client(port) as client:
        assert client.ask("GET", "/events")[:2] == (200, ":\n\n" * 4)


def test_no_more_requests_at_a_time_than_there_is_room_for():
    with serving(gated()) as port:
        peers = [socket.create_connection(("127.0.0.1", port), LIMIT_S) for _ in range(REQUESTS_MAX + 1)]
        try:
            for peer in peers:
                peer.sendall(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            refused = peers[-1].recv(65536)
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1" in refused
        finally:
            for peer in peers:
                peer.close()
