"""After a failover: records and groups come home, nothing goes round in a circle, nothing old is copied again."""

import time

import pytest
from group_moves import ask, commit, committed, read_some
from plain_client import create_topic, read, simple_rows, topics, wait_for_rows, write

pytestmark = pytest.mark.brokers

IDENTITY = {"replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"}


@pytest.fixture
def both_ways(source_kafka, target_kafka, one_way):
    """Give the text of a file for the flow from home to the other side, and of the same with the flow back."""

    def write_it(alias, topics, more):
        settings = {"topics": topics, "offset.flush.interval.ms": 500, **more}
        back = {f"{alias}->target.enabled": "false", f"target->{alias}.enabled": "true"}
        forward = one_way(source_kafka, target_kafka, alias, topics, settings)
        return forward, one_way(source_kafka, target_kafka, alias, topics, {**settings, **back})

    return write_it


def step(answer, name):
    found = next(each for each in answer.told["steps"] if each["name"].startswith(name))
    return found["turn"]


def values(rows):
    return [row.value for row in rows]


def test_identity_names(source_kafka, target_kafka, heliograph, both_ways, tmp_path, unique):
    home, away = source_kafka, target_kafka
    create_topic(home, unique)
    write(home, unique, simple_rows(60))
    forward, backward = both_ways(
        "home", unique, {**IDENTITY, "offset.flush.interval.ms": 60_000, "session.timeout.ms": 6000}
    )
    flow = ("--flow", "home->target")
    running = heliograph(forward)
    wait_for_rows(away, unique, 60)
    write(home, unique, simple_rows(40, first=60))
    wait_for_rows(away, unique, 100)
    running.kill()
    write(home, unique, simple_rows(5, first=100))  # these never go away

    # The group goes over, reads all copies and a part of what is written there.
    reader, slow = f"{unique}-reader", f"{unique}-slow"
    read_some(home, reader, unique, 20)
    commit(home, slow, unique, {0: 7})
    assert ask(tmp_path, forward, "failover", "--group", reader, "--group", slow, "--execute").code == 0
    write(away, unique, simple_rows(30, first=1000))
    rest = read_some(away, reader, unique, 90)
    assert rest[0].value() == b"v20"
    assert rest[-1].value() == b"v1009"

    # Home is back. The reverse flow begins exactly behind the copies, although the killed flow had stored less.
    deadline = time.monotonic() + 30  # until the killed process has left its group
    while step(found := ask(tmp_path, forward, "failback", *flow), "stop the flow") != "done":
        assert time.monotonic() < deadline, found.text
    assert (found.code, step(found, "prepare")) == (1, "due"), found.text
    place = found.told["partitions"][0]
    assert place["boundary"] == {"home": 99, "away": 99}
    assert (place["written"], place["left"], place["stranded"]) == (30, 30, [100, 105])
    found = ask(tmp_path, forward, "failback", *flow, "--execute")
    assert (step(found, "prepare"), step(found, "let the flow target->home copy")) == ("done", "waiting")
    assert ask(tmp_path, forward, "failback", *flow, "--execute").told["executed"] == []

    running = heliograph(backward)
    rows = wait_for_rows(home, unique, 135)
    assert values(rows) == [b"v%d" % number for number in (*range(105), *range(1000, 1030))]

    # The reader would pass over the five that never went away; the slow one has read none of that.
    found = ask(tmp_path, forward, "failback", *flow, "--group", reader, "--group", slow, "--execute")
    assert "pass over records 100 to 104" in found.row(reader, unique)["reason"], found.text
    assert found.row(slow, unique)["verdict"] == "there"
    assert running.stop() == 0
    found = ask(tmp_path, forward, "failback", *flow, "--group", reader, "--group", slow, "--pass-over", "--execute")
    assert found.code == 0, found.text
    assert committed(home, reader, unique) == {0: 115}
    assert read_some(home, reader, unique, 20)[0].value() == b"v1010"

    # The flow goes on behind what came home, and nothing is copied back.
    running = heliograph(forward)
    write(home, unique, simple_rows(10, first=2000))
    rows = wait_for_rows(away, unique, 140)
    assert values(rows) == [b"v%d" % number for number in (*range(100), *range(1000, 1030), *range(2000, 2010))]
    assert running.stop() == 0
    assert "ERROR" not in running.log
    assert "exact place is not known" not in running.log
    found = ask(tmp_path, forward, "failback", *flow, "--group", reader)
    assert (found.code, found.told["partitions"][0]["stage"]) == (0, "done"), found.text


def test_prefixed_names(source_kafka, target_kafka, heliograph, both_ways, tmp_path, unique):
    home, away = source_kafka, target_kafka
    create_topic(home, unique)
    write(home, unique, simple_rows(50))
    forward, _ = both_ways("east", f".*{unique}", {"east->target.enabled": "true", "target->east.enabled": "true"})
    running = heliograph(forward)
    copy = f"east.{unique}"
    wait_for_rows(away, copy, 50)
    group = f"{unique}-group"
    read_some(home, group, unique, 20)
    assert ask(tmp_path, forward, "failover", "--flow", "east->target", "--group", group, "--execute").code == 0

    # Over there the group reads the copies and a topic of that cluster.
    read_some(away, group, copy, 15)
    create_topic(away, unique)
    write(away, unique, simple_rows(30, first=1000))
    read_some(away, group, unique, 10)
    wait_for_rows(home, f"target.{unique}", 30)

    found = ask(tmp_path, forward, "failback", "--flow", "east->target", "--group", group)
    assert found.code == 1
    assert (found.row(group, copy)["to_topic"], found.row(group, copy)["to_offset"]) == (unique, 35)
    assert (found.row(group, unique)["to_topic"], found.row(group, unique)["to_offset"]) == (f"target.{unique}", 10)
    found = ask(tmp_path, forward, "failback", "--flow", "east->target", "--group", group, "--execute")
    assert found.code == 0, found.text
    assert committed(home, group, unique) == {0: 35}
    assert committed(home, group, f"target.{unique}") == {0: 10}
    assert read_some(home, group, unique, 15)[0].value() == b"v35"
    assert read_some(home, group, f"target.{unique}", 20)[0].value() == b"v1010"
    assert running.stop() == 0
    for kafka in (home, away):
        assert len([name for name in topics(kafka) if unique in name]) == 2, "nothing goes round in circles"
    assert len(read(home, f"target.{unique}")) == 30
