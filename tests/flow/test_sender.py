"""Batches of lanes on their way to one broker: together, in order, again after a lost connection, and never unasked."""

import asyncio
import threading

import pytest
from lane_world import SourceLog

from between import between
from fake_cluster import FakeCluster, Fault
from heliograph.broker import round_trip
from heliograph.flow.in_flight import IN_FLIGHT_MAX
from heliograph.flow.lane import Lane, Producer
from heliograph.flow.sender import LONG_IN_FLIGHT_MAX, Sender, SendListener
from heliograph.flow.window import Window

LIMIT_S = 20


class World:
    """Lanes with something to send, and what a sender tells."""

    def __init__(self, flow, partitions):
        self.acknowledged, self.trouble, self.fine, self.may = [], [], [], True
        listener = SendListener(
            acknowledged=lambda lane, foreign: self.acknowledged.append((lane.partition, foreign)),
            refused=lambda *_: pytest.fail("nothing is refused"),
            failed=lambda *_: pytest.fail("every batch can be made"),
            trouble=lambda node, error: self.trouble.append((node, type(error).__name__)),
            fine=self.fine.append,
            may_send=lambda: self.may,
        )
        self.sender = Sender(flow.target, 0, 5_000, listener)
        self.lanes = [Lane("orders", "one.orders", each, Window(1 << 20)) for each in partitions]
        for number, lane in enumerate(self.lanes):
            lane.start(0, 0, Producer(number, 0))
            log = SourceLog()
            log.append(3)
            log.fetch(lane)
            self.sender.offer(lane)


@pytest.fixture
def send():
    """Run a sender of lanes with three records each until ``done``; ``act`` comes first. Returns world and target."""

    def run(partitions, done, *, act=lambda _world, _target: None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            target.create("one.orders", max(2, len(partitions)))

            async def work(flow):
                world = World(flow, partitions)
                act(world, target)
                running = asyncio.create_task(world.sender.run())
                world.sender.pump()
                try:
                    async with asyncio.timeout(LIMIT_S):
                        while not done(world):
                            await asyncio.sleep(0.001)
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
                return world

            target.forget_requests()
            world = between(source, target, work)
        return world, target

    return run


def all_settled(world):
    return all(lane.settled == 3 for lane in world.lanes)


def test_lanes_of_two_partitions_go_together(send):
    world, target = send([0, 1], all_settled)
    assert target.asked.count("produce") == 1
    assert [target.topics["one.orders"].end(number) for number in (0, 1)] == [3, 3]
    assert world.acknowledged == [(0, None), (1, None)]
    assert (world.trouble, world.fine, world.sender.under_way) == ([], [0], 0)


def test_nothing_is_sent_while_the_lanes_may_not_be_ours(send):
    def forbid(world, _target):
        world.may = False
        asyncio.get_running_loop().call_later(0.1, setattr, world, "may", True)

    asked = []

    def done(world):
        asked.append((world.may, bool(world.acknowledged)))
        return all_settled(world)

    send([0], done, act=forbid)
    assert (False, False) in asked
    assert (False, True) not in asked


def test_what_a_lost_connection_left_open_is_sent_again_and_counted_once(send):
    def lose_first(_world, target):
        number = len(target.asked)
        target.faults[number] = Fault(number)

    world, target = send([0], all_settled, act=lose_first)
    assert target.asked.count("produce") == 2
    assert [name for _, name in world.trouble] == ["Unreachable"]
    assert world.lanes[0].records_copied == 3


@pytest.mark.parametrize(("long_s", "most"), [(3_600.0, IN_FLIGHT_MAX), (0.0, LONG_IN_FLIGHT_MAX)])
def test_more_requests_are_under_way_on_a_long_line(send, monkeypatch, long_s, most):
    monkeypatch.setattr(round_trip, "LONG_S", long_s)
    answers = threading.Event()
    counts = set()

    def hold(world, target):
        def held(values):
            assert answers.wait(LIMIT_S)
            return values

        target.always["produce"] = Fault(0, held)
        for lane in world.lanes[1:]:
            world.sender.withdraw(lane)

    def one_after_another(world):
        under_way = world.sender.under_way
        counts.add(under_way)
        if answers.is_set():
            return all_settled(world)
        if under_way == most:
            for lane in world.lanes[most:]:
                world.sender.offer(lane)
            world.sender.pump()
            counts.add(world.sender.under_way)
            answers.set()
        elif under_way:
            world.sender.offer(world.lanes[under_way])
            world.sender.pump()
        return False

    _, target = send(range(most + 2), one_after_another, act=hold)
    assert max(counts) == most
    assert target.asked.count("produce") == most + 1, "what waits meanwhile goes together"
