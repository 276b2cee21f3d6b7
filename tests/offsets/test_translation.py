"""Where the readers of a topic go; exactness itself is shown by scenarios, with every third offset of a topic."""

import asyncio
from dataclasses import replace

import pytest

from configs import flow_config
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog
from heliograph.config.model import ClusterConfig, Policy
from heliograph.mirror.offset_map import OffsetMap, Translation
from heliograph.offsets.flow_map import FlowMap
from heliograph.offsets.gaps import BothLogs, Translated
from heliograph.offsets.translation import Crossing, Destination, _Way, _where_deleted

THERE = flow_config("west", "east", topics=("t.*",))
BACK = flow_config("east", "west", topics=("t.*",))


def crossing(ahead, back):
    flows = [None if flow is None else FlowMap(flow, None, None) for flow in (ahead, back)]
    return Crossing("west", "east", *flows)


def told(destination: Destination | None):
    if destination is None:
        return None
    return destination.topic, [(way[0].config.name, way[1], way[2]) for way in destination.ways]


@pytest.mark.parametrize(
    ("ahead", "back", "topic", "wanted"),
    [
        (THERE, None, "t1", ("west.t1", [("west->east", "t1", False)])),
        (THERE, None, "other", None),
        (THERE, BACK, "t1", ("west.t1", [("west->east", "t1", False)])),
        (THERE, BACK, "east.t1", ("t1", [("east->west", "t1", True)])),
        (THERE, BACK, "east.other", None),
        (THERE, None, "east.t1", None),
        (None, BACK, "east.t1", ("t1", [("east->west", "t1", True)])),
        (None, BACK, "t1", None),
    ],
)
def test_with_prefixes(ahead, back, topic, wanted):
    assert told(crossing(ahead, back).destination_of(topic)) == wanted


def test_with_names_kept_both_maps_count():
    ahead, back = (replace(flow, policy=Policy.IDENTITY) for flow in (THERE, BACK))
    both = ("t1", [("east->west", "t1", True), ("west->east", "t1", False)])
    assert told(crossing(ahead, back).destination_of("t1")) == both
    assert told(crossing(ahead, None).destination_of("t1")) == ("t1", [("west->east", "t1", False)])
    assert told(crossing(ahead, back).destination_of("other")) is None


def pairs(*all_pairs):
    known = OffsetMap()
    for pair in all_pairs:
        known.synced(*pair)
    return known


async def by_map(known, offset, *, backwards=False):
    found = await _Way(known, backwards, None, asyncio.Semaphore()).translated([offset])
    return found[offset]


@pytest.mark.parametrize(
    ("known", "offset", "wanted"),
    [
        (None, 3, (None, False)),
        (pairs(), 3, (None, False)),
        (pairs((10, 5)), 10, (5, True)),
        (pairs((10, 5)), 11, (6, True)),
        (pairs((10, 5)), 12, (6, False)),
        (pairs((10, 5), (20, 15)), 17, (12, True)),
        (pairs((10, 5), (20, 6)), 15, (6, True)),
    ],
)
def test_with_one_side_only_known_pairs_decide(known, offset, wanted):
    found = asyncio.run(by_map(known, offset))
    assert (found.offset, found.exact) == wanted


HERE, COPY = (PartitionLog(Cluster(ClusterConfig(alias, ())), topic, 0) for alias, topic in (("A", "t"), ("B", "A.t")))
BOTH = BothLogs(HERE, COPY, Ends(30, 60), Ends(10, 40))


@pytest.mark.parametrize(
    ("rough", "rough_exact", "first", "first_exact", "wanted"),
    [
        pytest.param(12, True, 20, True, (12, True), id="its copies are there still, and exactly known"),
        pytest.param(5, True, 20, True, (10, True), id="copies were deleted there too, up to the log start offset"),
        pytest.param(50, True, 40, True, (40, True), id="nothing is left to read"),
        pytest.param(0, False, 10, True, (10, True), id="all before the first that is left is gone there as well"),
        pytest.param(0, False, 20, True, (10, False), id="some of what it has not read is there, nobody knows where"),
        pytest.param(0, False, None, False, (10, False), id="nothing is known of the first that is left"),
        pytest.param(15, False, 20, False, (15, False), id="not even the first that is left is exact"),
        pytest.param(0, False, 5, False, (10, False), id="an inexact first before the log start offset"),
    ],
)
def test_a_position_whose_records_were_deleted(rough, rough_exact, first, first_exact, wanted):
    found = _where_deleted(
        Translation(rough, exact=rough_exact, reason="rough"),
        Translated(first, exact=first_exact, reason="why not"),
        BOTH,
    )
    assert (found.offset, found.exact) == wanted
    assert found.deleted
    assert "it lies before the log start offset 30 of t-0 on A" in found.reason
    assert found.at_end is (found.exact and found.offset == BOTH.there_ends.end)
