"""Tells which partitions are held up by an open transaction on the source, and by which one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.open_transactions import OpenTransaction, first_open
from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.held_up import HeldUpWatch
from heliograph.observe.log import Log
from heliograph.upkeep.periodic import Job, Scope

LOOK_S = 1.0

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A partition that is held up."""

    offset: int
    """First offset that may not be read: the open transaction's first."""
    since_s: float
    """Since the epoch: when the transaction began, or was first seen where that is not told."""
    by: str
    """The transaction, as far as it is known, in words."""


class HeldUpPartitions:
    """Looks at the lanes every second; asks the source only about those that have stood for long."""

    def __init__(
        self,
        source: Cluster,
        lanes: Mapping[TopicPartition, Lane],
        log: Log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked before the job runs."""
        self.now: dict[TopicPartition, HeldUp] = {}
        """What is held up at the moment."""
        self._source, self._lanes, self._log, self._clock = source, lanes, log, clock
        self._watch = HeldUpWatch()

    def jobs(self) -> list[Job]:
        """Return the job that looks."""
        return [Job("look for open transactions", Scope.LANES, LOOK_S, self.look)]

    async def look(self) -> None:
        """Look once. Raises a ClusterError."""
        waiting = {key: at for key, lane in self._lanes.items() if (at := lane.held_at) is not None}
        due = self._watch.look(waiting, self._clock())
        for topic, partition in self._watch.end():
            self.now.pop((topic, partition), None)
            self._log.info("a partition is no longer held up", topic=topic, partition=partition)
        if not due:
            return
        confirmed = await self._confirmed(due, waiting)
        if not confirmed:
            return
        transactions = await first_open(self._source, confirmed)
        for key in confirmed:
            wait = self._watch.confirm(key)
            self._tell(key, wait.offset, wait.since_s, transactions.get(key))

    async def _confirmed(
        self, due: tuple[TopicPartition, ...], waiting: Mapping[TopicPartition, int]
    ) -> list[TopicPartition]:
        """Ask the source where its last stable offsets are now: what a lane saw is old while nothing can be read."""
        stable = await admin.list_offsets(self._source, due, admin.LATEST, read_committed=True)
        return [key for key in due if stable[key] == waiting[key]]

    def _tell(
        self, key: TopicPartition, offset: int, since_s: float, found: OpenTransaction | HeliographError | None
    ) -> None:
        topic, partition = key
        lane = self._lanes.get(key)
        fields: dict[str, object] = {"topic": topic, "partition": partition, "offset": offset}
        if isinstance(found, OpenTransaction):
            if found.started_ms is not None:
                since_s = found.started_ms / 1000
            fields["producer_id"] = found.producer_id
            if found.transactional_id:
                fields["transactional_id"] = found.transactional_id
        elif found is not None:
            fields["producer"] = f"not known: {found}"
        since = datetime.fromtimestamp(since_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        fields |= {"since": since, "waiting": lane.lag if lane is not None else None}
        self._log.warning("a partition is held up by an open transaction on the source", **fields)
        self.now[key] = HeldUp(offset, since_s, _words(found, offset, since))


def _words(found: OpenTransaction | HeliographError | None, offset: int, since: str) -> str:
    who = ""
    if isinstance(found, OpenTransaction):
        who = f" of producer {found.producer_id}"
        if found.transactional_id:
            who += f" ({found.transactional_id})"
    return f"a transaction{who} is open at offset {offset} since {since}"
