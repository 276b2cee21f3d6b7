"""The fake cluster answers as a real one: the same requests to both, and their answers compared field by field."""

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest
from plain_client import Row, create_topic, delete_records, write

from fake_cluster import FakeCluster
from heliograph.broker.connection import Connection
from heliograph.config.model import ClusterConfig

pytestmark = pytest.mark.brokers

DIFFERS = {
    "throttle_time": "a real one may ask for a pause",
    "cluster_id": "any text",
    "topic_id": "chosen by chance",
    "host": "where it listens",
    "port": "where it listens",
    "node_id": "numbers of brokers",
    "leader_id": "numbers of brokers",
    "controller_id": "numbers of brokers",
    "replica_nodes": "numbers of brokers",
    "isr_nodes": "numbers of brokers",
    "producer_id": "counted up",
    "error_message": "words for people, which differ from version to version",
    "log_append_time": "the time",
    "configs": "a real topic has some forty, of which the fake knows four",
    "records": "compared by the tests of the reader",
}
"""Fields whose values may differ, and why."""
NO_COORDINATOR_YET = {14, 15, 16}
"""What a broker says while it makes a group's coordinator, in some answers of a row only."""
NO_OPERATIONS = {"include_cluster_authorized_operations": False, "include_topic_authorized_operations": False}


def script(topic: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the requests, in order."""
    new = {"name": topic, "num_partitions": 2, "replication_factor": 1, "assignments": (), "configs": ()}
    one = [{"name": topic, "topic_id": None}]
    config = {"name": "retention.ms", "config_operation": 0, "value": "1000"}
    resource = {"resource_type": 2, "resource_name": topic}
    where = {"partition_index": 0, "current_leader_epoch": -1}

    def offsets(name: str, timestamp: int, partition: int = 0) -> tuple[str, dict[str, Any]]:
        rows = [{"name": name, "partitions": [{**where, "partition_index": partition, "timestamp": timestamp}]}]
        return "list_offsets", {"replica_id": -1, "isolation_level": 0, "topics": rows, "timeout": 1_000}

    commit = {
        "group_id": f"group-{topic}",
        "generation_id_or_member_epoch": -1,
        "member_id": "",
        "group_instance_id": None,
        "retention_time": -1,
        "topics": [
            {
                "name": topic,
                "partitions": [
                    {
                        "partition_index": 0,
                        "committed_offset": 2,
                        "committed_leader_epoch": -1,
                        "committed_metadata": "note",
                    }
                ],
            }
        ],
    }
    return [
        ("metadata", {"topics": one, "allow_auto_topic_creation": False, **NO_OPERATIONS}),
        ("create_topics", {"topics": [new], "timeout": 5_000, "validate_only": True}),
        ("create_topics", {"topics": [new], "timeout": 5_000, "validate_only": False}),
        ("create_topics", {"topics": [new], "timeout": 5_000, "validate_only": False}),
        ("metadata", {"topics": one, "allow_auto_topic_creation": False, **NO_OPERATIONS}),
        (
            "create_partitions",
            {"topics": [{"name": topic, "count": 3, "assignments": None}], "timeout": 5_000, "validate_only": False},
        ),
        (
            "create_partitions",
            {"topics": [{"name": topic, "count": 3, "assignments": None}], "timeout": 5_000, "validate_only": False},
        ),
        (
            "incremental_alter_configs",
            {"resources": [{**resource, "configs": [config]}], "validate_only": False},
        ),
        offsets(topic, -1),
        offsets(topic, -2),
        offsets(topic, -1, partition=9),
        offsets(f"{topic}-none", -1),
        ("find_coordinator", {"key": commit["group_id"], "key_type": 0}),
        ("offset_commit", commit),
        ("offset_fetch", {"group_id": commit["group_id"], "topics": None, "require_stable": False}),
        ("offset_fetch", {"group_id": f"{topic}-none", "topics": None, "require_stable": False}),
        ("describe_groups", {"groups": [commit["group_id"], f"{topic}-none"], "include_authorized_operations": False}),
        ("consumer_group_describe", {"group_ids": [f"{topic}-none"], "include_authorized_operations": False}),
        (
            "init_producer_id",
            {"transactional_id": None, "transaction_timeout": 60_000, "producer_id": -1, "producer_epoch": -1},
        ),
        (
            "offset_for_leader_epoch",
            {
                "replica_id": -1,
                "topics": [
                    {"topic": topic, "partitions": [{"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}]}
                ],
            },
        ),
        ("delete_topics", {"topic_names": [topic, f"{topic}-none"], "timeout": 5_000}),
    ]


def plain(value: Any) -> Any:
    """Return an answer as plain values, without what may differ."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in DIFFERS}
    if isinstance(value, tuple):
        return sorted((plain(each) for each in value), key=repr)  # the order of rows is a broker's own
    return value


def codes_of(answer: Any) -> Iterator[int]:
    """Yield the error codes of an answer, and of its rows."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name == "error_code":
                yield int(value)
            yield from codes_of(value)
    elif isinstance(answer, list):
        for each in answer:
            yield from codes_of(each)


async def answers(bootstrap: str, topic: str) -> list[Any]:
    host, port = bootstrap.split(",", maxsplit=1)[0].rsplit(":", 1)
    config = ClusterConfig("one", ((host, int(port)),))
    connection = await Connection.open(config, host, int(port))
    found = []
    try:
        for api, values in script(topic):
            for _ in range(100):
                answer = await connection.call(api, values)
                if not NO_COORDINATOR_YET & set(codes_of(plain(answer))):
                    break
                await asyncio.sleep(0.1)
            found.append(plain(answer))
            if api == "create_topics" and not values["validate_only"]:
                await known(connection, topic)
    finally:
        connection.close()
    return found


async def known(connection: Connection, topic: str) -> None:
    """Wait until a broker knows a topic that its controller has created, and leads the partitions."""
    asked = {"topics": [{"name": topic, "topic_id": None}], "allow_auto_topic_creation": False, **NO_OPERATIONS}
    for _ in range(100):
        answer = await connection.call("metadata", asked)
        if all(not each.error_code and not any(p.error_code for p in each.partitions) for each in answer.topics):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{topic} is not known")


def test_the_fake_answers_as_a_real_cluster(source_kafka, unique):
    real = asyncio.run(answers(source_kafka.bootstrap(), unique))
    with FakeCluster("one") as fake:
        ours = asyncio.run(answers(fake.bootstrap, unique))
    wrong = {
        f"{number} {api}": (theirs, mine)
        for number, ((api, _), theirs, mine) in enumerate(zip(script(unique), real, ours, strict=True))
        if theirs != mine
    }
    assert not wrong, "\n".join(f"{where}:\n  real {theirs}\n  fake {mine}" for where, (theirs, mine) in wrong.items())


def test_the_fake_finds_offsets_by_time_and_after_a_deletion_as_a_real_cluster(source_kafka, unique):
    """Records of three seconds, one batch each, of which the first is deleted."""
    began_ms = time.time_ns() // 1_000_000 - 60_000
    times = [began_ms + second * 1_000 for second in range(3)]
    asked = [-1, -2, began_ms - 1, times[0], times[1], times[1] + 1, times[2], times[2] + 1]

    async def told(bootstrap: str) -> list[Any]:
        host, port = bootstrap.split(",", maxsplit=1)[0].rsplit(":", 1)
        connection = await Connection.open(ClusterConfig("one", ((host, int(port)),)), host, int(port))
        try:
            where = {"partition_index": 0, "current_leader_epoch": -1}
            found = []
            for timestamp in asked:
                rows = [{"name": unique, "partitions": [{**where, "timestamp": timestamp}]}]
                values = {"replica_id": -1, "isolation_level": 0, "topics": rows, "timeout": 1_000}
                (topic,) = (await connection.call("list_offsets", values)).topics
                found.append(plain(topic.partitions[0]))
            return found
        finally:
            connection.close()

    create_topic(source_kafka, unique)
    for each in times:
        write(source_kafka, unique, [Row(0, b"key", b"value", (), each)])
    delete_records(source_kafka, unique, 0, 1)
    with FakeCluster("one") as fake:
        fake.create(unique)
        for each in times:
            fake.write(unique, [b"value"], now_ms=each)
        fake.topics[unique].delete_before(0, 1)
        ours = asyncio.run(told(fake.bootstrap))
    real = asyncio.run(told(source_kafka.bootstrap()))
    assert [each["offset"] for each in real] == [3, 1, 1, 1, 1, 2, 2, -1]
    assert dict(zip(asked, ours, strict=True)) == dict(zip(asked, real, strict=True))
