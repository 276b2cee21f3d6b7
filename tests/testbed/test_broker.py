from collections.abc import Iterator

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient

from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from heliograph.testbed.readiness import ask

pytestmark = pytest.mark.brokers


@pytest.fixture(scope="module")
def three() -> Iterator[KafkaCluster]:
    with KafkaCluster(brokers=3) as cluster:
        yield cluster


def test_a_killed_broker_leaves_the_others_working_and_comes_back_where_it_was(
    three: KafkaCluster, unique: str, client
) -> None:
    config = three.librdkafka_config()
    client.create_topic(config, unique, replicas=3)
    client.send(config, unique, [b"before"])
    broker = three.brokers[2]
    port, pid = broker.port(), broker.pid
    broker.kill()
    assert not broker.running
    with pytest.raises(HeliographError, match="does not run"):
        _ = broker.pid
    client.send(config, unique, [b"meanwhile"])
    broker.start()
    three.wait_ready()
    assert (broker.port(), broker.node_id) == (port, 3)
    assert broker.pid != pid
    assert client.receive(config, unique, 2) == [b"before", b"meanwhile"]


def test_a_frozen_broker_is_silent_until_it_thaws(three: KafkaCluster) -> None:
    broker = three.brokers[1]
    broker.freeze()
    try:
        alone = AdminClient({"bootstrap.servers": f"127.0.0.1:{broker.port()}", "error_cb": lambda _: None})
        with pytest.raises(confluent_kafka.KafkaException):
            alone.list_topics(timeout=1)
        assert broker.running
    finally:
        broker.thaw()
    three.wait_ready()
    assert ask(broker.port("INTERNAL"), None).node_ids == {1, 2, 3}


def test_log_and_data_are_where_they_are_said_to_be(three: KafkaCluster) -> None:
    broker = three.brokers[0]
    assert "Kafka Server started" in broker.log_path.read_text()
    assert (broker.data_path / "meta.properties").exists()
    with pytest.raises(HeliographError, match="No proxy"):
        broker.proxy()
