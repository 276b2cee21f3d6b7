"""Where the readers of a topic go; exactness itself is shown by scenarios, with every third offset of a topic."""

import asyncio
from dataclasses import replace

import pytest

from configs import flow_config
from heliograph.config.model import Policy
from heliograph.mirror.offset_map import OffsetMap
from heliograph.offsets.flow_map import FlowMap
from heliograph.offsets.translation import Crossing, Destination, _Way

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
