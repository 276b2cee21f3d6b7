"""Under a limit: lanes that are behind wait for their turns in a queue, those at their end are read as ever."""

import asyncio
import time
from dataclasses import fields

import pytest
from lane_world import SourceLog, batch

from between import between
from fake_cluster import FakeCluster
from heliograph.flow.fetcher import QUEUED_MAX, Fetcher, FetchListener, Reading
from heliograph.flow.intake import ALIGNED_BATCHES_MAX, SLACK_PARTS
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.throttle import CHUNK_BYTES_MIN, Limits, Throttle
from heliograph.flow.window import Window

MIB = 1 << 20
LIMIT_S = 30
READING = Reading(4 * MIB, MIB, 100, read_committed=True, rack="", lane_limit_bytes=3 * MIB)


class World:
    """A fetcher under a limit that may be changed; nothing is sent anywhere."""

    def __init__(self, limit=MIB, source=None):
        told = {each.name: lambda *_: None for each in fields(FetchListener)}
        told.update(lanes=lambda: 4, channels=lambda: 1)
        self.throttle = Throttle(time.monotonic)
        self.throttle.set(limit)
        self.window = Window(24 * MIB)
        self.fetcher = Fetcher(source, 0, READING, self.window, FetchListener(**told), limits=Limits((self.throttle,)))
        self.lanes = []

    def add(self, *ends, position=0):
        """Add lanes at ``position`` of logs that end there."""
        for end in ends:
            lane = Lane("t", "one.t", len(self.lanes), self.window, end_offset=end)
            lane.start(position, 0, Producer(7, 0))
            self.lanes.append(lane)
            self.fetcher.add(lane)

    @property
    def next(self):
        return [lane.partition for lane in self.fetcher.next_in_queue()]

    def told(self):
        """What the first channel tells the broker: bytes by partition, and partitions to forget."""
        channel = self.fetcher._channels[0]
        wanted, forgotten = channel._compose() or ({}, {})
        channel.session.advance(99)
        return {row.partition: row.max_bytes for row in wanted.get("t", ())}, forgotten.get("t", [])

    def served(self, *partitions):
        """Let a turn end in which these got something."""
        lanes = self.fetcher.next_in_queue()
        for partition in partitions:
            self.lanes[partition].skip_to(self.lanes[partition].position + 1)
        self.fetcher.end_turn(lanes)


def test_who_is_behind_stands_in_the_queue_and_who_is_not_in_a_session():
    world = World()
    world.add(100, 0, 100, 0)
    assert world.next == [0, 2]
    assert world.told() == ({1: MIB // 10, 3: MIB // 10}, [])


def test_without_a_limit_there_is_no_queue():
    world = World(None)
    world.add(100, 0)
    assert world.next == []
    assert world.told() == ({0: MIB, 1: MIB}, [])


def test_a_lane_whose_end_is_not_known_is_asked_about_like_one_at_its_end():
    world = World()
    world.add(None)
    assert (world.next, world.told()[0]) == ([], {0: MIB // 10})


def test_turns_go_round_and_who_got_what_was_left_keeps_its_place():
    world = World()
    world.add(100, 100, 100)
    world.served(0, 1)
    assert world.next == [1, 2, 0]
    world.served(1, 2, 0)
    assert world.next == [2, 0, 1]


def test_who_has_fallen_behind_by_a_burst_does_not_wait_for_those_that_have_far_to_go():
    world = World()
    world.add(100, 100, 100, 0)
    world.fetcher.came(world.lanes[3])
    log = SourceLog()
    log.append(5)
    log.end = 50
    log.fetch(world.lanes[3])
    world.fetcher.came(world.lanes[3])
    world.fetcher.ready(world.lanes[3])
    assert world.next == [3, 0, 1, 2]


def test_who_has_come_to_its_end_leaves_the_queue():
    world = World()
    world.add(100, 1)
    world.served(0, 1)
    assert world.next == [0]
    assert list(world.told()[0]) == [1]


def test_a_turn_names_only_so_many():
    world = World()
    world.add(*[100] * (QUEUED_MAX + 4))
    assert world.next == list(range(QUEUED_MAX))


def test_who_falls_behind_goes_from_its_session_to_the_queue():
    world = World()
    world.add(0, 0)
    world.told()
    log = SourceLog()
    log.append(5)
    log.end = 50  # the answer had no room for more
    log.fetch(world.lanes[0])
    world.fetcher.moved(world.lanes[0])
    assert world.told() == ({}, [0])
    assert world.next == [0]


def test_a_limit_that_is_set_while_running_moves_who_is_behind_and_back_when_it_is_lifted():
    world = World(None)
    world.add(100, 0)
    world.told()
    world.throttle.set(MIB)
    world.fetcher.moved(world.lanes[0])
    assert (world.told(), world.next) == (({}, [0]), [0])
    world.throttle.set(None)
    assert world.next == []  # it is ready for a session again
    assert world.told() == ({0: MIB}, [])


def test_who_has_no_room_is_passed_over_and_keeps_its_place():
    world = World()
    world.add(100, 100)
    log = SourceLog()
    log.append(1, size=3 * MIB)
    log.end = 100
    log.fetch(world.lanes[0])
    assert world.next == [1]
    world.lanes[0].stop_reading()
    world.fetcher.ready(world.lanes[0])
    assert world.next == [0, 1]


def test_a_lane_that_is_removed_has_no_turn():
    world = World()
    world.add(100, 100)
    world.fetcher.remove(world.lanes[0])
    assert world.next == [1]


@pytest.mark.parametrize(("batches", "most", "asked"), [(1, 100, 1), (3, 300, 3), (20, 2_050, 20), (70, 7_050, 70)])
def test_whole_batches_are_asked_for_where_they_are_large(batches, most, asked):
    """Brokers cut the last batch in two, and send its part again: that would be read for nothing."""
    lane = Lane("t", "one.t", 0, Window(MIB), end_offset=100)
    lane.start(0, 0, Producer(7, 0))
    size = len(batch(0, 1, size=40))
    assert lane.turn_bytes(size * most // 100) == size * most // 100  # nothing is known yet
    log = SourceLog()
    log.append(1, size=40)
    log.append(1, size=40)
    log.batches[1] = (1, log.batches[1][1][: size - 1])
    log.end = 100
    log.fetch(lane)
    found = lane.turn_bytes(size * most // 100)
    whole = size * asked
    assert found == (
        size * most // 100 if batches >= ALIGNED_BATCHES_MAX else min(size * most // 100, whole + size // SLACK_PARTS)
    )
    assert found >= whole


@pytest.mark.parametrize("limit", [100_000, 2 * MIB])
def test_all_lanes_are_read_in_turns_and_never_faster_than_the_limit(limit):
    """Against a cluster in memory."""
    partitions, records = 3, 150

    async def work(flow):
        world = World(limit, flow.source)
        world.add(*[records] * partitions)
        world.fetcher.add(at_end := Lane("t", "one.t", partitions, world.window, end_offset=0))
        at_end.start(0, 0, Producer(7, 0))
        begun, apart = time.monotonic(), 0
        running = asyncio.create_task(world.fetcher.run())
        async with asyncio.timeout(LIMIT_S):
            while any(lane.position < records for lane in world.lanes):
                await asyncio.sleep(0.001)
                seen = [lane.position for lane in world.lanes]
                apart = max(apart, max(seen) - min(seen))
        lasted = time.monotonic() - begun
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return lasted, apart, world.fetcher.queued

    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("t", partitions + 1)
        for partition in range(partitions):
            for _ in range(records):
                source.write("t", [b"v" * 1_000], partition=partition)
        lasted, apart, queued = between(source, target, work)
    assert lasted >= (partitions * records * 1_000 - 2 * max(CHUNK_BYTES_MIN, limit // 10)) / limit - 0.25
    if limit == 100_000:
        assert apart <= 2 * CHUNK_BYTES_MIN // 1_000  # one turn, or one and a little
    assert queued == 0
