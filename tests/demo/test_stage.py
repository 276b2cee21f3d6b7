"""The parts of the stage that can fail, do so in words."""

import threading
import time

import pytest

from heliograph.config import load
from heliograph.demo.stage import ADDITIONS, CONFIGURATION, Replicator, start_together
from heliograph.errors import HeliographError

DEADLINE_S = 60
ENVIRONMENT = {
    "KAFKA_SOURCE_BROKERS": "127.0.0.1:1",
    "KAFKA_TARGET_BROKERS": "127.0.0.1:2",
    "KAFKA_TARGET_APIKEY": "k3y",
}


class Cluster:
    """Starts, or does not."""

    def __init__(self, error: BaseException | None = None, waits_for: threading.Event | None = None) -> None:
        self._error = error
        self._waits_for = waits_for

    def start(self, limit_s):
        assert limit_s > 0
        assert self._waits_for is None or self._waits_for.wait(DEADLINE_S)
        if self._error:
            raise self._error


def ended(replicator: Replicator) -> None:
    """Look until it is seen to have ended, which its guard tells a moment later."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        replicator.check()


def test_the_configuration_means_what_it_says(tmp_path) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("")
    file = tmp_path / "mm2.properties"
    file.write_text(CONFIGURATION)
    config = load(file, environ=ENVIRONMENT)
    (flow,) = config.flows
    assert flow.topics == ("products", "orders")
    assert flow.target.protocol == "SASL_SSL"
    assert flow.target.sasl.username == "token"
    assert flow.target.tls.verify_host_name
    assert "k3y" not in repr(config)
    assert {line.partition("=")[0] for line in ADDITIONS.splitlines()} & {"replication.factor"}


def test_starting_reports_how_many_are_up() -> None:
    told = []
    release = threading.Event()

    def hear(up: int) -> None:
        told.append(up)
        if up == 1:
            release.set()

    start_together([Cluster(), Cluster(waits_for=release)], hear)
    assert 1 in told
    assert told == sorted(told)
    assert set(told) <= {0, 1, 2}


@pytest.mark.parametrize("error", [HeliographError("No Java"), TimeoutError("No Java")])
def test_a_cluster_that_does_not_start_is_told(error) -> None:
    with pytest.raises(HeliographError, match="No Java"):
        start_together([Cluster(), Cluster(error)], lambda _up: None)


def test_a_replicator_that_ends_is_noticed_with_its_last_words(tmp_path) -> None:
    file = tmp_path / "broken.properties"
    file.write_text("clusters=\n")
    replicator = Replicator(tmp_path, file, {})
    try:
        with pytest.raises(HeliographError, match=r"ended with exit code 2: heliograph: .*clusters is empty"):
            ended(replicator)
        with pytest.raises(HeliographError, match="exit code 2"):
            replicator.stop()
    finally:
        replicator.close()
