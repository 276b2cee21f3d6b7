"""Limits of bandwidth: kept within a twentieth over ten seconds, changed while running, and without harm to fresh records."""

import time

import pytest
from bandwidth import Bandwidth, fill
from plain_client import create_topic
from steady_load import Load
from worker_shares import assert_unharmed, wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

MB = 1_000_000
LIMIT = 4 * MB
OVER_S = 10.0
PARTITIONS = 4
LATE_S = 3.0
"""What had to wait for the backlog would come after ten seconds or more; how late fresh records really are,
benchmarks/limits.py measures."""


def assert_kept(seen: Bandwidth, since: float, limit: float, *topics: str) -> None:
    """Check that a limit is reached, and not exceeded, within a twentieth."""
    rate = seen.rate(since, since + OVER_S, *topics)
    assert 0.95 * limit <= rate <= 1.05 * limit, f"{rate / MB:.3f} MB/s of {limit / MB} MB/s"


@pytest.mark.parametrize("mode", ["plain", "transactions"])
def test_a_limit_is_kept_and_fresh_records_are_not_held_up(source_kafka, target_kafka, copy, unique, mode):
    create_topic(source_kafka, unique, PARTITIONS)
    create_topic(source_kafka, f"{unique}-live", 1)
    fill(source_kafka, unique, 70, PARTITIONS)
    more = {"heliograph.limit.bytes.per.second": "4MB", "target.exactly.once.source.support": "enabled"}
    if mode == "plain":
        more.popitem()
    alias = f"held{mode}"
    copies = {f"{alias}.{unique}": PARTITIONS, f"{alias}.{unique}-live": 1}
    with Load(source_kafka, f"{unique}-live", partitions=1, rate_s=100, size=1_000):
        running = copy(alias, f"{unique}.*", more)
        with Bandwidth(target_kafka, copies) as seen:
            seen.wait_for(f"{alias}.{unique}", 4)
            seen.wait_for(f"{alias}.{unique}-live", 0.1)
            since = time.monotonic()
            time.sleep(OVER_S)
            assert_kept(seen, since, LIMIT)
            assert seen.latency_s(f"{alias}.{unique}-live", since, since + OVER_S, 0.9) < LATE_S
    assert running.stop() == 0


def test_a_limit_is_changed_and_lifted_while_running(source_kafka, target_kafka, heliograph, one_way, valve, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    fill(source_kafka, unique, 100, PARTITIONS)
    limit = "heliograph.limit.bytes.per.second"
    properties = one_way(source_kafka, target_kafka, "turned", unique, {limit: "1MB"})
    running = heliograph(properties)
    copied = f"turned.{unique}"
    with Bandwidth(target_kafka, {copied: PARTITIONS}) as seen:
        seen.wait_for(copied, 2)
        running.file.write_text(properties.replace(f"{limit} = 1MB", f"{limit} = 4MB"))
        running.wait_for(f"options={limit}")
        seen.wait_for(copied, seen.bytes_of(copied) / MB + 2)
        since = time.monotonic()
        time.sleep(OVER_S)
        assert_kept(seen, since, LIMIT)
        assert valve("limit", properties, "1MB")["bytes_per_second"] == MB
        running.wait_for('rate="1.0 MB/s" by="a command"')
        since, before = time.monotonic(), seen.bytes_of(copied)
        time.sleep(3)
        assert seen.bytes_of(copied) - before < 2 * MB * (time.monotonic() - since)
        running.file.write_text(properties.replace(limit, f"#{limit}"))
        running.wait_for(f"options={limit}", times=2)
        assert valve("limit", properties, "as-file")["changed"]
        seen.wait_for(copied, 100, 10)  # the rest would have taken more than that
    assert running.stop() == 0


def test_what_one_flow_leaves_of_the_limit_for_all_another_has(source_kafka, target_kafka, heliograph, one_way, unique):
    busy, idle = f"{unique}-busy", f"{unique}-idle"
    for topic in (busy, idle):
        create_topic(source_kafka, topic, 2)
    fill(source_kafka, busy, 90, 2)
    first = one_way(source_kafka, target_kafka, "lends", idle, {"heliograph.total.limit.bytes.per.second": "4MB"})
    second = one_way(source_kafka, target_kafka, "borrows", busy)
    properties = first.replace("clusters = lends, target\n", "clusters = lends, borrows, target\n") + "".join(
        line for line in second.splitlines(keepends=True) if "borrows" in line and "clusters" not in line
    )
    running = heliograph(properties)
    copies = {f"borrows.{busy}": 2, f"lends.{idle}": 2}
    with Bandwidth(target_kafka, copies) as seen:
        seen.wait_for(f"borrows.{busy}", 2)
        since = time.monotonic()
        time.sleep(OVER_S)
        assert_kept(seen, since, LIMIT)  # all of it is one flow's
        fill(source_kafka, idle, 40, 2)
        seen.wait_for(f"lends.{idle}", 2)
        since = time.monotonic()
        time.sleep(OVER_S)
        assert_kept(seen, since, LIMIT)
        shares = [seen.rate(since, since + OVER_S, copied) / LIMIT for copied in copies]
        assert min(shares) > 0.4, shares
    assert running.stop() == 0


@pytest.mark.parametrize(("mode", "option"), [("plain", "limit"), ("transactions", "limit"), ("plain", "total.limit")])
def test_two_workers_keep_one_limit_and_use_all_of_it(
    source_kafka, target_kafka, heliograph, one_way, unique, mode, option
):
    create_topic(source_kafka, unique, PARTITIONS)
    alias = f"team{mode}{option[:5]}"
    more = {f"heliograph.{option}.bytes.per.second": "4MB", "target.exactly.once.source.support": "enabled"}
    if mode == "plain":
        more.popitem()
    properties = one_way(source_kafka, target_kafka, alias, unique, more)
    workers = [heliograph(properties) for _ in range(2)]
    wait_for_shares(dict.fromkeys(workers, 2))
    copied = f"{alias}.{unique}"
    with Bandwidth(target_kafka, {copied: PARTITIONS}) as seen:  # from the beginning, so that nothing comes late
        fill(source_kafka, unique, 80, PARTITIONS)
        seen.wait_for(copied, 4)
        since = time.monotonic()
        time.sleep(OVER_S)
        assert_kept(seen, since, LIMIT)
    assert_unharmed(*workers)
    assert [worker.stop() for worker in workers] == [0, 0]
