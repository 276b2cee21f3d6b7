"""Lanes follow the leaders of their partitions, and one that reads nearby goes back where the follower is gone."""

from dataclasses import dataclass, field

import pytest

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.metadata import Broker, Metadata, Partition, Topic
from heliograph.config.model import ClusterConfig
from heliograph.flow.lane import Lane
from heliograph.flow.placement import Placement
from heliograph.flow.window import Window


@dataclass
class Part:
    """A fetcher or sender of which only the lanes are looked at."""

    node_id: int
    lanes: list = field(default_factory=list)

    def add(self, lane):
        self.lanes.append(lane)

    def remove(self, lane):
        self.lanes.remove(lane)

    def withdraw(self, _lane):
        self.lanes.append("withdrawn")


class World:
    def __init__(self):
        self.source, self.target = (Cluster(ClusterConfig(alias, (("127.0.0.1", 1),))) for alias in ("one", "two"))
        self.made = []
        self.placement = Placement(self.source, self.target, self.make, self.make)
        self.lane = Lane("t", "one.t", 0, Window(1 << 20))
        self.lead(1, 2)

    def make(self, node):
        self.made.append(node)
        return Part(node)

    def lead(self, source, target):
        brokers = {node: Broker(node, "h", 1) for node in (1, 2, 3)}
        self.source.metadata = Metadata(brokers, {"t": Topic("t", {0: Partition(source, 1)}, None)})
        self.target.metadata = Metadata(brokers, {"one.t": Topic("one.t", {0: Partition(target, 1)}, None)})

    def place(self, *, reading=True):
        self.placement.place(self.lane, reading=reading)
        return self.placement.fetcher(self.lane), self.placement.sender(self.lane)


@pytest.fixture
def world():
    return World()


def test_a_lane_goes_to_both_leaders(world):
    fetcher, sender = world.place()
    assert (fetcher.node_id, sender.node_id) == (1, 2)
    assert fetcher.lanes == [world.lane]
    assert world.place() == (fetcher, sender)
    assert world.made == [1, 2], "parts are made once"
    assert fetcher.lanes == [world.lane]


def test_brokers_with_lanes_are_those_that_lead_now(world):
    assert (world.placement.read_from, world.placement.written_to) == (set(), set())
    world.place()
    assert (world.placement.read_from, world.placement.written_to) == ({1}, {2})
    world.lead(3, -1)
    world.place()
    assert (world.placement.read_from, world.placement.written_to) == ({3}, set())


def test_it_follows_them(world):
    before, writes = world.place()
    world.lead(3, 1)
    fetcher, sender = world.place()
    assert (fetcher.node_id, sender.node_id) == (3, 1)
    assert (before.lanes, fetcher.lanes, writes.lanes) == ([], [world.lane], ["withdrawn"])


def test_without_a_leader_it_is_nowhere(world):
    fetcher, _ = world.place()
    world.lead(-1, -1)
    assert world.place() == (None, None)
    assert fetcher.lanes == []


def test_a_lane_that_stops_is_read_nowhere_else(world):
    world.place()
    world.lead(3, 2)
    fetcher, _ = world.place(reading=False)
    assert (fetcher.node_id, fetcher.lanes) == (3, [])


def test_a_follower_nearby_is_read_while_it_is_there(world):
    world.placement.prefer(world.lane, 3)
    assert world.place()[0].node_id == 3
    assert world.placement.is_nearby(world.lane)
    assert world.placement.preferring(3) == [world.lane]
    world.placement.prefer(world.lane, -1)
    assert world.place()[0].node_id == 1
    assert not world.placement.is_nearby(world.lane)
    world.placement.prefer(world.lane, 9)
    assert world.place()[0].node_id == 1, "a broker that nobody knows"


def test_reading_stops_and_goes_on_where_it_was(world):
    fetcher, _ = world.place()
    world.placement.stop_reading(world.lane)
    assert fetcher.lanes == []
    world.placement.read_again(world.lane)
    assert fetcher.lanes == [world.lane]


def test_a_lane_that_is_removed_is_forgotten(world):
    fetcher, sender = world.place()
    world.placement.prefer(world.lane, 3)
    world.placement.remove(world.lane)
    assert (fetcher.lanes, sender.lanes) == ([], ["withdrawn"])
    assert world.placement.fetcher(world.lane) is None
    assert not world.placement.is_nearby(world.lane)
