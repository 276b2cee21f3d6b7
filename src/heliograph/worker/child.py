"""A worker's end of the socket to the parent that started it, and the lines that both send over it.

One JSON object a line: the worker sends pictures of itself and answers, the parent sends commands. A worker whose
parent is gone ends in good order, because nobody else would ever end it.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress

import msgspec

from heliograph.concurrency import single_cause
from heliograph.errors import HeliographError, NotFound
from heliograph.observe.control import Control
from heliograph.observe.log import Log
from heliograph.observe.model import ProcessView

PICTURE_S = 1.0
"""Between two pictures of a worker."""
PICTURE_SHARE = 0.02
"""Most of a worker's time that its pictures may take; with very many partitions they come less often."""
LINE_BYTES_MAX = 64 << 20
"""A picture of ten thousand partitions takes about three megabytes."""


class Line(msgspec.Struct, omit_defaults=True, frozen=True):
    """What goes over the socket, in either direction; only what is set is sent."""

    view: ProcessView | None = None
    """A picture of the worker."""
    number: int = 0
    """Of a command, and of the answer to it."""
    command: str = ""
    """Name of a function of :class:`Control`."""
    arguments: tuple[str, ...] = ()
    error: str = ""
    """In an answer: why it could not be done."""
    missing: bool = False
    """Whether that is because there is no such flow or job."""


def encode(line: Line) -> bytes:
    """Return ``line`` as it is sent."""
    return msgspec.json.encode(line) + b"\n"


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[Line]:
    """Yield what the other end says until it is gone; what cannot be understood is told, and left out."""
    while True:
        try:
            raw = await reader.readline()
            if not raw.endswith(b"\n"):
                return
            yield msgspec.json.decode(raw, type=Line)
        except ConnectionError:
            return
        except ValueError as error:  # longer than allowed, or of a version with other pictures
            Log().warning("parent and worker do not understand each other; they may differ in version", cause=error)


async def serve_parent(ours: socket.socket, control: Control) -> None:
    """Send pictures to the parent and do what it says, until cancelled; when it is gone, end in good order."""
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_BYTES_MAX)
    try:
        with single_cause():
            async with asyncio.TaskGroup() as group:
                pictures = group.create_task(_send_pictures(writer, control))
                async for told in lines(reader):
                    group.create_task(_answer(told, writer, control))
                Log().warning("the process that started this worker is gone")
                control.stop()
                pictures.cancel()
    finally:
        control.stop()  # whatever has ended the conversation: nobody can end this worker any more
        writer.close()


async def _send_pictures(writer: asyncio.StreamWriter, control: Control) -> None:
    with suppress(ConnectionError):
        while True:
            begun_s = time.monotonic()
            writer.write(encode(Line(view=control.view())))
            took_s = time.monotonic() - begun_s
            await writer.drain()
            await asyncio.sleep(max(PICTURE_S, took_s / PICTURE_SHARE))


async def _answer(told: Line, writer: asyncio.StreamWriter, control: Control) -> None:
    writer.write(encode(await _obey(told, control)))


async def _obey(told: Line, control: Control) -> Line:
    commands: dict[str, Callable[..., Coroutine[None, None, None]]] = {
        "stop_flow": control.stop_flow,
        "start_flow": control.start_flow,
        "run_job": control.run_job,
        "reload": control.reload,
        "set_log_level": control.set_log_level,
    }
    if told.command not in commands:
        return Line(number=told.number, error=f"This worker knows no command {told.command!r}")
    try:
        await commands[told.command](*told.arguments)
    except HeliographError as error:
        return Line(number=told.number, error=str(error), missing=isinstance(error, NotFound))
    return Line(number=told.number)
