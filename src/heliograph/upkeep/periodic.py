"""Work that is done again and again beside the copying; its failures never end a flow."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heliograph.cluster.retry import retriable
from heliograph.concurrency import single_cause
from heliograph.errors import HeliographError
from heliograph.observe.log import Log

RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done every so often while a flow copies."""

    name: str
    """As logs call it."""
    interval_s: float
    run: Callable[[], Awaitable[None]]
    at_once: bool = False
    """Begin with the work, not with the first pause."""


async def every(job: Job, log: Log) -> None:
    """Do ``job`` until cancelled. An error is logged, once as long as it stays the same, and the job done again."""
    pause_s = 0.0 if job.at_once else job.interval_s
    told = ""
    while True:
        await asyncio.sleep(pause_s)
        pause_s = job.interval_s
        try:
            with single_cause():
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
    while True:
        try:
            with single_cause():
                await work()
        except HeliographError as error:
            if retriable(error) is None:
                raise
            if not told:
                log.warning("not yet possible; it is tried again", step=what, cause=error)
            told = True
            waiting(error)
            await asyncio.sleep(RETRY_S)
        else:
            return
