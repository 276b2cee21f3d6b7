"""Work that is done again and again beside the copying; its failures never end a flow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from heliograph.cluster.retry import until_answered
from heliograph.concurrency import single_cause
from heliograph.errors import HeliographError
from heliograph.mirror.steering import Part
from heliograph.observe.log import Log

RETRY_S = 0.5
TAKE_OVER_S = 1.0
"""How often a job that is another worker's asks whether it still is."""


class Scope(StrEnum):
    """Which process has to do a job, where several share a flow."""

    FLOW = "flow"
    """One of them, for all."""
    LANES = "lanes"
    """Each, for its own lanes."""


@dataclass(slots=True)
class Job:
    """Something to be done every so often while a flow copies."""

    name: str
    """As logs call it."""
    scope: Scope
    interval_s: float
    work: Callable[[], Awaitable[None]]
    at_once: bool = False
    """Begin with the work, not with the first pause."""
    part: Part | None = None
    """The part of the flow that it belongs to: it rests while that is paused."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    succeeded_at_s: float | None = None
    """When it was last done."""
    failing_since_s: float | None = None
    """Since when it has failed each time; None: it was done."""
    failures: int = 0
    """In a row."""
    error: HeliographError | None = None
    """Of the last failure, while it fails."""
    _running: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Do the work once; a job never runs beside itself. Raises the work's own HeliographError."""
        async with self._running:
            try:
                with single_cause():
                    await self.work()
            except HeliographError as error:
                self._failed(error)
                raise
            self.succeeded_at_s, self.failing_since_s, self.failures, self.error = self.clock(), None, 0, None

    def _failed(self, error: HeliographError) -> None:
        self.failures += 1
        self.error = error
        if self.failing_since_s is None:
            self.failing_since_s = self.clock()


async def every(job: Job, log: Log, may: Callable[[Job], bool] = lambda _: True) -> None:
    """Do ``job`` until cancelled. An error is logged, once as long as it stays the same, and the job done again.

    While it is another worker's (``may`` says no), nothing is done; who takes it over begins soon.
    """
    pause_s = 0.0 if job.at_once else job.interval_s
    told = ""
    while True:
        await asyncio.sleep(pause_s)
        if not may(job):
            pause_s = min(job.interval_s, TAKE_OVER_S)
            continue
        pause_s = job.interval_s
        try:
            await job.run()
            told = ""
        except HeliographError as error:
            if str(error) != told:
                log.warning("a periodic job failed; it is done again", job=job.name, cause=error)
            told = str(error)


async def until_done(
    what: str, work: Callable[[], Awaitable[None]], log: Log, waiting: Callable[[HeliographError], None]
) -> None:
    """Do ``work`` until it succeeds. What may pass by itself is told once and handed to ``waiting`` each time."""
    told = False

    async def once() -> None:
        with single_cause():
            await work()

    def trouble(error: HeliographError) -> None:
        nonlocal told
        if not told:
            log.warning("not yet possible; it is tried again", step=what, cause=error)
        told = True
        waiting(error)

    await until_answered(once, pause_s=lambda _: RETRY_S, trouble=trouble)
