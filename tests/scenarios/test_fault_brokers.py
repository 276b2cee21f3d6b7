"""A broker that is down, restarted, killed or frozen: records wait, and then both sides hold the same."""

import time
from collections.abc import Iterator

import pytest
from plain_client import create_topic
from steady_load import RSS_LIMIT_BYTES, Load, assert_equal, memory_bytes

from heliograph.testbed import KafkaCluster
from heliograph.testbed.servers import wait_for

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(300)]
PARTITIONS = 3
FROZEN_S = 20.0


@pytest.fixture(scope="module")
def source() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def target() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


def restart(cluster: KafkaCluster, load: Load) -> None:
    cluster.brokers[0].stop()
    load.wait_for(1_000)
    cluster.brokers[0].start()


def kill(cluster: KafkaCluster, load: Load) -> None:
    cluster.brokers[0].kill()
    load.wait_for(1_000)
    cluster.brokers[0].start()


def freeze(cluster: KafkaCluster, load: Load) -> None:
    cluster.brokers[0].freeze()
    thaw_at = time.monotonic() + FROZEN_S
    try:
        wait_for(lambda: time.monotonic() >= thaw_at, thaw_at + 10, "the end of the frost")
    finally:
        cluster.brokers[0].thaw()


@pytest.mark.parametrize("side", ["source", "target"])
def test_records_survive_what_happens_to_a_broker(source, target, heliograph, one_way, unique, side):
    create_topic(source, unique, PARTITIONS)
    with Load(source, unique, partitions=PARTITIONS) as load:
        running = heliograph(one_way(source, target, "one", unique))
        running.wait_for("running")
        for fault in (restart, kill, freeze):
            load.wait_for(1_000)
            fault({"source": source, "target": target}[side], load)
            assert memory_bytes(running) < RSS_LIMIT_BYTES
        load.wait_for(1_000)
        total = load.finish()
    assert_equal(source, target, unique, f"one.{unique}", total, running)
    assert memory_bytes(running) < RSS_LIMIT_BYTES
    assert running.stop() == 0


def test_waits_for_clusters_that_are_down_and_says_so_once(source, target, heliograph, one_way, unique):
    create_topic(source, unique, PARTITIONS)
    with Load(source, unique, partitions=PARTITIONS) as load:
        load.wait_for(100)
        total = load.finish()
    properties = one_way(source, target, "one", unique)
    source.stop()
    target.stop()
    running = heliograph(properties)
    running.wait_for("waiting for a cluster", times=2)
    target.start()
    running.wait_for("the cluster answers  cluster=target")
    source.start()
    assert_equal(source, target, unique, f"one.{unique}", total, running)
    assert running.log.count("waiting for a cluster  cluster=one") == 1
    assert running.log.count("waiting for a cluster  cluster=target") == 1
    assert running.stop() == 0


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_stops_within_five_seconds_when_the_target_is_gone(source, target, heliograph, one_way, unique, how):
    create_topic(source, unique, PARTITIONS)
    broker = target.brokers[0]
    with Load(source, unique, partitions=PARTITIONS) as load:
        running = heliograph(one_way(source, target, "one", unique))
        running.wait_for("running")
        load.wait_for(500)
        broker.kill() if how == "killed" else broker.freeze()
        try:
            load.wait_for(500)
            began = time.monotonic()
            assert running.stop() == 0
            took_s = time.monotonic() - began
        finally:
            broker.start() if how == "killed" else broker.thaw()
    assert took_s < 20, f"it waited for a request's time-out of 30 s:\n{running.log}"
    assert "Traceback" not in running.log


def test_stops_at_once_while_it_waits_for_a_cluster(source, target, heliograph, one_way, unique):
    properties = one_way("127.0.0.1:1", target, "one", unique)
    running = heliograph(properties)
    running.wait_for("waiting for a cluster")
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 20, "it waited for a time-out"
    assert "Traceback" not in running.log
