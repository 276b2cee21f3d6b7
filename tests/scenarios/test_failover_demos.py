"""Two procedures as they are written down for people: a demonstration of failing over, and a migration in six steps."""

import time

import pytest
from group_moves import ask, committed, read_some
from plain_client import LIMIT_S, Row, create_topic, simple_rows, topics, wait_for_rows, write

pytestmark = pytest.mark.brokers

QUICK = {
    "emit.checkpoints.interval.seconds": 1,
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": 1,
    "refresh.groups.interval.seconds": 1,
}


def wait_for_commit(kafka, group, topic, wanted):
    deadline = time.monotonic() + LIMIT_S
    while committed(kafka, group, topic) != wanted:
        assert time.monotonic() < deadline, f"{group} stands at {committed(kafka, group, topic)}"
        time.sleep(0.1)


def test_a_group_follows_by_itself(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    """Names kept, by the class of an operator's image and with an empty separator; positions kept in step."""
    group = f"{unique}-group"
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(50))
    first = read_some(source_kafka, group, unique, 20)
    settings = {
        **QUICK,
        "replication.policy.class": "io.strimzi.kafka.connect.mirror.IdentityReplicationPolicy",
        "replication.policy.separator": "",
        "groups": f"{unique}.*",
    }
    properties = one_way(source_kafka, target_kafka, "es-demo", unique, settings)
    running = heliograph(properties)
    wait_for_rows(target_kafka, unique, 50)
    wait_for_commit(target_kafka, group, unique, {0: 20})
    found = ask(tmp_path, properties, "offsets", "--group", group)
    row = found.row(group, unique)
    assert (found.code, row["lag"], row["to_lag"], row["held"]) == (0, 30, 30, 20), "the same lag on both sides"
    assert ask(tmp_path, properties, "failover", "--all").rows[0]["verdict"] == "there"
    assert running.stop() == 0
    rest = read_some(target_kafka, group, unique, 30)
    assert [each.value() for each in (*first, *rest)] == [b"v%d" % number for number in range(50)]

    # The source is gone: what the flow has kept in step is enough.
    lost = one_way("127.0.0.1:1", target_kafka, "es-demo", unique, settings)
    found = ask(tmp_path, lost, "offsets", "--group", group)
    row = found.row(group, unique)
    assert (row["basis"], row["to_offset"], row["held"]) == ("checkpoint", 20, 50)
    assert ask(tmp_path, lost, "failover", "--group", group).row(group, unique)["reason"] == (
        "it would go back there, from 50 to 20"
    )


def test_migration_in_six_steps(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    group = f"{unique}-group"
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(60))
    seen = read_some(source_kafka, group, unique, 25)
    # 1. Deploy: the new cluster has the topics that producers will write to.
    create_topic(target_kafka, unique)
    # 2. Mirror.
    properties = one_way(source_kafka, target_kafka, "retired", unique, QUICK)
    running = heliograph(properties)
    copy = f"retired.{unique}"
    wait_for_rows(target_kafka, copy, 60)
    # 3. Consumers stop on the old cluster and move to the mirrored topic.
    moved = ask(tmp_path, properties, "failover", "--group", group, "--wait", "30", "--execute")
    assert moved.code == 0, moved.text
    write(source_kafka, unique, simple_rows(15, first=60))  # producers still write to the old cluster
    seen += read_some(target_kafka, group, copy, 30)
    # 4. Producers move to the original topic on the new cluster.
    write(target_kafka, unique, [Row(0, b"k%d" % number, b"v%d" % number) for number in range(75, 95)])
    # 5. Consumers drain the mirrored topic.
    wait_for_rows(target_kafka, copy, 75)
    seen += read_some(target_kafka, group, copy, 20)
    drained = ask(tmp_path, properties, "offsets", "--topic", unique, "--partition", "0", "--offset", "75")
    assert (drained.code, drained.rows[0]["to_lag"]) == (0, 0)
    assert committed(target_kafka, group, copy) == {0: 75}
    # 6. Consumers move to the original topic on the new cluster.
    seen += read_some(target_kafka, group, unique, 20)
    assert [each.value() for each in seen] == [b"v%d" % number for number in range(95)], "none lost, none twice"

    proof = ask(tmp_path, properties, "verify", "--topic", unique)
    assert proof.code == 0, proof.text
    assert running.stop() == 0
    assert "ERROR" not in running.log
    assert {name for name in topics(target_kafka) if unique in name} == {unique, copy}
