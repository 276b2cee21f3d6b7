"""Whose offset syncs these are is told by the records that they name."""

import asyncio

import pytest

from fake_cluster import FakeCluster
from fake_flow import connected
from heliograph.mirror.offset_map import OffsetMap
from heliograph.offsets.sync_origin import SyncOrigin, origin_of, reverse_has_run

RECORDS = 12


def known(*syncs):
    found = OffsetMap()
    for sync in syncs:
        found.synced(*sync)
    return found


def judged(maps, *, deleted=0, differs=()):
    """Judge maps of a flow whose copies lack the first two records; of topics that differ the copies hold others."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for topic in {topic for topic, _ in maps}:
            source.create(topic)
            source.write(topic, [b"%d" % number for number in range(RECORDS)])
            copy = target.create(f"A.{topic}")
            content = "other" if topic in differs else "copy"
            target.write(f"A.{topic}", [b"other" if content == "other" else b"%d" % each for each in range(2, RECORDS)])
            copy.starts[0] = deleted

        async def scenario():
            async with connected(source, target) as ends:
                return await origin_of(ends.flow, ends.source, ends.target, maps)

        return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("maps", "wanted"),
    [
        ({}, SyncOrigin.NONE),
        ({("t", 0): known()}, SyncOrigin.NONE),
        ({("t", 0): known((9, 7))}, SyncOrigin.OURS),
        ({("t", 0): known((3, 9), (9, 7))}, SyncOrigin.OURS),
        ({("t", 0): known((7, 9))}, SyncOrigin.FOREIGN),
        ({("t", 0): known((9, 7)), ("t1", 0): known((7, 9))}, SyncOrigin.OURS),
        ({("t", 0): known((9, 7)), ("t1", 0): known((7, 9)), ("t2", 0): known((7, 9))}, SyncOrigin.FOREIGN),
        ({("t", 0): known((50, 48))}, SyncOrigin.NONE),
        ({("t", 0): known((9, 50))}, SyncOrigin.NONE),
    ],
)
def test_the_newest_pair_of_each_partition_is_looked_at(maps, wanted):
    assert judged(maps) is wanted


def test_records_that_are_gone_tell_nothing():
    assert judged({("t", 0): known((9, 7))}, deleted=8) is SyncOrigin.NONE


def test_four_partitions_are_enough():
    maps = {(f"t{number}", 0): known((9, 7)) for number in range(7)}
    assert judged(maps, differs=("t5", "t6")) is SyncOrigin.OURS
    assert judged(maps, differs=("t0", "t1", "t2")) is SyncOrigin.FOREIGN


@pytest.mark.parametrize("there", [True, False])
def test_the_flow_back_leaves_its_positions_on_the_source(there):
    with FakeCluster("A") as source, FakeCluster("B") as target:
        if there:
            source.create("mm2-offsets.B.internal")

        async def scenario():
            async with connected(source, target) as ends:
                assert await reverse_has_run(ends.flow, ends.source) is there

        asyncio.run(scenario())
