"""The application of our own API: requests are taken apart as the routes declare them, errors become problems."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path
from starlette.types import ASGIApp

from heliograph.api.flows.api import ROUTES, Api
from heliograph.api.flows.jobs import Job
from heliograph.api.flows.openapi import PROBLEM_JSON, document_of
from heliograph.api.flows.problems import problem, problem_of
from heliograph.api.flows.routes import ACCEPTED, ROOT, Call, Route, Rules
from heliograph.api.flows.shapes import Problem
from heliograph.api.paths import Segments, segment
from heliograph.errors import HeliographError
from heliograph.observe.operations import Limited, Rewound, Steered

BODY_BYTES_MAX = 1 << 20
SHOWN = 20
"""Partitions that a line of the log names."""
OPENAPI = f"{ROOT}/openapi.json"

Handler = Callable[[Request], Awaitable[Response]]


def make_flows_app(api: Api, rules: Rules) -> ASGIApp:
    """Return the application of ``api``; whoever gives it ends that. ``rules`` say what the user may do."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    paths = [Path(OPENAPI, _openapi)]
    paths += [Path(ROOT + path, _handler(api, there, rules), methods=list(there)) for path, there in by_path.items()]
    app = Starlette(routes=paths, exception_handlers={HTTPException: _refused})
    app.router.redirect_slashes = False
    return Segments(app)


def _handler(api: Api, routes: dict[str, Route], rules: Rules) -> Handler:
    """Return who answers all methods of one path."""

    async def handle(request: Request) -> Response:
        route = routes["GET" if request.method == "HEAD" else request.method]
        try:
            call = await _taken_apart(request, route)
            changes = route.method != "GET"
            if call.flow:
                rules.check(call.flow, changes=changes, moves=route.moves)
            given = await route.work(api, call)
            if changes:
                flow = given.flow if isinstance(given, Job) else call.flow
                rules.tell(route.name, flow, _before(given), _order_of(call))
        except ValueError as error:
            return _answer_of(problem(400, str(error)))
        except HeliographError as error:
            return _answer_of(problem_of(error))
        if isinstance(given, Response):
            return given
        headers = (
            {"Location": f"{ROOT}/jobs/{given.id}"} if isinstance(given, Job) and route.status == ACCEPTED else None
        )
        return Response(msgspec.json.encode(given), route.status, headers, media_type="application/json")

    return handle


def _order_of(call: Call) -> object:
    """Return what was told: the body or, where there is none, which job is meant."""
    return f"job {call.id}" if call.id else call.body


def _before(given: object) -> str:
    """Return how it was, of what an answer tells that; empty: nothing was, or only a job has begun."""
    match given:
        case Limited():
            held = given.bytes_per_second_before
            return "no limit" if held is None else f"{held} bytes per second"
        case Steered():
            return f"paused: {_named(given.topics_before) or ', '.join(given.connectors_before) or 'nothing'}"
        case Rewound():
            return ", ".join(f"{given.topic}-{each.partition}: {each.position}" for each in given.partitions[:SHOWN])
    return ""


def _named(partitions: Mapping[str, tuple[int, ...]]) -> str:
    names = [f"{topic}-{number}" for topic, numbers in partitions.items() for number in numbers]
    return ", ".join([*names[:SHOWN], *(["..."] if len(names) > SHOWN else [])])


async def _taken_apart(request: Request, route: Route) -> Call:
    """Return what a request says. Raises ValueError where that is not as declared."""
    flow, number = (segment(request, name) if name in request.path_params else "" for name in ("flow", "id"))
    query: Any = None
    body: Any = None
    if route.query is not None:
        query = msgspec.convert(_query(request), route.query, strict=False)
    if route.body is not None:
        raw = await request.body()
        if len(raw) > BODY_BYTES_MAX:
            raise ValueError(f"A body may have {BODY_BYTES_MAX} bytes at most")
        body = msgspec.json.decode(raw or b"{}", type=route.body)
    return Call(flow, number, query, body)


def _query(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A parameter of the query is there more than once")
    return found


def _answer_of(told: Problem) -> Response:
    return Response(msgspec.json.encode(told), told.status, media_type=PROBLEM_JSON)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: f"There is no such path; {OPENAPI} tells all", 405: "This path has no such method"}
    answer = _answer_of(problem(error.status_code, words.get(error.status_code, error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def _openapi(_: Request) -> Response:
    return Response(_document(), media_type="application/json")


@cache
def _document() -> bytes:
    return msgspec.json.encode(document_of(ROUTES))
