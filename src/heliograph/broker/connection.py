"""One connection to one broker: requests out, answers back in order, each with its own deadline.

It knows how to frame, correlate, authenticate and renew an authentication (KIP-368), and nothing of what a request
means. Kafka answers the requests of a connection in the order they were sent, so the waiters are a queue; an answer
with another correlation id than the first waiter's ends the connection. A broken connection gives its first cause to
every waiter.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heliograph.broker import sasl as sasl_exchanges
from heliograph.broker import tls
from heliograph.broker.framing import Framer
from heliograph.broker.round_trip import RoundTrip
from heliograph.broker.transport import SEND_HIGH_WATER_BYTES, PlainTransport, Transport, open_tls
from heliograph.config.model import ClusterConfig
from heliograph.errors import (
    AuthenticationFailed,
    ClusterError,
    HeliographError,
    ProtocolError,
    Unreachable,
)
from heliograph.wire import messages
from heliograph.wire.primitives import Buffer
from heliograph.wire.versions import Versions

IN_FLIGHT_MAX = 1_000
"""Most unanswered requests on a connection: far above what any caller needs, so reaching it is a defect."""
LAST_REQUEST_S = 0.5
"""How long a connection that is to be closed is kept for requests that are about to be sent."""
REAUTHENTICATE_AT = 0.85
"""Share of the session's lifetime after which it is renewed."""


@dataclass(slots=True)
class _Waiter:
    correlation_id: int
    answer: asyncio.Future[bytearray]
    deadline: float
    what: str


class Connection:
    """An authenticated connection; made by :meth:`open`, over when :attr:`error` is set."""

    def __init__(self, config: ClusterConfig, host: str, port: int) -> None:
        """Use :meth:`open` instead."""
        self.config = config
        self.host = host
        self.port = port
        self.versions = Versions()
        self.error: HeliographError | None = None
        """Why the connection ended; None while it lives."""
        self.answered = 0
        """Answers that came on it."""
        self.round_trip = RoundTrip()
        """How long the line is: from its first request, which is small (ApiVersions), and whatever callers note."""
        self.throttled_until = 0.0
        """Loop time before which the broker asks not to be sent more (KIP-219)."""
        self._framer = Framer()
        self._transport: Transport | None = None
        self._waiters: deque[_Waiter] = deque()
        self._correlation_ids = itertools.cycle(range(1, 1 << 31))
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._renewal: asyncio.Task[None] | None = None

    @property
    def where(self) -> str:
        """The broker's address and the cluster's alias, for messages."""
        return f"{self.host}:{self.port} ({self.config.alias})"

    @property
    def in_flight(self) -> int:
        """Requests sent and not answered."""
        return len(self._waiters)

    # ---- life -------------------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, config: ClusterConfig, host: str, port: int) -> "Connection":
        """Connect, shake hands, learn versions, authenticate; raises a ClusterError that says what failed."""
        connection = cls(config, host, port)
        try:
            async with asyncio.timeout(config.connect_timeout_ms / 1000):
                sock = await connection._connect()
                await connection._start(sock)
                await connection._learn_versions()
        except TimeoutError as error:
            connection.close()
            raise Unreachable(
                f"No answer from {connection.where} within {config.connect_timeout_ms / 1000:g} s",
                remedy="Check bootstrap.servers, the listener, and firewalls on the way",
            ) from error
        except BaseException:
            connection.close()
            raise
        try:
            await connection._authenticate()
        except BaseException:
            connection.close()
            raise
        return connection

    async def _connect(self) -> socket.socket:
        try:
            found = await self._loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise Unreachable(
                f"The name {self.host} ({self.config.alias}) cannot be resolved",
                remedy="Check bootstrap.servers and DNS",
            ) from error
        last: OSError | None = None
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                await self._loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        reason = os.strerror(last.errno) if last and last.errno else str(last or "no address")
        raise Unreachable(
            f"Cannot connect to {self.where}: {reason}", remedy="Check bootstrap.servers and that the broker runs"
        ) from last

    async def _start(self, sock: socket.socket) -> None:
        if self.config.tls is None:
            self._transport = PlainTransport(sock, self)
            return
        try:
            context = await asyncio.to_thread(tls.context, self.config.tls)
            self._transport = await open_tls(sock, self, context, self.host)
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise tls.explain(error, self.where) from error
        except (ConnectionError, OSError) as error:
            raise Unreachable(
                f"{self.where} closed the connection during the TLS handshake",
                remedy="The port may not speak TLS, or the broker wants a client certificate (ssl.keystore.*)",
            ) from error
        finally:
            if self._transport is None:
                sock.close()

    async def _learn_versions(self) -> None:
        sent_at = self._loop.time()
        try:
            answer = await self._call_at("api_versions", 0, {}, self.config.request_timeout_ms)
        except Unreachable as error:  # so does a proxy whose broker is down: it may pass by itself
            certificate = self.config.tls and not self.config.tls.certificate_pem
            wish = " or a client certificate (ssl.keystore.*)" if certificate else ""
            raise Unreachable(
                f"{self.where} closed the connection at the first request",
                remedy=f"The listener may expect another security.protocol than {self.config.protocol}{wish}, "
                "or its broker is not up",
            ) from error
        self.round_trip.note(self._loop.time() - sent_at)
        if answer.error_code:
            raise ProtocolError(f"{self.where} refuses to tell its versions (error {int(answer.error_code)})")
        self.versions = Versions.of((key.api_key, key.min_version, key.max_version) for key in answer.api_keys)

    def close(self, cause: HeliographError | None = None) -> None:
        """Close at once; waiters get ``cause``."""
        self._end(cause or ClusterError(f"The connection to {self.where} was closed"))

    def close_when_answered(self) -> None:
        """Close as soon as nothing is under way; for a connection that another has taken the place of.

        Whoever has it in hand may still send what he was about to: it lives for a moment more.
        """

        def look() -> None:
            if self.error is None and self._waiters:
                self._loop.call_later(LAST_REQUEST_S, look)
            else:
                self.close()

        if self.error is None:
            self._loop.call_later(LAST_REQUEST_S, look)

    def _end(self, error: HeliographError) -> None:
        if self.error is not None:
            return
        self.error = error
        if self._timer:
            self._timer.cancel()
        if self._renewal and self._renewal is not asyncio.current_task():
            self._renewal.cancel()
        if self._transport:
            self._transport.close()
        self._open_gate.set()
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.answer.done():
                waiter.answer.set_exception(error)
                waiter.answer.exception()  # nobody may be waiting any more; asyncio would complain

    # ---- requests ---------------------------------------------------------------------------------------------

    def next_correlation_id(self) -> int:
        """Return the id for a request that the caller encodes itself."""
        return next(self._correlation_ids)

    async def call(self, api: str, values: Mapping[str, Any], *, timeout_ms: int | None = None) -> Any:
        """Send a request in the highest version both sides know and give kio's answer object."""
        await self.until_ready()
        version = self.versions.choose(api)
        return await self._call_at(api, version, values, timeout_ms or self.config.request_timeout_ms)

    async def send(
        self, correlation_id: int, buffers: Sequence[Buffer], *, timeout_ms: int, what: str
    ) -> asyncio.Future[bytearray]:
        """Send a request that is already encoded, once the connection is ready; gives its answer's future."""
        await self.until_ready()
        return self.put(correlation_id, buffers, timeout_ms=timeout_ms, what=what)

    @property
    def ready(self) -> bool:
        """Whether :meth:`put` may be called now without waiting."""
        return (
            self.error is None
            and self._open_gate.is_set()
            and self.throttled_until <= self._loop.time()
            and (self._transport is None or self._transport.unsent_bytes < SEND_HIGH_WATER_BYTES)
        )

    async def until_ready(self) -> None:
        """Wait while too much is unsent, while the broker throttles us, or while the authentication is renewed."""
        while self.error is None and not self.ready:  # while one is waited for, another may begin
            await self._open_gate.wait()
            pause = self.throttled_until - self._loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            if self._transport and self._transport.unsent_bytes:
                await self._transport.drained()
        if self.error:
            raise self.error

    @property
    def throttled(self) -> bool:
        """Whether the broker has us wait."""
        return self.throttled_until > self._loop.time()

    def throttle(self, throttle_ms: int) -> None:
        """Note that the broker asks for a pause (KIP-219); throttling is not a failure."""
        if throttle_ms > 0:
            self.throttled_until = max(self.throttled_until, self._loop.time() + throttle_ms / 1000)

    async def _call_at(self, api: str, version: int, values: Mapping[str, Any], timeout_ms: int) -> Any:
        correlation_id = self.next_correlation_id()
        body = messages.encode(api, version, values, correlation_id=correlation_id, client_id=self.config.client_id)
        frame = await self.put(correlation_id, [body], timeout_ms=timeout_ms, what=api)
        answer = messages.decode(api, version, frame)
        throttle = getattr(answer, "throttle_time", None)
        if throttle:
            self.throttle(int(throttle.total_seconds() * 1000))
        return answer

    def put(
        self, correlation_id: int, buffers: Sequence[Buffer], *, timeout_ms: int, what: str
    ) -> asyncio.Future[bytearray]:
        """Send a request that is already encoded, at once (see :attr:`ready`); gives its answer's future."""
        if self.error:
            raise self.error
        assert self._transport is not None
        assert len(self._waiters) < IN_FLIGHT_MAX, "requests in flight are bounded"
        size = sum(len(each) for each in buffers)
        answer: asyncio.Future[bytearray] = self._loop.create_future()
        now = self._loop.time()
        deadline = now + timeout_ms / 1000
        self._waiters.append(_Waiter(correlation_id, answer, deadline, what))
        if self._timer is not None and deadline < self._timer.when():
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._check_deadline)
        self._transport.send([size.to_bytes(4, "big"), *buffers])
        return answer

    def _check_deadline(self) -> None:
        self._timer = None
        if not self._waiters:
            return
        first = min(self._waiters, key=lambda waiter: waiter.deadline)
        left = first.deadline - self._loop.time()
        if left <= 0:
            self._end(
                Unreachable(
                    f"No answer from {self.where} to {first.what} in time",
                    remedy="The broker may be down, frozen or overloaded; the request is tried again elsewhere",
                )
            )
        else:
            self._timer = self._loop.call_later(left + 0.01, self._check_deadline)

    # ---- the transport's side -----------------------------------------------------------------------------------

    def buffer(self) -> memoryview:
        """Where the next bytes are to be received (called by the transport)."""
        return self._framer.buffer()

    def received(self, count: int) -> int:
        """Take ``count`` bytes (called by the transport); gives how many a begun frame still lacks."""
        try:
            frames = self._framer.received(count)
        except ClusterError as error:
            error.message = f"{self.where}: {error.message}"
            self._end(error)
            return 0
        for frame in frames:
            self._answer(frame)
        return self._framer.missing_bytes

    def lost(self, error: BaseException | None) -> None:
        """Take the news that the connection is gone (called by the transport)."""
        if isinstance(error, ssl.SSLError):
            self._end(tls.explain(error, self.where))
            return
        reason = f": {error}" if error else " by the broker"
        unused = self.answered <= 1 and self.config.sasl is None
        remedy = "The listener may ask for SASL: see security.protocol" if unused and self._waiters else ""
        self._end(Unreachable(f"The connection to {self.where} was closed{reason}", remedy=remedy))

    def _answer(self, frame: bytearray) -> None:
        correlation_id = int.from_bytes(frame[:4], "big")
        if not self._waiters or self._waiters[0].correlation_id != correlation_id:
            expected = self._waiters[0].correlation_id if self._waiters else "none"
            self._end(
                ProtocolError(f"{self.where} answers request {correlation_id} where {expected} was to be answered next")
            )
            return
        waiter = self._waiters.popleft()
        self.answered += 1
        if not waiter.answer.done():
            waiter.answer.set_result(frame)

    # ---- authentication -----------------------------------------------------------------------------------------

    async def _authenticate(self) -> None:
        sasl = self.config.sasl
        if sasl is None:
            return
        timeout_ms = self.config.request_timeout_ms
        try:
            offered = await self._call_at(
                "sasl_handshake", self.versions.choose("sasl_handshake"), {"mechanism": sasl.mechanism}, timeout_ms
            )
            if offered.error_code:
                raise AuthenticationFailed(
                    f"{self.where} does not offer the SASL mechanism {sasl.mechanism}",
                    remedy=f"It offers {', '.join(offered.mechanisms) or 'none'}: set sasl.mechanism",
                )
            lifetime_ms = await self._exchange(timeout_ms)
        except Unreachable as error:  # a refusal comes as an answer (KIP-152), so this is the network or the broker
            raise Unreachable(
                f"{self.where} closed the connection during authentication as {sasl.username}",
                remedy="Check that the broker is up and that the listener uses SASL",
            ) from error
        if lifetime_ms > 0:
            self._renewal = asyncio.create_task(self._renew(lifetime_ms / 1000 * REAUTHENTICATE_AT))

    async def _exchange(self, timeout_ms: int) -> int:
        """Run the mechanism's exchange; gives the session's lifetime in ms (0: unlimited)."""
        sasl = self.config.sasl
        assert sasl is not None
        version = self.versions.choose("sasl_authenticate")
        steps = sasl_exchanges.exchange(sasl)
        token = next(steps)
        while True:
            answer = await self._call_at("sasl_authenticate", version, {"auth_bytes": token}, timeout_ms)
            if answer.error_code:
                raise AuthenticationFailed(
                    f"{self.where} refuses the credentials of user {sasl.username} ({sasl.mechanism})",
                    remedy="Check user and password in sasl.jaas.config",
                )
            try:
                token = steps.send(answer.auth_bytes)
            except StopIteration:
                lifetime = getattr(answer, "session_lifetime", None)
                return int(lifetime.total_seconds() * 1000) if lifetime else 0

    async def _renew(self, after_s: float) -> None:
        """Authenticate again before the session ends: no other request may be under way meanwhile (KIP-368)."""
        await asyncio.sleep(after_s)
        self._open_gate.clear()
        with contextlib.suppress(HeliographError):
            while self._waiters:
                await asyncio.wait([self._waiters[-1].answer])
            self._renewal = None
            try:
                await self._authenticate()
            except HeliographError as error:
                self._end(error)
        self._open_gate.set()
