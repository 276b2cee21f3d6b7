"""What a cluster says of itself: brokers, topics, leaders. Frozen pictures; each refresh makes a new one."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heliograph.wire.errors import NONE


@dataclass(frozen=True, slots=True)
class Broker:
    """Where one broker listens."""

    node_id: int
    host: str
    port: int
    rack: str | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """Who leads one partition."""

    leader: int
    """Node id; -1: no leader at the moment."""
    leader_epoch: int
    """-1 where the broker is too old to tell."""
    error: int = NONE


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as the broker described it."""

    name: str
    partitions: Mapping[int, Partition]
    topic_id: uuid.UUID | None = None
    """None on brokers before 2.8."""
    internal: bool = False
    error: int = NONE


@dataclass(frozen=True, slots=True)
class Metadata:
    """A cluster at one moment."""

    brokers: Mapping[int, Broker] = field(default_factory=dict)
    topics: Mapping[str, Topic] = field(default_factory=dict)
    controller: int = -1
    cluster_id: str | None = None

    def leader(self, topic: str, partition: int) -> int:
        """Node id of the partition's leader; -1 when unknown, as it is when that broker is gone since."""
        found = self.topics.get(topic)
        row = found.partitions.get(partition) if found else None
        return row.leader if row and row.leader in self.brokers else -1

    def leader_epoch(self, topic: str, partition: int) -> int:
        """Leader epoch of the partition; -1 when unknown."""
        found = self.topics.get(topic)
        row = found.partitions.get(partition) if found else None
        return row.leader_epoch if row else -1


def of_answer(answer: Any) -> Metadata:
    """Take a Metadata answer of any version."""
    brokers = {b.node_id: Broker(b.node_id, b.host, b.port, getattr(b, "rack", None)) for b in answer.brokers}
    topics = {str(t.name): _topic(t) for t in answer.topics if t.name is not None}
    return Metadata(brokers, topics, getattr(answer, "controller_id", -1), getattr(answer, "cluster_id", None))


def _topic(row: Any) -> Topic:
    partitions = {
        p.partition_index: Partition(p.leader_id, getattr(p, "leader_epoch", -1), int(p.error_code))
        for p in row.partitions
    }
    return Topic(
        str(row.name),
        partitions,
        getattr(row, "topic_id", None),
        getattr(row, "is_internal", False),
        int(row.error_code),
    )


def merged(old: Metadata, new: Metadata, asked: frozenset[str]) -> Metadata:
    """Put a refresh of some topics into an older whole picture; asked topics that are gone are gone here too."""
    topics = {name: topic for name, topic in old.topics.items() if name not in asked}
    topics.update(new.topics)
    return Metadata(new.brokers, topics, new.controller, new.cluster_id)
