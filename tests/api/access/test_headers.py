"""Headers that every answer gets."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from heliograph.api.access.headers import WithHeaders
from heliograph.config.model import HeaderRule
from rest_server import Client, serving


async def cached(_: Request) -> PlainTextResponse:
    return PlainTextResponse("", headers={"cache-control": "private"})


RULES = [
    HeaderRule("x-content-type-options", "nosniff", replaces=False),
    HeaderRule("cache-control", "no-store", replaces=True),
    HeaderRule("cache-control", "no-cache", replaces=False),
]


def test_they_are_put_beside_or_in_place_of_what_is_there():
    app = WithHeaders(Starlette(routes=[Route("/", cached)]), RULES)
    with serving(app) as port, Client(port) as client:
        for path in ("/", "/none"):
            headers = client.ask("GET", path)[2]
            assert headers.get_all("cache-control") == ["no-store", "no-cache"]
            assert headers["x-content-type-options"] == "nosniff"
