"""Bodies as people have them: numbers and flags as JSON, names of students as aliases, keys that mean nothing there."""

import json
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from plain_client import create_topic, read, simple_rows, wait_for_rows, write
from requests_table import BYTES, MIRROR, at
from test_connect_cluster import LIMIT_S, wait_for_status

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

ROWS = 60


def test_two_posted_bodies_copy_a_topic_and_follow_its_group(source_kafka, target_kafka, connect_worker, unique):
    source_alias, target_alias = f"{unique}-source", f"{unique}-target"
    create_topic(source_kafka, unique, 1)
    write(source_kafka, unique, simple_rows(ROWS))
    commit(source_kafka, unique, 41)
    running, player = connect_worker(f"{unique}-cluster")
    both = {
        "key.converter": BYTES,
        "value.converter": BYTES,
        "header.converter": BYTES,
        "source.cluster.alias": source_alias,
        "target.cluster.alias": target_alias,
        "source.cluster.bootstrap.servers": source_kafka.bootstrap(),
        "target.cluster.bootstrap.servers": target_kafka.bootstrap(),
    }
    source = {
        "connector.class": f"{MIRROR}.MirrorSourceConnector",
        **both,
        "topics": unique,
        "replication.factor": 1,
        "offset-syncs.topic.replication.factor": 1,
        "sync.topic.acls.enabled": False,
    }
    checkpoint = {
        "connector.class": f"{MIRROR}.MirrorCheckpointConnector",
        **both,
        "groups": f"{unique}.*",
        "checkpoints.topic.replication.factor": 1,
        "refresh.groups.interval.seconds": 1,
        "emit.checkpoints.interval.seconds": 1,
        "sync.group.offsets.enabled": True,
        "sync.group.offsets.interval.seconds": 1,
        "refresh.groups.enabled": True,
        "emit.checkpoints.enabled": True,
    }
    for name, config in (("source", source), ("checkpoint", checkpoint)):
        created = player.ask("POST", "/connectors", {"name": name, "config": config})
        assert created.status == 201, created
        texts = {
            key: json.dumps(value).strip('"') if not isinstance(value, str) else value for key, value in config.items()
        }
        assert created.body["config"] == {**texts, "name": name}
    assert {f"{MIRROR}.Mirror{kind}Connector" for kind in ("Source", "Checkpoint", "Heartbeat")} <= {
        each["class"] for each in player.ask("GET", "/connector-plugins").body
    }
    copy = f"{source_alias}.{unique}"
    wait_for_rows(target_kafka, copy, ROWS)
    for name in ("source", "checkpoint"):
        wait_for_status(player, name, "RUNNING", {"RUNNING"}, running)
        body = player.ask("GET", at(name, "/status")).body
        assert set(body) == {"name", "connector", "tasks", "type"}
        assert body["type"] == "source"
    deadline = time.monotonic() + LIMIT_S
    while committed(target_kafka, unique, copy) != 41:
        assert time.monotonic() < deadline, running.log
        time.sleep(0.3)
    assert [row.value for row in read(target_kafka, copy)] == [row.value for row in read(source_kafka, unique)]
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_a_flat_body_with_keys_of_other_programs(source_kafka, target_kafka, connect_worker, unique):
    create_topic(source_kafka, unique, 1)
    write(source_kafka, unique, simple_rows(ROWS))
    running, player = connect_worker(f"{unique}-cluster")
    config = {
        "name": "msc",
        "connector.class": f"{MIRROR}.MirrorSourceConnector",
        "clusters": f"{unique}-a,{unique}-b",
        "source.cluster.alias": f"{unique}-a",
        "target.cluster.alias": f"{unique}-b",
        "source.cluster.bootstrap.servers": source_kafka.bootstrap(),
        "target.cluster.bootstrap.servers": target_kafka.bootstrap(),
        "topics": f"^{unique}[\\w]*",
        "tasks.max": "3",
        "key.converter": f" {BYTES}",
        "value.converter": f" {BYTES}",
        "replication.factor": "1",
        "offset-syncs.topic.replication.factor": "1",
        "source.cluster.max.poll.records": "20000",
        "source.cluster.receive.buffer.bytes": "33554432",
        "source.cluster.send.buffer.bytes": "33554432",
        "source.cluster.max.partition.fetch.bytes": "33554432",
        "source.cluster.message.max.bytes": "37755000",
        "target.cluster.max.request.size": "26214400",
        "producer.override.compression.type": "gzip",
        "producer.override.batch.size": "10000",
        "producer.enable.idempotence": "true",
        "consumer.group.id": "mm2-msc",
        "replication.policy.class": "com.amazonaws.kafka.samples.CustomMM2ReplicationPolicy",
        "sync.topic.acls.enabled": "false",
        "refresh.topics.interval.seconds": "1",
    }
    put = player.ask("PUT", at("msc", "/config"), config)
    assert put.status == 201, put
    wait_for_rows(target_kafka, unique, ROWS)
    wait_for_status(player, "msc", "RUNNING", {"RUNNING"}, running)
    assert running.stop() == 0
    assert "ERROR" not in running.log


def group_client(kafka, group):
    return Consumer({**kafka.librdkafka_config(), "group.id": group, "enable.auto.commit": False})


def commit(kafka, unique: str, offset: int) -> None:
    client = group_client(kafka, f"{unique}-readers")
    client.commit(offsets=[TopicPartition(unique, 0, offset)], asynchronous=False)
    client.close()


def committed(kafka, unique: str, topic: str) -> int:
    client = group_client(kafka, f"{unique}-readers")
    (found,) = client.committed([TopicPartition(topic, 0)], 30)
    client.close()
    return found.offset
