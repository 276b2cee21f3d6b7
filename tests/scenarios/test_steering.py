"""A hand on the valve: a flow, a topic, a partition is paused and goes on, with real brokers, under load."""

import json

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
ONCE = {"target.exactly.once.source.support": "enabled"}


def ends(kafka, topic, partitions=PARTITIONS):
    """Where the partitions of a topic end."""
    from confluent_kafka import Consumer, TopicPartition

    reader = Consumer({**kafka.librdkafka_config(), "group.id": "ends"})
    try:
        return [reader.get_watermark_offsets(TopicPartition(topic, number), 20)[1] for number in range(partitions)]
    finally:
        reader.close()


@pytest.fixture
def valve(heliograph):
    """Run ``pause``, ``resume`` or ``restart`` and return what it says."""

    def run(command, properties, *options, exit_code=0):
        ran = heliograph(properties, *options, "--json", command=command)
        assert ran.wait() == exit_code, ran.log
        return json.loads(ran.log)

    return run


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
