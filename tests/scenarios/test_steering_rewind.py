"""Positions that a person sets: what is copied again or left out, with real brokers, as the preview says."""

import time
from datetime import UTC, datetime

import pytest
from group_moves import ask, commit, committed
from plain_client import create_topic, read, read_messages, simple_rows, topics, wait_for_rows, write
from steady_load import Load
from worker_shares import assert_unharmed, wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
ONCE = {"target.exactly.once.source.support": "enabled"}


def enumerate_offsets(kafka, topic):
    """Offset and value of each record of a topic with one partition."""
    return [(each.offset(), each.value()) for each in read_messages(kafka, topic)]


def told(kafka, alias):
    """What people have told a flow, as records."""
    name = f"mm2-configs.{alias}.internal"
    return read(kafka, name) if name in topics(kafka) else []


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


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


def test_one_that_is_killed_half_way_is_completed_by_the_next(
    source_kafka, target_kafka, heliograph, one_way, unique, valve
):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(40, partitions=2))
    properties, copy = one_way(source_kafka, target_kafka, "valve11", unique), f"valve11.{unique}"
    running = heliograph(properties)
    wait_for_rows(target_kafka, copy, 40)
    running.freeze()  # so that it does not give the partition up
    order = ("--topic", unique, "--partition", "1", "--to-offset", "5", "--execute")
    first = heliograph(properties, *order, command="rewind")
    wait_until(
        lambda: any(row.key == b"heliograph-rewind-1-" + unique.encode() for row in told(target_kafka, "valve11"))
    )
    first.kill()
    running.thaw()
    running.wait_for("partitions paused")
    write(source_kafka, unique, simple_rows(10, first=40, partitions=2))
    wait_for_rows(target_kafka, copy, 45)
    assert values(target_kafka, copy, 1) == values(source_kafka, unique, 1)[:20], "nothing is lost or twice yet"
    (step,) = valve("rewind", properties, *order)["partitions"]
    assert (step["position"], step["twice"]) == (20, 15)
    wait_for_rows(target_kafka, copy, 50 + 15)
    original = values(source_kafka, unique, 1)
    assert values(target_kafka, copy, 1) == original[:20] + original[5:]
    assert_unharmed(running)
    assert running.stop() == 0


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


@pytest.mark.parametrize(("goal", "more"), [("--to-offset=40", ONCE), ("--by=15", {})], ids=["back", "further"])
def test_no_group_skips_a_record_after_it(
    source_kafka, target_kafka, heliograph, one_way, unique, valve, tmp_path, more, goal
):
    """Whatever a group has still to read of what the copy holds lies behind its place there, before and after."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(100))
    groups = {f"{unique}-{place}": place for place in (0, 30, 39, 40, 41, 90, 99, 100)}
    for group, place in groups.items():
        commit(source_kafka, group, unique, {0: place})
    alias = ("valve9" if not more else "valve10") + ("b" if goal.startswith("--by") else "")
    synced = {
        **more,
        "groups": f"{unique}-.*",
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": 1,
        "emit.checkpoints.interval.seconds": 1,
    }
    properties, copy = one_way(source_kafka, target_kafka, alias, unique, synced), f"{alias}.{unique}"
    running = heliograph(properties)
    wait_for_rows(target_kafka, copy, 100)

    def nothing_is_skipped(places):
        held = dict(enumerate_offsets(target_kafka, copy))
        there = set(held.values())
        for group, place in places.items():
            wanted = [value for value in values(source_kafka, unique, 0)[groups[group] :] if value in there]
            found = {value for offset, value in held.items() if offset >= place}
            assert set(wanted) <= found, (group, place, sorted(set(wanted) - found)[:3])

    def where_they_stand():
        return {group: found[0] for group in groups if (found := committed(target_kafka, group, copy))}

    def where_they_would_go(*options):
        told = ask(tmp_path, properties, "failover", "--all", "--allow-repeats", *options)
        return {row["group"]: row["to_offset"] for row in told.rows if row["to_offset"] is not None}

    wait_until(lambda: len(where_they_stand()) >= len(groups) - 1)
    nothing_is_skipped(where_they_stand())
    if goal.startswith("--by"):
        valve("pause", properties)
        write(source_kafka, unique, simple_rows(20, first=100))
    (step,) = valve("rewind", properties, "--topic", unique, goal, "--execute")["partitions"]
    nothing_is_skipped(where_they_would_go())
    if goal.startswith("--by"):
        valve("resume", properties)
    wait_for_rows(target_kafka, copy, 105 if goal.startswith("--by") else 160)
    assert step["twice"] + step["left_out"] == (15 if goal.startswith("--by") else 60)
    nothing_is_skipped(where_they_would_go())
    write(source_kafka, unique, simple_rows(5, first=200))
    wait_for_rows(target_kafka, copy, 110 if goal.startswith("--by") else 165)
    nothing_is_skipped(where_they_stand())
    nothing_is_skipped(where_they_would_go("--without-source"))
    assert running.stop() == 0
    nothing_is_skipped(where_they_stand())
    nothing_is_skipped(where_they_would_go())
