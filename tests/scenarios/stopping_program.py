"""The program, stopped at a named point: ``python stopping_program.py POINT COUNT ARGUMENT...``.

Nothing in the program knows of this. The functions between which a point lies are wrapped from outside before the
program starts; when the point is reached for the COUNT-th time, the process kills itself (SIGKILL), in the middle of
whatever it does.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from heliograph.broker.connection import Connection
from heliograph.cli import app
from heliograph.cluster.group import Membership
from heliograph.cluster.transactions import TransactionalProducer
from heliograph.flow import positions
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.flow.sender import Sender
from heliograph.offsets.stored import Offsets
from heliograph.upkeep.topics import TopicJob
from heliograph.worker.ownership import Ownership


class Point:
    """A place in the program that is passed now and then."""

    def __init__(self, count: int) -> None:
        self._left = count

    def reached(self) -> None:
        """Count, and die at the last time."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, owner: Any, name: str) -> None:
        """Lie behind a function, whether it waits or not."""
        original = getattr(owner, name)
        if asyncio.iscoroutinefunction(original):

            async def waiting(*args: Any, **kwargs: Any) -> Any:
                answer = await original(*args, **kwargs)
                self.reached()
                return answer

            setattr(owner, name, waiting)
            return

        def plain(*args: Any, **kwargs: Any) -> Any:
            answer = original(*args, **kwargs)
            self.reached()
            return answer

        setattr(owner, name, plain)

    def before(self, owner: Any, name: str) -> None:
        """Lie before a function, and before anything it would wait for."""
        original = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.reached()
            return original(*args, **kwargs)

        setattr(owner, name, wrapped)

    def sent(self, what: str) -> None:
        """Lie behind the sending of a request, before its answer can have come."""
        put = Connection.put

        def wrapped(connection: Connection, *args: Any, **kwargs: Any) -> Any:
            answer = put(connection, *args, **kwargs)
            if kwargs.get("what") == what:
                self.reached()
            return answer

        Connection.put = wrapped  # type: ignore[method-assign]


def fetched(point: Point) -> None:
    point.after(Lane, "fetched")


def sent(point: Point) -> None:
    point.after(Sender, "_send")


def acknowledged(point: Point) -> None:
    point.after(Lane, "acknowledged")


def storing(point: Point) -> None:
    """Positions are under way: records are sent by ``put``, positions by ``send``."""
    send = Connection.send

    async def wrapped(connection: Connection, *args: Any, **kwargs: Any) -> Any:
        answer = await send(connection, *args, **kwargs)
        if kwargs.get("what") == "produce":
            point.reached()
        return answer

    Connection.send = wrapped  # type: ignore[method-assign]


def stored_for_some(point: Point) -> None:
    write = Offsets.write

    async def wrapped(offsets: Offsets, anchors: Any, now_ms: int) -> None:
        await write(offsets, list(anchors)[:1], now_ms)
        point.reached()

    Offsets.write = wrapped  # type: ignore[method-assign]


def stored(point: Point) -> None:
    point.after(Offsets, "write")


def joined(point: Point) -> None:
    point.after(Membership, "join")


def lost(point: Point) -> None:
    """The group has given the lanes to another; freeze the process for longer than its session to get there."""
    point.before(Ownership, "_lose")


def creating(point: Point) -> None:
    point.sent("create_topics")


def created(point: Point) -> None:
    point.after(TopicJob, "_create")


def walking(point: Point) -> None:
    point.before(positions, "source_batches")


def drained(point: Point) -> None:
    point.after(DataPlane, "drain")


def fenced(point: Point) -> None:
    point.after(TransactionalProducer, "initialise")


def added(point: Point) -> None:
    point.after(TransactionalProducer, "add")


def written(point: Point) -> None:
    """The positions are in the transaction, which is still open."""
    point.after(TransactionalProducer, "append")


def ending(point: Point) -> None:
    point.sent("end_txn")


def ended(point: Point) -> None:
    """The transaction is committed, and nobody here has heard of it."""
    point.after(TransactionalProducer, "end")


POINTS: dict[str, Callable[[Point], None]] = {
    each.__name__: each
    for each in (
        fetched,
        sent,
        acknowledged,
        storing,
        stored_for_some,
        stored,
        joined,
        lost,
        creating,
        created,
        walking,
        drained,
        fenced,
        added,
        written,
        ending,
        ended,
    )
}


if __name__ == "__main__":
    name, count, *arguments = sys.argv[1:]
    POINTS[name](Point(int(count)))
    sys.argv = ["heliograph", *arguments]
    app.main()
