"""Two ways to move bytes, one interface: a bare socket, and asyncio's TLS transport.

The bare socket receives into the frame's own buffer and sends a request's buffers by gathering them (``sendmsg``),
so a batch is never copied on its way through the process. While a large frame is being received, the kernel is
told to wake us only when a good part of what is missing is there (``SO_RCVLOWAT``): a frame is of no use
before its last byte, and each wake-up costs more than the copy.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from heliograph.wire.primitives import Buffer

RECEIVE_LOW_WATER_BYTES = 256 << 10
RECEIVE_LOW_WATER_BYTES_MIN = 32 << 10
"""Below this many missing bytes, telling the kernel would cost more than it saves."""
SEND_HIGH_WATER_BYTES = 4 << 20
"""Above this many unsent bytes, senders are asked to wait."""
GATHER_MAX = 512
"""Most buffers handed to one ``sendmsg`` (IOV_MAX is 1024 on Linux)."""


class Receiver(Protocol):
    """Who takes the bytes that arrive."""

    def buffer(self) -> memoryview:
        """Where the next bytes are to be received."""

    def received(self, count: int) -> int:
        """``count`` bytes came; gives how many are still missing of a frame whose length is known."""

    def lost(self, error: BaseException | None) -> None:
        """Tell that the connection is gone; None: the peer closed it."""


class Transport(Protocol):
    """What a connection needs of either kind."""

    @property
    def unsent_bytes(self) -> int:
        """Bytes accepted and not yet handed to the kernel."""

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send ``buffers`` in order; they must not change until sent."""

    async def drained(self) -> None:
        """Wait until there is room for more."""

    def close(self) -> None:
        """Close at once, unsent bytes are lost."""


class PlainTransport:
    """A TCP socket driven by the event loop's readiness callbacks."""

    def __init__(self, sock: socket.socket, receiver: Receiver) -> None:
        """Take over ``sock``, which must be connected and non-blocking."""
        self._socket = sock
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._queue: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._writing = False
        self._room = asyncio.Event()
        self._room.set()
        self._low_water = 1
        self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def unsent_bytes(self) -> int:
        """Bytes accepted and not yet handed to the kernel."""
        return self._unsent_bytes

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send ``buffers`` in order: at once what the kernel takes, the rest when it has room."""
        if self._closed:
            return
        for buffer in buffers:
            view = memoryview(buffer)
            self._queue.append(view)
            self._unsent_bytes += view.nbytes
        if self._writing:
            self._watch_writing()
        else:
            self._writable()

    async def drained(self) -> None:
        """Wait until fewer than SEND_HIGH_WATER_BYTES are unsent."""
        await self._room.wait()

    def close(self) -> None:
        """Close at once."""
        self._stop()

    def _stop(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        if self._writing:
            self._loop.remove_writer(self._socket.fileno())
        self._queue.clear()
        self._room.set()
        self._socket.close()

    def _lost(self, error: BaseException | None) -> None:
        self._stop()
        self._receiver.lost(error)

    def _readable(self) -> None:
        try:
            count = self._socket.recv_into(self._receiver.buffer())
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if count == 0:
            self._lost(None)
            return
        missing = self._receiver.received(count)
        if not self._closed:
            self._wake_at(missing)

    def _wake_at(self, missing: int) -> None:
        low_water = min(missing, RECEIVE_LOW_WATER_BYTES) if missing >= RECEIVE_LOW_WATER_BYTES_MIN else 1
        if low_water == self._low_water:
            return
        self._low_water = low_water
        with contextlib.suppress(OSError):  # a platform without it only wakes up more often
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low_water)

    def _writable(self) -> None:
        queue = self._queue
        try:
            while queue:
                gathered = [queue[i] for i in range(min(len(queue), GATHER_MAX))]
                sent = self._socket.sendmsg(gathered)
                self._unsent_bytes -= sent
                self._forget(sent)
                if sent < sum(each.nbytes for each in gathered):
                    break
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._lost(error)
            return
        self._watch_writing()

    def _forget(self, sent: int) -> None:
        queue = self._queue
        while sent:
            first = queue[0]
            if first.nbytes > sent:
                queue[0] = first[sent:]
                return
            sent -= first.nbytes
            queue.popleft()

    def _watch_writing(self) -> None:
        if self._unsent_bytes < SEND_HIGH_WATER_BYTES:
            self._room.set()
        else:
            self._room.clear()
        if bool(self._queue) == self._writing:
            return
        self._writing = bool(self._queue)
        if self._writing:
            self._loop.add_writer(self._socket.fileno(), self._writable)
        else:
            self._loop.remove_writer(self._socket.fileno())


class TlsTransport(asyncio.BufferedProtocol):
    """A socket under asyncio's TLS; encryption copies every byte anyway, so buffers are joined."""

    def __init__(self, receiver: Receiver) -> None:
        """Bytes go to ``receiver``; the transport is made by :func:`open_tls`."""
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._silent = False

    @property
    def unsent_bytes(self) -> int:
        """Bytes accepted and not yet handed to the kernel."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send ``buffers`` in order."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(b"".join(buffers))

    async def drained(self) -> None:
        """Wait until fewer than SEND_HIGH_WATER_BYTES are unsent."""
        await self._room.wait()

    def close(self) -> None:
        """Close at once."""
        self._silent = True
        self._room.set()
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take asyncio's transport (called by asyncio)."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=SEND_HIGH_WATER_BYTES - 1)  # asyncio pauses above it
        self._transport = transport

    def pause_writing(self) -> None:
        """Ask senders to wait (called by asyncio)."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Let senders go on (called by asyncio)."""
        self._room.set()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return the frame's own buffer to asyncio."""
        return self._receiver.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came (called by asyncio)."""
        self._receiver.received(nbytes)

    def eof_received(self) -> bool:
        """Let asyncio close (called by asyncio)."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the receiver, unless we closed ourselves (called by asyncio)."""
        self._room.set()
        if not self._silent:
            self._receiver.lost(exc)


async def open_tls(sock: socket.socket, receiver: Receiver, context: ssl.SSLContext, host: str) -> TlsTransport:
    """Do the TLS handshake on a connected socket; ``host`` is sent as SNI and checked when the context says so."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: TlsTransport(receiver), sock=sock, ssl=context, server_hostname=host
    )
    return protocol
