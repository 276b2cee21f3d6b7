"""A level for all workers: told as Kafka Connect tells it, heeded by those that run, forgotten by those that begin."""

import time

import pytest
from plain_client import read_messages
from playing import Player

from heliograph.testbed import ConnectWorker, KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(120)]

LIMIT_S = 20.0
PATH = "/admin/loggers/org.example.Some"
ROOT = "/admin/loggers/root"


def set_everywhere(player: Player, path: str, level: str) -> None:
    answer = player.ask("PUT", f"{path}?scope=cluster", {"level": level})
    assert (answer.status, answer.body) == (204, None)


def wait_for_level(player: Player, path: str, level: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while (answer := player.ask("GET", path)).body.get("level") != level:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def records(kafka: KafkaCluster, cluster: str) -> list[tuple[bytes, bytes]]:
    """Return the records of the config topic that set levels."""
    found = [(message.key(), message.value()) for message in read_messages(kafka, f"{cluster}-configs")]
    return [(key, value) for key, value in found if key.startswith(b"logger-")]


def test_a_level_for_all_workers(target_kafka, connect_worker, unique):
    cluster = f"{unique}-cluster"
    with ConnectWorker(target_kafka.bootstrap(), cluster) as real:
        theirs = Player(real.port, {})
        set_everywhere(theirs, PATH, "DEBUG")
        wait_for_level(theirs, PATH, "DEBUG")
    told = records(target_kafka, cluster)
    running, first = connect_worker(cluster)
    _, second = connect_worker(cluster)
    assert first.ask("GET", PATH).status == 404, "who begins later does not heed it, as with Connect"
    set_everywhere(first, PATH, "DEBUG")
    for player in (first, second):
        wait_for_level(player, PATH, "DEBUG")
    assert records(target_kafka, cluster) == told * 2
    set_everywhere(second, ROOT, "DEBUG")
    for player in (first, second):
        wait_for_level(player, ROOT, "DEBUG")
    running.wait_for("log levels were changed  logger=root level=DEBUG")
    assert running.stop() == 0
