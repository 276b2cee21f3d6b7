"""How many records a reader of committed records finds, where end offsets count markers too."""

import time
from collections import Counter
from collections.abc import Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from heliograph.errors import HeliographError
from loads import SILENT

LIMIT_S = 120.0


def count_committed(
    bootstrap: str, places: list[tuple[str, int]], wanted: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    """Read ``places`` from their beginning and count, until the ends of all; there should be as many as ``wanted``."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "never-joined",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            **SILENT,
        }
    )
    held: Counter[tuple[str, int]] = Counter(dict.fromkeys(places, 0))
    deadline_s = time.monotonic() + LIMIT_S
    try:
        reader.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for topic, index in places])
        while held.total() < sum(wanted.values()):
            if time.monotonic() > deadline_s:
                raise HeliographError(f"{held.total()} of {sum(wanted.values())} records were committed")
            for message in reader.consume(10_000, 1.0):
                error = message.error()
                if error is None:
                    held[message.topic() or "", message.partition() or 0] += 1
                elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka has no other name for it
                    raise KafkaException(error)
        return dict(held)
    finally:
        reader.close()
