"""A network between client and broker that fails on demand.

A ``Proxy`` listens on a port of its own and passes bytes to the broker and back, while its ``faults`` say how badly:
it may cut connections, fall silent with open connections as a half-dead link does, add latency, or let only so many
bytes a second through. The faults may be changed at any time and hold for living connections as well as for new ones.

It runs an event loop in a thread of its own, so that tests without one may use it, and a blocked test does not block
the network. Each direction of a connection is a queue of pieces with the time when each is due, so that latency does
not cost throughput; the queue is bounded, and behind it TCP slows the sender down.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from heliograph.testbed.ports import LOOPBACK

PIECE_BYTES = 64 * 1024
"""The most that is read at once."""

PIECES_MAX = 256
"""Pieces under way in one direction of a connection: 16 MiB."""

CONNECTIONS_MAX = 1024
"""Connections at one time; further ones wait to be accepted."""

RATE_STEP_S = 0.02
"""A rate is kept over spans of this length."""

END_LIMIT_S = 10.0
"""The longest wait for the thread to end."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on with no time: closing then sends RST instead of FIN (RFC 9293, 3.10.5)."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with the network. Without arguments: nothing."""

    cut: bool = False
    """Reset all connections, and every new one as soon as it is there."""
    stalled: bool = False
    """Accept and keep connections, but pass nothing on."""
    delay_ms: float = 0.0
    """Latency added in each direction."""
    rate_bytes_s: int | None = None
    """The most that passes in each direction of each connection."""


HEALTHY = Faults()
"""Everything passes."""


class Proxy:
    """A TCP proxy before one port of the loopback address."""

    def __init__(self, target_port: int) -> None:
        """Begin to listen on ``port``; connections go to ``target_port``, which need not be open yet."""
        self._target_port = target_port
        self._faults = HEALTHY
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._room = asyncio.Semaphore(CONNECTIONS_MAX)
        self._serving = self._loop.create_task(self._serve())
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    # -- from any thread -----------------------------------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """What is wrong with the network now; assign to change it, from any thread."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._call(lambda: self._change(faults))

    def reset(self) -> None:
        """Reset all present connections; new ones are not affected."""
        self._call(self._reset)

    @property
    def connections(self) -> int:
        """How many connections pass through it now."""
        return len(self._tasks)

    def close(self) -> None:
        """Reset all connections, stop listening and end the thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._serving.cancel)
            self._thread.join(END_LIMIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, action: Callable[[], None]) -> None:
        """Run an action in the loop and wait until it has been done."""
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        if not done.wait(END_LIMIT_S):
            raise TimeoutError("The proxy's loop does not answer")

    # -- in the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Be the thread."""
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._serving)
        finally:
            self._listener.close()
            self._loop.close()

    def _change(self, faults: Faults) -> None:
        self._faults = faults
        if faults.stalled:
            self._moving.clear()
        else:
            self._moving.set()
        if faults.cut:
            self._reset()

    def _reset(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _serve(self) -> None:
        """Accept connections until cancelled; all of them end with it."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._room.acquire()
                client, _ = await self._loop.sock_accept(self._listener)
                client.setblocking(False)
                if self._faults.cut:
                    self._room.release()
                    _close_with_reset(client)
                    continue
                task = group.create_task(self._connection(client))
                self._tasks.add(task)
                task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _connection(self, client: socket.socket) -> None:
        """Pass bytes both ways until both sides have ended or anything breaks; then both sides see a reset."""
        broker = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        broker.setblocking(False)
        orderly = False
        try:
            for each in (client, broker):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(broker, (LOOPBACK, self._target_port))
            async with asyncio.TaskGroup() as group:
                for reader, writer in ((client, broker), (broker, client)):
                    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_MAX)
                    group.create_task(self._read(reader, pieces))
                    group.create_task(self._write(writer, pieces))
            orderly = True
        except* OSError:
            # Either side broke the connection, or the broker is not there: the other side shall see it too.
            pass
        finally:
            for each in (client, broker):
                if orderly:
                    each.close()
                else:
                    _close_with_reset(each)

    async def _read(self, reader: socket.socket, pieces: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Take in what comes, up to the empty piece at the end."""
        piece = b"start"
        while piece:
            piece = await self._loop.sock_recv(reader, PIECE_BYTES)
            await pieces.put((self._loop.time() + self._faults.delay_ms / 1000, piece))

    async def _write(self, writer: socket.socket, pieces: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Pass on what is due, no faster than allowed and only while the network moves."""
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - self._loop.time())
            if not piece:
                await self._moving.wait()
                writer.shutdown(socket.SHUT_WR)
                return
            rest = memoryview(piece)
            while rest:
                await self._moving.wait()
                rate = self._faults.rate_bytes_s
                count = len(rest) if rate is None else max(1, int(rate * RATE_STEP_S))
                await self._loop.sock_sendall(writer, rest[:count])
                rest = rest[count:]
                if rate is not None:
                    await asyncio.sleep(RATE_STEP_S)


def _close_with_reset(connection: socket.socket) -> None:
    """Close so that the peer sees a reset; what was still on its way to it is lost, as on a broken line."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()
