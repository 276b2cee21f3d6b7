"""The status topic of a Connect cluster: what each worker says of the connectors and tasks that it has.

So every worker can tell of all, and a real Connect worker finds what it expects when it takes over. Only what has
changed is written. Where two say something of one key, the one counts who has it by the group.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.table import TableReader
from heliograph.errors import DataError
from heliograph.mirror.connector_records import Status, read_status, status_key, status_name, status_value
from heliograph.mirror.offsets import partition_for
from heliograph.mirror.steering import Row
from heliograph.observe.connectors import ConnectorView, RunState, TaskView


class Statuses:
    """One worker's reader and writer of that topic."""

    def __init__(self, cluster: Cluster, topic: str, worker_id: str) -> None:
        """Nothing is read yet; ``worker_id`` is this worker's."""
        self._cluster = cluster
        self._topic = topic
        self._worker_id = worker_id
        self._reader = TableReader(cluster, topic)
        self._known: dict[bytes, Status] = {}

    async def look(self, connectors: Mapping[str, ConnectorView]) -> None:
        """Read what the others say, and say what has changed of ours. Raises HeliographError."""
        await self._read()
        await self._write(dict(self._changes(connectors)))

    async def end(self) -> None:
        """Say that nobody has what was ours, until somebody else says so. Raises HeliographError."""
        await self._write(
            {
                key: replace(status, state=RunState.UNASSIGNED, trace="")
                for key, status in self._known.items()
                if status.worker_id == self._worker_id
            }
        )

    def heard(self, connector: ConnectorView) -> ConnectorView:
        """Return a connector with what other workers say of their tasks; from here, only ours can be seen."""
        return replace(connector, tasks=tuple(self._heard(connector.name, task) for task in connector.tasks))

    def _heard(self, name: str, task: TaskView) -> TaskView:
        told = self._known.get(status_key(name, task.number))
        theirs = task.worker_id != self._worker_id and told is not None and told.worker_id == task.worker_id
        if told is None or not theirs or told.state != RunState.FAILED or task.state is not RunState.RUNNING:
            return task
        return replace(task, state=RunState.FAILED, trace=told.trace)

    async def _read(self) -> None:
        reading = await self._reader.read()
        if reading.whole:
            self._known.clear()
        for key, record in reading.rows.items():
            self._known.pop(key, None)
            try:
                if record.value is not None and status_name(key) is not None:
                    self._known[key] = read_status(record.value)
            except DataError:
                continue  # it is written again by whoever has it

    def _changes(self, connectors: Mapping[str, ConnectorView]) -> Iterator[tuple[bytes, Status | None]]:
        there: set[bytes] = set()
        for connector in connectors.values():
            for key, state, worker_id, trace in _rows(connector):
                there.add(key)
                known = self._known.get(key, Status("", ""))
                status = Status(state, worker_id, trace, known.generation)
                if worker_id == self._worker_id and status != known:
                    yield key, status
        for key, known in self._known.items():
            if key not in there and (known.worker_id == self._worker_id or status_name(key) not in connectors):
                yield key, None

    async def _write(self, changes: Mapping[bytes, Status | None]) -> None:
        if not changes:
            return
        found = self._cluster.metadata.topics.get(self._topic)
        count = len(found.partitions) if found is not None else 0
        if not count:
            return  # it is made at the start, and may have been deleted since
        rows: dict[int, list[Row]] = defaultdict(list)
        for key, status in changes.items():
            rows[partition_for(key, count)].append((key, None if status is None else status_value(status)))
        await table.write(self._cluster, self._topic, rows, time.time_ns() // 1_000_000)


def _rows(connector: ConnectorView) -> Iterator[tuple[bytes, str, str, str]]:
    yield status_key(connector.name), connector.state, connector.worker_id, connector.trace
    for task in connector.tasks:
        yield status_key(connector.name, task.number), task.state, task.worker_id, task.trace
