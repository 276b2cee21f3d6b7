"""Exactly once: whatever is stopped, killed, frozen or moved, a read_committed consumer sees each record once, in order.

The end of each story is the same: both sides are read by a read_committed consumer and compared, record by record.
"""

import asyncio

import pytest
from plain_client import (
    Row,
    create_topic,
    end_offsets,
    read,
    read_messages,
    set_topic_config,
    simple_rows,
    transactional,
    wait_for_rows,
    write,
    write_transactions,
)
from steady_load import Load, assert_equal
from worker_shares import wait_for_counts, wait_for_shares

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import find_coordinator
from heliograph.config.model import ClusterConfig
from heliograph.testbed import KafkaCluster

pytestmark = pytest.mark.brokers

PARTITIONS = 3
ONCE = {"target.exactly.once.source.support": "enabled"}
SESSION = {"target.session.timeout.ms": 2000, "target.heartbeat.interval.ms": 500}


def stored_offsets(kafka, alias, topic):
    """The newest stored position of each partition of a source topic, as a read_committed consumer sees it."""
    messages = read_messages(kafka, f"mm2-offsets.{alias}.internal")
    return {message.key(): message.value() for message in messages if f'"{topic}"'.encode() in message.key()}


def test_records_and_positions_are_committed_together(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    write(source_kafka, unique, simple_rows(30, partitions=PARTITIONS))
    running = copy("once", unique, {**ONCE, "once->target.exactly.once.support": "required"})
    assert wait_for_rows(target_kafka, f"once.{unique}", 30) == read(source_kafka, unique)
    write(source_kafka, unique, simple_rows(3, first=30, partitions=PARTITIONS))
    assert wait_for_rows(target_kafka, f"once.{unique}", 33) == read(source_kafka, unique)
    ends = end_offsets(target_kafka, f"once.{unique}")
    assert all(end > 11 for _, end in ends.values()), f"there is no commit marker after 11 records each: {ends}"
    running.kill()
    values = stored_offsets(target_kafka, "once", unique)
    assert len(values) == PARTITIONS
    assert all(b'"offset":10,' in value for value in values.values()), "10 is the last of 11 records"
    assert "Traceback" not in running.log
    assert "aborted" not in running.log


def test_killed_under_load(source_kafka, target_kafka, copy, unique):
    """Each process has a group of its own, or it would wait; so each has to fence the one before by the same id."""
    create_topic(source_kafka, unique, PARTITIONS)
    more = {**ONCE, "target.session.timeout.ms": 1500}
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=4000) as load:
        for number in range(4):
            running = copy("slain", unique, more)
            running.wait_for("copying", 45)
            load.wait_for(1500 * number)
            running.kill()
            assert "Traceback" not in running.log
        running = copy("slain", unique, more)
        total = load.finish()
    assert_equal(source_kafka, target_kafka, unique, f"slain.{unique}", total, running)
    assert "the exact place is not known" not in running.log


def test_a_zombie_writes_nothing(source_kafka, target_kafka, heliograph, one_way, unique):
    """It is frozen in the middle of its work, another takes over, and then it wakes up with batches in its hands."""
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "undead", unique, ONCE | SESSION)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=4000) as load:
        first, second = heliograph(properties), heliograph(properties)
        wait_for_counts([first, second], [1, 2])
        for frozen, other in ((first, second), (second, first)):
            load.wait_for(500)
            frozen.freeze()
            wait_for_shares({other: PARTITIONS})
            load.wait_for(500)
            frozen.thaw()
            wait_for_counts([first, second], [1, 2])
        total = load.finish()
    assert_equal(source_kafka, target_kafka, unique, f"undead.{unique}", total, first)
    assert "Traceback" not in second.log


def test_whoever_takes_the_transactional_id_ends_the_copying(source_kafka, target_kafka, copy, unique):
    """The id is that of MM2's first task: an exactly-once MM2 that starts fences us, as we fence it."""
    create_topic(source_kafka, unique, PARTITIONS)
    more = {**ONCE, **SESSION, "target.group.id": unique}
    with Load(source_kafka, unique, partitions=PARTITIONS) as load:
        running = copy("taken", unique, more)
        running.wait_for("running")
        load.wait_for(500)
        transactional(target_kafka, f"{unique}-MirrorSourceConnector-0")
        running.wait_for("another program has taken the transactional id")
        assert "PRODUCER_FENCED" in running.log or "INVALID_PRODUCER_EPOCH" in running.log
        running.wait_for("running", times=2)
        total = load.finish()
    assert_equal(source_kafka, target_kafka, unique, f"taken.{unique}", total, running)


def test_transactions_of_the_source_and_two_flows_at_once(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 2)
    processes = [heliograph(one_way(source_kafka, target_kafka, alias, unique, ONCE)) for alias in ("left", "right")]
    for number in range(3):
        write_transactions(source_kafka, unique, f"{unique}-{number}", 20)
    wanted = read(source_kafka, unique)
    assert len(wanted) == 3 * 14 * 3
    for alias, process in zip(("left", "right"), processes, strict=True):
        assert wait_for_rows(target_kafka, f"{alias}.{unique}", len(wanted)) == wanted
        assert process.stop() == 0
        assert "Traceback" not in process.log


def test_a_record_that_is_refused_holds_up_its_own_partition_only(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2)
    create_topic(target_kafka, f"narrow.{unique}", 2, max_message_bytes="20000")
    rows = simple_rows(20, partitions=2)
    write(source_kafka, unique, [*rows[:10], Row(0, b"large", b"x" * 50_000), *rows[10:]])
    running = copy("narrow", unique, {**ONCE, "sync.topic.configs.enabled": "false"})
    running.wait_for("more than topic")
    wanted = [row for row in read(source_kafka, unique) if row.partition == 1]
    found = wait_for_rows(target_kafka, f"narrow.{unique}", 15)
    assert [row for row in found if row.partition == 1] == wanted
    assert [row.value for row in found if row.partition == 0] == [b"v0", b"v2", b"v4", b"v6", b"v8"]
    set_topic_config(target_kafka, f"narrow.{unique}", "max.message.bytes", "1000000")
    assert wait_for_rows(target_kafka, f"narrow.{unique}", 21) == read(source_kafka, unique)


def test_in_and_out_of_transactions(source_kafka, target_kafka, copy, unique):
    """Killed each time; without transactions, what is on the target is counted, and markers are no records."""
    create_topic(source_kafka, unique, PARTITIONS)
    modes = [{}, ONCE, ONCE, {}, ONCE]
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=2000) as load:
        for mode in modes:
            running = copy("changing", unique, {**mode, "target.session.timeout.ms": 1500})
            running.wait_for("running")
            load.wait_for(1000)
            running.kill()
            assert "the exact place is not known" not in running.log
        running = copy("changing", unique, {"target.session.timeout.ms": 1500})
        total = load.finish()
    assert_equal(source_kafka, target_kafka, unique, f"changing.{unique}", total, running)
    assert "the exact place is not known" not in running.log


async def coordinator(kafka, group):
    """Node id of the broker that coordinates the flow's transactions."""
    host, _, port = kafka.bootstrap().split(",")[0].rpartition(":")
    cluster = Cluster(ClusterConfig("target", ((host, int(port)),)))
    await cluster.start()
    try:
        return await find_coordinator(cluster, f"{group}-MirrorSourceConnector-0")
    finally:
        await cluster.close()


@pytest.mark.timeout(180)
def test_the_coordinator_of_the_transactions_dies(source_kafka, heliograph, one_way, unique):
    """It leads some of the partitions too."""
    with KafkaCluster(brokers=3) as target:
        create_topic(source_kafka, unique, 6)
        more = {
            **ONCE,
            "replication.factor": 3,
            "offset.storage.replication.factor": 3,
            "target.group.id": unique,
        }
        running = heliograph(one_way(source_kafka, target, "tossed", unique, more))
        running.wait_for("running")
        with Load(source_kafka, unique, partitions=6) as load:
            load.wait_for(500)
            node = asyncio.run(coordinator(target, unique))
            next(broker for broker in target.brokers if broker.node_id == node).kill()
            load.wait_for(3000)
            total = load.finish()
        assert_equal(source_kafka, target, unique, f"tossed.{unique}", total, running)
        assert running.stop() == 0
