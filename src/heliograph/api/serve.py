"""The HTTP server in the process's own event loop."""

import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from heliograph.api.app import make_app
from heliograph.api.connect.app import make_connect_app
from heliograph.config.model import CauseKind
from heliograph.errors import ConfigError
from heliograph.observe.connectors import Connectors
from heliograph.observe.control import Control

BACKLOG = 64


class _Server(uvicorn.Server):
    """A server that leaves signals to the process it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(address: tuple[str, int], key: str = "heliograph.http.listener") -> socket.socket:
    """Take host and port, which ``key`` has named; raises ConfigError when that cannot be."""
    host, port = address
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigError(
            f"{key}: {host}:{port} cannot be listened on: {error.strerror or error}",
            remedy="Choose an address of this machine and a port that is free",
        ) from error


async def serve(listener: socket.socket, app: ASGIApp) -> None:
    """Have ``app`` answer on ``listener`` until cancelled."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    try:
        await _Server(config).serve(sockets=[listener])
    finally:
        listener.close()


async def serve_metrics(
    listener: socket.socket, control: Control, requires: frozenset[CauseKind] = frozenset({CauseKind.FLOW})
) -> None:
    """Serve metrics and health until cancelled; ``requires`` are the causes for which ``/ready`` says no."""
    await serve(listener, make_app(control, requires))


async def serve_connect(listener: socket.socket, _: Control, connectors: Connectors) -> None:
    """Serve Kafka Connect's REST API until cancelled."""
    await serve(listener, make_connect_app(connectors))
