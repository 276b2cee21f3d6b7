"""Kafka's own readers of MirrorMaker 2's topics, given the real MirrorMaker 2's and then ours.

The same questions go to ``RemoteClusterUtils`` and ``MirrorClient``, to the formatters of the console consumer and to
``kafka-consumer-groups``. What MM2 wrote comes first, so that it is seen that the questions are the right ones.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import running_program
from confluent_kafka import Consumer, TopicPartition
from mirror_maker_files import QUICK, alias
from plain_client import create_topic, end_offsets, read_messages, simple_rows, topics, wait_for_rows, write
from running_program import one_way

from heliograph.mirror.formats import Checkpoint, decode_checkpoint, decode_heartbeat, decode_offset_sync
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster, MirrorMaker
from heliograph.testbed.javasource import run_java

pytestmark = pytest.mark.brokers

READER = Path(__file__).with_name("RemoteClusters.java")
FORMATTERS = "org.apache.kafka.connect.mirror.formatters."
RECORDS = 105
GROUP_AT = {0: 10, 1: 20}
"""Where a group stands on the source, by partition."""
LIMIT_S = 60.0


@dataclass(frozen=True)
class Mirrored:
    """A topic that was copied, with a group that reads it."""

    program: str
    source: KafkaCluster
    target: KafkaCluster
    alias: str
    topic: str
    group: str
    properties: str

    @property
    def checkpoints(self) -> str:
        return f"{self.alias}.checkpoints.internal"

    def newest(self) -> list[Checkpoint]:
        """Return the group's newest checkpoints as we read them, by partition."""
        found = {}
        for message in read_messages(self.target, self.checkpoints):
            checkpoint = decode_checkpoint(message.key(), message.value())
            if checkpoint.group == self.group:
                found[checkpoint.topic, checkpoint.partition] = checkpoint
        return [found[key] for key in sorted(found)]

    def ask(self, tmp_path: Path, *questions: tuple[str, ...]) -> list[object]:
        """Put questions to Kafka's library."""
        file = tmp_path / "client.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self.target.client_properties().items()))
        text = "".join("\t".join(question) + "\n" for question in questions)
        outcome = run_java(READER, DEFAULT_VERSION, str(file), text=text)
        assert outcome.exit_code == 0, outcome.stderr
        return [json.loads(line) for line in outcome.stdout.splitlines()]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {LIMIT_S} s"
        time.sleep(0.1)


def commit(kafka: KafkaCluster, group: str, topic: str, offsets: dict[int, int]) -> None:
    consumer = Consumer({**kafka.librdkafka_config(), "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


def committed(kafka: KafkaCluster, found: Mirrored) -> dict[int, int]:
    """Return where the group stands on the target, by partition, as far as it stands anywhere."""
    consumer = Consumer({**kafka.librdkafka_config(), "group.id": found.group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(f"{found.alias}.{found.topic}", number) for number in GROUP_AT]
        return {each.partition: each.offset for each in consumer.committed(places, LIMIT_S) if each.offset >= 0}
    finally:
        consumer.close()


@pytest.fixture(scope="module", params=["MirrorMaker", "Heliograph"])
def mirrored(request, source_kafka, target_kafka, tmp_path_factory) -> Mirrored:
    """What one of the programs made of a topic of two partitions; it has ended by then."""
    name = alias()
    topic, group = f"products-{name}", f"readers-{name}"
    create_topic(source_kafka, topic, 2)
    write(source_kafka, topic, simple_rows(RECORDS, partitions=2))
    commit(source_kafka, group, topic, GROUP_AT)
    more = {
        "groups": group,
        "emit.heartbeats.interval.seconds": 1,
        f"target->{name}.emit.heartbeats.enabled": "true",
        "heartbeats.replication.enabled": "true",
        "target.offset.storage.partitions": 1,
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": 1,
    }
    properties = one_way(source_kafka, target_kafka, name, topic, {**QUICK, **more})
    found = Mirrored(request.param, source_kafka, target_kafka, name, topic, group, properties)

    def complete() -> bool:
        if not {found.checkpoints, f"{name}.heartbeats", "heartbeats"} <= set(topics(target_kafka)):
            return False
        heard = {decode_heartbeat(each.key(), each.value()).source_alias for each in messages("heartbeats")}
        copied = end_offsets(target_kafka, f"{name}.heartbeats")[0][1]
        return name in heard and copied > 0 and len(found.newest()) == 2 and len(committed(target_kafka, found)) == 2

    def messages(of: str) -> list:
        return read_messages(target_kafka, of)

    if request.param == "MirrorMaker":
        with MirrorMaker(properties) as maker:
            wait_for_rows(target_kafka, f"{name}.{topic}", RECORDS, limit_s=LIMIT_S)
            wait_until(complete, f"heartbeats and checkpoints:\n{maker.log()[-2000:]}")
            maker.stop()
    else:
        starter = running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))
        running = next(starter)(properties)
        wait_for_rows(target_kafka, f"{name}.{topic}", RECORDS)
        wait_until(complete, "heartbeats and checkpoints")
        assert running.stop() == 0
        starter.close()
    return found


def test_remote_cluster_utils(mirrored, tmp_path):
    name, copy = mirrored.alias, f"{mirrored.alias}.{mirrored.topic}"
    hops, nowhere, heartbeats, checkpoints, upstream, remote, offsets, matching, nobody = mirrored.ask(
        tmp_path,
        ("hops", name),
        ("hops", "nowhere"),
        ("heartbeats",),
        ("checkpoints",),
        ("upstream",),
        ("remote", name),
        ("offsets", name, mirrored.group, "20000"),
        ("matching", name, "readers-.*", "20000"),
        ("offsets", name, "nobody", "20000"),
    )
    assert (hops, nowhere) == (1, -1)
    assert {"heartbeats", f"{name}.heartbeats"} <= set(heartbeats)
    assert mirrored.checkpoints in checkpoints
    assert name in upstream
    assert set(remote) == {copy, f"{name}.heartbeats"}
    ours = [[each.topic, each.partition, each.downstream_offset, each.metadata] for each in mirrored.newest()]
    assert sorted(offsets) == ours
    assert {group: sorted(rows) for group, rows in matching.items()} == {mirrored.group: ours}
    assert nobody == []
    if mirrored.program == "Heliograph":
        file = tmp_path / "mm2.properties"
        file.write_text(mirrored.properties)
        program = str(Path(sys.executable).with_name("heliograph"))
        command = [program, "offsets", str(file), "--group", mirrored.group, "--json"]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        rows = [
            [row["to_topic"], row["partition"], row["to_offset"], ""] for row in json.loads(outcome.stdout)["positions"]
        ]
        assert sorted(rows) == ours, "our own command line says the same"
        assert ours == [[copy, number, offset, ""] for number, offset in GROUP_AT.items()], "exact, unlike MM2's"


def printed(kafka: KafkaCluster, topic: str, formatter: str, count: int) -> list[str]:
    outcome = kafka.tool(
        "kafka-console-consumer",
        *("--topic", topic, "--from-beginning", "--max-messages", str(count), "--timeout-ms", "20000"),
        *("--formatter", FORMATTERS + formatter),
    )
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout.splitlines()


def test_formatters(mirrored):
    checkpoints = [
        decode_checkpoint(each.key(), each.value()) for each in read_messages(mirrored.target, mirrored.checkpoints)
    ]
    assert printed(mirrored.target, mirrored.checkpoints, "CheckpointFormatter", len(checkpoints)) == [
        f"Checkpoint{{consumerGroupId={each.group}, topicPartition={each.topic}-{each.partition}, "
        f"upstreamOffset={each.upstream_offset}, downstreamOffset={each.downstream_offset}, metadata={each.metadata}}}"
        for each in checkpoints
    ]
    heartbeats = [decode_heartbeat(each.key(), each.value()) for each in read_messages(mirrored.target, "heartbeats")]
    assert printed(mirrored.target, "heartbeats", "HeartbeatFormatter", len(heartbeats)) == [
        f"Heartbeat{{sourceClusterAlias={each.source_alias}, targetClusterAlias={each.target_alias}, "
        f"timestamp={each.timestamp_ms}}}"
        for each in heartbeats
    ]


def test_offset_sync_formatter(mirrored):
    held = [
        (kafka, topic)
        for kafka, topic in (
            (mirrored.source, "mm2-offset-syncs.target.internal"),
            (mirrored.target, f"mm2-offset-syncs.{mirrored.alias}.internal"),
        )
        if topic in topics(kafka)
    ]
    seen = []
    for kafka, topic in held:
        syncs = [decode_offset_sync(each.key(), each.value()) for each in read_messages(kafka, topic)]
        seen += [each for each in syncs if each.topic == mirrored.topic]
        assert printed(kafka, topic, "OffsetSyncFormatter", len(syncs)) == [
            f"OffsetSync{{topicPartition={each.topic}-{each.partition}, upstreamOffset={each.upstream_offset}, "
            f"downstreamOffset={each.downstream_offset}}}"
            for each in syncs
        ]
    assert {(each.partition, each.upstream_offset - each.downstream_offset) for each in seen} == {(0, 0), (1, 0)}


def test_kafka_consumer_groups(mirrored):
    outcome = mirrored.target.tool("kafka-consumer-groups", "--describe", "--group", mirrored.group)
    assert outcome.exit_code == 0, outcome.stderr
    header, *rows = [line.split() for line in outcome.stdout.splitlines() if line.split()[1:]]
    shown = [dict(zip(header, row, strict=False)) for row in rows if row[0] == mirrored.group]
    assert sorted((row["TOPIC"], int(row["PARTITION"]), int(row["CURRENT-OFFSET"])) for row in shown) == [
        (each.topic, each.partition, each.downstream_offset) for each in mirrored.newest()
    ]
