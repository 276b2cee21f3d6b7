"""Checkpoints of a flow between two fake clusters: what is written, once, and what of earlier processes counts."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from between import Noted
from configs import sync_config
from fake_cluster import FakeCluster, Fault
from fake_flow import connected, lane_of
from fault_injection import with_code
from heliograph.mirror.formats import Checkpoint, decode_checkpoint, encode_checkpoint
from heliograph.mirror.naming import Location
from heliograph.records import decode
from heliograph.upkeep.checkpoints import Checkpoints
from heliograph.upkeep.syncs import Syncs

TOPIC = "A.checkpoints.internal"
RECORDS = 40
DENIED = Fault(0, with_code(("responses", 0, "partitions", 0, "error_code"), ErrorCode.topic_authorization_failed))


class World:
    """The part, the lane, and the two clusters."""

    def __init__(self, ends, source, target, begin):
        self.source, self.target, self.log = source, target, Noted()
        clusters = {Location.SOURCE: ends.source, Location.TARGET: ends.target}
        self.lanes = {}
        self.syncs = Syncs(ends.flow, clusters, self.lanes, self.log)
        if begin is not None:
            self.lanes["t", 0] = lane_of("t", position=begin, expected=begin, begins=self.syncs.begun)
        self.syncs.loaded = True
        self.part = Checkpoints(ends.flow, ends.source, ends.target, self.lanes, self.syncs, self.log)

    def commit(self, group, offset, metadata=""):
        self.source.groups.setdefault(group, {})["t", 0] = (offset, metadata)

    async def write(self):
        """Do the job as if the time for everything had come."""
        self.part._translated_s, self.part.followed._listed_s = -1e9, None
        self.part._counts._due_s.clear()
        await self.part.write()

    @property
    def written(self):
        rows = [raw for _, _, raw in self.target.topics[TOPIC].logs[0]]
        return [decode_checkpoint(record.key, record.value) for raw in rows for record in decode(raw, 0, len(raw))]


def in_a_world(steps, *, begin=RECORDS, **options):
    """Run ``steps`` with a lane that has just begun behind ``begin`` records; nothing is known of those before."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name in ((source, "t"), (target, "A.t")):
            fake.create(name)
            fake.write(name, [b"%d" % number for number in range(RECORDS)])

        async def scenario():
            sync = sync_config(checkpoints_interval_s=1, checkpoints_replication_factor=1, **options)
            async with connected(source, target, sync=sync) as ends:
                await steps(World(ends, source, target, begin))

        asyncio.run(scenario())


def test_each_is_written_once():
    async def steps(world):
        world.commit("g", 7, "note")
        for _ in range(2):
            await world.write()
        assert world.written == [Checkpoint("g", "A.t", 0, 7, 7, "note")]
        world.commit("g", 9)
        await world.write()
        world.commit("g", 5)
        await world.write()
        world.commit("g", 5, "changed")
        await world.write()
        told = [(each.upstream_offset, each.downstream_offset, each.metadata) for each in world.written[1:]]
        assert told == [(9, 9, ""), (5, 5, ""), (5, 5, "changed")]
        assert world.target.topics[TOPIC].configs["cleanup.policy"] == "compact"
        assert world.log.of("warning") == []

    in_a_world(steps)


def test_what_an_earlier_process_wrote_is_not_written_again():
    async def steps(world):
        await world.write()
        key, value = encode_checkpoint(Checkpoint("g", "A.t", 0, 7, 7))
        await world.part._topic.write([(key, value), (b"no", b"checkpoint")], 1)
        world.commit("g", 7)
        world.part._loaded = False
        await world.write()
        assert len(world.target.topics[TOPIC].logs[0]) == 1
        assert world.part.written == {("g", "A.t", 0): Checkpoint("g", "A.t", 0, 7, 7)}

    async def with_topic(world):
        world.target.create(TOPIC, cleanup_policy="compact")
        await steps(world)

    in_a_world(with_topic)


def test_a_count_that_failed_leaves_the_others_and_comes_later():
    async def steps(world):
        world.commit("lags", 7)
        world.commit("there", RECORDS)
        world.target.always["fetch"] = DENIED
        await world.write()
        assert [(each.group, each.downstream_offset) for each in world.written] == [("there", RECORDS)]
        (warning,) = world.log.of("warning")
        assert warning[0] == "groups that lag are not followed on a partition"
        world.target.always.clear()
        await world.write()
        assert [(each.group, each.downstream_offset) for each in world.written][1:] == [("lags", 7)]

    async def with_topic(world):
        world.part._loaded = True  # else the topic itself is read
        await steps(world)

    in_a_world(with_topic)


@pytest.mark.parametrize("shared", [True, False])
def test_partitions_without_a_lane_or_with_a_shared_one_are_left_out(shared):
    async def steps(world):
        if shared:
            world.lanes["t", 0] = lane_of("t", shared=True)
        world.commit("g", 7)
        assert await world.part.translate() == {}

    in_a_world(steps, begin=None)


def test_nothing_is_said_before_the_maps_are_whole():
    async def steps(world):
        world.syncs.loaded = False
        world.commit("g", 7)
        assert await world.part.translate() == {}
        await world.part.write()
        assert TOPIC not in world.target.topics

    in_a_world(steps)


def test_two_jobs_that_ask_at_once_get_one_answer():
    async def steps(world):
        world.commit("g", 7)
        one, other = await asyncio.gather(world.part.translate(), world.part.translate())
        assert one is other
        assert [(place.downstream, place.exact) for place in one["g"]] == [(7, True)]
        assert world.source.asked.count("list_groups") == 1

    in_a_world(steps)


def test_it_is_a_job_where_it_is_asked_for():
    async def steps(world):
        (job,) = world.part.jobs()
        assert (job.name, job.interval_s) == ("write checkpoints", 1)

    in_a_world(steps)
