"""Fixtures of the tests of Kafka Connect's REST API: the program, real Connect workers, and who speaks to them."""

from collections.abc import Callable, Iterator

import pytest
import running_program
from playing import Player
from running_program import Running, Start

from heliograph.testbed import KafkaCluster
from heliograph.testbed.connect_worker import worker_properties
from heliograph.testbed.ports import Ports


@pytest.fixture(scope="session")
def source_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """A cluster beside those of other tests: MM2 copies every heartbeats topic that it finds."""
    return shared_kafka("source beside MirrorMaker 2")


@pytest.fixture(scope="session")
def target_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """Another cluster of the same kind."""
    return shared_kafka("target beside MirrorMaker 2")


@pytest.fixture
def heliograph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes: ``heliograph(properties, *options, command="run")``; all end with the test."""
    yield from running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))


@pytest.fixture
def connect_worker(heliograph: Start, target_kafka: KafkaCluster) -> Iterator[Callable[..., tuple[Running, Player]]]:
    """Return ``connect_worker(name, more)``: Heliograph as a worker of the Connect cluster ``name``, and its client."""
    with Ports() as ports:

        def start(name: str, more: str = "") -> tuple[Running, Player]:
            port = ports.take()
            file = worker_properties(target_kafka.bootstrap(), name, f"http://127.0.0.1:{port}", more)
            running = heliograph(file)
            running.wait_for("connectors are stored")
            return running, Player(port, {})

        yield start
