"""Records without key in topics that were compacted later: a compacted copy refuses them."""

import time

import pytest
from plain_client import (
    Row,
    create_topic,
    flush,
    read,
    send,
    set_topic_config,
    simple_rows,
    topic_config,
    transactional,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers
SOON = {"sync.topic.configs.interval.seconds": 1}
OPENED = "a copy is not compacted until records without key are copied"
COMPACTED = "a copy is compacted again"
HELD = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def unkeyed(count, partition=0):
    return [Row(partition, None, b"u%d" % number) for number in range(count)]


def wait_for_configs(kafka, topic, wanted):
    deadline = time.monotonic() + 30
    while (found := {name: topic_config(kafka, topic)[name] for name in wanted}) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_the_copy_is_compacted_when_records_without_key_are_over(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2, retention_ms="900000000")
    write(source_kafka, unique, unkeyed(20) + simple_rows(20))
    writer = transactional(source_kafka, unique)
    writer.begin_transaction()
    send(writer, unique, [Row(1, b"open", b"")])
    flush(writer)
    set_topic_config(source_kafka, unique, "cleanup.policy", "compact")
    remote = f"unkeyed.{unique}"
    running = copy("unkeyed", unique, SOON)
    wait_for_rows(target_kafka, remote, 40)
    running.wait_for(OPENED)
    # A transaction is open, so the copy is not past what the source held: no sync may compact it meanwhile.
    for value in ("700000", "800000"):
        set_topic_config(source_kafka, unique, "segment.ms", value)
        wait_for_configs(target_kafka, remote, {"segment.ms": value} | HELD)
    assert running.stop() == 0
    write(source_kafka, unique, [Row(0, b"last", b"1")])
    running = copy("unkeyed", unique, SOON)
    wait_for_rows(target_kafka, remote, 41)
    writer.abort_transaction(30)
    wait_for_configs(target_kafka, remote, {"cleanup.policy": "compact", "retention.ms": "900000000"})
    assert read(target_kafka, remote) == read(source_kafka, unique)


def test_a_copy_gets_back_what_it_had_of_its_own(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    own = {"cleanup.policy": "compact,delete", "retention.ms": "900000000", "retention.bytes": "123456789"}
    remote = f"own.{unique}"
    create_topic(target_kafka, remote, **{name.replace(".", "_"): value for name, value in own.items()})
    running = copy("own", unique, {"sync.topic.configs.enabled": "false"})
    write(source_kafka, unique, simple_rows(10))
    wait_for_rows(target_kafka, remote, 10)
    write(source_kafka, unique, unkeyed(10))
    write(source_kafka, unique, simple_rows(10, first=10))
    running.wait_for("a partition stands still")
    assert OPENED not in running.log, "the source is not compacted: records without key would never be over"
    set_topic_config(source_kafka, unique, "cleanup.policy", "compact,delete")
    wait_for_rows(target_kafka, remote, 30)
    running.wait_for(COMPACTED)
    wait_for_configs(target_kafka, remote, own)
    assert read(target_kafka, remote) == read(source_kafka, unique)
    assert running.log.count(OPENED) == 1
