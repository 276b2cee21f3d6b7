"""The whole process: every flow of a configuration side by side, until a signal ends it."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine

from heliograph.config.model import Config
from heliograph.errors import RecordsLost
from heliograph.observe.log import LineHandler, Log
from heliograph.observe.model import ProcessView
from heliograph.worker.flow_runner import FlowRunner
from heliograph.worker.snapshot import SnapshotTaker

SUMMARISE_S = 5.0
COLLECT_AFTER_OBJECTS = 20_000
"""New objects between two looks of the garbage collector; the data path makes hardly any that it would have to find."""


async def run(
    config: Config,
    *,
    show: Callable[[ProcessView], None] | None = None,
    show_every_s: float = 0.5,
    log_handler: LineHandler | None = None,
    stop: asyncio.Event | None = None,
    beside: Callable[[Callable[[], ProcessView]], Coroutine[None, None, None]] | None = None,
) -> None:
    """Copy every flow of ``config`` until SIGTERM, SIGINT or ``stop``.

    A flow that fails leaves the others running; when all have failed, the first one's error is raised. ``show`` is
    given a picture of the process now and then. ``beside`` is given what takes such pictures, and runs as long.
    """
    _settle_collector()
    runners = [FlowRunner(flow) for flow in config.flows]
    stopping = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    snapshots = SnapshotTaker(runners)
    flows = [asyncio.create_task(runner.run(), name=runner.config.name) for runner in runners]
    stopped = asyncio.create_task(stopping.wait())
    tellers = [asyncio.create_task(_summarise(log_handler))] if log_handler else []
    if beside:
        tellers.append(asyncio.create_task(beside(SnapshotTaker(runners).take)))
    if show:
        tellers.append(asyncio.create_task(_show(snapshots, show, show_every_s)))
    try:
        pending: set[asyncio.Task[None]] = set(flows)
        while pending and not stopped.done():
            done, _ = await asyncio.wait({*pending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
                pending.discard(task)
        Log().info("stopping")
        for runner in runners:
            runner.stop()
        for result in await asyncio.gather(*flows, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
    finally:
        for each in (*flows, stopped, *tellers):
            each.cancel()
        await asyncio.gather(*flows, stopped, *tellers, return_exceptions=True)
    errors = [runner.error for runner in runners if runner.error is not None]
    if errors and len(errors) == len(runners):
        raise errors[0]
    halted = sum(runner.halted for runner in runners)
    if halted:
        raise RecordsLost(
            f"{halted} partition{'s' if halted > 1 else ''} stood still after a loss",
            remedy="The log says which and why; heliograph.stop.on.loss says when",
        )


def _settle_collector() -> None:
    """Take what was loaded at the start out of the garbage collector's sight: it stays, and looking at it costs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)


async def _show(snapshots: SnapshotTaker, show: Callable[[ProcessView], None], every_s: float) -> None:
    while True:
        show(snapshots.take())
        await asyncio.sleep(every_s)


async def _summarise(handler: LineHandler) -> None:
    while True:
        await asyncio.sleep(SUMMARISE_S)
        handler.summarise()
