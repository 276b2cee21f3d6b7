"""Partitions move between workers while something else goes on: the coordinator dies, or one partition carries most."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from plain_client import create_topic
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, partitions_of, wait_for_counts

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.testbed import KafkaCluster
from heliograph.testbed.broker import Broker

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
BALANCED_S = 60.0
"""Lanes are measured for some seconds, and shared out by load each fifteen."""


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[KafkaCluster]:
    with KafkaCluster(brokers=3) as kafka:
        yield kafka


def coordinator_of(kafka: KafkaCluster, group: str) -> Broker:
    """Return the broker that coordinates a group; librdkafka's own question waits for groups of consumers alone."""

    async def ask() -> int:
        host, _, port = kafka.bootstrap().partition(",")[0].rpartition(":")
        cluster = Cluster(ClusterConfig("target", ((host, int(port)),)))
        try:
            await cluster.start()
            return await cluster.coordinator(group)
        finally:
            await cluster.close()

    node = asyncio.run(ask())
    return next(broker for broker in kafka.brokers if broker.node_id == node)


def test_the_coordinator_dies_while_partitions_are_handed_over(
    source_kafka, three_brokers, heliograph, one_way, unique
):
    create_topic(source_kafka, unique, PARTITIONS)
    topics = ("heartbeats.topic", "checkpoints.topic", "offset-syncs.topic", "offset.storage", "config.storage")
    more = {f"{topic}.replication.factor": 3 for topic in topics} | {"replication.factor": 3}
    properties = one_way(source_kafka, three_brokers, "seat", unique, more)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=2000) as load:
        workers = [heliograph(properties) for _ in range(2)]
        wait_for_counts(workers, [3, 3], 60)
        load.wait_for(2_000)
        coordinator = coordinator_of(three_brokers, "seat-mm2")
        workers.append(heliograph(properties))
        workers[-1].wait_for("copying")  # it has joined, and the others have not given up their partitions yet
        coordinator.kill()
        wait_for_counts(workers, [2, 2, 2], BALANCED_S)
        load.wait_for(2_000)
        coordinator.start()
        assert workers[0].stop() == 0
        wait_for_counts(workers[1:], [3, 3], BALANCED_S)
        total = load.finish()
        assert_equal(source_kafka, three_brokers, unique, f"seat.{unique}", total, workers[1])
    for worker in workers:
        assert "the exact place is not known" not in worker.log
        assert "somebody else" not in worker.log
        assert "Traceback" not in worker.log


def test_a_partition_that_carries_most_is_left_alone_with_its_worker(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "skew", unique)
    with ExitStack() as stack:
        even = stack.enter_context(Load(source_kafka, unique, partitions=PARTITIONS, rate_s=300))
        heavy = stack.enter_context(Load(source_kafka, unique, partitions=1, rate_s=3_000))
        workers = [heliograph(properties) for _ in range(2)]
        wait_for_counts(workers, [1, 5], BALANCED_S)
        (alone,) = (worker for worker in workers if partitions_of(worker) == 1)
        time.sleep(16)  # and there it stays: the next sharing moves nothing
        assert partitions_of(alone) == 1
        total = even.finish() + heavy.finish()
        assert_equal(source_kafka, target_kafka, unique, f"skew.{unique}", total, workers[0])
    assert_unharmed(*workers)
