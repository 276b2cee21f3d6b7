"""Groups of a flow between two fake clusters stand on the target where their next record is."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from kio.schema.errors import ErrorCode

from between import Noted
from configs import sync_config
from fake_cluster import FakeCluster, Fault
from fake_flow import connected, lane_of
from heliograph.mirror.naming import Location
from heliograph.upkeep.checkpoints import Checkpoints
from heliograph.upkeep.group_sync import GroupSync
from heliograph.upkeep.syncs import Syncs

CANNOT = "a group cannot be moved on the target"


class World:
    """The parts, and the two clusters."""

    def __init__(self, ends, source, target, lanes, syncs):
        self.log, self.source, self.target = Noted(), source, target
        checkpoints = Checkpoints(ends.flow, ends.source, ends.target, lanes, syncs, self.log)
        self.checkpoints = checkpoints
        self.sync = GroupSync(ends.flow, ends.target, checkpoints, self.log)

    async def round(self):
        self.checkpoints._translated_s = -1e9
        self.checkpoints.followed._listed_s = None
        await self.sync.sync()

    def commit(self, group, offset, metadata=""):
        self.source.groups.setdefault(group, {})["t", 0] = (offset, metadata)

    def stands(self, group):
        return self.target.groups.get(group, {}).get(("A.t", 0))


def in_a_world(steps, *, first=0, deleted=0, partitions=1):
    """Run ``steps`` with a copy that began at ``first`` of 20 records, whose first ``deleted`` are gone."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name, begin in ((source, "t", 0), (target, "A.t", first)):
            fake.create(name, partitions)
            for partition in range(partitions):
                fake.write(name, [b"%d" % number for number in range(begin, 20)], partition)
        target.topics["A.t"].starts = {0: deleted}

        async def scenario():
            async with world_of(source, target, first, partitions) as world:
                await steps(world)

        asyncio.run(scenario())


@asynccontextmanager
async def world_of(source, target, first, partitions):
    async with connected(source, target, sync=sync_config(group_offsets_interval_s=1)) as ends:
        clusters = {Location.SOURCE: ends.source, Location.TARGET: ends.target}
        lanes = {}
        syncs = Syncs(ends.flow, clusters, lanes, Noted())
        for partition in range(partitions):
            lane = lane_of("t", partition, position=first, begins=syncs.begun)
            lanes["t", partition] = lane
            lane.new_runs.append((first, 0))
            lane._progress.anchor = lane.anchor_at(19, 19 - first)
            lane.settled = 20
        syncs.loaded = True
        yield World(ends, source, target, lanes, syncs)


def test_groups_only_go_forward():
    async def steps(world):
        world.commit("g", 5, "note")
        world.commit("further", 5)
        world.target.groups["further"] = {("A.t", 0): (8, "own")}
        await world.round()
        assert world.stands("g") == (5, "note")
        assert world.stands("further") == (8, "own")
        world.commit("g", 3, "back")
        await world.round()
        assert world.stands("g") == (5, "note")
        world.commit("g", 20)
        await world.round()
        assert world.stands("g") == (20, "")
        assert world.log.of("warning") == []

    in_a_world(steps)


def test_a_group_before_the_first_record_of_its_copy_stands_at_that():
    async def steps(world):
        for group, offset in (("early", 2), ("first", 12), ("inside", 15)):
            world.commit(group, offset)
        world.commit("later", 2)
        world.target.groups["later"] = {("A.t", 0): (4, "")}
        await world.round()
        stands = {group: world.stands(group) for group in ("early", "first", "inside", "later")}
        assert stands == {"early": (0, ""), "first": (0, ""), "inside": (3, ""), "later": (4, "")}

    in_a_world(steps, first=12)


def test_a_group_whose_copies_are_gone_stands_at_the_first_that_is_left():
    async def steps(world):
        world.commit("g", 13)
        world.commit("h", 18)
        world.commit("there", 13)
        world.target.groups["there"] = {("A.t", 0): (1, "")}
        await world.round()
        assert [world.stands(each) for each in ("g", "h", "there")] == [(3, ""), (6, ""), (3, "")]

    in_a_world(steps, first=12, deleted=3)


def test_metadata_alone_follows_where_the_source_changed_it():
    async def steps(world):
        world.commit("g", 5, "from before")
        world.target.groups["g"] = {("A.t", 0): (5, "the target's own")}
        for _ in range(2):
            await world.round()
            assert world.stands("g") == (5, "the target's own"), "nobody knows which of the two is newer"
        world.commit("g", 5, "changed")
        await world.round()
        assert world.stands("g") == (5, "changed")
        world.target.groups["g"] = {("A.t", 0): (5, "the target's own")}
        await world.round()
        assert world.stands("g") == (5, "the target's own"), "the source did not change"

    in_a_world(steps)


def with_members(values):
    for row in values["groups"]:
        row["group_state"] = "Stable"
    return values


def test_metadata_that_could_not_be_carried_over_follows_later():
    async def steps(world):
        world.commit("g", 5, "old")
        await world.round()
        world.commit("g", 5, "new")
        world.target.always["describe_groups"] = Fault(0, with_members)
        await world.round()
        assert world.stands("g") == (5, "old")
        assert ("a group has members on the target and is left alone", {"group": "g"}) in world.log.of("info")
        world.target.forget_requests()
        world.target.always["offset_fetch"] = Fault(0, refused)
        await world.round()
        world.target.forget_requests()
        await world.round()
        assert world.stands("g") == (5, "new")

    in_a_world(steps)


def refused(values):
    return {**values, "error_code": ErrorCode.group_authorization_failed}


def refused_partition(values):
    for topic in values["topics"]:
        for row in topic["partitions"]:
            if row["partition_index"] == 1:
                row["error_code"] = ErrorCode.topic_authorization_failed
    return values


def test_one_refused_partition_keeps_no_other():
    async def steps(world):
        world.source.groups["g"] = {("t", 0): (5, ""), ("t", 1): (6, "")}
        world.target.always["offset_commit"] = Fault(0, refused_partition)
        for _ in range(2):
            world.target.groups.clear()
            await world.round()
            assert "offset_commit" in world.target.asked
        assert [message for message, _ in world.log.of("warning")] == [CANNOT], "told once"
        assert world.log.of("warning")[0][1]["group"] == "g"
        world.target.forget_requests()
        del world.target.groups["g"]["A.t", 1]
        await world.round()
        assert world.target.groups["g"] == {("A.t", 0): (5, ""), ("A.t", 1): (6, "")}

    in_a_world(steps, partitions=2)


@pytest.mark.parametrize("api", ["offset_fetch", "describe_groups"])
def test_what_cannot_be_known_is_told_and_tried_again(api):
    def change(values):
        if api == "describe_groups":
            for row in values["groups"]:
                row["error_code"] = ErrorCode.group_authorization_failed
            return values
        return {**values, "error_code": ErrorCode.group_authorization_failed}

    async def steps(world):
        world.commit("g", 5)
        world.target.always[api] = Fault(0, change)
        for _ in range(2):
            await world.round()
        assert [(message, fields["group"]) for message, fields in world.log.of("warning")] == [(CANNOT, "g")]
        world.target.forget_requests()
        await world.round()
        assert world.stands("g") == (5, "")

    in_a_world(steps)


def test_it_is_a_job_where_it_is_asked_for():
    async def steps(world):
        (job,) = world.sync.jobs()
        assert (job.name, job.interval_s) == ("sync group offsets", 1)
        world.commit("g", 5)
        await job.run()
        assert world.stands("g") == (5, "")

    in_a_world(steps)
