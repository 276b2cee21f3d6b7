"""What a source loses is told with the exact offsets, and copying goes on where nothing more is lost."""

import time
from collections.abc import Iterator

import pytest
from cut_logs import delete_topic, line_with, lose_tail, wait_until_gone
from plain_client import (
    LIMIT_S,
    create_topic,
    delete_records,
    end_offsets,
    read,
    simple_rows,
    wait_for_rows,
    write,
)

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]
FIVE = {"batch_num_messages": 5}
STOP = {"heliograph.stop.on.loss": "retention"}


@pytest.fixture(scope="module")
def source() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


def test_a_source_that_lost_its_newest_records_and_has_grown_again(source, target_kafka, heliograph, one_way, unique):
    create_topic(source, unique)
    write(source, unique, simple_rows(50), **FIVE)
    properties = one_way(source, target_kafka, "grown", unique)
    running = heliograph(properties)
    before = wait_for_rows(target_kafka, f"grown.{unique}", 50)
    assert running.stop() == 0
    lose_tail(source, unique, 30)
    write(source, unique, simple_rows(40, first=1000), **FIVE)
    running = heliograph(properties)
    line = line_with(running, "the source has lost records that had been read")
    assert f"topic={unique} " in line
    assert "offsets=30..49" in line
    assert "count=20" in line
    assert "goes_on_at=30" in line
    rows = wait_for_rows(target_kafka, f"grown.{unique}", 90)
    assert rows == before + read(source, unique)[30:]
    running.kill()
    write(source, unique, simple_rows(5, first=2000), **FIVE)
    running = heliograph(one_way(source, target_kafka, "grown", unique, {"target.group.id": unique}))
    assert wait_for_rows(target_kafka, f"grown.{unique}", 95) == before + read(source, unique)[30:]
    assert "WARNING" not in running.log
    assert "ERROR" not in running.log


def test_a_topic_made_anew_and_longer_than_before(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    properties = one_way(source_kafka, target_kafka, "longer", unique)
    running = heliograph(properties)
    before = wait_for_rows(target_kafka, f"longer.{unique}", 10)
    assert running.stop() == 0
    delete_topic(source_kafka, unique)
    wait_until_gone(source_kafka, unique, time.monotonic() + LIMIT_S)
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(30, first=100))
    running = heliograph(properties)
    line = line_with(running, "the source topic was recreated")
    assert "goes_on_at=0" in line
    assert wait_for_rows(target_kafka, f"longer.{unique}", 40) == before + read(source_kafka, unique)


def test_retention_stops_a_partition_alone_where_it_is_told_to(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(20, partitions=2))
    properties = one_way(source_kafka, target_kafka, "halted", unique, STOP)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"halted.{unique}", 20)
    assert running.stop() == 0
    write(source_kafka, unique, simple_rows(20, first=20, partitions=2))
    delete_records(source_kafka, unique, 1, 15)
    for _ in range(2):  # a restart alone accepts nothing
        running = heliograph(properties)
        line = line_with(running, "a partition stands still")
        assert "partition=1" in line
        assert "source offsets 10 to 14" in line
        assert "next_try_in=never" in line
        wait_for_rows(target_kafka, f"halted.{unique}", 30)
        assert end_offsets(target_kafka, f"halted.{unique}") == {0: (0, 20), 1: (0, 10)}
        assert running.stop() == 4
        assert "1 partition stood still after a loss" in running.log
    running = heliograph(one_way(source_kafka, target_kafka, "halted", unique))
    assert "offsets=10..14" in line_with(running, "records were deleted on the source before they could be copied")
    rows = wait_for_rows(target_kafka, f"halted.{unique}", 35)
    assert [row for row in rows if row.partition == 1][10:] == [
        row for row in read(source_kafka, unique) if row.partition == 1
    ]


def test_retention_after_a_hard_stop_loses_nothing_that_was_copied(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    """The stored position is old, and gone from the source: the place is found by the target's last record."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {"target.offset.flush.interval.ms": 600_000}
    running = heliograph(one_way(source_kafka, target_kafka, "late", unique, more))
    wait_for_rows(target_kafka, f"late.{unique}", 10)
    write(source_kafka, unique, simple_rows(30, first=10))
    wait_for_rows(target_kafka, f"late.{unique}", 40)
    running.kill()
    write(source_kafka, unique, simple_rows(10, first=40))
    delete_records(source_kafka, unique, 0, 30)
    running = heliograph(one_way(source_kafka, target_kafka, "late", unique, {"target.group.id": unique}))
    rows = wait_for_rows(target_kafka, f"late.{unique}", 50)
    assert [row.value for row in rows] == [b"v%d" % number for number in range(50)]
    assert running.stop() == 0
    assert "ERROR" not in running.log
