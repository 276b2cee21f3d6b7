"""What every request must pass before anything looks at what it asks: limits, and that no web page has sent it.

A web page that somebody looks at can have his browser send requests to this machine. It cannot forge ``Host`` and
``Origin``, so a name that is none of ours (DNS rebinding) and a change from another site's page are refused.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliograph.api.connect.answers import Refused, error_answer
from heliograph.api.connect.requests import BODY_BYTES_MAX, METHODS
from heliograph.api.connection import HEAD_BYTES_MAX
from heliograph.config.rest import is_loopback

PATH_BYTES_MAX = 4096
REQUESTS_MAX = 32
"""Answered at the same time on all listeners; more are told to come again."""
ANSWER_S = 90.0
"""For an answer; Connect's own time for a request."""
EVENT_STREAM = b"text/event-stream"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


@dataclass(frozen=True, slots=True)
class Sites:
    """What requests may name."""

    hosts: frozenset[str]
    """Hosts by which this process is known, in small letters."""
    always: bool = False
    """Whether the host is looked at on every address, not only on those of this machine."""
    origins: frozenset[str] = frozenset()
    """Of other sites' pages that may send requests; ``*``: all."""


class Gate:
    """Lets requests through to ``app``."""

    def __init__(self, app: ASGIApp, sites: Sites, answer_s: float = ANSWER_S) -> None:
        """Answer within ``answer_s`` seconds."""
        self._app = app
        self._sites = sites
        self._answer_s = answer_s
        self._room = asyncio.Semaphore(REQUESTS_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        try:
            check_head(scope)
            check_sites(scope, self._sites)
            check_room(self._room)
            async with self._room:
                await self._answer(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is left to be told
        except Refused as error:
            headers = {"connection": "close", **({"retry-after": "1"} if error.status == 503 else {})}
            await error_answer(error.status, error.message, headers)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_BYTES_MAX:
                raise _too_large()
            return message

        async def noting(message: Message) -> None:
            nonlocal begun
            if EVENT_STREAM in dict(message.get("headers", ())).get(b"content-type", b""):
                limit.reschedule(None)  # it goes on as long as somebody listens
            if begun or taken <= BODY_BYTES_MAX:  # what the app makes of a body that is too large does not count
                begun = True
                await send(message)

        try:
            async with asyncio.timeout(self._answer_s) as limit:
                await self._app(scope, bounded, noting)
        except TimeoutError:
            if begun:
                raise
            raise Refused(500, "Request timed out") from None
        if not begun:
            raise _too_large()


def check_room(room: asyncio.Semaphore) -> None:
    """Raise Refused where as many requests as may be are being answered."""
    if room.locked():
        raise Refused(503, "Too many requests at a time")


def check_head(scope: Scope) -> None:
    """Raise Refused for a head that is too large or a path that plays tricks."""
    if scope["method"] not in METHODS:
        raise Refused(405, "HTTP 405 Method Not Allowed")
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(path) > PATH_BYTES_MAX:
        raise Refused(414, "HTTP 414 URI Too Long")
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    if len(path) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in pairs) > HEAD_BYTES_MAX:
        raise Refused(431, "HTTP 431 Request Header Fields Too Large")
    parts = [unquote(part) for part in path.decode("latin-1").split("/")]
    if parts[0] or any(part in (".", "..") or "\x00" in part for part in parts):
        raise Refused(400, "HTTP 400 Bad Request: the path is none")
    headers = Headers(scope=scope)
    if "content-length" in headers and "transfer-encoding" in headers:
        raise Refused(400, "HTTP 400 Bad Request: the body has two lengths")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise Refused(400, "HTTP 400 Bad Request: Content-Length is no number")
    if int(length[:20]) > BODY_BYTES_MAX:
        raise _too_large()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = length != "0" or "transfer-encoding" in headers
    if has_body and kind not in ("", "application/json"):
        raise Refused(415, "HTTP 415 Unsupported Media Type")


def check_sites(scope: Scope, sites: Sites) -> None:
    """Raise Refused for a host that is none of ours, and for a change that another site's page has sent."""
    headers = Headers(scope=scope)
    named = headers.get("host")
    server = scope.get("server")
    if named is not None and (sites.always or (server is not None and is_loopback(server[0]))):
        host = urlsplit(f"//{named}").hostname if _is_netloc(named) else None
        if host not in sites.hosts:
            raise Refused(403, "HTTP 403 Forbidden: the host of the request is not in heliograph.rest.allowed.hosts")
    if scope["method"] in SAFE:
        return
    origin = headers.get("origin")
    foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    if origin is not None:
        foreign = foreign or urlsplit(origin).netloc != named
    if foreign and not sites.origins & {"*", origin}:
        raise Refused(403, "HTTP 403 Forbidden: the request comes from another site's page")


def hosts_of(*names: Iterable[str]) -> frozenset[str]:
    """Return the hosts that requests may name: these, and those of this machine for itself."""
    return frozenset(name.lower() for each in (("localhost", "127.0.0.1", "::1"), *names) for name in each)


def _is_netloc(named: str) -> bool:
    try:
        return "@" not in named and urlsplit(f"//{named}").netloc == named
    except ValueError:
        return False


def _too_large() -> Refused:
    return Refused(413, f"A body may have {BODY_BYTES_MAX} bytes at most")
