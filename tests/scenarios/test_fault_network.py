"""A network that is slow, falls silent or breaks between the program and either cluster."""

import time
from collections.abc import Iterator

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write
from steady_load import RSS_LIMIT_BYTES, Load, assert_equal, memory_bytes

from heliograph.testbed import KafkaCluster
from heliograph.testbed.proxy import HEALTHY, Faults, Proxy
from heliograph.testbed.servers import wait_for

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]
SILENT_S = {"source": 5.0, "target": 12.0}
"""On the target's side longer than the session in the group, and than the lease."""


@pytest.fixture(scope="module")
def source() -> Iterator[KafkaCluster]:
    with KafkaCluster(proxied=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def target() -> Iterator[KafkaCluster]:
    with KafkaCluster(proxied=True) as cluster:
        yield cluster


def for_a_while(proxy: Proxy, faults: Faults, seconds: float) -> None:
    proxy.faults = faults
    end = time.monotonic() + seconds
    try:
        wait_for(lambda: time.monotonic() >= end, end + 10, "the end of the fault")
    finally:
        proxy.faults = HEALTHY


@pytest.mark.parametrize("side", ["source", "target"])
def test_records_survive_a_bad_network(source, target, heliograph, one_way, unique, side):
    create_topic(source, unique, 3)
    proxy = {"source": source, "target": target}[side].brokers[0].proxy()
    with Load(source, unique, partitions=3) as load:
        running = heliograph(one_way(source, target, "one", unique))
        running.wait_for("running")
        for _ in range(5):
            load.wait_for(300)
            proxy.reset()
        for_a_while(proxy, Faults(cut=True), 2)
        load.wait_for(300)
        for_a_while(proxy, Faults(stalled=True), SILENT_S[side])
        load.wait_for(300)
        for_a_while(proxy, Faults(delay_ms=150), 2)
        for_a_while(proxy, Faults(rate_bytes_s=50_000), 2)
        assert memory_bytes(running) < RSS_LIMIT_BYTES
        total = load.finish()
    assert_equal(source, target, unique, f"one.{unique}", total, running)
    assert memory_bytes(running) < RSS_LIMIT_BYTES
    assert running.stop() == 0
    assert "Traceback" not in running.log


def test_a_bad_network_is_told_once_and_so_is_its_end(source, target, heliograph, one_way, unique):
    create_topic(source, unique)
    running = heliograph(one_way(source, target, "one", unique))
    running.wait_for("running")
    write(source, unique, simple_rows(10))
    wait_for_rows(target, f"one.{unique}", 10)
    for_a_while(source.brokers[0].proxy(), Faults(cut=True), 5)
    running.wait_for("the cluster answers again")
    write(source, unique, simple_rows(10))
    wait_for_rows(target, f"one.{unique}", 20)
    assert running.log.count("a cluster does not answer") == 1
    assert running.log.count("the cluster answers again") == 1
    assert running.stop() == 0


def test_a_backlog_passes_over_a_long_line_without_holding_much(source, target, heliograph, one_way, unique):
    """30 MB with 100 ms of delay to the target: several requests must be under way, and the window holds."""
    create_topic(source, unique, 3)
    write(source, unique, simple_rows(15_000, partitions=3, size=2_000))
    proxy = target.brokers[0].proxy()
    proxy.faults = Faults(delay_ms=50)
    try:
        began = time.monotonic()
        running = heliograph(one_way(source, target, "one", unique))
        wait_for_rows(target, f"one.{unique}", 15_000, limit_s=60)
        assert time.monotonic() - began < 45
        assert memory_bytes(running) < RSS_LIMIT_BYTES
    finally:
        proxy.faults = HEALTHY
    assert running.stop() == 0
