"""What does not move is told, over HTTP and in the log: behind an open transaction, and without a topic to go to."""

import json
import time
import urllib.error
import urllib.request

import pytest
from plain_client import (
    LIMIT_S,
    Row,
    create_topic,
    flush,
    read,
    send,
    set_topic_config,
    simple_rows,
    transactional,
    wait_for_rows,
    write,
)
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.brokers

HELD_UP = "a partition is held up by an open transaction on the source"
OVER = "a partition is no longer held up"


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as answer:
        return answer.read().decode()


def lane_of(port, partition=0):
    lanes = json.loads(ask(port, "/status"))["flows"][0]["lanes"]
    return next(lane for lane in lanes if lane["partition"] == partition)


def ready(port):
    """Status and text of /ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=LIMIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(port, name, **labels):
    return [
        sample.value
        for family in text_string_to_metric_families(ask(port, "/metrics"))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def wait_until(good, what):
    deadline = time.monotonic() + LIMIT_S
    while not good():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_an_open_transaction_is_named(source_kafka, target_kafka, copy, unique, port):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20))
    writer = transactional(source_kafka, unique, linger_ms=0)
    writer.begin_transaction()
    send(writer, unique, [Row(0, b"open", b"%d" % number) for number in range(5)])
    flush(writer)
    write(source_kafka, unique, simple_rows(100, first=20))
    running = copy("heldup", unique, {"heliograph.http.listener": f"127.0.0.1:{port}"})
    wait_for_rows(target_kafka, f"heldup.{unique}", 20)
    running.wait_for(HELD_UP)
    lane = lane_of(port)
    assert (lane["lag"], lane["end_offset"], lane["settled"]) == (105, 125, 20)
    assert lane["state"] == "held up"
    assert unique in lane["cause"], "its transactional id"
    assert samples(port, "heliograph_lag_records") == [105]
    assert samples(port, "heliograph_held_up_seconds")[0] >= 10
    assert samples(port, "heliograph_standing_still") == [0], "it is no error"
    line = next(line for line in running.log.splitlines() if HELD_UP in line)
    assert "offset=20 " in line
    assert f"transactional_id={unique}" in line
    assert "waiting=105" in line
    assert ask(port, "/ready").startswith("ready\nheldup->target: degraded: held-up, partitions=1: ")
    writer.abort_transaction(LIMIT_S)
    assert wait_for_rows(target_kafka, f"heldup.{unique}", 120) == read(source_kafka, unique, committed=True)
    running.wait_for(OVER)
    wait_until(lambda: lane_of(port)["lag"] == 0, "an abort's marker at the end is no lag")
    assert lane_of(port)["state"] == "running"
    assert samples(port, "heliograph_held_up_seconds") == [0]
    assert running.log.count(HELD_UP) == 1
    assert running.stop() == 0


def test_a_partition_that_ends_in_an_aborted_transaction_has_no_lag(source_kafka, target_kafka, copy, unique, port):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(3))
    writer = transactional(source_kafka, unique, linger_ms=0)
    writer.begin_transaction()
    send(writer, unique, [Row(0, b"dropped", b"1")])
    flush(writer)
    writer.abort_transaction(LIMIT_S)
    copy("noend", unique, {"heliograph.http.listener": f"127.0.0.1:{port}"})
    wait_for_rows(target_kafka, f"noend.{unique}", 3)
    wait_until(lambda: (lane_of(port)["end_offset"], lane_of(port)["lag"]) == (5, 0), "3 records, 1 aborted, 1 marker")


def test_a_topic_that_cannot_be_created_stands_still(source_kafka, copy, unique, port):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(3))
    more = {"heliograph.http.listener": f"127.0.0.1:{port}", "replication.factor": 7}
    running = copy("nowhere", unique, more)
    running.wait_for("a topic cannot be mirrored")
    running.wait_for("  running  ")
    assert samples(port, "heliograph_standing_still") == [1, 1]
    assert "replication" in lane_of(port)["cause"].lower()
    (cause,) = json.loads(ask(port, "/status"))["flows"][0]["degraded"]
    assert (cause["kind"], cause["partitions"]) == ("standing-still", 2)
    status, text = ready(port)
    assert status == 200, "nothing is required but that the flow runs"
    assert text.startswith("ready\nnowhere->target: degraded: standing-still, partitions=2: ")
    assert samples(port, "heliograph_degraded", cause="standing-still") == [1]
    running.wait_for("the flow is degraded")
    assert running.stop() == 0


@pytest.mark.versions
def test_too_few_replicas_are_told_and_pass(source_kafka, shared_kafka, heliograph, one_way, unique, port):
    """Each try is refused; the partition is reported as standing still without a break until one is not.

    From Kafka 4 on a partition with one replica cannot have too few.
    """
    old = shared_kafka("2.8.2", "2.8.2")
    remote = f"fewrep.{unique}"
    create_topic(source_kafka, unique)
    create_topic(old, remote, min_insync_replicas="2")
    write(source_kafka, unique, simple_rows(3))
    more = {"heliograph.http.listener": f"127.0.0.1:{port}", "heliograph.ready.requires": "standing-still"}
    running = heliograph(one_way(source_kafka, old, "fewrep", unique, more))
    running.wait_for("  running  ")
    wait_until(lambda: ready(port)[0] == 503, "it is required")
    running.wait_for("the flow is degraded")
    seen = []

    def tries_seen():
        seen.append((ready(port)[0], samples(port, "heliograph_standing_still"), lane_of(port)["state"]))
        return lane_of(port)["standing_s"] > 16

    wait_until(tries_seen, "it is tried every two seconds")
    assert set(map(str, seen)) == {str((503, [1.0], "retrying"))}
    assert ready(port)[1].startswith("fewrep->target: degraded: standing-still, partitions=1: ")
    assert "NOT_ENOUGH_REPLICAS" in lane_of(port)["cause"]
    set_topic_config(old, remote, "min.insync.replicas", "1")
    wait_for_rows(old, remote, 3)
    wait_until(lambda: ready(port) == (200, "ready\n"), "it is well as soon as it has moved")
    assert samples(port, "heliograph_standing_still") == [0]
    running.wait_for("the flow is well again")
    assert [running.log.count(line) for line in ("the flow is degraded", "the flow is well again")] == [1, 1]
    assert running.stop() == 0
