"""Stopped or killed under load, again and again: nothing is lost, nothing is there twice, order is kept."""

import time

import pytest
from plain_client import create_topic, read, wait_for_rows, write_transactions
from steady_load import Load, assert_equal

pytestmark = pytest.mark.brokers

PARTITIONS = 3
ROUNDS = 5
STOP_S = 20.0
"""A request's time-out is 30 s: what waits for one stops later."""


def contents(rows):
    """All but the timestamps, which a target may assign itself."""
    return [(row.partition, row.key, row.value) for row in rows]


def test_stopped_under_load(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "stopped", unique)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=3000) as load:
        for _ in range(3):
            running = heliograph(properties)
            running.wait_for("running")
            load.wait_for(2000)
            begun = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - begun < STOP_S
            assert "the exact place is not known" not in running.log
            assert "not acknowledged in time" not in running.log
        running = heliograph(properties)
        total = load.finish()
    assert_equal(source_kafka, target_kafka, unique, f"stopped.{unique}", total, running)
    assert "the exact place is not known" not in running.log


@pytest.mark.parametrize("stamps", ["CreateTime", "LogAppendTime"])
def test_killed_under_load(source_kafka, target_kafka, copy, unique, stamps):
    """Each process has a group of its own, or it would wait for the dead one's session to end."""
    create_topic(source_kafka, unique, PARTITIONS)
    create_topic(target_kafka, f"killed.{unique}", PARTITIONS, message_timestamp_type=stamps)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=4000) as load:
        for number in range(ROUNDS):
            more = {"target.group.id": f"{unique}-{number}"}
            running = copy("killed", unique, more)
            running.wait_for("copying")
            load.wait_for(1000 * number)
            running.kill()
            assert "the exact place is not known" not in running.log
        more = {"target.group.id": f"{unique}-last"}
        running = copy("killed", unique, more)
        total = load.finish()
    rows = wait_for_rows(target_kafka, f"killed.{unique}", total)
    assert contents(rows) == contents(read(source_kafka, unique)), f"{len(rows)} of {total} records:\n{running.log}"
    assert "the exact place is not known" not in running.log


def test_killed_among_transactions(source_kafka, target_kafka, copy, unique):
    """Markers and aborted records have offsets but no copies, so the two sides' offsets drift apart."""
    create_topic(source_kafka, unique, 2)
    for number in range(4):
        more = {"target.group.id": f"{unique}-{number}"}
        running = copy("torn", unique, more)
        running.wait_for("running")
        write_transactions(source_kafka, unique, f"{unique}-{number}", 20)
        running.kill()
        assert "the exact place is not known" not in running.log
    running = copy("torn", unique, {"target.group.id": f"{unique}-last"})
    wanted = read(source_kafka, unique)
    assert wait_for_rows(target_kafka, f"torn.{unique}", len(wanted)) == wanted
    assert "the exact place is not known" not in running.log
