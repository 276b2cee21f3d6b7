"""A source, or a network before it, that damages what it sends: nothing damaged is passed on as good."""

import time
from collections.abc import Iterator

import pytest
import wounding_proxy as wounds
from plain_client import create_topic, simple_rows, wait_for_rows, write
from steady_load import RSS_LIMIT_BYTES, Load, assert_equal, memory_bytes
from wounding_proxy import WoundingProxy

from heliograph.testbed import KafkaCluster
from heliograph.testbed.servers import wait_for

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def wounded() -> Iterator[tuple[KafkaCluster, WoundingProxy]]:
    """A source whose clients speak through the proxy."""
    with KafkaCluster(proxied=True) as cluster:
        broker = cluster.brokers[0]
        proxy = WoundingProxy(broker.port())
        broker.proxy()._target_port = proxy.port
        yield cluster, proxy
        proxy.close()


@pytest.mark.parametrize("shape", ["forwarded", "merged"])
def test_a_damaged_batch_is_refused_and_named_and_the_others_go_on(
    wounded, target_kafka, heliograph, one_way, unique, shape
):
    source, proxy = wounded
    bad, good = f"{unique}-bad", f"{unique}-good"
    create_topic(source, bad)
    create_topic(source, good)
    running = heliograph(one_way(source, target_kafka, "bad", f"{bad},{good}"))
    running.wait_for("running")
    write(source, bad, simple_rows(20))
    wait_for_rows(target_kafka, f"bad.{bad}", 20)
    proxy.always = wounds.body_of(bad)
    size = 40_000 if shape == "forwarded" else 100
    rows = simple_rows(20, first=20, size=size)
    write(
        source,
        bad,
        rows,
        linger_ms=5 if shape == "forwarded" else 0,
        batch_num_messages=1_000 if shape == "forwarded" else 1,
    )
    write(source, good, simple_rows(20))
    running.wait_for("is damaged")
    wait_for_rows(target_kafka, f"bad.{good}", 20)
    line = next(line for line in running.log.splitlines() if "is damaged" in line)
    assert f"{bad}-0" in line
    assert "offset " in line
    proxy.always = None
    copied = wait_for_rows(target_kafka, f"bad.{bad}", 40)
    assert [row.value for row in copied] == [row.value for row in (*simple_rows(20), *rows)]
    running.wait_for("a partition moves again")
    assert running.stop() == 0
    assert "Traceback" not in running.log


HOSTILE = {
    "absurd length": wounds.with_records(wounds.absurd_length),
    "absurd count": wounds.with_records(wounds.absurd_count),
    "truncated": wounds.with_records(wounds.truncated),
    "correlation id": wounds.with_records(wounds.another_correlation_id),
}


def test_frames_that_lie_are_survived_and_everything_arrives_once(wounded, target_kafka, heliograph, one_way, unique):
    source, proxy = wounded
    create_topic(source, unique, 3)
    with Load(source, unique, partitions=3) as load:
        running = heliograph(one_way(source, target_kafka, "bad", unique))
        running.wait_for("running")
        for wound in HOSTILE.values():
            before = proxy.done
            proxy.wounds.append(wound)
            load.wait_for(500)
            wait_for(lambda before=before: proxy.done > before, deadline(30), "the wound")
            load.wait_for(500)
        assert memory_bytes(running) < RSS_LIMIT_BYTES
        total = load.finish()
    assert_equal(source, target_kafka, unique, f"bad.{unique}", total, running)
    assert running.stop() == 0


def test_a_frame_that_promises_much_and_brings_little_takes_no_memory(
    wounded, target_kafka, heliograph, one_way, unique
):
    """It is given up after the request's time, which is made short here."""
    source, proxy = wounded
    create_topic(source, unique)
    running = heliograph(one_way(source, target_kafka, "bad", unique, {"bad.consumer.request.timeout.ms": 3_000}))
    running.wait_for("running")
    proxy.wounds.append(wounds.with_records(wounds.long_length))
    before = memory_bytes(running)
    write(source, unique, simple_rows(100))
    wait_for(lambda: not proxy.wounds, deadline(30), "the wound")
    assert memory_bytes(running) < before + (60 << 20)
    wait_for_rows(target_kafka, f"bad.{unique}", 100)
    assert running.stop() == 0
    assert "Traceback" not in running.log


def deadline(seconds: float) -> float:
    return time.monotonic() + seconds
