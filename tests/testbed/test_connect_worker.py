"""A real Kafka Connect worker in the testbed."""

import json
import urllib.request

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import ConnectWorker, KafkaCluster
from heliograph.testbed.connect_worker import worker_properties


@pytest.mark.brokers
def test_it_answers_and_starts_again_on_the_same_port(target_kafka: KafkaCluster, unique: str) -> None:
    with ConnectWorker(target_kafka.bootstrap(), unique) as worker:
        first = plugins(worker.port)
        assert "org.apache.kafka.connect.mirror.MirrorSourceConnector" in first
        port, pid = worker.port, worker.pid
        worker.kill()
        assert not worker.running
        worker.start()
        assert (worker.port, worker.pid == pid) == (port, False)
        assert plugins(port) == first
    assert not worker.running


def plugins(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/connector-plugins", timeout=30) as answer:
        return [each["class"] for each in json.load(answer)]


def test_its_file_names_one_cluster_and_three_topics() -> None:
    lines = worker_properties("127.0.0.1:9092", "cc", "http://127.0.0.1:8083", "more=1").splitlines()
    assert {"group.id=cc", "config.storage.topic=cc-configs", "status.storage.topic=cc-status"} <= set(lines)
    assert lines[-1] == "more=1"


def test_what_is_not_started_has_no_process() -> None:
    worker = ConnectWorker("127.0.0.1:1", "cc")
    try:
        with pytest.raises(HeliographError, match="Kafka Connect is not started"):
            _ = worker.pid
    finally:
        worker.close()
