"""Positions as they are stored, what is written where, and what is said when positions and clusters disagree."""

import json
import time

import pytest
from plain_client import (
    LIMIT_S,
    Row,
    admin,
    create_topic,
    delete_records,
    end_offsets,
    flush,
    groups,
    producer,
    read,
    read_messages,
    simple_rows,
    topic_config,
    topics,
    wait_for_rows,
    write,
)

from heliograph.testbed import KafkaCluster

pytestmark = pytest.mark.brokers

OFFSET_PARTITIONS = 5


def stored(kafka, alias):
    """Return the stored positions, newest last, as key bytes, partition and decoded value."""
    messages = read_messages(kafka, f"mm2-offsets.{alias}.internal")
    return [(message.key(), message.partition(), json.loads(message.value())) for message in messages]


def key_of(alias, topic, partition):
    return b'["MirrorSourceConnector",{"cluster":"%s","partition":%d,"topic":"%s"}]' % (
        alias.encode(),
        partition,
        topic.encode(),
    )


def java_partitions(kafka, topic, keys):
    """Let librdkafka's twin of Java's partitioner place the keys."""
    create_topic(kafka, topic, OFFSET_PARTITIONS)
    writer = producer(kafka, partitioner="murmur2_random")
    for key in keys:
        writer.produce(topic, b"", key)
    flush(writer)
    return {message.key(): message.partition() for message in read_messages(kafka, topic)}


def test_an_offsets_topic_that_is_not_compacted_is_told_of(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 1)
    create_topic(target_kafka, f"{unique}-offsets", OFFSET_PARTITIONS)
    running = copy("forgets", unique, {"offset.storage.topic": f"{unique}-offsets"})
    running.wait_for("a topic that holds state deletes old records")
    assert f"topic={unique}-offsets" in running.log
    assert "cleanup_policy=delete" in running.log


def test_connects_format_in_the_partition_that_java_would_choose(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 7)
    rows = simple_rows(35, partitions=7)
    write(source_kafka, unique, rows)
    running = copy("stores", unique)
    wait_for_rows(target_kafka, f"stores.{unique}", len(rows))
    assert running.stop() == 0
    found = [each for each in stored(target_kafka, "stores") if unique.encode() in each[0]]
    keys = [key_of("stores", unique, number) for number in range(7)]
    assert {key for key, _, _ in found} == set(keys)
    places = java_partitions(target_kafka, f"{unique}-places", keys)
    assert {key: partition for key, partition, _ in found} == places
    newest = {key: value for key, _, value in found}
    assert {key: (value["offset"], value["target"]) for key, value in newest.items()} == dict.fromkeys(keys, (4, 4))
    assert all(value["topic"] != value["targetTopic"] and value["epoch"] == 0 for value in newest.values())
    assert topics(target_kafka)["mm2-offsets.stores.internal"] == OFFSET_PARTITIONS
    assert topic_config(target_kafka, "mm2-offsets.stores.internal")["cleanup.policy"] == "compact"


def test_positions_are_stored_while_it_runs(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    more = {"target.offset.flush.interval.ms": 200}
    copy("flushes", unique, more)
    write(source_kafka, unique, simple_rows(10))
    wait_for_rows(target_kafka, f"flushes.{unique}", 10)
    deadline = time.monotonic() + 10
    while (key_of("flushes", unique, 0), 9, 9) not in [
        (key, value["offset"], value["target"]) for key, _, value in stored(target_kafka, "flushes")
    ]:
        assert time.monotonic() < deadline, "the position was not stored"
        time.sleep(0.1)


def test_nothing_is_written_to_the_source(target_kafka, heliograph, one_way, unique):
    """On a cluster of its own, for whatever appears there would be ours."""
    with KafkaCluster() as source:
        create_topic(source, unique, 2)
        write(source, unique, simple_rows(20, partitions=2))
        read(source, unique)  # lets the broker make its own topic of groups, as the first client that asks
        topics_before, groups_before = topics(source), groups(source)
        ends_before = end_offsets(source, unique)
        running = heliograph(one_way(source, target_kafka, "readsonly", unique))
        wait_for_rows(target_kafka, f"readsonly.{unique}", 20)
        assert groups(source) == groups_before
        assert running.stop() == 0
        assert topics(source) == topics_before
        assert groups(source) == groups_before
        assert end_offsets(source, unique) == ends_before


def test_another_writer_is_reported_with_the_range(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    running = copy("foreign", unique)
    wait_for_rows(target_kafka, f"foreign.{unique}", 10)
    write(target_kafka, f"foreign.{unique}", [Row(0, b"intruder", b"%d" % number) for number in range(3)])
    write(source_kafka, unique, simple_rows(5, first=10))
    running.wait_for("somebody else writes to the target partition")
    line = next(line for line in running.log.splitlines() if "somebody else writes" in line)
    assert "offsets=10..12" in line
    assert f"topic=foreign.{unique}" in line
    rows = wait_for_rows(target_kafka, f"foreign.{unique}", 18)
    assert [row for row in rows if row.key != b"intruder"] == read(source_kafka, unique)


def test_another_writer_while_it_is_stopped(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    properties = one_way(source_kafka, target_kafka, "absent", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"absent.{unique}", 10)
    assert running.stop() == 0
    write(target_kafka, f"absent.{unique}", [Row(0, b"intruder", b"1")])
    write(source_kafka, unique, simple_rows(5, first=10))
    running = heliograph(properties)
    running.wait_for("the exact place is not known")
    rows = wait_for_rows(target_kafka, f"absent.{unique}", 16)
    assert [row for row in rows if row.key != b"intruder"] == read(source_kafka, unique)


def test_records_deleted_while_it_was_stopped(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(20, partitions=2))
    properties = one_way(source_kafka, target_kafka, "tardy", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"tardy.{unique}", 20)
    assert running.stop() == 0
    write(source_kafka, unique, simple_rows(40, first=20, partitions=2))
    delete_records(source_kafka, unique, 1, 25)
    running = heliograph(properties)
    running.wait_for("records were deleted on the source before they could be copied")
    line = next(line for line in running.log.splitlines() if "records were deleted" in line)
    assert "partition=1" in line
    assert "offsets=10..24" in line
    assert "count=15" in line
    rows = wait_for_rows(target_kafka, f"tardy.{unique}", 45)
    assert [row for row in rows if row.partition == 0] == [
        row for row in read(source_kafka, unique) if row.partition == 0
    ]
    assert rows[-5:] == read(source_kafka, unique)[-5:]


def test_records_deleted_under_a_running_lane(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    running = copy("overtaken", unique)
    wait_for_rows(target_kafka, f"overtaken.{unique}", 10)
    running.freeze()
    # A fetch that was waiting is answered with the first of these; it must not hold them all.
    for number in range(10, 20):
        write(source_kafka, unique, simple_rows(1, first=number))
    delete_records(source_kafka, unique, 0, 18)
    running.thaw()
    running.wait_for("records were deleted on the source before they could be copied")
    line = next(line for line in running.log.splitlines() if "records were deleted" in line)
    first = end_offsets(target_kafka, f"overtaken.{unique}")[0][1]
    rows = wait_for_rows(target_kafka, f"overtaken.{unique}", 12)
    values = [row.value for row in rows]
    assert values[-2:] == [b"v18", b"v19"]
    gone = [number for number in range(20) if b"v%d" % number not in values]
    assert f"offsets={gone[0]}..{gone[-1]}" in line, f"{first}: {line}"
    assert gone == list(range(gone[0], 18))


def delete_topic(kafka, topic):
    client = admin(kafka)
    client.delete_topics([topic])[topic].result(LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while topic in topics(kafka):
        assert time.monotonic() < deadline, f"{topic} is still there"
        time.sleep(0.05)


def test_a_source_topic_made_anew_while_it_was_stopped(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    properties = one_way(source_kafka, target_kafka, "anew", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"anew.{unique}", 10)
    assert running.stop() == 0
    delete_topic(source_kafka, unique)
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(3, first=100))
    running = heliograph(properties)
    running.wait_for("the source topic was recreated")
    assert wait_for_rows(target_kafka, f"anew.{unique}", 13)[10:] == read(source_kafka, unique)


@pytest.mark.parametrize("count", [5, 30])
def test_a_source_topic_made_anew_while_it_runs(source_kafka, target_kafka, copy, unique, count):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    running = copy(f"renewed{count}", unique)
    first = wait_for_rows(target_kafka, f"renewed{count}.{unique}", 10)
    delete_topic(source_kafka, unique)
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(count, first=100))
    running.wait_for("the source topic was recreated")
    wanted = read(source_kafka, unique)
    deadline = time.monotonic() + LIMIT_S
    while (rows := read(target_kafka, f"renewed{count}.{unique}"))[-count:] != wanted:
        assert time.monotonic() < deadline, "the new topic's records did not come"
        time.sleep(0.1)
    assert rows[:10] == first


def test_where_a_partition_without_a_position_begins(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {"ends.consumer.auto.offset.reset": "latest"}
    running = copy("ends", unique, more)
    running.wait_for("running")
    write(source_kafka, unique, simple_rows(5, first=10))
    assert wait_for_rows(target_kafka, f"ends.{unique}", 5) == read(source_kafka, unique)[10:]
