"""How much is asked for: on a long line as much as fills the window, over several channels; elsewhere as usual."""

import asyncio
from dataclasses import fields

import pytest
from lane_world import SourceLog, take

from between import between
from fake_cluster import FakeCluster
from heliograph.broker import round_trip
from heliograph.flow.fetcher import CHANNELS_MAX, Fetcher, FetchListener, Reading
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.window import Window
from heliograph.wire.fetch import Answer, Fetched

MIB = 1 << 20
LIMIT_S = 20
READING = Reading(4 * MIB, MIB, 100, read_committed=True, rack="", lane_limit_bytes=3 * MIB)


class World:
    """A fetcher of lanes that have a backlog, and its first channel."""

    def __init__(self, partitions, window_bytes=24 * MIB, reading=READING):
        told = {each.name: lambda *_: None for each in fields(FetchListener)}
        told.update(lanes=lambda: partitions, channels=lambda: self.fetcher.channels)
        self.window = Window(window_bytes)
        self.fetcher = Fetcher(None, 1, reading, self.window, FetchListener(**told))
        self.lanes = [Lane("t", "one.t", each, self.window) for each in range(partitions)]
        for lane in self.lanes:
            lane.start(0, 0, Producer(7, 0))
            self.fetcher.add(lane)
        self.channel = self.fetcher._channels[0]
        self.channel._compose()

    def answer(self, sizes, *, channel=None):
        """Let a channel's answer bring so many bytes of the partitions; returns how many were asked for."""
        channel = channel or self.channel
        budget = channel._budget()
        rows = [Fetched("t", partition, 0, 9, 9, 0, (), -1, 0, size) for partition, size in sizes.items()]
        answer = Answer(0, 0, 1, rows, bytes(sum(sizes.values())))
        channel._deep = channel._has_backlog(answer, budget)
        channel.session.advance(99)
        return budget

    def read_by(self):
        """Partitions by channel."""
        channels = self.fetcher._channels
        return [sorted(lane.partition for lane in channel.session.lanes) for channel in channels]


def test_one_lane_asks_for_half_of_the_window_after_two_full_answers():
    world = World(1)
    (lane,) = world.lanes
    assert (world.answer({0: MIB}), lane.fetch_bytes) == (4 * MIB, 4 * MIB)
    assert (world.answer({0: 4 * MIB}), lane.fetch_bytes) == (12 * MIB, 12 * MIB)
    assert (world.answer({0: 12 * MIB}), lane.fetch_bytes) == (12 * MIB, 12 * MIB)


def test_what_has_caught_up_holds_no_more_of_the_window_than_usual():
    world = World(1)
    world.answer({0: MIB})
    assert world.answer({0: 1_000}) == 12 * MIB
    assert world.answer({}) == 4 * MIB


def test_a_fetch_takes_no_more_than_is_free():
    world = World(1)
    world.answer({0: MIB})
    world.window.take(15 * MIB)
    assert world.channel._budget() == 9 * MIB


def test_room_is_left_for_the_batches_that_are_made_of_what_waits():
    world = World(1)
    (lane,) = world.lanes
    log = SourceLog()
    log.append(3)
    log.fetch(lane)
    world.answer({0: MIB})
    world.window.take(15 * MIB - lane.pending_bytes)
    assert lane.growth_bytes == lane.pending_bytes
    assert world.channel._budget() == 9 * MIB - lane.pending_bytes
    take(lane)
    assert (lane.growth_bytes, world.channel._budget()) == (0, 9 * MIB)


def test_lanes_that_share_an_answer_share_what_is_asked_for():
    world = World(8)
    world.answer(dict.fromkeys(range(4), MIB))
    assert [lane.fetch_bytes for lane in world.lanes] == [MIB] * 4 + [0] * 4


def test_lanes_with_a_backlog_are_shared_by_four_channels_and_one_is_left_idle():
    world = World(8)
    world.answer(dict.fromkeys(range(4), MIB))
    assert world.read_by() == [[0, 2, 4, 6], [], [], [], [1, 3, 5, 7]]
    assert [each._budget() for each in world.fetcher._channels] == [8 * MIB] + [4 * MIB] * 4
    for served, others in (((0, 2), [[], [], [2, 6], [1, 3, 5, 7]]), ((0, 4), [[], [4], [2, 6], [1, 3, 5, 7]])):
        world.channel._compose()
        world.answer(dict.fromkeys(served, MIB))
        assert world.read_by()[1:] == others
    last = world.fetcher._channels[-1]
    last._compose()
    world.answer(dict.fromkeys((1, 3), MIB), channel=last)
    assert world.read_by() == [[0], [], [4], [2, 6], [1, 3, 5, 7]]
    assert last._budget() == 24 * MIB // 5


def test_the_broker_forgets_what_another_channel_has_taken():
    world = World(4)
    world.answer(dict.fromkeys(range(2), MIB))
    wanted, forgotten = world.channel._compose()
    assert (wanted, forgotten) == ({}, {"t": [1, 3]})
    wanted, forgotten = world.fetcher._channels[-1]._compose()
    assert ([row.partition for row in wanted["t"]], forgotten) == ([1, 3], {})


def test_a_broker_that_keeps_no_session_is_told_nothing_of_it():
    world = World(4)
    world.answer(dict.fromkeys(range(2), MIB))
    world.channel.session.advance(0)
    wanted, forgotten = world.channel._compose()
    assert ([row.partition for row in wanted["t"]], forgotten) == ([0, 2], {})


def test_a_lane_with_a_backlog_among_idle_ones_is_not_moved():
    world = World(4)
    world.answer({0: MIB})
    assert world.read_by() == [[0, 1, 2, 3], [], [], [], []]
    assert world.lanes[0].fetch_bytes == 4 * MIB


def test_the_extra_channel_takes_no_free_lanes_by_itself():
    world = World(2)
    world.channel.session.lanes.clear()
    for lane in world.lanes:
        world.fetcher.ready(lane)
    assert world.fetcher._channels[CHANNELS_MAX]._compose() is None
    assert world.fetcher._channels[1]._compose() is not None


def test_more_than_half_of_the_window_is_asked_for_where_the_file_says_so():
    world = World(1, reading=Reading(20 * MIB, MIB, 100, read_committed=True, rack="", lane_limit_bytes=3 * MIB))
    world.answer({0: 20 * MIB})
    assert world.channel._budget() == 20 * MIB


@pytest.mark.parametrize(("long_s", "shared"), [(3_600.0, False), (0.0, True)])
def test_lanes_are_shared_on_a_long_line_only(monkeypatch, long_s, shared):
    monkeypatch.setattr(round_trip, "LONG_S", long_s)

    async def work(flow):
        told = {each.name: lambda *_: None for each in fields(FetchListener)}
        told.update(lanes=lambda: 4, channels=lambda: fetcher.channels)
        window = Window(MIB)
        reading = Reading(10_000, 5_000, 100, read_committed=True, rack="", lane_limit_bytes=MIB)
        fetcher = Fetcher(flow.source, 0, reading, window, FetchListener(**told))
        lanes = [Lane("t", "one.t", each, window) for each in range(4)]
        for lane in lanes:
            lane.start(0, 0, Producer(7, 0))
            fetcher.add(lane)
        running = asyncio.create_task(fetcher.run())
        async with asyncio.timeout(LIMIT_S):
            while any(lane.position < 60 for lane in lanes):
                await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return fetcher.channels

    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("t", 4)
        for partition in range(4):
            source.write("t", [b"v" * 100] * 60, partition=partition)
        assert (between(source, target, work) > 1) is shared
