"""``--workers 2``: two workers of one parent share a flow, and one that is killed has its partitions back at once."""

import json
import os
import re
import signal
import time
import urllib.error
import urllib.request

import psutil
import pytest
from arrivals import Arrivals
from plain_client import create_topic
from prometheus_client.parser import text_string_to_metric_families
from steady_load import Load, assert_equal

from heliograph.testbed.ports import Ports

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

PARTITIONS = 6
SESSION_S = 40.0
SILENCE_S = 10.0
"""A worker that is started again has its partitions long before its session ends: as soon as it has started."""
STOP_S = 4.0
"""What a worker that stops takes to hand over; twice of what is promised, for a busy machine."""
LIMIT_S = 30.0
SAID = r"(?:running  topics=\d+|share of the partitions ) partitions="
"""How a worker says in its log what it copies."""
ONCE = {"target.exactly.once.source.support": "enabled"}


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def status(port: int) -> dict:
    return json.loads(ask(port, "status")[1])


def until(condition, running) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert running.exit_code is None, running.log
        assert time.monotonic() < deadline, running.log
        time.sleep(0.05)


def partitions_of(running, worker: int) -> int:
    """Return how many partitions a worker copies, as the log says last."""
    found = re.findall(rf"  {SAID}(\d+) .*worker={worker}\n", running.log)
    return int(found[-1]) if found else -1


def shares(running) -> list[int]:
    return [partitions_of(running, worker) for worker in (1, 2)]


def shown(port: int) -> set[str]:
    """Return the partitions that the metrics show."""
    _, told = ask(port, "metrics")
    samples = (each for family in text_string_to_metric_families(told) for each in family.samples)
    found = [each.labels["partition"] for each in samples if each.name == "heliograph_position"]
    assert len(found) == len(set(found)), "each partition once"
    return set(found)


@pytest.fixture
def listener():
    with Ports() as ports:
        yield ports.take()


@pytest.mark.parametrize(("which", "mode"), [(1, {}), (2, {}), (2, ONCE)], ids=["first", "second", "transactions"])
def test_a_worker_that_is_killed_is_started_again_and_has_its_partitions_back(
    source_kafka, target_kafka, heliograph, one_way, unique, listener, which, mode
):
    create_topic(source_kafka, unique, PARTITIONS)
    more = {
        "heliograph.http.listener": f"127.0.0.1:{listener}",
        "target.session.timeout.ms": round(1000 * SESSION_S),
        **mode,
    }
    properties = one_way(source_kafka, target_kafka, "family", unique, more)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=4000) as load:
        running = heliograph(properties, "--workers", "2")
        until(lambda: shares(running) == [3, 3], running)
        until(lambda: len(shown(listener)) == PARTITIONS, running)
        assert ask(listener, "ready") == (200, "ready\n")
        with Arrivals(target_kafka, f"family.{unique}", PARTITIONS) as arrivals:
            load.wait_for(2000)
            before = {each["number"]: each["pid"] for each in status(listener)["workers"]}
            begun = time.monotonic()
            os.kill(before[which], signal.SIGKILL)
            running.wait_for("a worker has ended; it is started again")
            ended = running.log.index("a worker has ended")
            until(lambda: re.search(rf"  {SAID}3 .*worker={which}\n", running.log[ended:]), running)
            until(lambda: len(shown(listener)) == PARTITIONS, running)
            load.wait_for(6000)
            silence_s = arrivals.silence_s(begun)
        assert silence_s < SILENCE_S, running.log[ended:]
        # The same static member: nobody else was given its partitions meanwhile.
        assert shares(running) == [3, 3]
        assert not re.search(rf"  {SAID}[^3].*worker={3 - which}\n", running.log[ended:])
        after = {each["number"]: each["pid"] for each in status(listener)["workers"]}
        assert {number for number in before if before[number] != after[number]} == {which}
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"family.{unique}", total, running)
    workers = [psutil.Process(pid) for pid in after.values()]
    os.kill(running.pid, signal.SIGTERM)  # the parent alone
    assert running.wait() == 0
    assert not any(worker.is_running() for worker in workers)
    assert "the exact place is not known" not in running.log
    assert "somebody else" not in running.log
    assert "ERROR" not in running.log


def test_a_worker_that_is_stopped_is_started_again_and_none_outlives_the_parent(
    source_kafka, target_kafka, heliograph, one_way, unique, listener
):
    create_topic(source_kafka, unique, PARTITIONS)
    more = {"heliograph.http.listener": f"127.0.0.1:{listener}"}
    properties = one_way(source_kafka, target_kafka, "orphans", unique, more)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=1000) as load:
        running = heliograph(properties, "--workers", "2", "--log-format", "json")
        until(lambda: settled(running.log) == {"1", "2"}, running)
        with Arrivals(target_kafka, f"orphans.{unique}", PARTITIONS) as arrivals:
            load.wait_for(500)
            begun = time.monotonic()
            os.kill(status(listener)["workers"][0]["pid"], signal.SIGTERM)
            running.wait_for("a worker has ended; it is started again")
            ended = running.log.index("a worker has ended")
            until(lambda: "1" in settled(running.log[ended:]) and "2" in settled(running.log), running)
            until(lambda: status(listener)["workers"][0]["ended"] == "", running)
            load.wait_for(500)
            assert arrivals.silence_s(begun) < STOP_S
        assert ask(listener, "ready") == (200, "ready\n")
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"orphans.{unique}", total, running)
    workers = [psutil.Process(each["pid"]) for each in status(listener)["workers"]]
    os.kill(running.pid, signal.SIGKILL)
    assert psutil.wait_procs(workers, LIMIT_S)[1] == []
    assert "the exact place is not known" not in running.log
    assert "Traceback" not in running.log


def settled(log: str) -> set[str]:
    """Return the workers that copy half of all, as they said last."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    last = {each["worker"]: each for each in lines if each["message"] in ("running", "share of the partitions")}
    return {worker for worker, each in last.items() if each["partitions"] == "3"}
