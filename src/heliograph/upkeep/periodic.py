"""Work that is done again and again beside the copying; its failures never end a flow."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from heliograph.cluster.retry import until_answered
from heliograph.concurrency import all_of, cancel_all, single_cause
from heliograph.config.model import Part
from heliograph.errors import HeliographError
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
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the interval has."""

    def does_the_same(self, other: "Job") -> bool:
        """Say whether both do the same work for the same lanes, be it at another interval."""
        return (self.name, self.scope, self.work) == (other.name, other.scope, other.work)

    def change_interval(self, interval_s: float) -> None:
        """Do the work so often from now on."""
        if interval_s != self.interval_s:
            self.interval_s = interval_s
            self._changed.set()

    async def pause(self, pause_s: Callable[[], float]) -> None:
        """Sleep for so long; when the interval changes meanwhile, ``pause_s`` is asked again."""
        begun_s = time.monotonic()
        await asyncio.sleep(0)
        while (left_s := begun_s + pause_s() - time.monotonic()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()

    async def at_rest(self) -> None:
        """Wait until the work is not being done."""
        async with self._running:
            pass

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
    most_s = 0.0 if job.at_once else math.inf
    told = ""
    while True:
        await job.pause(lambda: min(job.interval_s, most_s))  # noqa: B023 - asked now, not later
        if not may(job):
            most_s = TAKE_OVER_S
            continue
        most_s = math.inf
        try:
            await job.run()
            told = ""
        except HeliographError as error:
            if str(error) != told:
                log.warning("a periodic job failed; it is done again", job=job.name, cause=error)
            told = str(error)


class Schedule:
    """The jobs that are done at the moment, each in a task of its own."""

    def __init__(self, log: Log, may: Callable[[Job], bool]) -> None:
        """Nothing is done before :meth:`run`; ``may`` says whether a job is this worker's."""
        self.jobs: tuple[Job, ...] = ()
        self._log = log
        self._may = may
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, jobs: Iterable[Job]) -> None:
        """Do ``jobs`` until cancelled; raises what a job's defect raised."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self.jobs = tuple(jobs)
            for job in self.jobs:
                self._begin(job)
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None  # a change may come while the jobs end

    async def change(self, jobs: Iterable[Job]) -> None:
        """Do ``jobs`` from now on.

        One that does the same work as before keeps what is known of it, and only its interval changes. One that is
        left out ends when its work is not being done.
        """
        before = {job.name: job for job in self.jobs}
        now: list[Job] = []
        for job in jobs:
            known = before.get(job.name)
            if known is not None and known.does_the_same(job):
                known.change_interval(job.interval_s)
                del before[job.name]
                now.append(known)
            else:
                now.append(job)
        await all_of(self._end(job) for job in before.values())
        self.jobs = tuple(now)
        for job in now:
            if job.name not in self._tasks:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        if self._group is not None:
            self._tasks[job.name] = self._group.create_task(every(job, self._log, may=self._may), name=job.name)

    async def _end(self, job: Job) -> None:
        await job.at_rest()
        if task := self._tasks.pop(job.name, None):
            await cancel_all(task)


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
