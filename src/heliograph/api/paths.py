"""Paths of requests: taken apart before they are decoded, so that a segment may hold any character, a slash included.

Names of flows and connectors hold ``->``, and clients encode them in many ways.
"""

from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_SLASH = "\x00"
"""Stands for a slash within a segment while the path is matched."""


class Segments:
    """Decodes a path segment by segment before ``app`` matches it."""

    def __init__(self, app: ASGIApp) -> None:
        """``app`` reads what stands in a segment with :func:`segment`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            parts = _raw(scope).partition(b"?")[0].decode("latin-1").split("/")
            path = "/".join(unquote(part).replace("/", _SLASH) for part in parts)
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


class Below:
    """Has one application answer what lies below a path, and another everything else."""

    def __init__(self, path: str, app: ASGIApp, others: ASGIApp) -> None:
        """``path`` has no slash at its end."""
        self._path = path.encode()
        self._app = app
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        below = scope["type"] == "http" and (_raw(scope) + b"/").startswith(self._path + b"/")
        await (self._app if below else self._others)(scope, receive, send)


def segment(request: Request, name: str) -> str:
    """Return the segment that a route calls ``name``."""
    return str(request.path_params[name]).replace(_SLASH, "/")


def _raw(scope: Scope) -> bytes:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw
