"""The open transactions of partitions, as brokers from 2.8 on tell them (KIP-664)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.errors import HeliographError, ProtocolError

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """The open transaction that began first in a partition."""

    producer_id: int
    first_offset: int
    """Of the transaction in this partition."""
    transactional_id: str = ""
    """Empty: not known; the permission Describe on it is missing, or the brokers are older than 3.0."""
    started_ms: int | None = None
    """When it began, since the epoch; None: not known."""


async def first_open(
    cluster: Cluster, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, OpenTransaction | HeliographError]:
    """Return the first open transaction of each partition, or why it is not known; without one it is left out.

    Needs the permission Read on the topic; transactional ids need Describe on themselves.
    """
    found: dict[TopicPartition, OpenTransaction | HeliographError] = {}
    by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
    for key in sorted(partitions):
        by_leader[cluster.metadata.leader(*key)].append(key)
    for node, keys in by_leader.items():
        try:
            found.update(await _producers(cluster, node, keys))
        except HeliographError as error:
            found.update(dict.fromkeys(keys, error))
    named: dict[int, tuple[str, int | None]] = {}
    for key, each in found.items():
        if isinstance(each, OpenTransaction):
            if each.producer_id not in named:
                named[each.producer_id] = await _name(cluster, each.producer_id)
            name, started_ms = named[each.producer_id]
            found[key] = OpenTransaction(each.producer_id, each.first_offset, name, started_ms)
    return found


async def _producers(
    cluster: Cluster, node: int, keys: list[TopicPartition]
) -> dict[TopicPartition, OpenTransaction | HeliographError]:
    connection = await cluster.connection(node)
    if not connection.versions.knows("describe_producers"):
        raise ProtocolError(f"{connection.where} cannot tell who has a transaction open: it is older than Kafka 2.8")
    topics: dict[str, list[int]] = defaultdict(list)
    for topic, partition in keys:
        topics[topic].append(partition)
    rows = [{"name": topic, "partition_indexes": tuple(numbers)} for topic, numbers in topics.items()]
    answer = await connection.call("describe_producers", {"topics": rows})
    found: dict[TopicPartition, OpenTransaction | HeliographError] = {}
    for topic_row in answer.topics:
        name = str(topic_row.name)
        for row in topic_row.partitions:
            key = (name, int(row.partition_index))
            try:
                what = f"describe the producers of {name} on {cluster.alias}"
                raise_for(int(row.error_code), what, f"topic {name}", right="Read")
            except HeliographError as error:
                found[key] = error
                continue
            begun = [
                (int(each.current_txn_start_offset), int(each.producer_id))
                for each in row.active_producers
                if each.current_txn_start_offset >= 0
            ]
            if begun:
                first_offset, producer_id = min(begun)
                found[key] = OpenTransaction(producer_id, first_offset)
    return found


async def _name(cluster: Cluster, producer_id: int) -> tuple[str, int | None]:
    """Ask each broker, as any may be the coordinator, for the transactional id and the start; what is not told is left.

    The transaction is held up with or without its name, so an error here is no more than a name that is missing.
    """
    for node in list(cluster.metadata.brokers):
        try:
            connection = await cluster.connection(node)
            if not connection.versions.knows("list_transactions"):
                continue
            wanted = {"state_filters": (), "producer_id_filters": (producer_id,)}
            rows = (await connection.call("list_transactions", wanted)).transaction_states
            if not rows:
                continue
            name = str(rows[0].transactional_id)
            described = await connection.call("describe_transactions", {"transactional_ids": (name,)})
        except HeliographError:
            continue
        state = described.transaction_states[0]
        start = state.transaction_start_time if not int(state.error_code) else None
        return name, int(start.timestamp() * 1000) if isinstance(start, datetime) else None
    return "", None
