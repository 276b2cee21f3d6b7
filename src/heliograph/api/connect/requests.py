"""What a request says: its body, taken apart with limits, and its flags; and errors told as Connect tells them.

Kafka Connect answers 500, with the words of its JSON library, to a body that it cannot read. Here that is 400, for it
is the client's mistake, and repeating the request does not help.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from heliograph.api.connect.answers import Refused, error_answer, refused
from heliograph.errors import HeliographError

BODY_BYTES_MAX = 1 << 20
JSON = "application/json"
METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

Handler = Callable[[Request], Awaitable[Response]]


def route(path: str, handlers: Mapping[str, Handler]) -> Route:
    """Return a path with who answers each of its methods; HEAD and OPTIONS are answered as well."""
    there = {*handlers, "OPTIONS", *(["HEAD"] if "GET" in handlers else [])}
    allow = {"Allow": ",".join(method for method in METHODS if method in there)}

    async def handle(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(allow["Allow"].replace(",", ", "), headers={**allow, "Content-Type": "text/plain"})
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return error_answer(405, "HTTP 405 Method Not Allowed", allow)
        return await told(handler)(request)

    return Route(path, handle, methods=METHODS)


def told(handler: Handler) -> Handler:
    """Tell errors as Connect does; what is sent in another format than JSON is one."""

    async def handle(request: Request) -> Response:
        try:
            try:
                _check_format(request)
                return await handler(request)
            except HeliographError as error:
                raise refused(error) from error
        except Refused as error:
            return error_answer(error.status, error.message)

    return handle


def _check_format(request: Request) -> None:
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Refused(415, "HTTP 415 Unsupported Media Type")


async def object_of(request: Request, *fields: str) -> dict[str, Any]:
    """Return the body, a JSON object, with no other fields than these where any are named.

    Numbers with a point are texts, as they are written: a version 1.10 is not 1.1.
    """
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise Refused(413, f"A body may have {BODY_BYTES_MAX} bytes at most")
    if not raw.strip():
        raise Refused(400, "There is no body. It must be a JSON object")
    try:
        body = json.loads(raw, parse_float=str, parse_constant=_no_number)
        if b"\\u" in raw:
            json.dumps(body, ensure_ascii=False).encode()  # half a character cannot be stored
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    for field in body if fields else ():
        if field not in fields:
            raise Refused(400, f"{field!r} is no field of such a body. It may have {_listed(fields)}")
    return body


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _listed(words: Sequence[str]) -> str:
    *front, last = words
    return f"{', '.join(front)} and {last}" if front else last


def texts(config: object) -> dict[str, str]:
    """Return a configuration with every value as a text; null counts as not there."""
    if not isinstance(config, Mapping):
        raise Refused(400, "The configuration is missing, or is no JSON object")
    return {key: text(value) for key, value in config.items() if value is not None}


def text(value: object) -> str:
    """Return one value of it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise Refused(400, "The values of a configuration must be texts, not objects or lists")


def flag(request: Request, name: str) -> bool:
    """Say whether a parameter of the query is true; the first counts."""
    return next(iter(request.query_params.getlist(name)), "").lower() == "true"
