"""Positions that a person sets: what is copied again or left out, with real brokers, as the preview says."""

from datetime import UTC, datetime

import pytest
from plain_client import create_topic, read, read_messages, simple_rows, wait_for_rows, write
from steady_load import Load
from worker_shares import assert_unharmed, wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
ONCE = {"target.exactly.once.source.support": "enabled"}


def values(kafka, topic, partition):
    """What a partition holds, in order."""
    return [row.value for row in read(kafka, topic) if row.partition == partition]


@pytest.mark.parametrize("more", [{}, ONCE], ids=["plain", "transactions"])
def test_a_topic_is_rewound_and_skipped_while_it_is_copied(
    source_kafka, target_kafka, heliograph, one_way, unique, valve, more
):
    """What the preview says is what then is seen on the target; a kill right afterwards changes nothing of it."""
    create_topic(source_kafka, unique, 3)
    rows = simple_rows(90, partitions=3)
    write(source_kafka, unique, rows)
    alias = "valve3" if not more else "valve4"
    properties, copy = one_way(source_kafka, target_kafka, alias, unique, more), f"{alias}.{unique}"
    first = heliograph(properties)
    wait_for_rows(target_kafka, copy, 90)
    looked = valve("rewind", properties, "--topic", unique, "--partition", "1", "--to-offset", "10")
    assert looked["executed"] is False
    assert [(each["position"], each["new_position"], each["twice"]) for each in looked["partitions"]] == [(30, 10, 20)]
    done = valve("rewind", properties, "--topic", unique, "--partition", "1", "--to-offset", "10", "--execute")
    assert (done["executed"], done["partitions"]) == (True, looked["partitions"])
    first.kill()
    doubled = [row for row in rows if row.partition == 1]
    second = heliograph(properties)
    wait_for_rows(target_kafka, copy, 110)
    assert values(target_kafka, copy, 1) == [row.value for row in [*doubled, *doubled[10:]]]
    assert second.stop() == 0
    # What is left out stays out, also where no worker runs.
    write(source_kafka, unique, simple_rows(30, first=90, partitions=3))
    done = valve("rewind", properties, "--topic", unique, "--by", "4", "--execute")
    assert [each["left_out"] for each in done["partitions"]] == [4, 4, 4]
    third = heliograph(properties)
    wait_for_rows(target_kafka, copy, 110 + 30 - 12)
    third.kill()
    fourth = heliograph(properties)
    write(source_kafka, unique, simple_rows(3, first=120, partitions=3))
    wait_for_rows(target_kafka, copy, 110 + 30 - 12 + 3)
    last = [row.value for row in simple_rows(33, first=90, partitions=3) if row.partition == 2]
    assert values(target_kafka, copy, 2)[-7:] == last[4:]
    assert fourth.stop() == 0
    for each in (first, second, third, fourth):
        assert_unharmed(each)


def test_a_rewind_under_load_with_two_workers(source_kafka, target_kafka, heliograph, one_way, unique, valve):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "valve5", unique)
    copy = f"valve5.{unique}"
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=1000) as load:
        first = heliograph(properties)
        wait_for_shares({first: 6}, 30)
        second = heliograph(properties)
        wait_for_shares({first: 3, second: 3})
        load.wait_for(1000)
        done = valve("rewind", properties, "--topic", unique, "--to-beginning", "--execute")
        load.wait_for(500)
        total = load.finish()
    twice = [each["twice"] for each in done["partitions"]]
    assert min(twice) > 100
    wait_for_rows(target_kafka, copy, total + sum(twice))
    for number, count in enumerate(twice):
        original = values(source_kafka, unique, number)
        assert values(target_kafka, copy, number) == original[:count] + original
    assert_unharmed(first, second)
    assert (first.stop(), second.stop()) == (0, 0)


def test_to_a_time(source_kafka, target_kafka, heliograph, one_way, unique, valve):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    properties, copy = one_way(source_kafka, target_kafka, "valve6", unique), f"valve6.{unique}"
    before = read_messages(source_kafka, unique)
    done = valve("rewind", properties, "--topic", unique, "--to-time", "2001-01-01T00:00:00Z", "--execute")
    assert [(each["position"], each["new_position"]) for each in done["partitions"]] == [(0, 0)]
    running = heliograph(properties)
    wait_for_rows(target_kafka, copy, 10)
    at = datetime.fromtimestamp(before[4].timestamp()[1] / 1000, UTC).isoformat()
    done = valve("rewind", properties, "--topic", unique, "--to-time", at, "--execute")
    (step,) = done["partitions"]
    assert step["new_position"] == next(
        each.offset() for each in before if each.timestamp()[1] >= before[4].timestamp()[1]
    )
    wait_for_rows(target_kafka, copy, 10 + step["twice"])
    assert running.stop() == 0
    assert_unharmed(running)
