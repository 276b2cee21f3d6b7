"""Independent clients in processes of their own: one sends records at an even pace, one reads and times them.

``traffic.py produce BOOTSTRAP COUNT PER_SECOND TOPIC/PARTITION...`` writes records of 250 bytes, the partitions in
turn. Each begins with the time at which it was handed to the client, in nanoseconds.

``traffic.py consume BOOTSTRAP COUNT SKIP TOPIC/PARTITION...`` starts at the end of the partitions, prints ``ready``,
reads ``COUNT`` records and prints percentiles of "now minus the record's time" as JSON, without the first ``SKIP``
ones, during which producer, consumer and brokers find their feet.

Both run on one machine, so one clock times both ends.
"""

import json
import struct
import sys
import time

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition

VALUE_BYTES = 250
PATIENCE_S = 30.0
"""The longest wait for the next record, and for the last acknowledgement."""

NAP_S = 0.002


def partitions_of(words: list[str]) -> list[tuple[str, int]]:
    """Read ``TOPIC/PARTITION`` words."""
    pairs = (word.rpartition("/") for word in words)
    return [(topic, int(partition)) for topic, _, partition in pairs]


def produce(bootstrap: str, count: int, per_second: float, places: list[tuple[str, int]]) -> None:
    """Send ``count`` records, ``per_second`` of them, at even distances."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    padding = bytes(range(VALUE_BYTES - 8))
    begun_s = time.monotonic()
    for number in range(count):
        due_s = begun_s + number / per_second
        while (left_s := due_s - time.monotonic()) > 0:
            producer.poll(0)
            time.sleep(min(left_s, NAP_S))
        topic, partition = places[number % len(places)]
        producer.produce(topic, struct.pack(">q", time.time_ns()) + padding, partition=partition)
    if producer.flush(PATIENCE_S):
        sys.exit("not all records were taken")


def consume(bootstrap: str, count: int, skip: int, places: list[tuple[str, int]]) -> None:
    """Time ``count`` records and print percentiles in milliseconds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark", "enable.auto.commit": False})
    # The end as it is now: to start "at the end" would be settled only when the first fetch is sent.
    ends = [TopicPartition(*place) for place in places]
    consumer.assign([TopicPartition(p.topic, p.partition, _end(consumer, p)) for p in ends])
    consumer.poll(1.0)
    print("ready", flush=True)
    late_ms: list[float] = []
    last_s = time.monotonic()
    while len(late_ms) < count:
        message = consumer.poll(0.5)
        if message is None:
            if time.monotonic() > last_s + PATIENCE_S:
                sys.exit(f"only {len(late_ms)} of {count} records came")
            continue
        error: KafkaError | None = message.error()
        if error is not None:
            raise KafkaException(error)
        now_ns, last_s = time.time_ns(), time.monotonic()
        late_ms.append((now_ns - struct.unpack_from(">q", message.value())[0]) / 1e6)
    consumer.close()
    counted = sorted(late_ms[skip:])
    print(json.dumps({f"p{share:g}": _percentile(counted, share) for share in (50, 90, 99, 99.9, 100)}), flush=True)


def _end(consumer: Consumer, place: TopicPartition) -> int:
    offsets = consumer.get_watermark_offsets(place, timeout=PATIENCE_S, cached=False)
    return OFFSET_END if offsets is None else int(offsets[1])


def _percentile(ordered: list[float], share: float) -> float:
    """Nearest rank."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


if __name__ == "__main__":
    order, bootstrap, count, number = sys.argv[1:5]
    if order == "produce":
        produce(bootstrap, int(count), float(number), partitions_of(sys.argv[5:]))
    else:
        consume(bootstrap, int(count), int(number), partitions_of(sys.argv[5:]))
