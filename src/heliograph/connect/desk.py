"""What is known of one flow beside the process that copies it: what it was told, and who has which partitions.

It has a connection of its own to the target, so it knows as much where another worker copies, or none. Answers are
given from memory; what is stored is asked for.
"""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Described
from heliograph.concurrency import all_of
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError, NotFound
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.offsets import partition_for
from heliograph.mirror.steering import Row, Steering
from heliograph.observe.log import Log
from heliograph.offsets.claims import claims_on, described_now
from heliograph.offsets.endpoints import reach
from heliograph.offsets.group import understood
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets

LOOK_S = 1.0
"""Between two looks at the group."""
STORED_EVERY = 10
"""Looks between two at what is stored."""
RETRY_S = 3.0
READY_S = 5.0
"""For so long who asks waits for a connection."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A worker, as the group tells."""

    member_id: str
    worker_id: str
    """As it says itself; else where the broker sees it."""
    lanes: frozenset[TopicPartition]


class Desk:
    """One flow, watched."""

    def __init__(self, flow: FlowConfig, before: "Desk | None" = None) -> None:
        """Nothing is connected before :meth:`run`; ``before`` has watched the flow with another configuration."""
        self.flow = flow
        self.peers: tuple[Peer, ...] = before.peers if before is not None else ()
        """The group's members, while it is stable; what they were when it was so last."""
        self.stored: Mapping[TopicPartition, int] = before.stored if before is not None else {}
        """Stored positions: the last source offset that was copied; -1: none was."""
        self.cluster_id = ""
        self._cluster: Cluster | None = None
        self._connected = asyncio.Event()
        self._topic: SteeringTopic | None = None
        self._offsets: Offsets | None = None
        self._reading = asyncio.Lock()
        self._log = Log(flow.name)

    @property
    def steering(self) -> Steering:
        """What the flow was told, as far as it was read."""
        return Steering() if self._topic is None else self._topic.now

    async def run(self) -> None:
        """Watch until cancelled; what goes wrong is tried again."""
        told = ""
        while True:
            try:
                await self._watch()
            except HeliographError as error:
                if str(error) != told:
                    self._log.warning("the REST API cannot see what the flow was told", cause=error)
                told = str(error)
                await asyncio.sleep(RETRY_S)

    async def _watch(self) -> None:
        cluster = await reach(self.flow.target)
        self._cluster, self._offsets = cluster, Offsets(cluster, self.flow)
        self._connected.set()
        self.cluster_id = cluster.metadata.cluster_id or ""
        topic = SteeringTopic(cluster, self.flow)
        try:
            with suppress(NotFound):  # whoever copies the flow makes it
                await topic.load()
            self._topic = topic
            await all_of((self._follow(topic), self._look(cluster)))
        finally:
            self._connected.clear()
            self._cluster = self._offsets = None
            await cluster.close()

    async def _follow(self, topic: SteeringTopic) -> None:
        while True:
            try:
                if topic.reached:
                    await topic.follow()
                else:
                    await topic.load()
                    await asyncio.sleep(0 if topic.reached else LOOK_S)
            except NotFound:
                await asyncio.sleep(LOOK_S)

    async def _look(self, cluster: Cluster) -> None:
        known: Described | None = None
        """What the members said last: to make sense of it costs more than to look."""
        for number in itertools.count():
            if number % STORED_EVERY == 0:
                self.stored = await self.positions()
            described = await described_now(self.flow, cluster)
            if described != known and (now := understood(self.flow, described)).resting:
                known = described
                self.peers = tuple(
                    Peer(each.member_id, each.says.worker_id or each.host, each.lanes or frozenset())
                    for each in now.members
                )
            await asyncio.sleep(LOOK_S)

    async def _ready(self) -> Cluster:
        """Return the cluster; a flow that has just begun or changed is about to have one."""
        try:
            async with asyncio.timeout(READY_S):
                await self._connected.wait()
        except TimeoutError:
            raise HeliographError(
                f"{self.flow.target.alias} cannot be asked at the moment", remedy="Try it again"
            ) from None
        assert self._cluster is not None, "it is connected"
        return self._cluster

    async def tell(self, rows: Sequence[Row]) -> None:
        """Write to the topic that says what the flow is to do. Raises HeliographError."""
        await SteeringTopic(await self._ready(), self.flow).write(rows)

    async def positions(self) -> dict[TopicPartition, int]:
        """Return the stored positions, as they are now. Raises HeliographError."""
        await self._ready()
        assert self._offsets is not None
        async with self._reading:
            return {lane: anchor.source_offset for lane, anchor in (await self._offsets.read()).items()}

    async def ends(self, copies: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions of the target end; those that are not there are left out. Raises HeliographError."""
        cluster = await self._ready()
        wanted = list(copies)
        await cluster.refresh(sorted({topic for topic, _ in wanted}))
        there = [each for each in wanted if cluster.metadata.leader(*each) >= 0]
        found = await admin.list_offsets(cluster, there, admin.LATEST)
        return {each: end for each, end in found.items() if isinstance(end, int)}

    async def store(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write to the offsets topic. Raises HeliographError."""
        cluster, topic = await self._ready(), self.flow.offsets_topic.name
        await cluster.refresh([topic])
        found = cluster.metadata.topics.get(topic)
        count = len(found.partitions) if found and found.partitions else self.flow.offsets_topic.partitions
        by_partition: dict[int, list[Row]] = defaultdict(list)
        for key, value in rows:
            by_partition[partition_for(key, count)].append((key, value))
        if by_partition:
            await table.write(cluster, topic, by_partition, time.time_ns() // 1_000_000)

    async def until_free(self, timeout_s: float) -> None:
        """Wait until nobody has any partition of the flow. Raises HeliographError when that takes too long."""
        deadline = time.monotonic() + timeout_s
        cluster = await self._ready()
        while (claims := await claims_on(self.flow, cluster)).claimed or not claims.known:
            if time.monotonic() > deadline:
                raise HeliographError(f"{self.flow.name} is still being stopped", remedy="Try it again")
            await asyncio.sleep(LOOK_S / 4)
