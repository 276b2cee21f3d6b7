"""Limits of bandwidth: kept within a twentieth over ten seconds, changed while running, and without harm to fresh records."""

import time

import pytest
from bandwidth import Bandwidth, fill
from plain_client import create_topic
from steady_load import Load

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

MB = 1_000_000
LIMIT = 4 * MB
OVER_S = 10.0
PARTITIONS = 4


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
            since = time.monotonic()
            time.sleep(OVER_S)
            assert_kept(seen, since, LIMIT)
            assert seen.latency_s(f"{alias}.{unique}-live", since, since + OVER_S, 0.9) < 0.5
    assert running.stop() == 0
