"""What lanes tell becomes maps and syncs, in the right order whatever happens to the lanes in between."""

import asyncio

import pytest

from configs import flow_config
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.progress import RUNS_KEPT
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.naming import Location
from heliograph.mirror.runs import OffsetRun
from heliograph.observe.log import Log
from heliograph.upkeep.syncs import SYNCS_A_WRITE, Syncs

KEY = ("t", 0)


class World:
    """One lane and what is known of it."""

    def __init__(self, **lane):
        clusters = {Location.SOURCE: Cluster(ClusterConfig("A", ())), Location.TARGET: Cluster(ClusterConfig("B", ()))}
        config = flow_config()
        self.lanes = {}
        self.syncs = Syncs(config, clusters, self.lanes, Log())
        self.syncs.loaded = True
        self.delta = None
        self.open(**lane)

    def open(self, key=KEY, **lane):
        """Have a lane that was just made."""
        self.lanes[key] = Lane(key[0], "A.t", key[1], Window(1 << 20), begins=self.syncs.begun, **lane)
        return self.lanes[key]

    @property
    def lane(self):
        return self.lanes[KEY]

    def begin(self, position, expected):
        self.lane.start(position, expected, Producer(7, 0), target_before=expected - 1)

    def copy(self, upstream, downstream, count):
        """Acknowledge records as the lane does."""
        if downstream - upstream != self.delta:
            self.delta = downstream - upstream
            self.lane.new_runs.append((upstream, downstream))
        self.lane._progress.anchor = self.lane.anchor_at(upstream + count - 1, downstream + count - 1)
        self.lane.settled = upstream + count

    @property
    def runs(self):
        self.syncs.follow()
        return list(self.syncs.maps[KEY].runs())


def test_batches_become_runs():
    world = World()
    world.begin(5, 0)
    world.copy(5, 0, 10)
    assert world.runs == [OffsetRun(5, 0, 10)]
    world.copy(15, 10, 5)
    world.copy(22, 15, 2)
    assert world.runs == [OffsetRun(5, 0, 15), OffsetRun(22, 15, 2)]
    assert world.runs == [OffsetRun(5, 0, 15), OffsetRun(22, 15, 2)]
    world.lane.settled = 30
    world.syncs.follow()
    assert world.syncs.maps[KEY].translate(30).exact
    assert not world.lane.new_runs


def test_a_lane_that_begins_again_further_back():
    world = World()
    world.begin(0, 0)
    world.copy(0, 0, 100)
    world.begin(60, 100)
    world.copy(60, 100, 40)
    assert world.runs == [OffsetRun(0, 0, 60), OffsetRun(60, 100, 40)]


def test_a_lane_that_begins_again_before_anybody_looked():
    world = World()
    world.begin(0, 0)
    world.copy(0, 0, 10)
    world.copy(20, 10, 5)
    world.begin(30, 15)
    world.copy(31, 15, 1)
    assert world.runs == [OffsetRun(0, 0, 10), OffsetRun(20, 10, 5), OffsetRun(30, 15, 0), OffsetRun(31, 15, 1)]


def test_the_map_of_a_topic_that_was_made_anew_begins_anew():
    world = World()
    world.begin(0, 0)
    world.copy(0, 0, 100)
    assert world.runs
    world.open()
    world.begin(0, 100)
    world.copy(0, 100, 3)
    assert world.runs == [OffsetRun(0, 100, 3)]


def test_turns_that_were_lost_leave_a_gap():
    world = World()
    world.begin(0, 0)
    for number in range(2 * RUNS_KEPT):
        world.copy(number * 3, number, 1)
    runs = world.runs
    assert runs[0] == OffsetRun(0, 0, 0)
    assert runs[1] == OffsetRun(RUNS_KEPT * 3, RUNS_KEPT, 1)
    assert not world.syncs.maps[KEY].translate(30).exact


def test_offsets_of_shared_partitions_say_nothing():
    world = World(shared=True)
    world.begin(0, 7)
    world.copy(0, 7, 10)
    world.syncs.follow()
    assert world.syncs.maps == {}
    world.lane.share(shared=False)
    world.lane.new_runs.clear()
    world.begin(10, 30)
    world.copy(10, 30, 5)
    assert world.runs == [OffsetRun(10, 30, 5)]


def test_what_an_open_transaction_holds_does_not_count():
    world = World()
    world.begin(0, 0)
    world.copy(0, 0, 10)
    world.lane.enter()
    world.lane.settled = 20
    world.syncs.follow()
    assert world.syncs.maps[KEY].translate(15).ahead == 5


@pytest.mark.parametrize("partitions", [3, 2_000])
def test_syncs_are_written_a_few_at_a_time(partitions):
    world = World()
    world.lanes.clear()
    for number in range(partitions):
        key = ("t", number)
        world.open(key)
        world.lanes[key].start(0, 0, Producer(7, 0))
        for place in range(10):
            world.lanes[key].new_runs.append((place * 10, place))
        world.lanes[key]._progress.anchor = Anchor(90, 9)
    world.syncs.follow()
    world.syncs.collect()
    first = set(world.syncs.waiting)
    assert len(first) == min(4 * partitions, SYNCS_A_WRITE)
    newest = {key: max(up for other, up in first if other == key) for key, _ in first}
    assert set(newest.values()) == {90}


class SlowTopic:
    """Takes its time, and keeps what is written to it."""

    def __init__(self):
        self.writes = []

    async def write(self, rows, now_ms):
        await asyncio.sleep(0)
        self.writes.append(list(rows))


def test_two_looks_at_once_write_everything_once():
    """A stop looks once more, whatever the periodic job is doing; a batch of nothing would end the process."""
    world, topic = World(), SlowTopic()

    async def where():
        await asyncio.sleep(0)
        return topic

    world.syncs._where = where
    world.begin(0, 0)
    world.copy(0, 0, 10)

    async def both():
        await asyncio.gather(world.syncs.look(), world.syncs.finish())

    asyncio.run(both())
    rows = [row for written in topic.writes for row in written]
    assert rows
    assert len(set(rows)) == len(rows)
    assert all(topic.writes)
