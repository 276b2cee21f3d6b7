"""The topic that says what is paused, read, followed and written: Connect's config topic on the flow's target.

It works without any worker, and what it says survives them. It has one partition, so all readers see one order. Whoever
follows it waits by a long poll on a connection of its own, which costs nothing while nothing is told.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.cluster.log import Ends, PartitionLog, each_record, ends_of, news_of
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, DataError, NotFound
from heliograph.mirror.steering import Restart, Row, Steering, restart_of, steered
from heliograph.offsets.stored import ensure
from heliograph.records import Record
from heliograph.wire import errors as codes

FOLLOW = "steering"
"""Of the connections."""
WAIT_MS = 10_000
"""A broker answers a poll at once when there is news, and after so long when there is none."""


@dataclass(slots=True)
class SteeringTopic:
    """What one flow was told."""

    cluster: Cluster
    """The target."""
    config: FlowConfig
    now: Steering = field(default_factory=Steering)
    """What holds, as far as it was read."""
    unreadable: dict[str, None] = field(default_factory=dict)
    """In words: records that could not be read; they change nothing."""
    reached: int = 0
    """Offset of the first record that was not read."""

    @property
    def name(self) -> str:
        """Of the topic."""
        return self.config.config_topic.name

    @property
    def _log(self) -> PartitionLog:
        return PartitionLog(self.cluster, self.name, 0)

    async def load(self) -> None:
        """Read all that was ever told. Raises NotFound where there is no such topic (nothing is paused), ClusterError.

        What was to start again then, has started since.
        """
        await self.cluster.refresh([self.name])
        found = self.cluster.metadata.topics.get(self.name)
        if found is None or not found.partitions:
            if found is not None and found.error == codes.TOPIC_AUTHORIZATION_FAILED:
                raise_for(found.error, f"read {self.name} on {self.cluster.alias}", f"topic {self.name}", right="Read")
            self.now, self.reached = Steering(), 0
            raise NotFound(f"There is no topic {self.name} on {self.cluster.alias}")
        ends = (await ends_of([self._log], to_end=True))[self._log]
        if not isinstance(ends, Ends):
            raise ends
        now = Steering()
        async for record in each_record(self._log, ends.begin, ends.end, budget_bytes=None):
            now = self._after(now, record)
        self.now, self.reached = now, ends.end

    async def follow(self) -> list[Restart]:
        """Wait for news, some seconds at most, and take it; return what is to start again now.

        Raises a ClusterError; the next call goes on where this one was, or reads all if that place is gone.
        """
        try:
            wait_ms = min(WAIT_MS, self.cluster.config.request_timeout_ms // 2)
            records, following = await news_of(self._log, self.reached, wait_ms=wait_ms, purpose=FOLLOW)
        except BrokerError as error:
            if error.code != codes.OFFSET_OUT_OF_RANGE:
                raise
            await self.load()  # the topic was deleted and made again, perhaps
            return []
        restarts = []
        for record in records:
            self.now = self._after(self.now, record)
            try:
                restart = restart_of(record.key, record.value, self.config.connector_name)
            except DataError as error:
                self.unreadable[str(error)] = None
            else:
                restarts += [] if restart is None else [restart]
        self.reached = following
        return restarts

    async def write(self, rows: Iterable[Row]) -> None:
        """Write records, making the topic first where it is missing. Raises HeliographError."""
        error = await ensure(self.cluster, self.config.config_topic)
        if error is not None:
            raise error
        await self.cluster.refresh([self.name])
        await table.write(self.cluster, self.name, {0: list(rows)}, time.time_ns() // 1_000_000)

    def _after(self, before: Steering, record: Record) -> Steering:
        try:
            return steered(before, record.key, record.value, self.config.connector_name)
        except DataError as error:
            self.unreadable[str(error)] = None
            return before
