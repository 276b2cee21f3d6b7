"""Lanes that stand still: when they are tried again, and who is told."""

from math import inf

import pytest

from heliograph.errors import ClusterError, Unreachable
from heliograph.flow.events import LaneFailed, LaneRecovered
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer, State
from heliograph.flow.recovery import QUIET_FAILURES, RESUME_AGAIN_S, WELL_S, WELL_UNPROVEN_S, Due, Recovery
from heliograph.flow.window import Window

NOW = 1_000.0
CAUSE = Unreachable("gone")
NOTHING = Due((), ())


class World:
    """A running lane in the care of a recovery."""

    def __init__(self):
        self.told = []
        self.attention = 0
        self.recovery = Recovery(self.told.append, self._attention)
        self.lane = self.new_lane()

    def _attention(self):
        self.attention += 1

    @staticmethod
    def new_lane(partition=0, end_offset=None):
        lane = Lane("t", "one.t", partition, Window(1 << 20), end_offset=end_offset)
        lane.start(5, 5, Producer(7, 0))
        return lane


@pytest.fixture
def world():
    return World()


def test_while_all_is_well_nothing_is_looked_at(world):
    assert world.recovery.at_rest
    assert world.recovery.due(NOW) == NOTHING
    assert world.attention == 0


def test_a_failed_lane_is_told_and_tried_again_when_its_time_has_come(world):
    lane, recovery = world.lane, world.recovery
    recovery.fail(lane, CAUSE, NOW)
    pause_s = lane.retry_at - NOW
    assert world.told == [LaneFailed("t", 0, CAUSE, pause_s)]
    assert world.attention == 1
    assert recovery.due(lane.retry_at - 0.001) == NOTHING
    assert recovery.due(lane.retry_at) == Due((lane,), ())
    assert lane.state is State.RUNNING
    assert not recovery.at_rest, "that it runs does not mean that it is well"


@pytest.mark.parametrize(
    "how", ["a record moves", "it was written before", "nothing is left to copy", "nothing is heard"]
)
def test_a_lane_that_is_well_again_is_told_once(world, how):
    lane = world.new_lane(end_offset=5 if how == "nothing is left to copy" else None)
    recovery = world.recovery
    recovery.fail(lane, CAUSE, NOW)
    recovery.due(lane.retry_at)
    quiet_s = WELL_S if how == "nothing is left to copy" else WELL_UNPROVEN_S
    assert recovery.due(lane.retry_at + quiet_s - 0.001) == NOTHING
    assert len(world.told) == 1
    if how == "a record moves":
        recovery.acknowledged(lane)
    elif how == "it was written before":
        recovery.was_written(lane)
    else:
        recovery.due(lane.retry_at + quiet_s)
    recovery.acknowledged(lane)
    assert world.told[1:] == [LaneRecovered("t", 0)]
    assert recovery.at_rest
    assert (lane.cause, lane.failures) == (None, 0)


def test_an_acknowledgement_while_it_stands_still_is_no_recovery(world):
    world.recovery.fail(world.lane, CAUSE, NOW)
    world.recovery.acknowledged(world.lane)
    assert not world.recovery.at_rest


def test_what_passes_by_itself_is_told_only_where_it_does_not(world):
    lane, recovery = world.lane, world.recovery
    for _ in range(QUIET_FAILURES):
        recovery.fail_quietly(lane, CAUSE, NOW)
        assert not world.told
        recovery.due(lane.retry_at)
    recovery.fail_quietly(lane, CAUSE, NOW)
    assert world.told == [LaneFailed("t", 0, CAUSE, lane.retry_at - NOW)]


def test_a_batch_that_is_refused_too_often_is_told_once(world):
    lane, recovery = world.lane, world.recovery
    for failures in range(1, QUIET_FAILURES + 3):
        lane.fail(CAUSE, NOW)
        recovery.sent_again(lane, NOW)
        assert bool(world.told) is (failures >= QUIET_FAILURES)
    assert len(world.told) == 1


def test_nobody_is_told_that_a_lane_is_well_that_was_never_told_as_failed(world):
    world.recovery.fail_quietly(world.lane, CAUSE, NOW)
    world.recovery.due(world.lane.retry_at)
    world.recovery.acknowledged(world.lane)
    assert not world.told
    assert world.recovery.at_rest


def test_a_lane_in_doubt_is_to_be_resumed_and_asked_for_again_until_it_is(world):
    lane, recovery = world.lane, world.recovery
    recovery.doubt(lane, ClusterError("recreated"), NOW)
    assert recovery.due(NOW) == Due((lane,), (lane,)), "it tries again, and finds that it needs its place"
    assert lane.state is State.RESUMING
    assert recovery.due(NOW + RESUME_AGAIN_S - 0.001) == NOTHING
    assert recovery.due(NOW + RESUME_AGAIN_S) == Due((), (lane,))


def test_while_positions_are_found_nothing_is_due_and_then_they_run_or_wait(world):
    recovery, found, missed, failed = world.recovery, *map(world.new_lane, range(3))
    lanes = [found, missed, failed]
    for lane in lanes:
        recovery.doubt(lane, CAUSE, NOW)
    recovery.due(NOW)
    recovery.resuming(lanes)
    assert [lane.retry_at for lane in lanes] == [inf] * 3
    assert recovery.due(NOW + 1e9) == NOTHING
    found.start(3, 3, Producer(8, 0))
    failed.fail(CAUSE, NOW)
    at = failed.retry_at
    assert recovery.resumed(lanes, NOW) == [found]
    assert [lane.retry_at for lane in lanes] == [NOW, NOW + RESUME_AGAIN_S, at]


def test_a_halted_lane_is_told_and_left_alone(world):
    world.recovery.fail(world.lane, CAUSE, NOW)
    world.recovery.halt(world.lane, CAUSE)
    assert world.told[1:] == [LaneFailed("t", 0, CAUSE, None)]
    assert world.recovery.at_rest
    assert world.recovery.due(NOW + 1e9) == NOTHING
    assert world.lane.state is State.HALTED


def test_a_lane_that_is_given_up_is_forgotten(world):
    world.recovery.fail(world.lane, CAUSE, NOW)
    world.recovery.forget(world.lane)
    assert world.recovery.at_rest


def test_a_lane_may_be_tried_sooner_but_never_later(world):
    lane, recovery = world.lane, world.recovery
    recovery.fail(lane, CAUSE, NOW)
    at = lane.retry_at
    recovery.hasten(lane, at + 9)
    assert lane.retry_at == at
    recovery.hasten(lane, NOW)
    assert recovery.due(NOW) == Due((lane,), ())
    recovery.hasten(lane, NOW - 9)
    assert lane.retry_at == NOW, "a lane that runs is left as it is"
