"""The data plane joined, between two clusters in memory: records arrive, lanes fail and recover, and it comes to rest."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig, LossKind
from heliograph.errors import NotAuthorized, RecordsLost
from heliograph.flow.data_plane import DataPlane, DataPlaneConfig
from heliograph.flow.events import LaneFailed, LaneRecovered
from heliograph.flow.fetcher import Reading
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer, State
from heliograph.mirror.losses import Loss

LIMIT_S = 20.0
READING = Reading(1 << 20, 1 << 20, 10, read_committed=False, rack="", lane_limit_bytes=1 << 20)
FETCH_CODE = ("responses", 0, "partitions", 0, "error_code")
PRODUCE_CODE = ("responses", 0, "partition_responses", 0, "error_code")


class World:
    """Two clusters, a data plane that runs, and its one lane."""

    def __init__(self, source, target, clusters, stop_on_loss):
        self.source, self.target = source, target
        self.events = []
        self.resumed = []
        self.answers = threading.Event()
        """Set: the target answers what is produced."""
        self.answers.set()
        target.always["produce"] = Fault(0, self._held)
        self.plane = DataPlane(
            *clusters,
            DataPlaneConfig(READING, 1 << 22, 5_000, stop_on_loss),
            listener=self.events.append,
            may_send=lambda: True,
            resume=self._resume,
            clock=asyncio.get_running_loop().time,
        )
        self.lane = Lane("t", "one.t", 0, self.plane.window, moved=self.plane.moved, source="one", target="two")

    def _held(self, values):
        assert self.answers.wait(LIMIT_S)
        return values

    async def _resume(self, lanes):
        self.resumed += lanes
        for lane in lanes:
            there = self.target.topics["one.t"].end(0)
            lane.start(there, there, Producer(8, 0))

    def write(self, count):
        self.source.write("t", [b"v"] * count)

    @property
    def copied(self):
        return self.target.topics["one.t"].end(0)

    async def until(self, condition):
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(position=0, stop_on_loss=frozenset()):
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("t")
        target.create("one.t")
        clusters = [Cluster(ClusterConfig(each.alias, (("127.0.0.1", each.port),))) for each in (source, target)]
        world = World(source, target, clusters, stop_on_loss)
        for cluster, topic in zip(clusters, ("t", "one.t"), strict=True):
            await cluster.start()
            await cluster.refresh({topic})
        world.lane.start(position, 0, Producer(7, 0))
        world.plane.add(world.lane)
        task = asyncio.create_task(world.plane.run())
        try:
            yield world
        finally:
            world.answers.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for cluster in clusters:
                await cluster.close()


def in_world(job, **how):
    async def live():
        async with running(**how) as world:
            await job(world)

    asyncio.run(live())


def test_records_arrive_and_the_lane_says_that_it_moved():
    async def job(world):
        world.write(3)
        await world.until(lambda: world.lane.records_copied == 3)
        assert world.copied == 3
        assert list(world.plane.moved) == [world.lane]
        assert len(world.plane.latencies_ms) == 1
        world.plane.remove(world.lane)
        assert not world.plane.lanes
        assert not world.plane.moved
        assert world.lane.pending_bytes == 0

    in_world(job)


@pytest.mark.parametrize("how", ["drain", "settle"])
def test_it_comes_to_rest_with_the_last_answer(how):
    async def job(world):
        world.answers.clear()
        world.write(3)
        await world.until(lambda: world.lane.in_flight)
        resting = asyncio.create_task(
            world.plane.drain(LIMIT_S) if how == "drain" else world.plane.settle(world.lane, LIMIT_S)
        )
        await asyncio.sleep(0)
        assert not resting.done()
        world.answers.set()
        assert await resting
        assert (world.lane.in_flight, world.lane.records_copied, world.copied) == (0, 3, 3)

    in_world(job)


def test_where_nothing_is_under_way_nothing_is_waited_for():
    async def job(world):
        assert await world.plane.drain(0.0)

    in_world(job)


def test_what_is_not_answered_in_time_is_told_and_a_lane_that_goes_on_reads_on():
    async def job(world):
        world.answers.clear()
        world.write(3)
        await world.until(lambda: world.lane.in_flight)
        assert not await world.plane.settle(world.lane, 0.05)
        world.answers.set()
        world.write(2)
        await world.until(lambda: world.lane.records_copied == 5)
        world.answers.clear()
        world.write(1)
        await world.until(lambda: world.lane.in_flight)
        assert not await world.plane.drain(0.05)

    in_world(job)


def test_a_batch_that_is_refused_for_now_is_sent_again_while_all_else_comes_to_rest():
    async def job(world):
        refusals = iter(range(3))
        refuse = with_code(PRODUCE_CODE, ErrorCode.not_enough_replicas)

        def answer(values):
            world._held(values)
            if next(refusals, None) is None:
                return values
            world.target.topics["one.t"].logs[0].pop()  # it was not written
            return refuse(values)

        world.answers.clear()
        world.target.always["produce"] = Fault(0, answer)
        world.write(2)
        await world.until(lambda: world.lane.in_flight)
        draining = asyncio.create_task(world.plane.drain(LIMIT_S))
        world.answers.set()
        assert await draining
        assert (world.lane.records_copied, world.copied) == (2, 2)
        assert not world.events, "that passes by itself"

    in_world(job)


def test_a_lane_that_may_not_be_read_is_told_and_told_again_when_it_may():
    async def job(world):
        world.source.always["fetch"] = Fault(0, with_code(FETCH_CODE, ErrorCode.topic_authorization_failed))
        world.write(2)
        await world.until(lambda: world.events)
        failed = world.events[0]
        assert isinstance(failed, LaneFailed)
        assert isinstance(failed.cause, NotAuthorized)
        assert "Cannot read t-0 on one" in str(failed.cause)
        assert "Read on topic t on one" in str(failed.cause)
        del world.source.always["fetch"]
        await world.until(lambda: world.events[-1] == LaneRecovered("t", 0))
        assert world.copied == 2

    in_world(job)


def test_a_producer_that_the_target_has_forgotten_is_given_a_new_place():
    async def job(world):
        refusals = iter(range(1))
        refuse = with_code(PRODUCE_CODE, ErrorCode.unknown_producer_id)

        def answer(values):
            if next(refusals, None) is None:
                return values
            world.target.topics["one.t"].logs[0].pop()
            return refuse(values)

        world.target.always["produce"] = Fault(0, answer)
        world.write(2)
        await world.until(lambda: world.lane.records_copied == 2)
        assert world.resumed == [world.lane]
        assert world.copied == 2

    in_world(job)


def test_a_position_beyond_the_end_is_in_doubt_and_found_again():
    async def job(world):
        world.write(2)
        await world.until(lambda: world.lane.records_copied == 2)
        assert world.resumed == [world.lane]

    in_world(job, position=9)


def lost():
    return Loss(LossKind.RETENTION, "t", 0, "one.t", 0, source_offsets=(3, 5), goes_on_at=5)


def test_a_loss_at_which_a_lane_is_to_stop_halts_it_until_a_person_decides():
    async def job(world):
        loss = lost()
        assert not world.plane.lose(world.lane, loss)
        assert world.lane.state is State.HALTED
        told, failed = world.events
        assert told is loss
        assert isinstance(failed.cause, RecordsLost)
        assert "source offsets 3 to 4" in str(failed.cause)
        assert failed.retry_in_s is None

    in_world(job, stop_on_loss=frozenset({LossKind.RETENTION}))


def test_any_other_loss_is_only_told():
    async def job(world):
        loss = lost()
        assert world.plane.lose(world.lane, loss)
        assert world.lane.state is State.RUNNING
        assert world.events == [loss]

    in_world(job, stop_on_loss=frozenset({LossKind.RECREATION}))
