"""After a failover: records and groups come home, nothing goes round in a circle, nothing old is copied again."""

import time

import pytest
from group_moves import ask, commit, committed, read_some
from plain_client import create_topic, read, read_messages, simple_rows, topics, wait_for_rows, write

from heliograph.mirror.formats import decode_offset_sync

pytestmark = pytest.mark.brokers

IDENTITY = {"replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"}


@pytest.fixture
def both_ways(source_kafka, target_kafka):
    """Return the text of a file for the flow from home to away, and of the same with the flow back instead."""

    def write_it(home, away, chosen, more):
        common = {
            "clusters": f"{home}, {away}",
            f"{home}.bootstrap.servers": source_kafka.bootstrap(),
            f"{away}.bootstrap.servers": target_kafka.bootstrap(),
            "topics": chosen,
            "replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "offset.storage.partitions": 5,
            "refresh.topics.interval.seconds": 1,
            **more,
        }

        def text(*enabled):
            flows = {f"{flow}.enabled": "true" for flow in enabled}
            return "".join(f"{key} = {value}\n" for key, value in {**common, **flows}.items())

        return text(f"{home}->{away}"), text(f"{away}->{home}"), text(f"{home}->{away}", f"{away}->{home}")

    return write_it


def step(answer, name):
    found = next(each for each in answer.told["steps"] if each["name"].startswith(name))
    return found["turn"]


def values(rows):
    return [row.value for row in rows]


def synced(target, source, topic):
    """Wait until a flow has written offset syncs of a topic, and return their pairs."""
    deadline = time.monotonic() + 30
    while True:
        messages = read_messages(target, f"mm2-offset-syncs.{source}.internal")
        found = [decode_offset_sync(each.key(), each.value()) for each in messages]
        if pairs := [(each.upstream_offset, each.downstream_offset) for each in found if each.topic == topic]:
            return pairs
        assert time.monotonic() < deadline, "no offset syncs were written"
        time.sleep(0.1)


def test_identity_names(source_kafka, target_kafka, heliograph, both_ways, tmp_path, unique):
    home, away = source_kafka, target_kafka
    create_topic(home, unique)
    write(home, unique, simple_rows(60))
    slowly = {"offset.flush.interval.ms": 60_000, "session.timeout.ms": 6000}
    forward, backward, _ = both_ways("home", "away", unique, {**IDENTITY, **slowly})
    backward += "away->home.offset-syncs.topic.replication.factor = 1\n"  # the way there does without syncs
    flow = ("--flow", "home->away")
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
    assert (step(found, "prepare"), step(found, "let the flow away->home copy")) == ("done", "waiting")
    assert ask(tmp_path, forward, "failback", *flow, "--execute").told["executed"] == []

    running = heliograph(backward)
    rows = wait_for_rows(home, unique, 135)
    assert values(rows) == [b"v%d" % number for number in (*range(105), *range(1000, 1030))]

    assert synced(home, "away", unique)[0] == (100, 105)
    assert "mm2-offset-syncs.home.internal" not in topics(away), "each flow has its own syncs"

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
    _, _, both = both_ways("east", "west", f".*{unique}", {"offset.flush.interval.ms": 500})
    running = heliograph(both)
    copy = f"east.{unique}"
    wait_for_rows(away, copy, 50)
    group = f"{unique}-group"
    read_some(home, group, unique, 20)
    assert ask(tmp_path, both, "failover", "--flow", "east->west", "--group", group, "--execute").code == 0

    # Over there the group reads the copies and a topic of that cluster.
    read_some(away, group, copy, 15)
    create_topic(away, unique)
    write(away, unique, simple_rows(30, first=1000))
    read_some(away, group, unique, 10)
    wait_for_rows(home, f"west.{unique}", 30)

    found = ask(tmp_path, both, "failback", "--flow", "east->west", "--group", group)
    assert found.code == 1
    assert (found.row(group, copy)["to_topic"], found.row(group, copy)["to_offset"]) == (unique, 35)
    assert (found.row(group, unique)["to_topic"], found.row(group, unique)["to_offset"]) == (f"west.{unique}", 10)
    shown = heliograph(both, "--flow", "east->west", "--group", group, command="failback")
    assert shown.wait() == 1
    assert shown.log.startswith("home to east, from west\n"), shown.log
    assert "due      move the groups home: 1 to move\n--execute does the step that is due\n" in shown.log
    found = ask(tmp_path, both, "failback", "--flow", "east->west", "--group", group, "--execute")
    assert found.code == 0, found.text
    assert committed(home, group, unique) == {0: 35}
    assert committed(home, group, f"west.{unique}") == {0: 10}
    assert read_some(home, group, unique, 15)[0].value() == b"v35"
    assert read_some(home, group, f"west.{unique}", 20)[0].value() == b"v1010"
    assert running.stop() == 0
    for kafka in (home, away):
        assert len([name for name in topics(kafka) if unique in name]) == 2, "nothing goes round in circles"
    assert len(read(home, f"west.{unique}")) == 30
