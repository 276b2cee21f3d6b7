"""One connection of a client, with limits to what it may take: the size of a request's head, and time.

uvicorn's own timer ends a connection on which nothing comes; one on which a byte comes now and then it would keep.
Here a request must have arrived within a time, whatever comes, and so must an answer have left.
"""

import asyncio
import ssl
from collections.abc import Callable

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

ARRIVAL_S = 15.0
"""For a request to arrive whole, counted from the answer before it."""
LEAVING_S = 30.0
"""For the rest of an answer to leave, once the connection is to be closed; and for a client that takes none of it."""
LOOK_S = 1.0
IDLE_S = 5
"""For which a connection stays open between two requests."""
HEAD_BYTES_MAX = 16 << 10
"""Largest head of a request."""
CERTIFICATE = "client.certificate"
"""Under which the state of a request holds the client's certificate (DER), where it has shown one."""


class Connection(H11Protocol):
    """A connection that ends in time."""

    def __init__(self, config: uvicorn.Config, state: ServerState, ended: Callable[[], None]) -> None:
        """Call ``ended`` once, when a connection that was made is gone."""
        super().__init__(config, state, {})
        self._ended = ended
        self._look_again: asyncio.TimerHandle | None = None
        self._waits_since_s = 0.0
        self._closes_since_s: float | None = None
        self._stuck_since_s: float | None = None

    @property
    def is_made(self) -> bool:
        """Whether there has been a connection, its TLS handshake included."""
        return self._look_again is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch the time."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if isinstance(tls, ssl.SSLObject | ssl.SSLSocket) and (certificate := tls.getpeercert(binary_form=True)):
            self.app_state[CERTIFICATE] = certificate
        self._waits_since_s = self.loop.time()
        self._look_again = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        super().connection_lost(exc)
        if self._look_again is not None:
            self._look_again.cancel()
        self._ended()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in place of whoever is answering the request that it is part of."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        self._waits_since_s = self.loop.time()
        super().on_response_complete()

    def _look(self) -> None:
        now_s = self.loop.time()
        if self.transport.is_closing():
            self._closes_since_s = self._closes_since_s or now_s
            if now_s - self._closes_since_s > LEAVING_S:
                self.transport.abort()
        elif self.flow.write_paused:
            self._stuck_since_s = self._stuck_since_s or now_s
            if now_s - self._stuck_since_s > LEAVING_S:
                self.transport.abort()
        elif not self._is_answering() and now_s - self._waits_since_s > ARRIVAL_S:
            self.transport.abort()
        if not self.flow.write_paused:
            self._stuck_since_s = None
        self._look_again = self.loop.call_later(LOOK_S, self._look)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
