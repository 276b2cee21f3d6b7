"""Groups of plain consumers, and the commands that move them."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from plain_client import LIMIT_S, NOT_YET, admin

from heliograph.testbed import KafkaCluster

NO_COORDINATOR_YET = (
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
)
"""What a cluster says of its first group, for which it makes the topic of committed offsets."""


@dataclass(frozen=True)
class Answered:
    code: int
    told: dict
    text: str

    @property
    def rows(self):
        return self.told.get("moves", self.told.get("positions"))

    def row(self, group, topic, partition=0):
        wanted = (group, topic, partition)
        return next(row for row in self.rows if (row["group"], row["topic"], row["partition"]) == wanted)


def ask(folder: Path, properties: str, command: str, *options: str) -> Answered:
    """Run a command with ``--json`` and give what it answers."""
    file = folder / "moves.properties"
    file.write_text(properties, encoding="utf-8")
    program = str(Path(sys.executable).with_name("heliograph"))
    ended = subprocess.run(
        [program, command, str(file), "--json", *options], capture_output=True, text=True, timeout=90, check=False
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Answered(ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stdout + ended.stderr)


def consumer(kafka: KafkaCluster, group: str, **config: object) -> Consumer:
    told = {
        **kafka.librdkafka_config(),
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **({} if config.get("group_protocol") == "consumer" else {"session.timeout.ms": 6000}),
        "log_level": 2,
        **{key.replace("_", "."): value for key, value in config.items()},
    }
    return Consumer(told)


def read_some(kafka: KafkaCluster, group: str, topic: str, count: int, **config: object) -> list:
    """Read ``count`` records as a member of ``group``, commit behind the last, and leave."""
    reader = consumer(kafka, group, **config)
    found = []
    try:
        reader.subscribe([topic])
        deadline = time.monotonic() + LIMIT_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"{group} read {len(found)} of {count} records of {topic}"
            message = reader.poll(0.2)
            if message is not None and message.error() is None:
                found.append(message)
            elif message is not None and message.error().code() not in NOT_YET:
                raise KafkaException(message.error())
        ends = {message.partition(): message.offset() + 1 for message in found}
        offsets = [TopicPartition(topic, partition, offset) for partition, offset in ends.items()]
        raise_for(reader.commit(offsets=offsets, asynchronous=False))
    finally:
        reader.close()
    return found


def raise_for(places: list[TopicPartition]) -> None:
    """Raise what a broker says of single partitions, which the client does not raise."""
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)


def commit(kafka: KafkaCluster, group: str, topic: str, offsets: dict[int, int], metadata: str = "") -> None:
    """Set what an idle group has committed."""
    places = [TopicPartition(topic, partition, offset, metadata=metadata) for partition, offset in offsets.items()]
    client = admin(kafka)
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            asked = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
            raise_for(asked[group].result(LIMIT_S).topic_partitions)
        except KafkaException as error:
            if error.args[0].code() not in NO_COORDINATOR_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def committed_places(kafka: KafkaCluster, group: str, topic: str) -> list[TopicPartition]:
    """Return what a group has committed in a topic; nothing where there is no such group."""
    client = admin(kafka)
    try:
        found = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(LIMIT_S)
    except KafkaException as error:
        if error.args[0].code() not in (KafkaError.GROUP_ID_NOT_FOUND, *NO_COORDINATOR_YET):
            raise
        return []
    raise_for(found.topic_partitions)
    return [each for each in found.topic_partitions if each.topic == topic and each.offset >= 0]


def committed(kafka: KafkaCluster, group: str, topic: str) -> dict[int, int]:
    """Return the offsets that a group has committed, by partition."""
    return {each.partition: each.offset for each in committed_places(kafka, group, topic)}
