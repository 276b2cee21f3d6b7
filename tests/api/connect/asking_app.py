"""Asks an application directly, without a socket."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    body: Any
    """Parsed where it is JSON; None: there is none."""
    headers: Headers


def ask(app: ASGIApp, method: str, path: str, body: Any = None, headers: Headers | None = None) -> Told:
    """Send one request; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return ask_in_parts(app, method, path, [raw], headers)


def ask_in_parts(app: ASGIApp, method: str, path: str, parts: Iterable[bytes], headers: Headers | None = None) -> Told:
    """Send one request whose body comes in parts."""
    return asyncio.run(_ask(app, method, path, list(parts), headers or {}))


async def _ask(app: ASGIApp, method: str, path: str, parts: list[bytes], headers: Headers) -> Told:
    length = str(sum(map(len, parts)))
    told = {"host": "connect:8083", "content-type": "application/json", "content-length": length, **headers}
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    parsed = json.loads(content) if found.get("content-type") == "application/json" else content.decode() or None
    return Told(sent[0]["status"], parsed, found)
