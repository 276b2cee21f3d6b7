"""Groups of plain consumers, and the commands that move them."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from plain_client import LIMIT_S, admin

from heliograph.testbed import KafkaCluster


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
        ends = {message.partition(): message.offset() + 1 for message in found}
        reader.commit(
            offsets=[TopicPartition(topic, partition, offset) for partition, offset in ends.items()], asynchronous=False
        )
    finally:
        reader.close()
    return found


def commit(kafka: KafkaCluster, group: str, topic: str, offsets: dict[int, int]) -> None:
    """Set what an idle group has committed."""
    places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    client = admin(kafka)
    client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result(LIMIT_S)


def committed(kafka: KafkaCluster, group: str, topic: str) -> dict[int, int]:
    """Return what a group has committed, by partition."""
    client = admin(kafka)
    try:
        found = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(LIMIT_S)
    except KafkaException:
        return {}
    return {each.partition: each.offset for each in found.topic_partitions if each.topic == topic and each.offset >= 0}
