"""Fixtures that all tests share: two real Kafka clusters, started when the first test asks for them."""

import itertools
import re
import secrets
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from heliograph.errors import HeliographError
from heliograph.records import kernel_name
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.testbed.java import find_java

# How long an example takes says more about what else the machine does; each test has a time-out anyway.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

RUN = secrets.token_hex(3)
COUNTER = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell; children inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "brokers: needs real Kafka brokers, which are started on this machine")
    config.addinivalue_line("markers", "versions: runs old versions of Kafka; takes longer")


def pytest_report_header() -> list[str]:
    try:
        java = find_java()
        runtime = f"Java {java.major} ({java.executable})"
    except HeliographError as error:
        runtime = str(error)
    return [f"brokers: Apache Kafka {DEFAULT_VERSION} on {runtime}", f"kernel: {kernel_name}"]


@pytest.fixture(scope="session")
def source_kafka() -> Iterator[KafkaCluster]:
    """A cluster of one broker, shared by all tests: use names from ``unique``, and leave the broker running."""
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def target_kafka() -> Iterator[KafkaCluster]:
    """Another cluster of the same kind."""
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, legal for topics, groups and users."""
    test = re.sub(r"[^A-Za-z0-9-]+", "-", request.node.name)[:60].strip("-")
    return f"{test}-{RUN}-{next(COUNTER)}"
