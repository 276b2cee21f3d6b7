"""A topic of one partition, read whole and then followed: so all readers see one order.

Whoever follows it waits by a long poll on a connection of its own, which costs nothing while nothing is told.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.cluster.log import Ends, PartitionLog, each_record, ends_of, news_of
from heliograph.config.model import InternalTopic
from heliograph.errors import BrokerError, NotFound
from heliograph.mirror.steering import Row
from heliograph.offsets.stored import ensure
from heliograph.records import Record
from heliograph.wire import errors as codes

WAIT_MS = 10_000
"""A broker answers a poll at once when there is news, and after so long when there is none."""

LOOKS, LOOK_S = 25, 0.2
"""How often, and after which pause, a topic is looked for that was just made."""


@dataclass(frozen=True, slots=True)
class News:
    """What was read."""

    records: list[Record]
    whole: bool
    """Whether that is all there is; else it is what has come since."""


@dataclass(slots=True)
class FollowedTopic:
    """One reader of such a topic."""

    cluster: Cluster
    topic: InternalTopic
    purpose: str
    """Of the connection that waits."""
    reached: int = 0
    """Offset of the first record that was not read."""

    @property
    def _log(self) -> PartitionLog:
        return PartitionLog(self.cluster, self.topic.name, 0)

    async def load(self) -> News:
        """Read all there is. Raises NotFound where there is no such topic, ClusterError."""
        name = self.topic.name
        await self.cluster.refresh([name])
        found = self.cluster.metadata.topics.get(name)
        if found is None or not found.partitions:
            if found is not None and found.error == codes.TOPIC_AUTHORIZATION_FAILED:
                raise_for(found.error, f"read {name} on {self.cluster.alias}", f"topic {name}", right="Read")
            self.reached = 0
            raise NotFound(f"There is no topic {name} on {self.cluster.alias}")
        ends = (await ends_of([self._log], to_end=True))[self._log]
        if not isinstance(ends, Ends):
            raise ends
        records = [record async for record in each_record(self._log, ends.begin, ends.end, budget_bytes=None)]
        self.reached = ends.end
        return News(records, whole=True)

    async def begin(self) -> News:
        """Read all there is, making the topic first where it is missing. Raises HeliographError."""
        try:
            return await self.load()
        except NotFound:
            error = await ensure(self.cluster, self.topic)
            if error is not None:
                raise error from None
        for _ in range(LOOKS):  # brokers know of a new topic a little later
            try:
                return await self.load()
            except NotFound:
                await asyncio.sleep(LOOK_S)
        return await self.load()

    async def follow(self) -> News:
        """Wait for news, some seconds at most.

        Raises a ClusterError; the next call goes on where this one was, or reads all if that place is gone.
        """
        try:
            wait_ms = min(WAIT_MS, self.cluster.config.request_timeout_ms // 2)
            records, following = await news_of(self._log, self.reached, wait_ms=wait_ms, purpose=self.purpose)
        except BrokerError as error:
            if error.code != codes.OFFSET_OUT_OF_RANGE:
                raise
            return await self.load()  # the topic was deleted and made again, perhaps
        self.reached = following
        return News(list(records), whole=False)

    async def write(self, rows: Iterable[Row]) -> None:
        """Write records, making the topic first where it is missing. Raises HeliographError."""
        error = await ensure(self.cluster, self.topic)
        if error is not None:
            raise error
        await self.cluster.refresh([self.topic.name])
        await table.write(self.cluster, self.topic.name, {0: list(rows)}, time.time_ns() // 1_000_000)
