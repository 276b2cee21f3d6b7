"""A flow between two clusters in memory, and a log that keeps what it is told, for tests of what works between them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.flow.throttle import Limits
from heliograph.observe.log import Log
from heliograph.worker.session import Session, SessionListener
from heliograph.worker.sharing import Share

Answer = TypeVar("Answer")


class Noted(Log):
    """Keeps what is logged, but for debug, instead of writing it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, message: str, /, **fields: object) -> None:
        self.lines.append(("info", message, fields))

    def warning(self, message: str, /, **fields: object) -> None:
        self.lines.append(("warning", message, fields))

    def error(self, message: str, /, **fields: object) -> None:
        self.lines.append(("error", message, fields))

    @property
    def messages(self) -> list[str]:
        return [message for _, message, _ in self.lines]

    def of(self, level: str) -> list[tuple[str, dict[str, object]]]:
        """Return message and fields of each line of a level."""
        return [(message, fields) for known, message, fields in self.lines if known == level]

    def fields(self, message: str) -> list[dict[str, object]]:
        """Return the fields of each line with this message."""
        return [fields for _, known, fields in self.lines if known == message]


@dataclass
class Between:
    """What a part of a flow is made of."""

    config: FlowConfig
    source: Cluster
    target: Cluster
    log: Noted = field(default_factory=Noted)

    def session(self) -> Session:
        """Return one stretch of copying, with its parts joined; nothing runs yet."""
        return Session(self.config, self.source, self.target, self.log, alone())


class Alone:
    """The part of a worker that is the only one: it has all lanes, and leads."""

    share = Share(None, slots=frozenset({0}))
    leads = True
    spared: frozenset[str] = frozenset()

    def rejoin(self) -> None:
        """Nobody shares anything."""

    report = rejoin


def alone(holds: Callable[[], bool] = lambda: True) -> SessionListener:
    """The group's side of a session that is the only one: it has all lanes, and leads."""
    nothing: Callable[..., None] = lambda *_: None  # noqa: E731
    return SessionListener(
        holds=holds,
        sharing=Alone(),
        running=nothing,
        paused=nothing,
        standby=nothing,
        waiting=nothing,
        lost=nothing,
        trouble=nothing,
        excused=set(),
        limits=Limits(),
        limited=nothing,
    )


def between(
    source: FakeCluster, target: FakeCluster, work: Callable[[Between], Awaitable[Answer]], **changes: Any
) -> Answer:
    """Connect to both clusters, do ``work``, and return its answer; ``changes`` are to the flow's fields."""

    async def worked() -> Answer:
        sides = [source.config, target.config]
        clusters = [Cluster(side) for side in sides]
        try:
            for cluster in clusters:
                await cluster.start()
                await cluster.refresh(None)
            return await work(Between(flow_config(*sides, **changes), *clusters))
        finally:
            for cluster in clusters:
                await cluster.close()

    return asyncio.run(worked())
