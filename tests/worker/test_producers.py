"""Producer ids: never one twice on the same target partition, and few in all."""

import asyncio
from collections import Counter

import pytest

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.worker import producers
from heliograph.worker.producers import Producers

pytestmark = pytest.mark.brokers


async def taken(kafka, places):
    """Take an id for each of ``places``, all at once."""
    host, _, port = kafka.bootstrap().split(",")[0].rpartition(":")
    cluster = Cluster(ClusterConfig("t", ((host, int(port)),)))
    await cluster.start()
    try:
        ids = Producers(cluster)
        await ids.prepare()
        return await asyncio.gather(*(ids.take(topic, partition) for topic, partition in places))
    finally:
        await cluster.close()


def test_ten_lanes_on_five_partitions_need_two_ids(target_kafka):
    places = [("t", partition % 5) for partition in range(10)]
    found = asyncio.run(taken(target_kafka, places))
    assert len(set(found)) == 2
    assert set(Counter(zip(places, found, strict=True)).values()) == {1}


def test_a_lane_that_begins_again_gets_another_id(target_kafka):
    found = asyncio.run(taken(target_kafka, [("t", 0), ("t", 0), ("t", 1), ("t", 0)]))
    assert len({found[0], found[1], found[3]}) == 3
    assert found[2] == found[0]


def test_ids_do_not_pile_up(target_kafka, monkeypatch):
    monkeypatch.setattr(producers, "IDS_MAX", 3)
    places = [("t", 0)] * 10
    found = asyncio.run(taken(target_kafka, places))
    assert len(set(found)) == 10
