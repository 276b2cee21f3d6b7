"""Segments of a path, decoded apart, and what lies below one."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from heliograph.api.paths import Below, Segments, segment


async def said(app, raw_path):
    """Call an application as a server does (ASGI), and return the text that it answers."""
    told = []

    async def send(message):
        told.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": raw_path, "query_string": b"", "headers": []}
    await app(scope, None, send)
    return b"".join(told).decode()


async def show(request: Request):
    return PlainTextResponse(segment(request, "name"))


NAMES = Segments(Starlette(routes=[Route("/names/{name}/end", show)]))


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"A->B", "A->B"),
        (b"A-%3EB", "A->B"),
        (b"a%2Fb", "a/b"),
        (b"a%20b%3F", "a b?"),
        ("ü".encode(), "Ã¼"),
        (b"%C3%BC", "ü"),
    ],
)
def test_a_segment_may_hold_anything(raw, name):
    assert asyncio.run(said(NAMES, b"/names/" + raw + b"/end/")) == name


def test_what_lies_below_a_path():
    async def inside(scope, receive, send):
        await PlainTextResponse("inside")(scope, receive, send)

    async def outside(scope, receive, send):
        await PlainTextResponse("outside")(scope, receive, send)

    app = Below("/own/v1", inside, outside)
    answers = {raw: asyncio.run(said(app, raw)) for raw in (b"/own/v1", b"/own/v1/x", b"/own/v10", b"/own", b"/")}
    assert list(answers.values()) == ["inside", "inside", "outside", "outside", "outside"]
