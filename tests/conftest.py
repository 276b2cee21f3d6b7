"""What all tests share: real Kafka clusters, started when the first test asks for them, and names for what is in them."""

import itertools
import os
import re
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from file_order import FileTimes, longest_first
from heliograph.errors import HeliographError
from heliograph.records import kernel_name
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.testbed.java import find_java
from shared_clusters import Address, Clusters, freeze

# How long an example takes says more about what else the machine does; each test has a time-out anyway.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

RUN = secrets.token_hex(3)
COUNTER = itertools.count(1)
CLUSTERS = pytest.StashKey[Clusters]()
TIMES = pytest.StashKey[FileTimes]()
AS_INSTALLED = str(Path(__file__).with_name("as_installed"))

HASTY = {"log.cleaner.backoff.ms": "100"}
"""What the source is told: compact soon what is to be compacted."""


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell; children inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, and so would the programs that tests start
    if not hasattr(config, "workerinput"):
        config.stash[CLUSTERS] = Clusters()
        config.stash[TIMES] = FileTimes(config)
        config.pluginmanager.register(config.stash[TIMES])
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        # For the programs that tests start, not for the processes of a run.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [AS_INSTALLED, os.environ.get("PYTHONPATH")]))
    config.addinivalue_line("markers", "brokers: needs real Kafka brokers, which are started on this machine")
    config.addinivalue_line("markers", "versions: runs old versions of Kafka; takes longer")


def pytest_unconfigure(config: pytest.Config) -> None:
    if CLUSTERS in config.stash:
        config.stash[CLUSTERS].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of the run, before it starts, where the shared clusters are."""
    address = node.config.stash[CLUSTERS].address()
    node.workerinput["clusters"] = (address.path, address.key)
    node.workerinput["file_seconds"] = node.config.stash[TIMES].known


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items[:] = longest_first(items, config.workerinput["file_seconds"])


def pytest_report_header() -> list[str]:
    try:
        java = find_java()
        runtime = f"Java {java.major} ({java.executable})"
    except HeliographError as error:
        runtime = str(error)
    return [f"brokers: Apache Kafka {DEFAULT_VERSION} on {runtime}", f"kernel: {kernel_name}"]


@pytest.fixture(scope="session")
def shared_kafka(pytestconfig: pytest.Config) -> Callable[..., KafkaCluster]:
    """Return ``shared_kafka(name, version="4.3.1", ...)``, which gives all tests of the run the same running cluster.

    The arguments after the name are those of ``KafkaCluster``. Use names from ``unique``, and leave the brokers as they
    are; who wants to hurt one starts a cluster of his own.
    """
    workers_input = getattr(pytestconfig, "workerinput", None)
    get = Address(*workers_input["clusters"]).ask if workers_input else pytestconfig.stash[CLUSTERS].get
    known: dict[object, KafkaCluster] = {}

    def give(name: str, version: str = DEFAULT_VERSION, **options: object) -> KafkaCluster:
        description = {"version": version, **options}
        key = (name, freeze(description))
        if key not in known:
            known[key] = get(name, description)
        return known[key]

    return give


@pytest.fixture(scope="session")
def source_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """A cluster of one broker, shared by all tests: use names from ``unique``, and leave the broker running."""
    return shared_kafka("source", properties=HASTY)


@pytest.fixture(scope="session")
def target_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """Another cluster of the same kind."""
    return shared_kafka("target")


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, legal for topics, groups and users."""
    test = re.sub(r"[^A-Za-z0-9-]+", "-", request.node.name)[:60].strip("-")
    return f"{test}-{RUN}-{next(COUNTER)}"
