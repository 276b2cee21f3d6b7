"""Fixtures of the comparisons: the program beside the real MirrorMaker 2 and Apache's own tools."""

from collections.abc import Callable, Iterator

import pytest
import running_program
from running_program import Start

from heliograph.testbed import KafkaCluster


@pytest.fixture(scope="session")
def source_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """A cluster for the comparisons alone: MM2 copies every heartbeats topic that it finds, those of other tests too."""
    return shared_kafka("source beside MirrorMaker 2")


@pytest.fixture(scope="session")
def target_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """Another cluster of the same kind."""
    return shared_kafka("target beside MirrorMaker 2")


@pytest.fixture
def heliograph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes: ``heliograph(properties, *options, command="run")``; all end with the test."""
    yield from running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))
