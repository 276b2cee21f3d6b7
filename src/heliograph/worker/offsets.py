"""The flow's source offsets, read from and written to Kafka Connect's offsets topic on the target."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import offset_key, offset_value, parse_key, parse_value, partition_for

TopicPartition = tuple[str, int]


async def ensure_topic(cluster: Cluster, config: FlowConfig) -> HeliographError | None:
    """Create the offsets topic unless it is there; gives why it could not be, None if all is well."""
    topic = config.offsets_topic
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
    unreadable: int = 0
    """Records of ours whose value makes no sense, at the last reading."""

    async def read(self) -> dict[TopicPartition, Anchor]:
        """Read every stored position of this flow, by source topic and partition."""
        rows = await table.read(self.cluster, self.config.offsets_topic.name)
        stored: dict[TopicPartition, Anchor] = {}
        self.unreadable = 0
        for raw_key, raw_value in rows.items():
            key = parse_key(raw_key)
            if (
                key is None
                or key.connector != self.config.connector_name
                or key.source_alias != self.config.source.alias
            ):
                continue
            try:
                value = parse_value(raw_value)
            except DataError:
                self.unreadable += 1
                continue
            if value is not None:
                stored[key.topic, key.partition] = value
        return stored

    async def write(self, anchors: Iterable[tuple[Lane, Anchor]], now_ms: int) -> None:
        """Store the anchors of lanes; raises when the target does not take them."""
        name = self.config.offsets_topic.name
        found = self.cluster.metadata.topics.get(name)
        partitions = len(found.partitions) if found else self.config.offsets_topic.partitions
        rows: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        for lane, anchor in anchors:
            key = offset_key(self.config.connector_name, self.config.source.alias, lane.source_topic, lane.partition)
            rows[partition_for(key, partitions)].append((key, offset_value(anchor)))
        if rows:
            await table.write(self.cluster, name, rows, now_ms)
