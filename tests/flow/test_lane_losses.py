"""A lane and what was lost beside it: its anchor never moves past what is no longer certain."""

import pytest
from lane_world import NOW, SourceLog, TargetLog, new_lane, send_all, settle, take

from heliograph.errors import ClusterError, RecordsLost, Unreachable
from heliograph.flow.lane_model import Foreign, Producer, State
from heliograph.mirror.anchor import Anchor
from heliograph.wire.produce import Appended

LARGE = 20_000
DOUBT = ClusterError("a new leader")


@pytest.fixture
def source():
    return SourceLog()


@pytest.fixture
def target():
    return TargetLog()


def under_way(source, target, batches=3):
    """A lane that has copied a record, with batches on their way."""
    lane = new_lane()
    source.append(1)
    source.fetch(lane)
    send_all(lane, target)
    for _ in range(batches):
        source.append(1, size=LARGE)
    source.fetch(lane, limit=9)
    return lane, [take(lane) for _ in range(batches)]


def appended(offset):
    return Appended("t", 0, 0, offset, -1, -1)


def test_an_acknowledgement_that_is_too_low_leaves_the_anchor(source, target):
    lane, requests = under_way(source, target)
    before = lane.anchor
    assert lane.acknowledged(requests[0].sent, 0) == Foreign(1, 0, before)
    assert (lane.anchor, lane.target_kept, lane._progress.kept) == (before, 0, True)
    settle(lane, requests[1], appended(1))
    assert lane.anchor == before, "what comes after it proves nothing either"
    lane.start(0, 2, Producer(8, 0))
    assert (lane.target_kept, lane._progress.kept) == (None, False)


def test_an_acknowledgement_that_is_too_high_moves_it_on(source, target):
    lane, requests = under_way(source, target, 1)
    foreign = lane.acknowledged(requests[0].sent, 5)
    assert (foreign.expected_offset, foreign.got_offset) == (1, 5)
    assert lane.anchor == Anchor(1, 5)
    assert lane.target_kept is None


def test_a_doubt_waits_for_what_is_under_way_and_then_asks_for_the_position(source, target):
    lane, requests = under_way(source, target, 2)
    lane.doubt(DOUBT, NOW)
    assert lane.state is State.FAILED
    assert not source.fetch(lane)
    lane.retry()
    assert lane.state is State.FAILED, "two answers have yet to come"
    for request in requests:
        settle(lane, request, target.append(request.raw))
    lane.retry()
    assert lane.state is State.RESUMING
    assert lane.anchor == Anchor(2, 2)
    assert lane.position == 3


def test_a_doubt_does_not_wait_for_answers_that_will_never_come(source, target):
    lane, requests = under_way(source, target, 2)
    lane.connection_lost([request.sent for request in requests], Unreachable("gone"))
    lane.doubt(DOUBT, NOW)
    lane.retry()
    assert lane.state is State.RESUMING
    assert lane.window.used_bytes == 0


def test_a_halted_lane_takes_answers_and_nothing_else(source, target):
    lane, requests = under_way(source, target, 1)
    cause = RecordsLost("lost")
    lane.halt(cause)
    source.append(1)
    assert not source.fetch(lane)
    assert not lane.can_send(NOW)
    settle(lane, requests[0], target.append(requests[0].raw))
    assert lane.anchor == Anchor(1, 1)
    lane.doubt(DOUBT, NOW)
    lane.connection_lost([], Unreachable("gone"))
    assert (lane.state, lane.cause) == (State.HALTED, cause)


def test_on_a_long_line_larger_neighbours_are_merged(source, target):
    lane = new_lane()
    source.append(1)
    source.fetch(lane)
    send_all(lane, target)
    for _ in range(6):
        source.append(2, size=LARGE)
    source.fetch(lane, limit=9)
    lane.limit(10 * LARGE)
    counts = []
    while lane.can_send(NOW):
        request = take(lane, full=True)
        counts.append(request.sent.parcel.records)
        settle(lane, request, target.append(request.raw))
    assert counts == [8, 4]
    assert [int(value) for value in target.values] == list(range(13))
