"""When records arrive on the target, seen by an ordinary consumer: for how long was a partition silent?"""

import itertools
import threading
import time
from contextlib import AbstractContextManager

from confluent_kafka import Consumer, TopicPartition

from heliograph.testbed import KafkaCluster


class Arrivals(AbstractContextManager["Arrivals"]):
    """Reads a topic from its beginning and notes when each partition's records came."""

    def __init__(self, kafka: KafkaCluster, topic: str, partitions: int) -> None:
        self._came: dict[int, list[float]] = {partition: [] for partition in range(partitions)}
        self._reader = Consumer(
            {
                **kafka.librdkafka_config(),
                "group.id": f"arrivals-{topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "auto.offset.reset": "earliest",
            }
        )
        self._reader.assign([TopicPartition(topic, partition, 0) for partition in self._came])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopping.is_set():
            messages = self._reader.consume(5_000, 0.02)
            now = time.monotonic()
            for message in messages:
                if message.error() is None:
                    self._came[message.partition()].append(now)

    def silence_s(self, since: float) -> float:
        """Return the longest time since ``since`` for which some partition had no record, until now."""
        now = time.monotonic()
        longest = 0.0
        for came in self._came.values():
            times = [since, *(each for each in came if each > since), now]
            longest = max(longest, *(after - before for before, after in itertools.pairwise(times)))
        return longest

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._reader.close()
