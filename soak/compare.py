"""What both sides hold, read by an independent client (librdkafka), and how it differs."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from heliograph.testbed import KafkaCluster

LIMIT_S = 300.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Held:
    """One partition's records, as digests in order; of a compacted topic also the last of each key."""

    records: tuple[bytes, ...]
    last_of_key: dict[bytes, bytes]


def read(kafka: KafkaCluster, topic: str) -> dict[int, Held]:
    """Read a topic whole, committed records only; raises TimeoutError."""
    consumer = Consumer(
        {
            **kafka.librdkafka_config(),
            "group.id": "soak-compare",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        records: dict[int, list[bytes]] = {partition: [] for partition in partitions}
        last: dict[int, dict[bytes, bytes]] = {partition: {} for partition in partitions}
        left = set(partitions)
        deadline = time.monotonic() + LIMIT_S
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} cannot be read to its end")
            for message in consumer.consume(1_000, POLL_S):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka has no other name for it
                        left.discard(message.partition())
                    continue
                key = message.key() or b""
                row = repr((message.key(), message.value(), message.headers(), message.timestamp()))
                digest = hashlib.blake2b(row.encode(), digest_size=16).digest()
                records[message.partition()].append(digest)
                last[message.partition()][key] = digest
        return {p: Held(tuple(records[p]), last[p]) for p in partitions}
    finally:
        consumer.close()


def differences(source: dict[int, Held], target: dict[int, Held], *, compacted: bool) -> list[str]:
    """Say how the sides differ; empty when they do not."""
    found = []
    for partition, held in source.items():
        copy = target.get(partition, Held((), {}))
        if compacted:
            keys = {key for key, digest in held.last_of_key.items() if copy.last_of_key.get(key) != digest}
            if keys:
                found.append(f"partition {partition}: {len(keys)} keys have another last record")
            continue
        if held.records == copy.records:
            continue
        ours, theirs = Counter(held.records), Counter(copy.records)
        missing, extra = sum((ours - theirs).values()), sum((theirs - ours).values())
        order = "" if missing or extra else ", in another order"
        found.append(
            f"partition {partition}: {len(held.records)} records on the source, {len(copy.records)} on the target, "
            f"{missing} missing, {extra} extra or double{order}"
        )
    return found
