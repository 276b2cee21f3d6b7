"""A target of three brokers that are restarted one after another under load."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from plain_client import create_topic
from steady_load import RSS_LIMIT_BYTES, Load, assert_equal, memory_bytes

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(300)]
PARTITIONS = 6


@pytest.fixture
def three() -> Iterator[KafkaCluster]:
    with KafkaCluster(brokers=3, properties={"min.insync.replicas": "2"}) as cluster:
        yield cluster


def test_nothing_is_lost_or_written_twice(source_kafka, three, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    admin = AdminClient(three.librdkafka_config())
    admin.create_topics([NewTopic(f"one.{unique}", PARTITIONS, 3)])[f"one.{unique}"].result(30)
    more = {"replication.factor": 3, "offset.storage.replication.factor": 3}
    with Load(source_kafka, unique, partitions=PARTITIONS) as load:
        running = heliograph(one_way(source_kafka, three, "one", unique, more))
        running.wait_for("running")
        for broker in three.brokers:
            load.wait_for(1_000)
            broker.stop()
            load.wait_for(500)
            broker.start()
            three.wait_ready(60)
            assert memory_bytes(running) < RSS_LIMIT_BYTES
        load.wait_for(1_000)
        total = load.finish()
    assert_equal(source_kafka, three, unique, f"one.{unique}", total, running)
    assert running.stop() == 0
    assert "Traceback" not in running.log
