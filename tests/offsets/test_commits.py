"""Positions of lanes are stored when they have moved, while the lanes are ours, on a fake cluster."""

import asyncio
from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fake_flow import connected, lane_of
from fault_injection import with_code
from heliograph.errors import ClusterError
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.commits import Commits, target_partition_of
from heliograph.offsets.stored import Offsets, ensure_topic


class World:
    def __init__(self, ends, target):
        self.offsets, self.target, self.ours = Offsets(ends.target, ends.flow), target, True
        self.commits = Commits(self.offsets, None, lambda: self.ours)

    def written(self):
        return self.target.asked.count("produce")


def in_a_world(steps):
    with FakeCluster("A") as source, FakeCluster("B") as target:

        async def scenario():
            async with connected(source, target) as ends:
                assert await ensure_topic(ends.target, ends.flow) is None
                await ends.target.refresh([ends.flow.offsets_topic.name])
                await steps(World(ends, target))

        asyncio.run(scenario())


def test_lanes_that_moved_are_stored_once():
    async def steps(world):
        lane = lane_of("t", position=5, expected=3)
        moved = {lane: None}
        await world.commits.commit(moved)
        assert moved == {}
        stored = await world.offsets.read()
        assert stored["t", 0] == lane.anchor
        assert lane.anchor.source_offset == 4
        count = world.written()
        await world.commits.commit({lane: None})
        assert world.written() == count, "it did not move"
        lane._progress.anchor = lane.anchor_at(8, 7)
        await world.commits.commit({lane: None})
        assert (await world.offsets.read())["t", 0] == lane.anchor

    in_a_world(steps)


def test_a_lane_that_moves_on_meanwhile_stays_among_those_that_moved():
    async def steps(world):
        lane = lane_of("t", position=5, expected=3)
        moved = {lane: None}
        storing = asyncio.create_task(world.commits.commit(moved))
        await asyncio.sleep(0)
        lane._progress.anchor = lane.anchor_at(8, 7)
        await storing
        assert moved == {lane: None}

    in_a_world(steps)


def test_nothing_is_stored_without_the_lease_and_nothing_forgotten():
    async def steps(world):
        lane = lane_of("t", position=5, expected=3)
        world.ours, moved = False, {lane: None}
        await world.commits.commit(moved)
        assert (world.written(), moved) == (0, {lane: None})

    in_a_world(steps)


def test_a_refusal_leaves_the_lanes_among_those_that_moved():
    denied = with_code(("responses", 0, "partition_responses", 0, "error_code"), ErrorCode.topic_authorization_failed)

    async def steps(world):
        lane = lane_of("t", position=5, expected=3)
        moved = {lane: None}
        world.target.always["produce"] = Fault(0, denied)
        with pytest.raises(ClusterError):
            await world.commits.commit(moved)
        assert moved == {lane: None}
        world.target.always.clear()
        await world.commits.commit(moved)
        assert moved == {}

    in_a_world(steps)


def test_where_lanes_go_on():
    async def steps(world):
        lane = lane_of("t", position=5, expected=3)
        await world.commits.commit({lane: None})
        world.commits.stored = {}
        await world.commits.load()
        fresh = type(lane)("t", "A.t", 0, lane.window)
        assert world.commits.known(fresh) == lane.anchor
        assert world.commits.known(type(lane)("u", "A.u", 0, lane.window)) is None
        lane._progress.anchor = lane.anchor_at(8, 7)
        assert world.commits.known(lane).source_offset == 8, "a lane knows better than what is stored"
        world.commits.close(lane)
        assert world.commits.known(fresh).source_offset == 8, "where it was closed"
        await world.commits.forget([("t", 0)])
        assert world.commits.known(fresh) is None
        assert await world.offsets.read() == {}

    in_a_world(steps)


def test_only_lanes_that_run_are_stored_when_they_begin():
    async def steps(world):
        waiting = type(lane_of("u"))("u", "A.u", 0, lane_of("u").window)
        await world.commits.commit_begun([lane_of("t", position=5, expected=3), waiting])
        assert set(await world.offsets.read()) == {("t", 0)}

    in_a_world(steps)


def test_an_anchor_on_another_target_partition_is_the_place_before_the_first():
    async def steps(world):
        lane = lane_of("t", 1)
        anchor = Anchor(9, 8, target_partition=0)
        assert target_partition_of(lane, anchor) == 0
        assert target_partition_of(lane, Anchor(9, 8)) == 1
        fresh = type(lane)("t", "A.t", 1, lane.window)
        world.commits.stored = {("t", 1): anchor}
        assert world.commits.known(fresh) == replace(anchor, target_offset=-1)

    in_a_world(steps)
