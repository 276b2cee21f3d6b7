"""The HTTP server in the process's own event loop.

Connections are accepted here and not by uvicorn, which gives each its TLS context of that moment, and lets no more of
them in than there is room for: what they could take away is what connections to brokers need.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from email.utils import formatdate

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from heliograph.api.access.door import Door
from heliograph.api.access.flow_rules import FlowRules
from heliograph.api.access.gate import Gate, Sites, hosts_of
from heliograph.api.access.headers import WithHeaders
from heliograph.api.access.login import Login
from heliograph.api.access.oidc import SignedTokens
from heliograph.api.access.steered import SteeredConnectors
from heliograph.api.app import make_app
from heliograph.api.connect.app import make_connect_app
from heliograph.api.connection import HEAD_BYTES_MAX, IDLE_S, Connection
from heliograph.api.flows.api import Api
from heliograph.api.flows.app import make_flows_app
from heliograph.api.flows.routes import ROOT
from heliograph.api.paths import Below
from heliograph.api.renewal import Renewed
from heliograph.api.tls import server_context
from heliograph.concurrency import all_of
from heliograph.config.model import CauseKind, RestConfig, RestListener, ServerTls
from heliograph.config.rest_access import OPEN
from heliograph.errors import ConfigError
from heliograph.observe.connectors import Connectors
from heliograph.observe.control import Control
from heliograph.observe.log import Log
from heliograph.observe.operations import Operations

BACKLOG = 64
CONNECTIONS_MAX = 128
"""Open at the same time on one listener; others wait until they are accepted."""
HANDSHAKE_S = 10.0
"""For a client's TLS handshake."""
RETRY_S = 1.0
"""Before the next try to accept, where the system has no room."""

Contexts = Callable[[], ssl.SSLContext]
"""The TLS context for a connection that comes now."""


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


async def serve(listener: socket.socket, app: ASGIApp, contexts: Contexts | None = None) -> None:
    """Have ``app`` answer on ``listener`` until cancelled; with TLS where there are ``contexts``."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what clients send wrong is told to them
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever is on this machine could claim any address by X-Forwarded-For
        timeout_keep_alive=IDLE_S,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
    )
    config.load()
    state = ServerState()
    listener.setblocking(False)
    with listener:
        try:
            await all_of((_accept(listener, config, state, contexts), _tell_time(state)))
        finally:
            for connection in list(state.connections):
                connection.transport.abort()


async def _tell_time(state: ServerState) -> None:
    """Have answers say what time it is."""
    while True:
        state.default_headers = [(b"date", formatdate(usegmt=True).encode("ascii"))]
        await asyncio.sleep(1.0)


async def _accept(
    listener: socket.socket, config: uvicorn.Config, state: ServerState, contexts: Contexts | None
) -> None:
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(CONNECTIONS_MAX)
    async with asyncio.TaskGroup() as group:
        while True:
            await room.acquire()
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                room.release()
                Log().warning("no connection can be accepted", cause=error.strerror or error)
                await asyncio.sleep(RETRY_S)
                continue
            connection = Connection(config, state, room.release)
            group.create_task(_greet(client, connection, contexts, room))


async def _greet(
    client: socket.socket, connection: Connection, contexts: Contexts | None, room: asyncio.Semaphore
) -> None:
    """Begin a connection, with a handshake where there is TLS."""
    loop = asyncio.get_running_loop()
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes: 40 ms without it
        context = contexts() if contexts is not None else None
        limit_s = HANDSHAKE_S if context is not None else None
        await loop.connect_accepted_socket(lambda: connection, client, ssl=context, ssl_handshake_timeout=limit_s)
    except OSError as error:
        Log().debug("a client's TLS handshake failed", cause=error)
    finally:
        if not connection.is_made:
            room.release()


async def serve_metrics(
    listener: socket.socket, control: Control, requires: frozenset[CauseKind] = frozenset({CauseKind.FLOW})
) -> None:
    """Serve metrics and health until cancelled; ``requires`` are the causes for which ``/ready`` says no."""
    await serve(listener, make_app(control, requires))


class RestServers:
    """Kafka Connect's REST API on its listeners, which are taken at once."""

    def __init__(self, config: RestConfig, connectors: Connectors, operations: Operations) -> None:
        """Take the addresses. Raises ConfigError when one cannot be had, or TLS material cannot be used."""
        self._contexts = renewed_contexts(config.read_tls) if config.read_tls is not None else None
        self._listeners = [(each, listen((each.host, each.port), "listeners")) for each in config.listeners]
        self._guarded = Guarded(config, connectors, operations)
        for each in config.listeners:
            Log().info("serving Kafka Connect's REST API", address=_url(each))

    async def run(self, control: Control) -> None:
        """Serve until cancelled, and beside it our own API for the process behind ``control``."""
        api = self._guarded.flows(control)
        app = self._guarded.app(api)
        try:
            await all_of(
                serve(listener, app, self._contexts if each.tls else None) for each, listener in self._listeners
            )
        finally:
            await api.end()


class Guarded:
    """Connect's API, and our own beside it, for those who may use them."""

    def __init__(self, config: RestConfig, connectors: Connectors, operations: Operations) -> None:
        """Read who may. Raises ConfigError when that cannot be."""
        self._operations = operations
        self._config = config
        self._access = Renewed("who may use the REST API", config.read_access or (lambda: OPEN)).now
        self._login = Login(self._access, SignedTokens(config.oidc) if config.oidc is not None else None)
        self._connectors = SteeredConnectors(connectors, self._access)
        self._rules = FlowRules(self._access, self._connectors)

    def flows(self, control: Control) -> Api:
        """Return our own API for the process behind ``control``; whoever asks for it ends it."""
        return Api(control, self._operations, self._rules)

    def app(self, api: Api) -> ASGIApp:
        """Return the application, with ``api`` beside Connect's."""
        config = self._config
        own = make_flows_app(api, self._rules)
        app: ASGIApp = Door(Below(ROOT, own, make_connect_app(self._connectors)), self._login)
        if config.origins:
            methods = config.methods or ("GET", "POST", "HEAD")
            headers = ("Authorization", "Content-Type", "X-Requested-With")
            app = CORSMiddleware(app, allow_origins=config.origins, allow_methods=methods, allow_headers=headers)
        named = (*config.hosts, *(each.host for each in config.listeners), config.worker_id.rpartition(":")[0])
        gate = Gate(app, Sites(hosts_of(named), bool(config.hosts), frozenset(config.origins)))
        return WithHeaders(gate, config.headers) if config.headers else gate


def renewed_contexts(read: Callable[[], ServerTls]) -> Contexts:
    """Return the contexts of key stores that may be renewed. Raises ConfigError."""
    return Renewed("TLS of the REST API", lambda: server_context(read())).now


def _url(listener: RestListener) -> str:
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    return f"{'https' if listener.tls else 'http'}://{host}:{listener.port}"
