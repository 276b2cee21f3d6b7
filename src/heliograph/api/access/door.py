"""Who sends a request is found out here, and whether he asks too fast; without that, nothing behind is asked."""

import math
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from heliograph.api.access.login import CHALLENGE, Login, NotKnown
from heliograph.api.access.pace import Pace
from heliograph.api.access.user import CURRENT, User
from heliograph.api.connect.answers import error_answer
from heliograph.api.connection import CERTIFICATE


class Door:
    """Lets known users through to ``app``."""

    def __init__(self, app: ASGIApp, login: Login) -> None:
        """``login`` says who somebody is."""
        self._app = app
        self._login = login
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            user = await self._user(scope)
        except NotKnown as error:
            await _not_known(error)(scope, receive, send)
            return
        if (wait_s := self._pace.wait_s(user, time.monotonic())) > 0:
            await _too_soon("Too many requests", wait_s)(scope, receive, send)
            return
        CURRENT.set(user)
        await self._app(scope, receive, send)

    async def _user(self, scope: Scope) -> User:
        client = scope.get("client")
        certificate = scope.get("state", {}).get(CERTIFICATE)
        authorization = Headers(scope=scope).get("authorization")
        return await self._login.user(authorization, certificate, client[0] if client else "")


def _not_known(error: NotKnown) -> ASGIApp:
    if error.retry_after_s > 0:
        return _too_soon(error.message, error.retry_after_s)
    return error_answer(401, error.message, {"www-authenticate": CHALLENGE})


def _too_soon(message: str, wait_s: float) -> ASGIApp:
    return error_answer(429, message, {"retry-after": str(math.ceil(wait_s))})
