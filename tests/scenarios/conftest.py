"""Fixtures of the scenarios: start the program, and describe a flow to it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import running_program
from running_program import Running, Start

from heliograph.testbed import KafkaCluster
from heliograph.testbed.ports import Ports


@pytest.fixture
def heliograph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes: ``heliograph(properties, *options, command="run")``; all end with the test."""
    yield from running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))


@pytest.fixture(scope="module")
def lasting_heliograph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes that live as long as the module's tests."""
    yield from running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))


@pytest.fixture(scope="session")
def one_way() -> Callable[..., str]:
    """Return ``one_way(source, target, alias, topics, more)``."""
    return running_program.one_way


@pytest.fixture
def copy(
    source_kafka: KafkaCluster, target_kafka: KafkaCluster, heliograph: Start, one_way: Callable[..., str]
) -> Callable[..., Running]:
    """Return ``copy(alias, topics, more)``, which starts one flow between the two clusters that all tests share."""

    def start(alias: str, topics: str, more: Mapping[str, object] | None = None) -> Running:
        return heliograph(one_way(source_kafka, target_kafka, alias, topics, more))

    return start


@pytest.fixture
def valve(heliograph: Start) -> Callable[..., dict[str, Any]]:
    """Run a command that tells a flow something, and return what it says: ``valve("pause", properties, "--topic", t)``."""

    def run(command: str, properties: str, *options: str) -> dict[str, Any]:
        ran = heliograph(properties, *options, "--json", command=command)
        assert ran.wait() == 0, ran.log
        said: dict[str, Any] = json.loads(ran.log)
        return said

    return run


@pytest.fixture
def port() -> Iterator[int]:
    """Return a free port, kept for this test."""
    with Ports() as ports:
        yield ports.take()
