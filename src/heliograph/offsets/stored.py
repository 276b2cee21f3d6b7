"""The flow's source offsets, read from and written to Kafka Connect's offsets topic on the target."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.table import TableReader
from heliograph.config.model import FlowConfig, InternalTopic
from heliograph.errors import BrokerError, DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import offset_key, offset_value, parse_key, parse_value, partition_for
from heliograph.records import Record
from heliograph.wire import errors as codes

TopicPartition = tuple[str, int]


async def ensure_topic(cluster: Cluster, config: FlowConfig) -> HeliographError | None:
    """Create the offsets topic unless it is there; gives why it could not be, None if all is well."""
    return await ensure(cluster, config.offsets_topic)


async def ensure(cluster: Cluster, topic: InternalTopic) -> HeliographError | None:
    """Create a topic of Connect's unless it is there; gives why it could not be, None if all is well."""
    await cluster.refresh([topic.name])
    found = cluster.metadata.topics.get(topic.name)
    if found is not None and found.partitions:
        return None
    wanted = admin.NewTopic(topic.name, topic.partitions, topic.replication_factor, {"cleanup.policy": "compact"})
    return (await admin.create_topics(cluster, [wanted])).get(topic.name)


@dataclass(slots=True)
class Offsets:
    """Stored positions of one flow."""

    cluster: Cluster
    config: FlowConfig
    written_ms: dict[TopicPartition, int] = field(default_factory=dict)
    """When each was stored, as its record says; those that were forgotten (a null value) are here too."""
    _reader: TableReader | None = None
    _stored: dict[TopicPartition, Anchor] = field(default_factory=dict)
    """As of the last reading."""
    _unreadable: set[TopicPartition] = field(default_factory=set)

    async def read(self) -> dict[TopicPartition, Anchor]:
        """Return every stored position of this flow, by source topic and partition.

        The topic is read whole the first time, and from then on what has come since. Raises a ClusterError.
        """
        if self._reader is None:
            self._reader = TableReader(self.cluster, self.topic)
        reading = await self._reader.read()
        if reading.whole:
            self._stored.clear()
            self._unreadable.clear()
            self.written_ms.clear()
        for raw_key, record in reading.rows.items():
            key = parse_key(raw_key)
            if (
                key is not None
                and key.connector == self.config.connector_name
                and key.source_alias == self.config.source_name
            ):
                self._take((key.topic, key.partition), record)
        return dict(self._stored)

    @property
    def unreadable(self) -> int:
        """Records of ours whose value makes no sense, as of the last reading."""
        return len(self._unreadable)

    def _take(self, place: TopicPartition, record: Record) -> None:
        self.written_ms[place] = record.timestamp
        self._stored.pop(place, None)
        self._unreadable.discard(place)
        try:
            value = parse_value(record.value)
        except DataError:
            self._unreadable.add(place)
            return
        if value is not None:
            self._stored[place] = replace(value, transactional=record.transactional)

    async def write(self, anchors: Iterable[tuple[Lane, Anchor]], now_ms: int) -> None:
        """Store the anchors of lanes; raises when the target does not take them."""
        rows: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        await self._look_for_topic()
        for lane, anchor in anchors:
            rows[self.partition(lane)].append(self.row(lane, anchor))
        if rows:
            await table.write(self.cluster, self.topic, rows, now_ms)

    async def forget(self, places: Iterable[TopicPartition], now_ms: int) -> None:
        """Store that nothing is known of these source partitions any more, as Connect does (a null value)."""
        rows: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        await self._look_for_topic()
        for topic, partition in places:
            key = offset_key(self.config.connector_name, self.config.source_name, topic, partition)
            rows[partition_for(key, self._partitions())].append((key, None))
        if rows:
            await table.write(self.cluster, self.topic, rows, now_ms)

    @property
    def topic(self) -> str:
        """Name of the topic that holds them."""
        return self.config.offsets_topic.name

    def partition(self, lane: Lane) -> int:
        """Return the partition of that topic in which the lane's position belongs."""
        return partition_for(self._key(lane), self._partitions())

    def _partitions(self) -> int:
        """Return how many partitions that topic has; where that is not known, as many as it is made with."""
        found = self.cluster.metadata.topics.get(self.topic)
        return len(found.partitions) if found and found.partitions else self.config.offsets_topic.partitions

    async def _look_for_topic(self) -> None:
        """Ask for that topic's partitions where they are not known: in a wrong one nobody would find a position."""
        found = self.cluster.metadata.topics.get(self.topic)
        if found is None or not found.partitions:
            await self.cluster.refresh([self.topic])

    def row(self, lane: Lane, anchor: Anchor) -> tuple[bytes, bytes]:
        """Return key and value of the lane's position."""
        return self._key(lane), offset_value(anchor)

    def _key(self, lane: Lane) -> bytes:
        return offset_key(self.config.connector_name, self.config.source_name, lane.source_topic, lane.partition)

    async def settle(self) -> None:
        """See that no transaction is open on the topic, so that all that counts can be read; raises a ClusterError."""
        await self.cluster.refresh([self.topic])
        found = self.cluster.metadata.topics.get(self.topic)
        wanted = [(self.topic, partition) for partition in sorted(found.partitions)] if found else []
        ends = await admin.list_offsets(self.cluster, wanted, admin.LATEST)
        stable = await admin.list_offsets(self.cluster, wanted, admin.LATEST, read_committed=True)
        for place, end in ends.items():
            if isinstance(end, HeliographError):
                raise end
            if stable[place] != end:
                raise BrokerError(
                    f"A transaction is open on {place[0]}-{place[1]} of {self.cluster.alias}: "
                    "positions can be read when it has ended",
                    code=codes.CONCURRENT_TRANSACTIONS,
                )
