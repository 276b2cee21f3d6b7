"""Several flows in one process: both directions at once, and flows that fail beside flows that run."""

import pytest
from plain_client import create_topic, read, simple_rows, topics, wait_for_rows, write

from heliograph.testbed.ports import Ports

pytestmark = pytest.mark.brokers

COMMON = {
    "replication.factor": 1,
    "refresh.topics.interval.seconds": 1,
    "offset.storage.partitions": 5,
}


def text_of(settings):
    return "".join(f"{key} = {value}\n" for key, value in {**settings, **COMMON}.items())


def test_both_directions(source_kafka, target_kafka, heliograph, unique):
    for kafka in (source_kafka, target_kafka):
        create_topic(kafka, unique, 2)
    write(source_kafka, unique, simple_rows(50, partitions=2))
    write(target_kafka, unique, simple_rows(70, first=1000, partitions=2))
    properties = text_of(
        {
            "clusters": "east, west",
            "east.bootstrap.servers": source_kafka.bootstrap(),
            "west.bootstrap.servers": target_kafka.bootstrap(),
            "offset.storage.replication.factor": 1,
            "east->west.enabled": "true",
            "west->east.enabled": "true",
            "topics": f".*{unique}.*",
        }
    )
    running = heliograph(properties)
    assert wait_for_rows(target_kafka, f"east.{unique}", 50) == read(source_kafka, unique)
    assert wait_for_rows(source_kafka, f"west.{unique}", 70) == read(target_kafka, unique)
    write(source_kafka, unique, simple_rows(10, first=50, partitions=2))
    assert wait_for_rows(target_kafka, f"east.{unique}", 60) == read(source_kafka, unique)
    for kafka, other in ((source_kafka, "west"), (target_kafka, "east")):
        found = {name for name in topics(kafka) if unique in name}
        assert found == {unique, f"{other}.{unique}"}, "nothing goes round in circles"
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_a_flow_that_fails_leaves_the_others_running(source_kafka, target_kafka, heliograph, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20))
    closed = Ports()
    port = closed.take()
    closed.close()
    properties = text_of(
        {
            "clusters": "good, here, gone, strict",
            "good.bootstrap.servers": source_kafka.bootstrap(),
            "here.bootstrap.servers": target_kafka.bootstrap(),
            "strict.bootstrap.servers": target_kafka.bootstrap(),
            "gone.bootstrap.servers": f"127.0.0.1:{port}",
            "good->here.enabled": "true",
            "good->gone.enabled": "true",
            "good->strict.enabled": "true",
            "strict.group.id": f"{unique}-strict",
            "strict.offset.storage.topic": f"{unique}-offsets",
            "strict.offset.storage.replication.factor": 3,
            "here.offset.storage.replication.factor": 1,
            "topics": unique,
        }
    )
    running = heliograph(properties)
    running.wait_for("waiting for a cluster")
    running.wait_for("flow failed")
    assert wait_for_rows(target_kafka, f"good.{unique}", 20) == read(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20, first=20))
    assert wait_for_rows(target_kafka, f"good.{unique}", 40) == read(source_kafka, unique)
    lines = running.log.splitlines()
    waiting = next(line for line in lines if "waiting for a cluster" in line)
    assert "good->gone" in waiting
    assert f"127.0.0.1:{port}" in waiting
    failed = next(line for line in lines if "flow failed" in line)
    assert "good->strict" in failed
    assert "eplication factor" in failed
    assert running.stop() == 0
