"""Lanes notice when their topics or their leader's epoch are not what they were."""

import uuid

import pytest

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.metadata import Metadata, Partition, Topic
from heliograph.config.model import ClusterConfig
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Identity, Producer, State
from heliograph.flow.watch import Watch, WatchListener
from heliograph.flow.window import Window
from heliograph.wire import errors as codes

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


class World:
    """Two clusters of which only the metadata is looked at, and a lane between them."""

    def __init__(self):
        self.source, self.target = (Cluster(ClusterConfig(alias, (("127.0.0.1", 1),))) for alias in ("one", "two"))
        self.doubts, self.confirmed = [], []
        listener = WatchListener(
            doubted=lambda lane, cause: self.doubts.append((lane, str(cause))), confirmed=self.confirmed.append
        )
        self.watch = Watch(self.source, self.target, listener)
        self.lane = Lane("t", "one.t", 0, Window(1 << 20))
        self.lane.start(0, 0, Producer(7, 0), identity=Identity(str(ONE), str(TWO), 3))
        self.show()

    def show(self, *, source_id=ONE, target_id=TWO, epoch=3, target_error=0):
        partitions = {0: Partition(1, epoch)}
        self.source.metadata = Metadata({}, {"t": Topic("t", partitions, source_id)})
        there = {} if target_error else partitions
        self.target.metadata = Metadata({}, {"one.t": Topic("one.t", there, target_id, error=target_error)})


@pytest.fixture
def world():
    return World()


def test_nothing_happens_while_all_is_as_it_was(world):
    world.watch.look(world.lane)
    assert not world.doubts
    assert not world.watch.unchecked


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"source_id": TWO}, "Topic t on one is no longer the one that was there"),
        ({"target_id": ONE}, "Topic one.t on two is no longer the one that was there"),
        ({"target_error": codes.UNKNOWN_TOPIC_OR_PARTITION}, "Topic one.t is gone from two"),
    ],
)
def test_a_topic_that_is_another_or_gone_puts_the_position_in_doubt(world, changed, words):
    world.show(**changed)
    world.watch.look(world.lane)
    assert len(world.doubts) == 1
    assert words in world.doubts[0][1]


def test_a_topic_that_may_not_be_described_is_not_taken_for_gone(world):
    world.show(target_error=codes.TOPIC_AUTHORIZATION_FAILED)
    world.watch.look(world.lane)
    assert not world.doubts


def test_ids_that_are_not_told_say_nothing(world):
    world.show(source_id=None, target_id=None)
    world.watch.look(world.lane)
    assert not world.doubts


def test_a_new_epoch_is_checked_and_the_first_one_taken(world):
    world.show(epoch=4)
    world.watch.look(world.lane)
    assert world.watch.unchecked
    assert world.lane.identity.leader_epoch == 3, "until the leader has said that nothing is missing"
    world.lane.led_by(-1)
    world.watch.look(world.lane)
    assert world.lane.identity.leader_epoch == 4


def test_an_older_picture_is_no_new_epoch(world):
    world.show(epoch=2)
    world.watch.look(world.lane)
    assert not world.watch.unchecked


@pytest.mark.parametrize("state", [State.RESUMING, State.HALTED])
def test_lanes_whose_position_is_not_settled_are_left_alone(world, state):
    world.show(source_id=TWO, epoch=4)
    world.lane.state = state
    world.watch.look(world.lane)
    assert not world.doubts
    assert not world.watch.unchecked


def test_a_lane_that_failed_because_of_a_new_epoch_is_checked_too(world):
    world.show(epoch=4)
    world.lane.state = State.FAILED
    world.watch.look(world.lane)
    assert world.watch.unchecked
