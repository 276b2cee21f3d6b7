"""A broker that speaks just enough of the protocol, and breaks it on request.

It answers as real brokers were seen to: ApiVersions in its oldest form, answers in order, the connection closed on what
it does not understand. Everything else is a script: a function from a request to the bytes that go back.
"""

import asyncio
import contextlib
import io
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kio.index import load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer

from heliograph.config.model import ClusterConfig
from heliograph.wire import messages

APIS = {
    "api_versions": (0, 0),
    "metadata": (1, 8),
    "sasl_handshake": (0, 1),
    "sasl_authenticate": (0, 1),
    "heartbeat": (0, 3),
}


ACCEPT_TURNS = 10
"""Of the event loop, before the end: who was accepted and not served yet could not be closed any more."""


@dataclass(frozen=True)
class Request:
    api: str
    version: int
    correlation_id: int
    body: object


def parse(raw):
    key, version = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[2:4], "big")
    kind = load_request_schema(key, version)
    header, at = entity_reader(kind.__header_schema__)(raw, 0)
    body, _ = entity_reader(kind)(raw, at)
    name = next(name for name, number in messages.API_KEYS.items() if number == key)
    return Request(name, version, header.correlation_id, body)


def answer(request, values, correlation_id=None):
    """Frame an answer, length included."""
    entity = messages.build(load_response_schema(messages.API_KEYS[request.api], request.version), values)
    buffer = io.BytesIO()
    entity_writer(type(entity))(buffer, entity)
    number = request.correlation_id if correlation_id is None else correlation_id
    flexible = entity.__flexible__ and request.api != "api_versions"
    body = number.to_bytes(4, "big") + (b"\0" if flexible else b"") + buffer.getvalue()
    return len(body).to_bytes(4, "big") + body


def versions_answer(request, apis=APIS):
    rows = [
        {"api_key": messages.API_KEYS[api], "min_version": low, "max_version": high}
        for api, (low, high) in apis.items()
    ]
    return answer(request, {"error_code": ErrorCode.none, "api_keys": rows})


def heartbeat_answer(request, throttle_ms=0, code=ErrorCode.none):
    return answer(request, {"throttle_time": throttle_ms, "error_code": code})


class Close(Exception):
    """Raised by a script: close the connection now, after ``last`` was sent."""

    def __init__(self, last: bytes = b""):
        super().__init__()
        self.last = last


Script = Callable[[Request], Awaitable[bytes | None]]
"""Returns the bytes to send back; None: nothing. May raise Close."""


class FakeBroker:
    """Listens on the loopback address; what it is asked goes to ``script``, but for ApiVersions."""

    def __init__(
        self,
        script: Script,
        tls: ssl.SSLContext | None = None,
        piece_bytes: int | None = None,
        apis: dict[str, tuple[int, int]] = APIS,
    ):
        """``piece_bytes`` cuts what goes back; each piece is sent and seen apart. ``apis`` are what it offers."""
        self._script = script
        self._tls = tls
        self._piece_bytes = piece_bytes
        self._apis = apis
        self.open = 0
        """Connections that are open now."""
        self.requests: list[Request] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._server.close()
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        await self._server.wait_closed()

    def config(self, **more) -> ClusterConfig:
        return ClusterConfig("fake", (("127.0.0.1", self.port),), **{"request_timeout_ms": 5_000, **more})

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, Close, asyncio.CancelledError):
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                request = parse(await reader.readexactly(size))
                self.requests.append(request)
                try:
                    reply = (
                        versions_answer(request, self._apis)
                        if request.api == "api_versions"
                        else await self._script(request)
                    )
                except Close as close:
                    writer.write(close.last)
                    raise
                size = self._piece_bytes or len(reply or b"")
                for at in range(0, len(reply or b""), size or 1):
                    writer.write(reply[at : at + size])
                    await writer.drain()
                    await asyncio.sleep(0)  # the other side is in the same loop, and reads now
        writer.close()
        self.open -= 1
