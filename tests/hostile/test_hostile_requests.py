"""Requests that lie, sent to a real listener and to the application itself: each gets an answer that was promised.

Whatever comes, the next honest request is answered, nothing that was sent comes back as a trace, and nobody who is not
known changes anything.
"""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator
from random import Random

import pytest
from connect_files import worker
from mutations import mutant, rounds, truncations
from showing import Told
from trials import growing_less_than

from heliograph.api.serve import Guarded
from heliograph.config.access import Access, Grant, Role
from heliograph.config.load import make_config
from heliograph.config.model import RestConfig, RestListener, Secret
from heliograph.connect.stored_connectors import StoredConnectors
from rest_api import Process, api, as_user, ask, config

LIMIT_S = 20
ACCESS = Access((Grant("admin", Role.ADMIN, ("*",)),), {"admin": Secret("pass word")})
PROMISED = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 414, 415, 429, 431}
LOGIN = as_user("admin")["Authorization"]
BODY = json.dumps({"name": "copy", "config": config(topics="orders"), "initial_state": "STOPPED"}).encode()


def request(method: str, path: str, body: bytes = b"", *, login: str = LOGIN, more: str = "") -> bytes:
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {login}\r\n{kind}{more}\r\n"
    return head.encode("latin-1") + body


SEEDS = [
    request("GET", "/connectors?expand=status&expand=info"),
    request("POST", "/connectors", BODY),
    request("PUT", "/connectors/a-%3Eb%2Fc/config", json.dumps(config()).encode()),
    request("PATCH", "/connectors/copy/offsets", b'{"offsets":[{"partition":{"topic":"t"},"offset":{"offset":1}}]}'),
    request("POST", "/connectors/copy/restart?includeTasks=true&onlyFailed=false"),
    request("PUT", "/connectors/copy/pause", more="Transfer-Encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n\r\n",
]


@pytest.fixture(autouse=True)
def _no_traces(caplog) -> Iterator[None]:
    """Whatever a client does, nothing in the log is a defect."""
    yield
    told = [each for when in ("setup", "call") for each in caplog.get_records(when)]
    assert [each.getMessage() for each in told if each.levelno >= logging.ERROR or each.exc_info] == []


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with api(ACCESS) as found:
        yield found


def sent(port: int, content: bytes) -> bytes:
    """Send bytes, and say that there are no more; return what comes until the other side ends it."""
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as peer:
        received = b""
        try:
            peer.sendall(content)
            peer.settimeout(0.3)  # an unfinished request gets no answer before its time
            while piece := peer.recv(65536):
                received += piece
                if b"\r\n\r\n" in received:
                    break
        except OSError:
            pass
        return received


def check(port: int, content: bytes) -> None:
    answer = sent(port, content)
    if answer:
        status = int(answer.split(b" ")[1])
        assert status in PROMISED or status == 500, content[:2000]
        assert b"Traceback" not in answer, content[:2000]
        assert b"pass word" not in answer, content[:2000]


def is_well(port: int) -> bool:
    begun = time.monotonic()
    return ask(port, "admin", "GET", "/connectors")[0] == 200 and time.monotonic() - begun < 2


def test_requests_with_changes(port):
    for seed in rounds(150):
        chance = Random(seed)
        check(port, mutant(seed, chance.choice(SEEDS), chance.choice(SEEDS)))
    assert is_well(port)


def test_requests_that_are_cut(port):
    for cut in list(truncations(SEEDS[1]))[::23]:
        check(port, cut)
    assert is_well(port)


def test_noise(port):
    for seed in rounds(40):
        check(port, Random(seed).randbytes(500) + b"\r\n\r\n")
    assert is_well(port)


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        request("POST", "/connectors", more="Content-Length: -1\r\n"),
        request("POST", "/connectors", more="Content-Length: 1\r\nContent-Length: 2\r\n") + b"{}",
        request("POST", "/connectors", more="Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\nGET",
        request("POST", "/connectors", more="Transfer-Encoding: xchunked\r\n") + b"{}",
        request("POST", "/connectors", more="Transfer-Encoding: chunked\r\n") + b"fffffffffffffffff\r\n{}",
        request("POST", "/connectors", more="Transfer-Encoding: chunked\r\n") + b"-1\r\n{}\r\n",
        request("GET", "/", more="Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: a\r\n"),
        request("CONNECT", "evil.example:443"),
        request("OPTIONS", "*"),
        request("TRACE", "/"),
        request("GET", "/", more="X: " + "y" * 70_000 + "\r\n"),
        request("GET", "/", more="X: y\r\n" * 20_000),
    ],
    ids=range(19),
)
def test_heads_that_two_readers_might_read_differently(port, content):
    """None of them is a request that is done: smuggling needs a second reader who takes it for one."""
    answer = sent(port, content)
    assert answer == b"" or int(answer.split(b" ")[1]) in {400, 401, 403, 404, 405, 415, 431} or b"200 OK" in answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert is_well(port)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"{" * 1000,
        b"[" * 500_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"name": 5, "config": {"a": {}}}',
        b'{"name": "a", "config": []}',
        b'{"name": "", "config": {}}',
        b'{"name": "a\\u0000b", "config": {}}',
        b'{"name": "\\ud800", "config": {"connector.class": "x"}}',
        b'{"name": "a", "config": {"a": ' + b"9" * 5000 + b"}}",
        b'{"name": "a", "config": {"a": 1e999}}',
        b'{"name": "a", "config": {"a": NaN}}',
        b"\xff\xfe{\x00}\x00",
        b"{" + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}",
    ],
    ids=range(18),
)
def test_bodies(port, body):
    """Connect itself answers 500 to what is no JSON; what matters is that it is told in its shape, and soon."""
    begun = time.process_time()
    for method, path in (("POST", "/connectors"), ("PUT", "/connectors/b/config"), ("PATCH", "/connectors/b/offsets")):
        status, told = ask(port, "admin", method, path, body)
        assert status in {400, 404, 409, 413, 500}
        assert told["error_code"] == status
    assert time.process_time() - begun < 3
    assert is_well(port)


def test_nobody_unknown_is_answered_by_what_is_behind(port):
    for seed in rounds(60):
        chance = Random(seed)
        method = chance.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"))
        path = "/" + mutant(seed, b"connectors/copy/status").decode("latin-1").translate(dict.fromkeys(range(33)))
        answer = sent(port, request(method, path, login=f"Bearer {seed}", more="X-Forwarded-For: 127.0.0.1\r\n"))
        assert not answer or int(answer.split(b" ")[1]) in {400, 401, 403, 405, 414, 429}, (method, path)


# --- the application itself, without the parser in front ---------------------------------------------------------------


def scope(chance: Random, method: str, path: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": chance.choice((b"", b"expand=status", mutant(chance.random(), b"expand=info&expand=status"))),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
        "state": {},
        "root_path": "",
    }


def test_the_application_answers_every_scope_once():
    rest = RestConfig((RestListener("127.0.0.1", 1, tls=False),), "127.0.0.1:1", None, lambda: ACCESS)
    connectors = StoredConnectors(worker(), "127.0.0.1:1", lambda file: make_config(file, environ={}))
    guarded = Guarded(rest, connectors, Told())
    app = guarded.app(guarded.flows(Process(connectors)))
    names = (b"host", b"origin", b"content-type", b"content-length", b"authorization", b"sec-fetch-site")
    values = (b"localhost", b"http://localhost", b"application/json", b"0", LOGIN.encode(), b"none")

    async def main() -> None:
        for seed in rounds(400):
            chance = Random(seed)
            headers = [(name, value) for name, value in zip(names, values, strict=True) if chance.random() < 0.9]
            if chance.random() < 0.5:
                name, value = chance.choice(headers or [(b"host", b"localhost")])
                headers.append((name, mutant(seed, value)))
            path = b"/" + chance.choice(
                (mutant(seed, b"connectors/a-%3Eb/config"), b"connectors", b"connectors/a/tasks/0")
            )
            body = mutant(seed, BODY)
            statuses: list[int] = []

            async def receive(body: bytes = body) -> dict[str, object]:
                return {"type": "http.request", "body": body, "more_body": False}

            async def send(message: dict[str, object], statuses: list[int] = statuses) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(int(str(message["status"])))

            method = chance.choice(("GET", "GET", "PUT", "DELETE", "PATCH", "\udcff"))
            if method == "PUT" and path.endswith(b"config"):
                continue  # without a cluster nothing can be stored
            async with asyncio.timeout(LIMIT_S):
                await app(scope(chance, method, path, headers), receive, send)
            assert len(statuses) == 1, (seed, headers)
            assert statuses[0] in PROMISED | {500}, (seed, headers)

    with growing_less_than(32 << 20):
        asyncio.run(main())
