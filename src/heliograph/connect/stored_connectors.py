"""The connectors of a Connect cluster: stored in its topic, followed by each worker, run as flows.

::

    POST ──> config topic ──> every worker follows it ──> connectors to flows ──> what has changed begins, ends, goes on
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import until_answered
from heliograph.concurrency import all_of
from heliograph.config.connectors.merging import Make, Merged, merge, pair_of, part_of
from heliograph.config.connectors.secrets import masked, unmasked
from heliograph.config.connectors.worker_file import ConnectWorker
from heliograph.config.model import Config
from heliograph.connect.board import STATES, Board
from heliograph.connect.guard import Guard
from heliograph.connect.picture import Entry
from heliograph.connect.statuses import Statuses
from heliograph.connect.store import ConnectorStore
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.connector_records import Kept, connector_row, deleted_rows, logger_row
from heliograph.mirror.steering import Row, TargetState, state_row
from heliograph.observe.connectors import Conflict, ConnectorView, Misconfigured, Wanted
from heliograph.observe.control import Control
from heliograph.observe.log import Log
from heliograph.offsets.stored import ensure

STATUS_S = 1.0
"""Between two looks at the status topic."""
END_S = 1.0
"""For the last states that are stored."""


class StoredConnectors(Board):
    """Connectors that people create, change and delete while the process runs."""

    def __init__(self, worker: ConnectWorker, worker_id: str, make: Make) -> None:
        """Nothing is connected before :meth:`run`; ``make`` makes a configuration of properties."""
        super().__init__(worker_id)
        self.error: HeliographError | None = None
        """Why this process cannot be a worker of the Connect cluster."""
        self._worker = worker
        self._make = make
        self._cluster = Cluster(worker.cluster)
        self._store = ConnectorStore(self._cluster, worker.config_topic)
        self._guard = Guard(self._cluster, worker.group_id)
        self._statuses = Statuses(self._cluster, worker.status_topic.name, worker_id)
        self._merged = Merged(worker.base, {}, {})
        self._changed = asyncio.Event()

    def load(self) -> Config:
        """Return the configuration that the stored connectors make; those that are wrong are left out."""
        self._merged = merge(self._worker, self._store.now.connectors, self._make)
        return self._merged.config

    # ---- what is stored -------------------------------------------------------------------------------------------

    @property
    def cluster_id(self) -> str:
        """Id of the Connect cluster's Kafka."""
        return (self._cluster.metadata.cluster_id or "") if self._store.begun else ""

    @property
    def exactly_once(self) -> bool:
        """Whether the worker's file says so."""
        return self._worker.exactly_once

    def entries(self) -> Iterable[Entry]:
        """Return all that are stored."""
        flows = {flow.name: flow for flow in self._merged.config.flows}
        for name, config in self._store.now.connectors.items():
            wrong = self._merged.wrong.get(name, "")
            try:
                part = part_of(config)
            except ConfigError:
                part = None
            yield Entry(name, masked(config), part, flows.get(self._merged.flows.get(name, "")), wrong)

    def wanted(self, entry: Entry) -> TargetState:
        """Return what a connector was told."""
        return self._store.now.states.get(entry.name, TargetState.STARTED)

    async def tell(self, entry: Entry, rows: Sequence[Row]) -> None:  # noqa: ARG002 - all have one topic
        """Write to the Connect cluster's topic."""
        before = self._store.reached
        await self._store.write(rows, lambda _: self._store.reached > before)

    async def create(self, name: str, config: Mapping[str, str], wanted: Wanted) -> ConnectorView:
        """Add a connector. Raises Conflict, Invalid, Misconfigured, ConfigError."""
        if name in self._store.now.connectors:
            raise Conflict(f"Connector {name} already exists")
        told = [state_row(name, STATES[wanted])] if wanted is not Wanted.RUNNING else []
        return await self._put(name, config, told)

    async def configure(self, name: str, config: Mapping[str, str]) -> tuple[ConnectorView, bool]:
        """Store this configuration for a connector. Raises Invalid, Misconfigured, ConfigError."""
        before = self._store.now.connectors.get(name)
        return await self._put(name, unmasked(config, before or {}), []), before is None

    async def patch(self, name: str, changes: Mapping[str, str | None]) -> ConnectorView:
        """Change some keys. Raises NotFound, Misconfigured, ConfigError."""
        self.entry(name)
        before = self._store.now.connectors[name]
        changed = {**before, **changes}
        return await self._put(name, unmasked({k: v for k, v in changed.items() if v is not None}, before), [])

    async def delete(self, name: str) -> None:
        """Remove a connector. Raises NotFound."""
        self.entry(name)
        await self._store.write(deleted_rows(name), lambda kept: name not in kept.connectors)

    async def set_everywhere(self, name: str, level: str) -> None:
        """Set the level of a logger in all workers of the Connect cluster that run."""
        before = self._store.reached
        await self._store.write([logger_row(name, level)], lambda _: self._store.reached > before)

    async def _put(self, name: str, config: Mapping[str, str], told: Sequence[Row]) -> ConnectorView:
        if problems := self.validate({"name": name, **config}).errors:
            raise Misconfigured(problems)
        pair = pair_of(config)
        others = {
            each: known
            for each, known in self._store.now.connectors.items()
            if each != name and self._merged.flows.get(each) == pair.flow
        }
        tried = await asyncio.to_thread(merge, self._worker, {**others, name: config}, self._make)
        if name in tried.wrong:
            raise ConfigError(tried.wrong[name])
        await self._store.write([*told, connector_row(name, config)], lambda kept: kept.connectors.get(name) == config)
        await self._take()
        return self._view(self.entry(name))

    def _view(self, entry: Entry) -> ConnectorView:
        return self._statuses.heard(super()._view(entry))

    # ---- life -----------------------------------------------------------------------------------------------------

    async def run(self, control: Control) -> None:
        """Be a worker of the Connect cluster until cancelled; ends the process where that cannot be."""
        self.control = control
        try:
            await self._run()
        except HeliographError as error:
            self.error = error
            control.stop()
        except Exception:
            control.stop()  # who cannot follow the connectors is no worker, whatever the defect
            raise
        finally:
            await self._say_the_end()
            await self._guard.leave()
            await self._cluster.close()

    async def _run(self) -> None:
        await until_answered(self._cluster.start, pause_s=_pause_s, trouble=_Trouble().tell)
        await self._guard.enter()
        for topic in (self._worker.offsets_topic, self._worker.status_topic):
            error = await ensure(self._cluster, topic)
            if error is not None:
                raise error
        await self._store.begin()
        Log().info("connectors are stored", topic=self._worker.config_topic.name, count=len(self._store.now.connectors))
        await self._take()
        await all_of(
            (
                self._guard.keep(),
                self._store.follow(self._on_change, self._loggers.heed),
                self._take_on(),
                self.watch(),
                self._tell(),
            )
        )

    def _on_change(self, before: Kept) -> None:
        if before.connectors != self._store.now.connectors:
            self._changed.set()

    async def _take_on(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._take()

    async def _tell(self) -> None:
        """Keep the status topic true."""
        told = ""
        while True:
            try:
                await self._statuses.look(self.all())
                told = ""
            except HeliographError as error:
                if str(error) != told:
                    Log().warning("the states of connectors cannot be stored; it is tried again", cause=error)
                told = str(error)
            await asyncio.sleep(STATUS_S)

    async def _say_the_end(self) -> None:
        with suppress(HeliographError, TimeoutError):
            async with asyncio.timeout(END_S):
                await self._statuses.end()

    async def _take(self) -> None:
        """Have flows begin, end and change as the connectors say now."""
        wrong = self._merged.wrong
        assert self.control is not None, "the process runs"
        try:
            await self.control.reload()
        except HeliographError as error:
            Log().error("the connectors' new configuration is refused; the one before stays in force", cause=error)
        for name, words in self._merged.wrong.items():
            if wrong.get(name) != words:
                Log().error("a connector cannot run", name=name, cause=words)


class _Trouble:
    """Tells once that the cluster does not answer."""

    told = False

    def tell(self, error: HeliographError) -> None:
        if not self.told:
            Log().warning("waiting for the Connect cluster's Kafka", cause=error)
        self.told = True


def _pause_s(failures: int) -> float:
    return min(0.25 * 2.0 ** min(failures, 5), 3.0)
