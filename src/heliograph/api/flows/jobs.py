"""Long work: begun by one request, looked at and ended by others. Bounded in number, and kept for a while when done."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from heliograph.api.flows.problems import Busy, problem_of
from heliograph.api.flows.shapes import Problem
from heliograph.concurrency import cancel_all
from heliograph.errors import HeliographError, NotFound
from heliograph.observe.group_positions import FailedOver
from heliograph.observe.operations import Progress

RUNNING_MAX = 2
"""Jobs at the same time; each reads from both clusters."""
KEPT_MAX = 20
KEPT_S = 3600.0
"""For which the result of a job can be asked for."""


class JobState(StrEnum):
    """What has become of a job."""

    RUNNING = "running"
    DONE = "done"
    """Its result is there."""
    FAILED = "failed"
    """Its problem says why."""
    CANCELLED = "cancelled"


class JobKind(StrEnum):
    """What a job does."""

    VERIFY = "verify"
    FAILOVER = "failover"


RESULTS: Mapping[JobKind, str] = {JobKind.VERIFY: "result", JobKind.FAILOVER: "failover"}
"""The fields of a job that have what came of each kind."""


@dataclass(frozen=True, slots=True)
class Job:
    """Long work."""

    id: str
    kind: JobKind
    flow: str
    state: JobState
    began: datetime
    ended: datetime | None = None
    progress: Progress = field(default_factory=Progress)
    result: Mapping[str, Any] | None = None
    """Of a verification the proof, as ``heliograph verify --json`` prints it; None: not done."""
    failover: FailedOver | None = None
    """What came of a failover, or would; None: not done."""
    problem: Problem | None = None
    """Why it has failed."""


@dataclass(frozen=True, slots=True)
class JobList:
    """The jobs that are remembered, newest first."""

    jobs: tuple[Job, ...]


Work = Callable[[Callable[[Progress], None]], Awaitable[Mapping[str, object] | FailedOver]]
"""Does it, tells how far it is, and returns the result."""


@dataclass(slots=True)
class _Kept:
    job: Job
    task: asyncio.Task[None] | None = None
    ended_s: float = float("inf")


class Jobs:
    """The jobs of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """There are none."""
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def begin(self, kind: JobKind, flow: str, work: Work) -> Job:
        """Begin a job. Raises Busy."""
        self._forget()
        if sum(each.job.state is JobState.RUNNING for each in self._kept.values()) >= RUNNING_MAX:
            raise Busy(f"{RUNNING_MAX} jobs are running already", remedy="Wait for one, or cancel it")
        kept = _Kept(Job(secrets.token_hex(8), kind, flow, JobState.RUNNING, datetime.now(UTC)))
        self._kept[kept.job.id] = kept
        kept.task = asyncio.create_task(self._run(kept, work), name=f"job {kept.job.id}")
        return kept.job

    def all(self) -> tuple[Job, ...]:
        """Return the jobs, newest first."""
        self._forget()
        return tuple(each.job for each in reversed(self._kept.values()))

    def one(self, number: str) -> Job:
        """Return a job. Raises NotFound."""
        self._forget()
        if number not in self._kept:
            raise no_job(number)
        return self._kept[number].job

    async def cancel(self, number: str) -> Job:
        """End a job that runs. Raises NotFound."""
        self.one(number)
        kept = self._kept[number]
        if kept.task is not None:
            await cancel_all(kept.task)
        return kept.job

    async def end(self) -> None:
        """End all that run."""
        await cancel_all(*(each.task for each in self._kept.values() if each.task is not None))

    async def _run(self, kept: _Kept, work: Work) -> None:
        def report(progress: Progress) -> None:
            kept.job = replace(kept.job, progress=progress)

        defect = problem_of(HeliographError("The job has failed by a defect"))
        changes: dict[str, object] = {"state": JobState.FAILED, "problem": defect}
        try:
            changes = {"state": JobState.DONE, RESULTS[kept.job.kind]: await work(report)}
        except HeliographError as error:
            changes = {"state": JobState.FAILED, "problem": problem_of(error)}
        except asyncio.CancelledError:
            changes = {"state": JobState.CANCELLED}
            raise
        finally:
            kept.ended_s = self._clock()
            kept.job = replace(kept.job, ended=datetime.now(UTC), **changes)  # type: ignore[arg-type]

    def _forget(self) -> None:
        """Forget what ended long ago, and the oldest of too many."""
        ended = [number for number, each in self._kept.items() if each.job.state is not JobState.RUNNING]
        for number in ended:
            if len(self._kept) >= KEPT_MAX or self._clock() - self._kept[number].ended_s > KEPT_S:
                del self._kept[number]


def no_job(number: str) -> NotFound:
    """Return the error that there is no such job."""
    return NotFound(f"There is no job {number}", remedy=f"The result of a job is kept for {KEPT_S / 60:g} minutes")
