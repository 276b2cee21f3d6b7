"""What the scenarios do with an independent client (librdkafka): make topics, write records, and read them back."""

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType
from confluent_kafka.admin import AlterConfigOpType as Alter

from heliograph.testbed import KafkaCluster

LIMIT_S = 30.0
LARGE_BYTES = 64 << 20
NOT_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
"""What a broker says of a topic that was made a moment ago."""

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A record as a consumer sees it, but for its offset, which may differ between the clusters."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int = 0


def admin(kafka: KafkaCluster) -> AdminClient:
    return AdminClient({**kafka.librdkafka_config(), "log_level": 2})


def create_topic(kafka: KafkaCluster, name: str, partitions: int = 1, **config: str) -> None:
    """Make a topic; dots in the settings' names are written as underscores."""
    settings = {key.replace("_", "."): value for key, value in config.items()}
    client = admin(kafka)
    made = client.create_topics([NewTopic(name, partitions, 1, config=settings)], operation_timeout=LIMIT_S)
    made[name].result(LIMIT_S)


def grow_topic(kafka: KafkaCluster, name: str, total: int) -> None:
    """Add partitions, and wait until a client that asks is told of all."""
    client = admin(kafka)
    client.create_partitions([NewPartitions(name, total)])[name].result(LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while len(client.list_topics(name, timeout=LIMIT_S).topics[name].partitions) < total:
        assert time.monotonic() < deadline, f"{name} has not {total} partitions"
        time.sleep(0.02)


def set_topic_config(kafka: KafkaCluster, name: str, key: str, value: str) -> None:
    entry = ConfigEntry(key, value, incremental_operation=Alter.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    client = admin(kafka)
    client.incremental_alter_configs([resource])[resource].result(LIMIT_S)


def topic_config(kafka: KafkaCluster, name: str) -> dict[str, str]:
    """Return a topic's settings with their values."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    client = admin(kafka)
    found = client.describe_configs([resource])[resource].result(LIMIT_S)
    return {key: entry.value for key, entry in found.items()}


def topics(kafka: KafkaCluster) -> dict[str, int]:
    """Return the partition counts of all topics."""
    client = admin(kafka)
    return {name: len(topic.partitions) for name, topic in client.list_topics(timeout=LIMIT_S).topics.items()}


def groups(kafka: KafkaCluster) -> dict[str, int]:
    """Return all groups, of any protocol type, with how many members each has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what takes its place lists groups of consumers only
        return {group.id: len(group.members) for group in admin(kafka).list_groups(timeout=LIMIT_S)}


def delete_records(kafka: KafkaCluster, topic: str, partition: int, before: int) -> None:
    place = TopicPartition(topic, partition, before)
    client = admin(kafka)
    client.delete_records([place])[place].result(LIMIT_S)


def _delivered(error: KafkaError | None, _message: Message) -> None:
    """Raise why a record could not be written, out of ``poll`` or ``flush``, which count it as done."""
    if error is not None:
        raise KafkaException(error)


def producer(kafka: KafkaCluster, **config: object) -> Producer:
    """Make a producer; dots in the settings' names are written as underscores."""
    told = {
        **kafka.librdkafka_config(),
        "linger.ms": 20,
        "log_level": 2,
        "message.max.bytes": LARGE_BYTES,
        "queue.buffering.max.kbytes": 4 * LARGE_BYTES >> 10,
        "on_delivery": _delivered,
        **{key.replace("_", "."): value for key, value in config.items()},
    }
    return Producer(told)


def send(writer: Producer, topic: str, rows: Iterable[Row]) -> None:
    """Hand records to a producer; those without a timestamp get the present time."""
    for row in rows:
        stamp = {"timestamp": row.timestamp_ms} if row.timestamp_ms else {}
        headers = list(row.headers)
        while True:
            try:
                writer.produce(topic, row.value, row.key, partition=row.partition, headers=headers, **stamp)
                break
            except BufferError:
                writer.poll(0.1)


def flush(writer: Producer) -> None:
    assert writer.flush(LIMIT_S) == 0, "the producer could not deliver everything"


def write(kafka: KafkaCluster, topic: str, rows: Iterable[Row], **config: object) -> None:
    """Write records and wait until they are acknowledged."""
    writer = producer(kafka, **config)
    send(writer, topic, rows)
    flush(writer)


def transactional(kafka: KafkaCluster, name: str, **config: object) -> Producer:
    """Make a producer that is ready for its first transaction."""
    writer = producer(kafka, transactional_id=name, **config)
    writer.init_transactions(LIMIT_S)
    return writer


def write_transactions(kafka: KafkaCluster, topic: str, name: str, count: int, *, codec: str = "none") -> None:
    """Write short transactions of three records each over two partitions; every third is aborted."""
    writer = transactional(kafka, name, linger_ms=0, compression_type=codec)
    for number in range(count):
        writer.begin_transaction()
        send(writer, topic, [Row(place % 2, b"%s" % name.encode(), b"%d.%d" % (number, place)) for place in range(3)])
        flush(writer)
        if number % 3 == 2:
            writer.abort_transaction(LIMIT_S)
        else:
            writer.commit_transaction(LIMIT_S)


def simple_rows(count: int, *, first: int = 0, partitions: int = 1, size: int = 0) -> list[Row]:
    """Make records that tell their number, spread over the partitions."""
    return [
        Row(number % partitions, b"k%d" % number, b"v%d" % number + b"." * size)
        for number in range(first, first + count)
    ]


def end_offsets(kafka: KafkaCluster, topic: str, *, committed: bool = True) -> dict[int, tuple[int, int]]:
    """Return each partition's first offset and the one after its last."""
    reader = _reader(kafka, committed=committed)
    try:
        count = len(reader.list_topics(topic, LIMIT_S).topics[topic].partitions)
        return {number: _ends_of(reader, TopicPartition(topic, number)) for number in range(count)}
    finally:
        reader.close()


def _ends_of(reader: Consumer, place: TopicPartition) -> tuple[int, int]:
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return reader.get_watermark_offsets(place, LIMIT_S)
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _reader(kafka: KafkaCluster, *, committed: bool) -> Consumer:
    return Consumer(
        {
            **kafka.librdkafka_config(),
            "group.id": "never-joined",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "fetch.message.max.bytes": LARGE_BYTES >> 1,
            "receive.message.max.bytes": LARGE_BYTES,
            "fetch.wait.max.ms": 20,
            "check.crcs": True,
            "log_level": 2,
        }
    )


def read_messages(kafka: KafkaCluster, topic: str, *, committed: bool = True) -> list[Message]:
    """Read a topic whole, partition by partition, with all checksums checked."""
    reader = _reader(kafka, committed=committed)
    deadline = time.monotonic() + LIMIT_S
    try:
        partitions = sorted(reader.list_topics(topic, LIMIT_S).topics[topic].partitions)
        reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found: dict[int, list[Message]] = {number: [] for number in partitions}
        open_ends = set(partitions)
        while open_ends:
            assert time.monotonic() < deadline, f"{topic} could not be read to its end"
            for message in reader.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    found[message.partition()].append(message)
                elif error.code() == error._PARTITION_EOF:
                    open_ends.discard(message.partition())
                else:
                    raise KafkaException(error)
        return [message for number in partitions for message in found[number]]
    finally:
        reader.close()


def row_of(message: Message) -> Row:
    kind, timestamp_ms = message.timestamp()
    return Row(
        message.partition(),
        message.key(),
        message.value(),
        tuple((name, value) for name, value in message.headers() or ()),
        -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
    )


def read(kafka: KafkaCluster, topic: str, *, committed: bool = True) -> list[Row]:
    """Read a topic whole, partition by partition."""
    return [row_of(message) for message in read_messages(kafka, topic, committed=committed)]


def wait_for_rows(kafka: KafkaCluster, topic: str, count: int, *, limit_s: float = LIMIT_S) -> list[Row]:
    """Wait until a topic's offsets allow for ``count`` records, and read it."""
    deadline = time.monotonic() + limit_s
    while True:
        held = 0
        if topic in topics(kafka):
            held = sum(end - begin for begin, end in end_offsets(kafka, topic).values())
        if held >= count:
            rows = read(kafka, topic)
            if len(rows) >= count:
                return rows
        assert time.monotonic() < deadline, f"{topic} holds {held} of {count} records after {limit_s} s"
        time.sleep(0.05)


def appended_by_broker(messages: Sequence[Message]) -> bool:
    """Whether every record carries the time at which its broker took it."""
    return all(message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME for message in messages)
