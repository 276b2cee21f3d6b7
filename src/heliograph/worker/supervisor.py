"""The whole process: the flows of a configuration side by side, each started and stopped on its own.

A flow is run by a :class:`FlowRunner`, which lives from one start to the next stop. The supervisor keeps one for each
flow, starts and stops them, and ends when it is told to, or when every flow has failed. It implements
:class:`heliograph.observe.control.Control`; what shows or steers the process runs beside it as a companion.
"""

import asyncio
import gc
import signal
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from heliograph.concurrency import all_of, cancel_all, single_cause
from heliograph.config.changes import Changes, FlowChange, changes_of
from heliograph.config.model import Config, FlowConfig
from heliograph.errors import HeliographError, NotFound, RecordsLost
from heliograph.observe.control import Companion
from heliograph.observe.health import Told
from heliograph.observe.log import Log, set_program_level
from heliograph.observe.model import ProcessView
from heliograph.observe.text import plural
from heliograph.worker.access import probe
from heliograph.worker.event_log import tell_changes, tell_health, tell_warnings
from heliograph.worker.flow_runner import FlowRunner
from heliograph.worker.limits import Limit
from heliograph.worker.losses import Losses
from heliograph.worker.reload import ConfigSource
from heliograph.worker.snapshot import Pictures, process_view

COLLECT_AFTER_OBJECTS = 20_000
"""New objects between two looks of the garbage collector; the data path makes hardly any that it would have to find."""
LOOK_S = 1.0
"""Between two looks at the flows' health, whether or not anybody asks."""


@dataclass(slots=True)
class _Flow:
    """One flow of the file: who runs it, or ran it last."""

    runner: FlowRunner
    task: asyncio.Task[None]
    held: bool = False
    """Stopped by a command, to stay so until it is started again."""
    pictures: Pictures = field(default_factory=Pictures)
    told: Told = field(default_factory=Told)
    """What the log says of its health."""

    def look(self) -> None:
        """Look at its health, and log what has changed."""
        now = self.runner.now()
        news = self.told.news(now.state, self.pictures.causes(now), time.monotonic())
        if news is not None:
            tell_health(news, self.runner.log)


class Supervisor:
    """Runs the flows of one configuration."""

    def __init__(
        self,
        config: Config,
        stopping: asyncio.Event | None = None,
        source: ConfigSource | None = None,
        *,
        stays: bool = False,
    ) -> None:
        """Nothing is connected before :meth:`run`, which ends when ``stopping`` is set, be it long before.

        ``source`` is what :meth:`reload` reads again; None: there is nothing to read. ``stays``: flows come and go, so
        that none runs is no reason to end.
        """
        self._stays = stays
        self._config = config
        self._source = source
        self._changing = asyncio.Lock()
        """One change of the configuration at a time."""
        self._flows: dict[str, _Flow] = {}
        self._total_limit = Limit(config.total_limit)
        self._stopping = stopping or asyncio.Event()
        self._changed = asyncio.Event()
        """Set when a flow was started, so that the end of the new one is waited for too."""
        self._started_s = time.monotonic()

    # ---- asked --------------------------------------------------------------------------------------------------

    def view(self) -> ProcessView:
        """Return a snapshot of the process as it is now."""
        flows = tuple(flow.pictures.take(flow.runner.now()) for flow in self._flows.values())
        uptime_s = time.monotonic() - self._started_s
        return process_view(flows, uptime_s, self._total_limit.throttle.bytes_per_s)

    @property
    def config(self) -> Config:
        """The configuration that is in force."""
        return self._config

    @property
    def _runners(self) -> list[FlowRunner]:
        return [flow.runner for flow in self._flows.values()]

    # ---- told ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask for an orderly end of the whole process; :meth:`run` returns when it is reached."""
        self._stopping.set()

    async def stop_flow(self, name: str) -> None:
        """Stop a flow in good order and keep it stopped. Raises NotFound."""
        flow = self._flow(name)
        flow.held = True
        if not flow.task.done():
            Log().info("stopping a flow", name=name)
            await self._halt(flow)

    async def start_flow(self, name: str) -> None:
        """Start a flow that was stopped or has failed; one that runs is left alone. Raises NotFound."""
        flow = self._flow(name)
        if flow.held and not flow.task.done():
            await asyncio.wait([flow.task])  # it is still stopping
        if flow.task.done() and not self._stopping.is_set():
            Log().info("starting a flow", name=name)
            self._start(flow.runner.config, flow.runner)

    async def run_job(self, name: str, job: str) -> None:
        """Run a periodic job of a flow now. Raises NotFound, and the job's own HeliographError."""
        jobs = {each.name: each for each in self._flow(name).runner.jobs}
        if job not in jobs:
            there = ", ".join(sorted(jobs)) or "none, as it does not copy at the moment"
            raise NotFound(f"The flow {name} has no job named {job!r}", remedy=f"There are: {there}")
        with single_cause():
            await jobs[job].run()

    async def set_log_level(self, level: str) -> None:
        """Write what is at least of this level from now on."""
        set_program_level(level)

    async def reload(self) -> None:
        """Read the configuration again, and change what it changes. Raises HeliographError where it is refused."""
        if self._source is None:
            raise NotFound("This process has no configuration file that could be read again")
        async with self._changing:
            new = await asyncio.to_thread(self._source.read)
            changes = changes_of(self._config, new)
            elsewhere = [
                alias for alias, where in (await probe(changes.clusters)).items() if self._is_other(alias, where)
            ]
            tell_warnings(new, besides=self._config)
            self._config = new
            self._total_limit.follow(new.total_limit)
            tell_changes(changes)
            if not self._stopping.is_set():
                await self._apply(changes, elsewhere)

    def _is_other(self, alias: str, cluster_id: str | None) -> bool:
        """Say whether the flows know another cluster by this alias."""
        return any(
            runner.is_elsewhere(alias, cluster_id)
            for runner in self._runners
            if alias in (runner.config.source.alias, runner.config.target.alias)
        )

    async def _apply(self, changes: Changes, elsewhere: Collection[str]) -> None:
        """Change all flows side by side: one whose cluster is away keeps no other waiting."""
        for config in changes.begin:
            self._start(config)
        await all_of(
            [
                *(self._end(flow.name) for flow in changes.end),
                *(self._change(change, elsewhere) for change in changes.flows),
            ]
        )

    async def _end(self, name: str) -> None:
        await self._halt(self._flows[name])
        del self._flows[name]
        self._changed.set()

    async def _change(self, change: FlowChange, elsewhere: Collection[str]) -> None:
        flow = self._flow(change.flow.name)
        moved = {change.flow.source.alias, change.flow.target.alias}.intersection(elsewhere)
        for alias in moved:
            flow.runner.log.warning("another cluster has this name now; the flow starts again", cluster=alias)
        if change.starts_again or moved or flow.task.done():
            await self._start_again(flow, change.flow)
        else:
            await flow.runner.change(change.flow)

    async def _start_again(self, flow: _Flow, config: FlowConfig) -> None:
        """Stop a flow in good order and start it with another configuration; one that is to stay stopped does so."""
        stays, flow.held = flow.held, True  # so that nobody takes the process for done
        await self._halt(flow)
        flow.runner.config = config
        if not stays and not self._stopping.is_set():
            self._start(config, flow.runner)

    async def _halt(self, flow: _Flow) -> None:
        if not flow.task.done():
            flow.runner.stop()
            await asyncio.wait([flow.task])

    def _flow(self, name: str) -> _Flow:
        if name not in self._flows:
            raise NotFound(f"There is no flow {name}", remedy=f"There are: {', '.join(self._flows)}")
        return self._flows[name]

    # ---- life ---------------------------------------------------------------------------------------------------

    async def run(self, companions: Iterable[Companion] = ()) -> None:
        """Copy every flow until SIGTERM, SIGINT or :meth:`stop`; ``companions`` run as long.

        A flow that fails leaves the others running; when all have failed, the first one's error is raised. A companion
        that fails does so too; its defect is logged at once and raised at the end.
        """
        _settle_collector()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        for config in self._config.flows:
            self._start(config)
        beside = [
            asyncio.create_task(self._look()),
            *(asyncio.create_task(companion(self)) for companion in companions),
        ]
        for task in beside:
            task.add_done_callback(tell_defect)
        try:
            await self._until_end()
            Log().info("stopping")
            for runner in self._runners:
                runner.stop()
            for result in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
        finally:
            await cancel_all(*self._tasks, *beside)
        self._raise_outcome()

    async def _look(self) -> None:
        """Look at the flows' health until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            workers = max((runner.workers for runner in self._runners), default=1)
            self._total_limit.share(1 / workers)
            for flow in self._flows.values():
                flow.runner.look()
                flow.look()

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [flow.task for flow in self._flows.values()]

    def _start(self, config: FlowConfig, before: FlowRunner | None = None) -> None:
        """Start a flow; ``before`` has run it until now."""
        losses, limit = (Losses(), Limit(config.limit)) if before is None else (before.losses, before.limit)
        limit.follow(config.limit)
        runner = FlowRunner(config, losses, limit, self._total_limit)
        self._flows[config.name] = _Flow(runner, asyncio.create_task(runner.run(), name=config.name))
        self._changed.set()

    async def _until_end(self) -> None:
        """Wait for the stop, or until no flow runs any more; raises what a flow's own defect raised."""
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            while not stopped.done():
                self._changed.clear()
                running = {flow.task for flow in self._flows.values() if not flow.task.done()}
                if not running and not self._stays and not any(flow.held for flow in self._flows.values()):
                    return
                changed = asyncio.create_task(self._changed.wait())
                try:
                    await asyncio.wait({*running, stopped, changed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
                for task in running:
                    if task.done():
                        task.result()
        finally:
            stopped.cancel()

    def _raise_outcome(self) -> None:
        errors: list[HeliographError] = [each.error for each in self._runners if each.error is not None]
        if errors and len(errors) == len(self._flows) and not self._stays:
            raise errors[0]
        halted = sum(runner.halted for runner in self._runners)
        if halted:
            raise RecordsLost(
                f"{plural(halted, 'partition')} stood still after a loss",
                remedy="The log says which and why; heliograph.stop.on.loss says when",
            )


def tell_defect(task: asyncio.Task[None]) -> None:
    """Log that a companion has ended by a defect: metrics or the live view are missing from now on."""
    if not task.cancelled() and (defect := task.exception()) is not None:
        Log().error("a part beside the flows has failed; copying goes on", cause=repr(defect))


def _settle_collector() -> None:
    """Take what was loaded at the start out of the garbage collector's sight: it stays, and looking at it costs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)
