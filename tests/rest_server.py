"""A listener in a thread of its own, asked with the standard library's client and with bare sockets."""

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from starlette.types import ASGIApp

from heliograph.api.serve import listen, serve

LIMIT_S = 20


@contextmanager
def in_a_loop(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Have ``work`` done in another thread until the block ends."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_ended(task))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(LIMIT_S)
        assert not thread.is_alive(), "the server ends when it is cancelled"


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.gather(task, return_exceptions=True)


@contextmanager
def serving(app: ASGIApp, contexts: Callable[[], ssl.SSLContext] | None = None) -> Iterator[int]:
    """Serve ``app`` on a port of its own."""
    listener = listen(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    with in_a_loop(serve(listener, app, contexts)):
        yield port


class Client:
    """One connection."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
            if tls is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=LIMIT_S, context=tls)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """Return status, body (parsed where it is JSON) and headers."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Content-Type": "application/json"} if content is not None else {}
        self._connection.request(method, path, content, {**told, **(headers or {})})
        answer = self._connection.getresponse()
        raw = answer.read()
        try:
            return answer.status, json.loads(raw), answer.headers
        except ValueError:
            return answer.status, raw.decode(), answer.headers


def trusting(authority_pem: str, identity_pem: str | None = None) -> ssl.SSLContext:
    """Return what a client needs that trusts an authority, and shows a certificate where there is one."""
    context = ssl.create_default_context(cafile=authority_pem)
    if identity_pem is not None:
        context.load_cert_chain(identity_pem)
    return context
