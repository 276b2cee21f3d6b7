"""An unclean leader election, the real one: a replica that lagged becomes leader, and what it lacks is gone."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic
from cut_logs import line_with
from plain_client import LIMIT_S, admin, read, simple_rows, wait_for_rows, write

from heliograph.testbed import KafkaCluster
from heliograph.testbed.servers import wait_for

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(300)]
FIVE = {"batch_num_messages": 5}


@pytest.fixture(scope="module")
def three() -> Iterator[KafkaCluster]:
    with KafkaCluster(brokers=3) as cluster:
        yield cluster


def make_lossy(kafka: KafkaCluster, name: str) -> None:
    """Make a topic on the first two brokers that prefers any leader to none."""
    config = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
    client = admin(kafka)
    client.create_topics([NewTopic(name, 1, replica_assignment=[[1, 2]], config=config)])[name].result(LIMIT_S)


def is_led_by(kafka: KafkaCluster, name: str, node: int) -> bool:
    client = admin(kafka)
    try:
        return client.list_topics(timeout=LIMIT_S).topics[name].partitions[0].leader == node
    except (KafkaException, KeyError):
        return False


def elect_the_one_that_lagged(kafka: KafkaCluster, name: str) -> None:
    """The follower is down already; now the leader dies, and the follower comes back alone."""
    leader, follower = kafka.brokers[:2]
    leader.kill()
    follower.start()
    wait_for(lambda: is_led_by(kafka, name, follower.node_id), time.monotonic() + 60, "the unclean election")


def test_on_the_source(three, target_kafka, heliograph, one_way, unique):
    make_lossy(three, unique)
    write(three, unique, simple_rows(30), **FIVE)
    running = heliograph(one_way(three, target_kafka, "unclean", unique))
    wait_for_rows(target_kafka, f"unclean.{unique}", 30)
    three.brokers[1].stop()
    write(three, unique, simple_rows(20, first=30), **FIVE)
    before = wait_for_rows(target_kafka, f"unclean.{unique}", 50)
    elect_the_one_that_lagged(three, unique)
    write(three, unique, simple_rows(40, first=1000), **FIVE)
    line = line_with(running, "the source has lost records that had been read")
    assert "offsets=30..49" in line
    assert "goes_on_at=30" in line
    rows = wait_for_rows(target_kafka, f"unclean.{unique}", 90)
    assert rows == before + read(three, unique)[30:]
    three.brokers[0].start()
    assert running.stop() == 0


def test_on_the_target(source_kafka, three, heliograph, one_way, unique):
    copy = f"unclean.{unique}"
    make_lossy(three, copy)
    write(source_kafka, unique_topic(source_kafka, unique), simple_rows(30), **FIVE)
    more = {"replication.factor": 3, "offset.storage.replication.factor": 3}
    running = heliograph(one_way(source_kafka, three, "unclean", unique, more))
    wait_for_rows(three, copy, 30)
    wait_for(lambda: is_led_by(three, copy, 1), time.monotonic() + 60, "the preferred leader")
    three.brokers[1].stop()
    write(source_kafka, unique, simple_rows(20, first=30), **FIVE)
    wait_for_rows(three, copy, 50)
    elect_the_one_that_lagged(three, copy)
    write(source_kafka, unique, simple_rows(10, first=50), **FIVE)
    line = line_with(running, "the target has lost records that it had acknowledged")
    assert "offsets=30..49" in line
    assert wait_for_rows(three, copy, 60) == read(source_kafka, unique)
    three.brokers[0].start()
    assert running.stop() == 0


def unique_topic(kafka: KafkaCluster, name: str) -> str:
    client = admin(kafka)
    client.create_topics([NewTopic(name, 1, 1)])[name].result(LIMIT_S)
    return name
