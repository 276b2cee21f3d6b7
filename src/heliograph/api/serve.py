"""The HTTP server in the process's own event loop."""

import contextlib
import socket
from collections.abc import Generator

import uvicorn

from heliograph.api.app import make_app
from heliograph.config.model import CauseKind
from heliograph.errors import ConfigError
from heliograph.observe.control import Control

BACKLOG = 64


class _Server(uvicorn.Server):
    """A server that leaves signals to the process it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(address: tuple[str, int]) -> socket.socket:
    """Take host and port; raises ConfigError when that cannot be."""
    host, port = address
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"heliograph.http.listener={host}:{port} cannot be listened on: {error.strerror or error}",
            remedy="Choose an address of this machine and a port that is free",
        ) from error


async def serve(
    listener: socket.socket, control: Control, requires: frozenset[CauseKind] = frozenset({CauseKind.FLOW})
) -> None:
    """Answer on ``listener`` until cancelled; ``requires`` are the causes for which ``/ready`` says no."""
    app = make_app(control, requires)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    try:
        await _Server(config).serve(sockets=[listener])
    finally:
        listener.close()
