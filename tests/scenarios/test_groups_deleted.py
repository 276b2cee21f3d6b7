"""Groups whose next record is gone or was never copied: they stand at the first that there is, and end nothing."""

import time

import pytest
from group_moves import ask, commit, committed, committed_places
from plain_client import LIMIT_S, create_topic, delete_records, simple_rows, wait_for_rows, write

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]
QUICK = {
    "emit.checkpoints.interval.seconds": 1,
    "refresh.groups.interval.seconds": 1,
}
SYNC = {"sync.group.offsets.enabled": "true", "sync.group.offsets.interval.seconds": 1}


def wait_until(question, wanted):
    deadline = time.monotonic() + LIMIT_S
    while (found := question()) != wanted:
        assert time.monotonic() < deadline, f"{found} is not {wanted}"
        time.sleep(0.1)


def metadata_of(kafka, group, topic):
    return {each.partition: each.metadata for each in committed_places(kafka, group, topic)}


def test_a_group_before_the_log_start_offset(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    old, new, missing = (f"{unique}-{name}" for name in ("old", "new", "missing"))
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(200))
    delete_records(source_kafka, unique, 0, 100)
    for group, offset in ((old, 50), (new, 150)):
        commit(source_kafka, group, unique, {0: offset})
    remote = f"del.{unique}"
    more = {**QUICK, "groups": f"{unique}.*", "emit.offset-syncs.enabled": "false"}
    first = heliograph(one_way(source_kafka, target_kafka, "del", unique, more))
    wait_for_rows(target_kafka, remote, 100)
    assert first.stop() == 0

    # The second process knows nothing of what lies far back: it must count.
    synced = one_way(source_kafka, target_kafka, "del", unique, more)
    for options in (("--group", new), ("--all",), ("--all", "--allow-repeats"), ("--group", new, "--group", missing)):
        answer = ask(tmp_path, synced, "failover", *options)
        row = answer.row(new, unique)
        assert (row["to_offset"], row["exact"], row["verdict"]) == (50, True, "move"), answer.text
        if "--all" in options:
            row = answer.row(old, unique)
            assert (row["to_offset"], row["exact"], row["verdict"]) == (0, True, "move"), answer.text
    assert answer.code == 1
    assert "has committed nothing" in answer.row(missing, "", -1)["reason"]
    row = ask(tmp_path, synced, "offsets", "--topic", unique, "--partition", "0", "--offset", "50").rows[0]
    assert (row["to_offset"], row["exact"]) == (0, True)

    second = heliograph(one_way(source_kafka, target_kafka, "del", unique, {**more, **SYNC}))
    wait_until(lambda: [committed(target_kafka, each, remote) for each in (old, new)], [{0: 0}, {0: 50}])
    write(source_kafka, unique, simple_rows(10, first=200))
    wait_for_rows(target_kafka, remote, 110)
    assert second.stop() == 0
    assert "WARNING" not in second.log


def test_a_copy_that_began_at_latest_and_metadata(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    group, remote = f"{unique}-group", f"newest.{unique}"
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(100))
    commit(source_kafka, group, unique, {0: 50})
    more = {**QUICK, **SYNC, "groups": f"{group}.*", "newest.consumer.auto.offset.reset": "latest"}
    properties = one_way(source_kafka, target_kafka, "newest", unique, more)
    running = heliograph(properties)
    running.wait_for("copying")
    wait_until(lambda: committed(target_kafka, group, remote), {0: 0})
    write(source_kafka, unique, simple_rows(20, first=100))
    wait_for_rows(target_kafka, remote, 20)

    def answer():
        row = ask(tmp_path, properties, "failover", "--group", group).row(group, unique)
        return row["to_offset"], row["exact"], row["verdict"]

    wait_until(answer, (0, True, "there"))  # the offset syncs come a second after the records

    commit(source_kafka, group, unique, {0: 50}, "bookmark")
    wait_until(lambda: metadata_of(target_kafka, group, remote), {0: "bookmark"})
    assert committed(target_kafka, group, remote) == {0: 0}

    later = f"{group}-later"
    commit(target_kafka, group, remote, {0: 0}, metadata="its own")
    commit(target_kafka, later, remote, {0: 5})
    commit(source_kafka, later, unique, {0: 60})
    for number in range(2):  # the second is committed in a round that has seen everything before
        commit(source_kafka, f"{group}-{number}", unique, {0: 110})
        wait_until(lambda each=f"{group}-{number}": committed(target_kafka, each, remote), {0: 10})
    assert metadata_of(target_kafka, group, remote) == {0: "its own"}, "the source's did not change"
    assert committed(target_kafka, later, remote) == {0: 5}, "nobody goes back"
    assert running.stop() == 0
    assert "WARNING" not in running.log


def test_the_first_records_of_a_copy_that_began_at_latest_are_gone(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    """A group that stands before all that is there is not left uncommitted, nor is one that has to be counted."""
    remote, names = f"latest.{unique}", [f"{unique}-{number}" for number in range(4)]
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(100))
    more = {**QUICK, **SYNC, "groups": f"{unique}.*", "latest.consumer.auto.offset.reset": "latest"}
    properties = one_way(source_kafka, target_kafka, "latest", unique, {**more, "emit.offset-syncs.enabled": "false"})
    commit(source_kafka, names[0], unique, {0: 50})
    running = heliograph(properties)
    wait_until(lambda: committed(target_kafka, names[0], remote), {0: 0})  # so the copy has begun
    write(source_kafka, unique, simple_rows(20, first=100))
    wait_for_rows(target_kafka, remote, 20)
    assert running.stop() == 0
    delete_records(target_kafka, remote, 0, 5)
    for group, offset in zip(names, (50, 103, 105, 112), strict=True):
        commit(source_kafka, group, unique, {0: offset})
    running = heliograph(properties)
    wait_until(lambda: [committed(target_kafka, each, remote).get(0) for each in names], [5, 5, 5, 12])
    assert running.stop() == 0
    assert "WARNING" not in running.log


def test_a_group_that_is_not_there_keeps_no_other_from_moving(
    source_kafka, target_kafka, heliograph, one_way, tmp_path, unique
):
    old, new, missing = (f"{unique}-{name}" for name in ("old", "new", "missing"))
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(60))
    delete_records(source_kafka, unique, 0, 20)
    remote = f"moving.{unique}"
    properties = one_way(source_kafka, target_kafka, "moving", unique, QUICK)
    running = heliograph(properties)
    wait_for_rows(target_kafka, remote, 40)
    assert running.stop() == 0
    for group, offset in ((old, 10), (new, 35)):
        commit(source_kafka, group, unique, {0: offset})
    asked = [option for group in (old, missing, new) for option in ("--group", group)]
    answer = ask(tmp_path, properties, "failover", "--execute", *asked)
    assert answer.code == 1
    assert [answer.row(each, unique)["verdict"] for each in (old, new)] == ["moved", "moved"], answer.text
    assert answer.row(missing, "", -1)["verdict"] == "refused"
    assert [committed(target_kafka, each, remote) for each in (old, new)] == [{0: 0}, {0: 15}]
