"""What several tests of the testbed need."""

import time
from collections.abc import Mapping
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.releases import KafkaVersion

DEADLINE_S = 60


def quiet(_error: object) -> None:
    """The client's log of connections that the tests break on purpose."""


class Client:
    """An independent client, told each time how to connect."""

    def create_topic(self, config: Mapping[str, str], topic: str, replicas: int = 1) -> None:
        """Create a topic of one partition; raises KafkaException when refused."""
        admin = AdminClient({**config, "error_cb": quiet})
        admin.create_topics([NewTopic(topic, 1, replicas)], request_timeout=DEADLINE_S)[topic].result(DEADLINE_S)

    def send(self, config: Mapping[str, str], topic: str, values: list[bytes]) -> None:
        """Produce some values and wait until each has been acknowledged; raises KafkaException when one is refused."""
        failures: list[confluent_kafka.KafkaError] = []
        producer = confluent_kafka.Producer({**config, "error_cb": quiet, "message.timeout.ms": DEADLINE_S * 1000})
        for value in values:
            producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
        assert producer.flush(DEADLINE_S) == 0
        if failures:
            raise confluent_kafka.KafkaException(failures[0])

    def receive(self, config: Mapping[str, str], topic: str, count: int) -> list[bytes]:
        """Read a number of values from the beginning of partition 0."""
        consumer = confluent_kafka.Consumer(
            {**config, "group.id": "reader", "enable.auto.commit": False, "error_cb": quiet}
        )
        try:
            consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
            values: list[bytes] = []
            deadline = time.monotonic() + DEADLINE_S
            while len(values) < count:
                assert time.monotonic() < deadline, f"only {len(values)} of {count} records came"
                message = consumer.poll(1.0)
                if message is not None and message.error() is None:
                    values.append(message.value())
            return values
        finally:
            consumer.close()


@pytest.fixture
def client() -> Client:
    """The only other client in these tests than Apache's own tools."""
    return Client()


@pytest.fixture(scope="session")
def kafka_jars() -> list[Path]:
    """The jars of the version that is run by default."""
    return class_path(KafkaVersion.parse(DEFAULT_VERSION))
