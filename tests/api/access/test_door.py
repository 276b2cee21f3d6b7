"""Who gets in, and who must wait."""

import asyncio
import base64

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from heliograph.api.access.attempts import FREE
from heliograph.api.access.door import Door
from heliograph.api.access.login import Login
from heliograph.api.access.pace import BURST
from heliograph.api.access.user import CURRENT
from heliograph.config.access import Access, Grant, Role
from heliograph.config.model import Secret
from rest_server import Client, serving

ACCESS = Access(
    (Grant("alice", Role.ADMIN, ("*",)), Grant("bob", Role.ADMIN, ("payments-*",)), Grant("bob", Role.READ, ("*",))),
    {"alice": Secret("pass word"), "bob": Secret("pass word")},
)


async def who(request: Request) -> PlainTextResponse:
    await request.body()
    await asyncio.sleep(0.01)
    return PlainTextResponse(CURRENT.get().name)


APP = Starlette(routes=[Route("/", who)])


@pytest.fixture
def port():
    with serving(Door(APP, Login(lambda: ACCESS, failed_s=0.0))) as found:
        yield found


def ask(port: int, name: str, method: str, path: str, password: str = "pass word"):
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    with Client(port) as client:
        return client.ask(method, path, None, {"Authorization": f"Basic {encoded}"})


def test_requests_at_the_same_time_have_their_own_users(port):
    from concurrent.futures import ThreadPoolExecutor

    names = ["alice", "bob"] * 10
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: ask(port, name, "GET", "/")[1], names)) == names


def test_who_fails_is_asked_again_and_then_told_to_wait(port):
    for _ in range(FREE):
        status, _, headers = ask(port, "alice", "GET", "/", password="wrong")
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="heliograph", charset="UTF-8"')
    status, _, headers = ask(port, "alice", "GET", "/", password="wrong")
    assert (status, headers["retry-after"]) == (429, "1")


def test_who_asks_too_fast_is_told_to_wait(port):
    alice = {"Authorization": f"Basic {base64.b64encode(b'alice:pass word').decode()}"}
    with Client(port) as client:
        many = (client.ask("GET", "/nowhere", None, alice) for _ in range(20 * BURST))
        status, body, headers = next(answer for answer in many if answer[0] != 404)
        assert (status, body["message"], headers["retry-after"]) == (429, "Too many requests", "1")
    assert ask(port, "bob", "GET", "/")[0] == 200
