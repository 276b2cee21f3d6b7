"""Offset syncs that MirrorMaker 2 left prove a place that its stored positions do not; on two fake clusters."""

import asyncio

import pytest

from fake_cluster import FakeCluster
from fake_flow import connected, stored
from heliograph.cluster import table
from heliograph.flow.lane import Lane
from heliograph.flow.positions import Clusters
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync, encode_offset_sync
from heliograph.mirror.resume import Outcome
from heliograph.offsets.takeover import Takeover, read_syncs

RECORDS, MISSING = 30, 4
ON_SOURCE = "mm2-offset-syncs.B.internal"


def in_a_flow(steps, copied=RECORDS):
    """The copy lacks the first records, and those from ``copied`` on."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name, first, end in ((source, "t", 0, RECORDS), (target, "A.t", MISSING, copied)):
            fake.create(name)
            for number in range(first, end):
                fake.write(name, [b"%d" % number])

        async def scenario():
            async with connected(source, target) as ends:
                return await steps(ends, source, target)

        return asyncio.run(scenario())


async def located(ends, anchors, stored_ms):
    lane = Lane("t", "A.t", 0, Window(1 << 20))
    clusters = Clusters(ends.source, ends.target, read_committed=True, start_at_latest=False)
    known = {lane: anchors["t", 0]} if ("t", 0) in anchors else {}
    place = (await Takeover(ends.source, ends.target, ends.flow).locate(clusters, [lane], known, stored_ms))[lane]
    return place.outcome, place.position


@pytest.mark.parametrize(
    ("sync_ms", "stored_ms", "wanted"),
    [
        (1_000_000, 900_000, (Outcome.EXACT, 20)),
        (1_000_000, 5_000_000, None),
    ],
    ids=["a sync that is younger counts", "who has set the position back since is believed"],
)
def test_a_sync_proves_what_the_stored_position_does_not(sync_ms, stored_ms, wanted):
    anchors = {("t", 0): Anchor(9, None)}

    async def steps(ends, _source, _target):
        await stored(ends, anchors, syncs=[OffsetSync("t", 0, 15, 15 - MISSING)], now_ms=sync_ms)
        return await located(ends, anchors, {("t", 0): stored_ms})

    found = in_a_flow(steps, copied=20)
    if wanted is None:
        assert found[0] is not Outcome.EXACT
        assert found[1] == 10
    else:
        assert found == wanted


def test_nothing_is_read_where_the_stored_position_is_proven():
    anchors = {("t", 0): Anchor(19, 19 - MISSING)}

    async def steps(ends, source, target):
        await stored(ends, anchors)
        for fake in (source, target):
            fake.forget_requests()
        assert await located(ends, anchors, {("t", 0): 1}) == (Outcome.EXACT, 20)
        assert "metadata" not in target.asked

    in_a_flow(steps, copied=20)


def test_of_several_syncs_the_furthest_on_the_target_counts():
    async def steps(ends, source, target):
        source.create(ON_SOURCE)
        await ends.source.refresh([ON_SOURCE])
        rows = [encode_offset_sync(OffsetSync("t", 0, 12, 8)), (b"?", b"no sync")]
        await table.write(ends.source, ON_SOURCE, {0: rows}, 11)
        await stored(ends, {}, syncs=[OffsetSync("t", 0, 10, 6), OffsetSync("t", 1, 3, 3)], now_ms=22)
        found = await read_syncs(ends.source, ends.target, ends.flow)
        assert {key: (each.sync.upstream_offset, each.written_ms) for key, each in found.items()} == {
            ("t", 0): (12, 11),
            ("t", 1): (3, 22),
        }

    in_a_flow(steps)


def test_without_any_position_the_first_records_are_tried():
    """MM2 died in its first minute: what the target holds are the source's first records."""

    async def steps(ends, source, target):
        target.topics["A.t"].logs[0] = source.topics["t"].logs[0][:12]
        await stored(ends, {})
        assert await located(ends, {}, {}) == (Outcome.EXACT, 12)
        outcome, position = await located(ends, {}, {("t", 0): 5})
        assert outcome is not Outcome.EXACT, "somebody had the position forgotten"
        assert position == 0

    in_a_flow(steps)
