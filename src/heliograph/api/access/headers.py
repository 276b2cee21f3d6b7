"""Headers that every answer gets."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliograph.config.model import HeaderRule


class WithHeaders:
    """Adds headers to the answers of ``app``."""

    def __init__(self, app: ASGIApp, rules: Sequence[HeaderRule]) -> None:
        """Follow ``rules`` in order."""
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for rule in self._rules:
                    if rule.replaces:
                        headers[rule.name] = rule.value
                    else:
                        headers.append(rule.name, rule.value)
            await send(message)

        await self._app(scope, receive, adding)
