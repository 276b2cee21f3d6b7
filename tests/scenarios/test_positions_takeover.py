"""One of several processes copies; another takes over when it ends, and never beside a real MirrorMaker 2."""

import time

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write
from steady_load import Load, assert_equal

from heliograph.testbed import MirrorMaker

pytestmark = pytest.mark.brokers

SESSION_S = 6
SESSION = {"target.session.timeout.ms": SESSION_S * 1000, "target.heartbeat.interval.ms": 1000}


def test_a_second_process_takes_over(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 3)
    properties = one_way(source_kafka, target_kafka, "relay", unique, SESSION)
    with Load(source_kafka, unique) as load:
        first = heliograph(properties)
        first.wait_for("running")
        second = heliograph(properties)
        second.wait_for("standing by: another process copies this flow")
        load.wait_for(1000)
        assert "running" not in second.log
        assert first.stop() == 0
        begun = time.monotonic()
        second.wait_for("running")
        assert time.monotonic() - begun < SESSION_S, "it waited for the end of a session that had been left in order"
        third = heliograph(properties)
        third.wait_for("standing by")
        load.wait_for(1000)
        assert second.log.count("running") == 1, "a newcomer does not disturb the owner"
        begun = time.monotonic()
        second.kill()
        third.wait_for("running")
        # A dead process is followed when its session has ended, and not before: nobody else can tell.
        assert time.monotonic() - begun > 0.5 * SESSION_S
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"relay.{unique}", total, third)
    for process in (first, second, third):
        assert "the exact place is not known" not in process.log
        assert "ERROR" not in process.log


def test_a_frozen_owner_sends_nothing_after_it_was_replaced(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 3)
    properties = one_way(source_kafka, target_kafka, "thawed", unique, SESSION)
    with Load(source_kafka, unique) as load:
        first = heliograph(properties)
        first.wait_for("running")
        second = heliograph(properties)
        second.wait_for("standing by")
        load.wait_for(500)
        first.freeze()
        second.wait_for("running")
        load.wait_for(500)
        first.thaw()
        first.wait_for("standing by")
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"thawed.{unique}", total, second)
    assert second.stop() == 0
    write(source_kafka, unique, simple_rows(3))
    wait_for_rows(target_kafka, f"thawed.{unique}", total + 3)


def test_it_refuses_to_run_beside_mirror_maker(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {
        "config.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "offset-syncs.topic.replication.factor": 1,
        "heartbeats.topic.replication.factor": 1,
        "checkpoints.topic.replication.factor": 1,
    }
    properties = one_way(source_kafka, target_kafka, "real", unique, more)
    with MirrorMaker(properties, clusters=["target"]):
        wait_for_rows(target_kafka, f"real.{unique}", 10, limit_s=60)
        running = heliograph(properties)
        assert running.wait(40) not in (0, None)
        last = running.log.strip().splitlines()[-1]
        assert last.startswith("heliograph: ")
        assert "real-mm2" in last
        assert "MirrorMaker 2" in last
        assert " on 127.0.0.1)" in last, "it says where"
        assert "Traceback" not in running.log
