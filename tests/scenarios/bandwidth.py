"""How fast records come in on the target, and how late, as an ordinary consumer sees them."""

import os
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from confluent_kafka import Consumer, Producer, TopicPartition
from steady_load import quiet

from heliograph.testbed import KafkaCluster

LIMIT_S = 60.0
RECORD_BYTES = 10_000
"""So large that what surrounds a record hardly counts."""
LATENCIES_MIN = 50


def fill(kafka: KafkaCluster, topic: str, megabytes: int, partitions: int, **config: object) -> None:
    """Write so much that cannot be compressed, evenly to all partitions."""
    producer = Producer(
        {**kafka.librdkafka_config(), "linger.ms": 20, "batch.size": 64_000, "error_cb": quiet, **config}
    )
    for number in range(megabytes * 1_000_000 // RECORD_BYTES):
        producer.produce(topic, os.urandom(RECORD_BYTES), partition=number % partitions)
        producer.poll(0)
    assert producer.flush(LIMIT_S) == 0


@dataclass
class _Seen:
    """What came of one topic."""

    came: list[tuple[float, int]] = field(default_factory=list)
    """When, and how many bytes."""
    latencies_s: list[tuple[float, float]] = field(default_factory=list)
    """When a record came, and how long after it was written on the source."""
    partitions: set[int] = field(default_factory=set)
    """Of which anything came."""


class Bandwidth(AbstractContextManager["Bandwidth"]):
    """Reads topics from their beginning, each partition, and notes what comes when."""

    def __init__(self, kafka: KafkaCluster, topics: dict[str, int]) -> None:
        """``topics`` has the number of partitions of each."""
        self._topics = topics
        self._seen = {topic: _Seen() for topic in topics}
        self._reader = Consumer(
            {
                **kafka.librdkafka_config(),
                "group.id": f"bandwidth-{'-'.join(topics)}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
                "allow.auto.create.topics": False,
                "topic.metadata.refresh.interval.ms": 200,
            }
        )
        self._reader.assign(
            [TopicPartition(topic, each, 0) for topic, count in topics.items() for each in range(count)]
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopping.is_set():
            messages = self._reader.consume(1_000, 0.01)
            now, wall = time.monotonic(), time.time()
            for message in messages:
                if message.error() is None:
                    seen = self._seen[message.topic()]
                    seen.partitions.add(message.partition())
                    seen.came.append((now, len(message.value())))
                    seen.latencies_s.append((now, wall - message.timestamp()[1] / 1000))

    def bytes_of(self, topic: str) -> int:
        """Return how much has come of a topic so far."""
        return sum(size for _, size in list(self._seen[topic].came))

    def wait_for(self, topic: str, megabytes: float, limit_s: float = LIMIT_S) -> None:
        """Wait until so much has come of a topic, and something of each of its partitions."""
        deadline = time.monotonic() + limit_s
        while self.bytes_of(topic) < megabytes * 1_000_000 or len(self._seen[topic].partitions) < self._topics[topic]:
            assert time.monotonic() < deadline, f"{self.bytes_of(topic)} bytes of {topic} came in {limit_s} s"
            time.sleep(0.05)

    def rate(self, since: float, until: float, *topics: str) -> float:
        """Return how many bytes a second came between two times, of all topics if none is named."""
        came = [each for topic in topics or self._seen for each in list(self._seen[topic].came)]
        return sum(size for at, size in came if since <= at < until) / (until - since)

    def latency_s(self, topic: str, since: float, until: float, part: float) -> float:
        """Return which latency a part of the records that came then has not exceeded."""
        found = sorted(latency for at, latency in list(self._seen[topic].latencies_s) if since <= at < until)
        assert len(found) >= LATENCIES_MIN, f"only {len(found)} records of {topic}"
        return found[min(len(found) - 1, int(len(found) * part))]

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._reader.close()
