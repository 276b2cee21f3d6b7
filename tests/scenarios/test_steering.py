"""A hand on the valve: a flow, a topic, a partition is paused and goes on, with real brokers, under load."""

import time

import pytest
from plain_client import create_topic, delete_records, end_offsets, read, simple_rows, topics, wait_for_rows, write
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, wait_for_shares

from heliograph.testbed import MirrorMaker

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
ONCE = {"target.exactly.once.source.support": "enabled"}


def ends(kafka, topic, partitions=PARTITIONS):
    """Where the partitions of a topic end."""
    found = end_offsets(kafka, topic)
    return [found[number][1] for number in range(partitions)]


def wait_for_state(kafka, topic, state):
    """Wait until MirrorMaker 2 says of its source connector what it does."""
    deadline = time.monotonic() + 90
    while True:
        rows = read(kafka, topic) if topic in topics(kafka) else []
        told = [row.value for row in rows if row.key == b"status-connector-MirrorSourceConnector"]
        if told and b'"state":"%s"' % state in told[-1]:
            return
        assert time.monotonic() < deadline, told
        time.sleep(0.2)


@pytest.mark.parametrize("more", [{}, ONCE], ids=["plain", "transactions"])
def test_a_flow_is_paused_and_goes_on(source_kafka, target_kafka, heliograph, one_way, unique, valve, more):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "valve", unique, more)
    copy = f"valve.{unique}"
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=2000) as load:
        first = heliograph(properties)
        wait_for_shares({first: 6}, 30)
        second = heliograph(properties)
        wait_for_shares({first: 3, second: 3})
        said = valve("pause", properties)
        assert (said["done"], said["copier"], said["left"]) == (True, "workers", {})
        before = ends(target_kafka, copy)
        load.wait_for(2000)
        assert ends(target_kafka, copy) == before
        assert valve("pause", properties)["changed"] is False
        assert valve("resume", properties)["done"] is True
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, first)
    assert_unharmed(first, second)
    assert (first.stop(), second.stop()) == (0, 0)


def test_a_topic_and_a_partition_are_paused_and_stay_so(source_kafka, target_kafka, heliograph, one_way, unique, valve):
    one, other = f"{unique}-a", f"{unique}-b"
    create_topic(source_kafka, one, PARTITIONS)
    create_topic(source_kafka, other, 2)
    properties = one_way(source_kafka, target_kafka, "valve2", f"{unique}-.*")
    with Load(source_kafka, one, partitions=PARTITIONS, rate_s=1000) as load:
        first = heliograph(properties)
        wait_for_shares({first: 8}, 30)
        said = valve("pause", properties, "--topic", one, "--partition", "2", "--partition", "4")
        assert said["topics"] == {one: [2, 4]}
        valve("pause", properties, "--topic", other)
        before = ends(target_kafka, f"valve2.{one}")
        write(source_kafka, other, simple_rows(20, partitions=2))
        load.wait_for(1000)
        first.kill()
        second = heliograph(properties)  # what is paused is so for who takes over
        wait_for_shares({second: 4}, 30)
        load.wait_for(1000)
        after = ends(target_kafka, f"valve2.{one}")
        assert [number for number in range(PARTITIONS) if after[number] == before[number]] == [2, 4]
        assert ends(target_kafka, f"valve2.{other}", 2) == [0, 0]
        valve("resume", properties, "--topic", one, "--partition", "2")
        wait_for_shares({second: 5})
        valve("resume", properties, "--topic", one)
        valve("resume", properties, "--topic", other)
        wait_for_shares({second: 8})
        total = load.finish()
        assert_equal(source_kafka, target_kafka, one, f"valve2.{one}", total, second)
        wait_for_rows(target_kafka, f"valve2.{other}", 20)
    assert_unharmed(second)


@pytest.mark.parametrize("more", [{}, ONCE], ids=["plain", "transactions"])
def test_a_restart_under_load_loses_and_doubles_nothing(
    source_kafka, target_kafka, heliograph, one_way, unique, valve, more
):
    create_topic(source_kafka, unique, PARTITIONS)
    alias = "valve12" if not more else "valve13"
    properties, copy = one_way(source_kafka, target_kafka, alias, unique, more), f"{alias}.{unique}"
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=2000) as load:
        first = heliograph(properties)
        wait_for_shares({first: 6}, 30)
        second = heliograph(properties)
        wait_for_shares({first: 3, second: 3})
        said = valve("restart", properties, "--topic", unique)
        assert (said["done"], said["topics"]) == (True, {unique: list(range(PARTITIONS))})
        for each in (first, second):
            each.wait_for("partitions were started again")
        load.wait_for(2000)
        valve("restart", properties)
        for each in (first, second):
            each.wait_for("starting over")
            each.wait_for(" copying ", times=2)
        wait_for_shares({first: 3, second: 3})
        load.wait_for(2000)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, first)
    assert_unharmed(first, second)
    assert (first.stop(), second.stop()) == (0, 0)


def test_a_partition_that_stands_still_after_a_loss_goes_on_after_a_restart(
    source_kafka, target_kafka, heliograph, one_way, unique, valve
):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(40, partitions=2))
    properties = one_way(source_kafka, target_kafka, "valve7", unique, {"heliograph.stop.on.loss": "retention"})
    copy = f"valve7.{unique}"
    first = heliograph(properties)
    wait_for_rows(target_kafka, copy, 40)
    assert first.stop() == 0
    write(source_kafka, unique, simple_rows(40, first=40, partitions=2))
    delete_records(source_kafka, unique, 1, 30)
    second = heliograph(properties)
    second.wait_for("met a loss")
    wait_for_rows(target_kafka, copy, 60)
    valve("restart", properties, "--topic", unique, "--partition", "1")
    wait_for_rows(target_kafka, copy, 70)
    second.wait_for("partitions were started again")
    valve("restart", properties)
    second.wait_for("starting over")
    second.wait_for(" running ", times=2)
    write(source_kafka, unique, simple_rows(20, first=80, partitions=2))
    wait_for_rows(target_kafka, copy, 90)
    assert second.stop() == 0


def test_a_real_mirror_maker_honours_a_paused_flow_and_says_so_to_us(
    source_kafka, target_kafka, heliograph, one_way, unique, valve
):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {"config.storage.replication.factor": 1, "status.storage.replication.factor": 1}
    properties, copy = one_way(source_kafka, target_kafka, "valve8", unique, more), f"valve8.{unique}"
    assert valve("pause", properties)["copier"] == "nobody"
    valve("pause", properties, "--topic", unique)  # of which it knows nothing
    with MirrorMaker(properties, clusters=["target"]) as theirs:
        wait_for_state(target_kafka, "mm2-status.valve8.internal", b"PAUSED")
        assert copy not in topics(target_kafka)
        said = valve("resume", properties)
        assert (said["copier"], said["done"]) == ("mirrormaker", True)
        wait_for_state(target_kafka, "mm2-status.valve8.internal", b"RUNNING")
        wait_for_rows(target_kafka, copy, 10, limit_s=60)
        assert f"Discarding config update record with invalid key: heliograph-paused-{unique}" in theirs.log()
        assert valve("pause", properties)["changed"] is True
        wait_for_state(target_kafka, "mm2-status.valve8.internal", b"PAUSED")
        ran = heliograph(properties, "--topic", unique, "--to-beginning", "--execute", command="rewind")
        assert ran.wait() == 3
        assert "running MirrorMaker 2, which cannot be told of topics" in ran.log
