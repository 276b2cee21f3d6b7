"""What a target loses, or gets from others, is told with the exact offsets; what is missing is copied again."""

import time
from collections.abc import Iterator

import pytest
from cut_logs import delete_topic, line_with, lose_tail, wait_until_gone
from plain_client import (
    LIMIT_S,
    Row,
    create_topic,
    delete_records,
    end_offsets,
    read,
    simple_rows,
    wait_for_rows,
    write,
    write_transactions,
)

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]
OFTEN = {"target.offset.flush.interval.ms": 200}


@pytest.fixture(scope="module")
def target() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


def test_a_target_topic_deleted_while_it_is_written(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(30))
    running = copy("deleted", unique)
    wait_for_rows(target_kafka, f"deleted.{unique}", 30)
    delete_topic(target_kafka, f"deleted.{unique}")
    write(source_kafka, unique, simple_rows(10, first=30))
    line = line_with(running, "the target topic was deleted")
    assert f"topic=deleted.{unique}" in line
    assert "offsets=0..29" in line
    assert "goes_on_at=0" in line
    assert wait_for_rows(target_kafka, f"deleted.{unique}", 40) == read(source_kafka, unique)
    assert running.stop() == 0


@pytest.mark.parametrize("others", [0, 100], ids=["empty", "longer"])
def test_a_target_topic_deleted_while_nobody_writes(source_kafka, target_kafka, heliograph, one_way, unique, others):
    alias = f"gone{others}"
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(30))
    properties = one_way(source_kafka, target_kafka, alias, unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"{alias}.{unique}", 30)
    assert running.stop() == 0
    delete_topic(target_kafka, f"{alias}.{unique}")
    wait_until_gone(target_kafka, f"{alias}.{unique}", time.monotonic() + LIMIT_S)
    if others:
        create_topic(target_kafka, f"{alias}.{unique}")
        write(target_kafka, f"{alias}.{unique}", [Row(0, b"other", b"%d" % number) for number in range(others)])
    running = heliograph(properties)
    assert "offsets=0..29" in line_with(running, "the target topic was deleted")
    assert wait_for_rows(target_kafka, f"{alias}.{unique}", others + 30)[others:] == read(source_kafka, unique)
    assert running.stop() == 0


def test_a_deleted_target_topic_stops_its_partitions_where_they_are_told_to(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(30))
    more = {"heliograph.stop.on.loss": "target-deletion, foreign-write"}
    running = heliograph(one_way(source_kafka, target_kafka, "wait", unique, more))
    wait_for_rows(target_kafka, f"wait.{unique}", 30)
    delete_topic(target_kafka, f"wait.{unique}")
    line = line_with(running, "a partition stands still")
    assert "target offsets 0 to 29" in line
    assert f"To go on in spite of it: heliograph restart --topic {unique} --partition " in line
    assert running.stop() == 4
    assert end_offsets(target_kafka, f"wait.{unique}") == {0: (0, 0)}
    running = heliograph(one_way(source_kafka, target_kafka, "wait", unique))
    assert wait_for_rows(target_kafka, f"wait.{unique}", 30) == read(source_kafka, unique)


def test_a_foreign_writer_stops_a_partition_where_it_is_told_to(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {"heliograph.stop.on.loss": "all"}
    properties = one_way(source_kafka, target_kafka, "intruded", unique, {**more, **OFTEN})
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"intruded.{unique}", 10)
    write(target_kafka, f"intruded.{unique}", [Row(0, b"intruder", b"%d" % number) for number in range(3)])
    write(source_kafka, unique, simple_rows(5, first=10))
    assert "target offsets 10 to 12" in line_with(running, "a partition stands still")
    assert running.stop() == 4
    running = heliograph(properties)
    line_with(running, "a partition stands still")
    write(source_kafka, unique, simple_rows(5, first=15))
    assert running.stop() == 4
    assert end_offsets(target_kafka, f"intruded.{unique}") == {0: (0, 18)}
    running = heliograph(one_way(source_kafka, target_kafka, "intruded", unique))
    rows = wait_for_rows(target_kafka, f"intruded.{unique}", 23)
    assert {row.value for row in rows} >= {row.value for row in read(source_kafka, unique)}


def test_a_target_that_lost_its_newest_records(source_kafka, target, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(50))
    properties = one_way(source_kafka, target, "short", unique)
    running = heliograph(properties)
    wait_for_rows(target, f"short.{unique}", 50)
    for first in range(50, 70, 5):  # in batches that can be cut apart
        write(source_kafka, unique, simple_rows(5, first=first))
        wait_for_rows(target, f"short.{unique}", first + 5)
    assert running.stop() == 0
    lose_tail(target, f"short.{unique}", 60)
    write(source_kafka, unique, simple_rows(10, first=70))
    running = heliograph(properties)
    line = line_with(running, "the target has lost records that it had acknowledged")
    assert "offsets=60..69" in line
    assert "goes_on_at=60" in line
    rows = wait_for_rows(target, f"short.{unique}", 80)
    assert rows == read(source_kafka, unique), "what was lost is there again, once and in its place"
    assert running.stop() == 0


def test_records_copied_again_are_found_through_holes(source_kafka, target, heliograph, one_way, unique):
    """Offsets on both sides differ: markers and aborted transactions lie between the records on the source."""
    create_topic(source_kafka, unique, 2)
    write_transactions(source_kafka, unique, f"{unique}-a", 12)
    properties = one_way(source_kafka, target, "holes", unique)
    running = heliograph(properties)
    wanted = read(source_kafka, unique, committed=True)
    assert wait_for_rows(target, f"holes.{unique}", len(wanted)) == wanted
    assert running.stop() == 0
    lose_tail(target, f"holes.{unique}", 0)  # the first batch holds them all
    running = heliograph(properties)
    line_with(running, "the target has lost records that it had acknowledged")
    assert wait_for_rows(target, f"holes.{unique}", len(wanted)) == wanted
    assert running.stop() == 0


def test_records_deleted_from_the_front_of_the_copy_do_no_harm(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20))
    more = {"target.offset.flush.interval.ms": 600_000}
    running = heliograph(one_way(source_kafka, target_kafka, "front", unique, more))
    wait_for_rows(target_kafka, f"front.{unique}", 20)
    delete_records(target_kafka, f"front.{unique}", 0, 15)
    write(source_kafka, unique, simple_rows(5, first=20))
    wait_for_rows(target_kafka, f"front.{unique}", 10)
    running.kill()
    delete_records(target_kafka, f"front.{unique}", 0, 25)
    assert "ERROR" not in running.log
    running = heliograph(one_way(source_kafka, target_kafka, "front", unique, {"target.group.id": unique}))
    running.wait_for("running")
    write(source_kafka, unique, simple_rows(5, first=25))
    rows = wait_for_rows(target_kafka, f"front.{unique}", 5)
    assert {row.value for row in rows} >= {b"v%d" % number for number in range(25, 30)}
    assert "ERROR" not in running.log
