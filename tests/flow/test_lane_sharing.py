"""A lane that is not alone on its target partition: offsets there say nothing about it, until it is alone again."""

import pytest
from lane_world import WINDOW_BYTES, SourceLog, settle, take

from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.window import Window
from heliograph.wire.produce import Appended


@pytest.fixture
def source():
    return SourceLog()


def started(partition, target_partition, *, shared):
    window = Window(WINDOW_BYTES)
    lane = Lane("t", "one.t", partition, window, target_partition=target_partition, shared=shared)
    lane.start(0, 0, Producer(7, 0))
    return lane


def one_more(lane, source, base_offset):
    """Copy one record, which gets ``base_offset`` on the target; gives what that reveals of other writers."""
    source.append(1)
    source.fetch(lane)
    request = take(lane)
    return lane.acknowledged(request.sent, base_offset)


def test_offsets_of_a_shared_partition_anchor_nothing(source):
    lane = started(5, 2, shared=True)
    assert one_more(lane, source, 0) is None
    assert one_more(lane, source, 17) is None, "the others' records are no foreign writer's"
    assert lane.anchor.source_offset == 1
    assert lane.anchor.target_offset is None
    assert lane.anchor.target_partition == 2, "so that a restart leaves it there"
    assert list(lane.new_runs) == []


def test_the_stored_position_tells_that_it_is_shared(source):
    lane = started(2, 2, shared=True)
    one_more(lane, source, 0)
    assert (lane.anchor.target_offset, lane.anchor.target_partition) == (None, 2)
    lane.share(shared=False)
    one_more(lane, source, 5)
    assert (lane.anchor.target_offset, lane.anchor.target_partition) == (5, -1)


def test_alone_again_it_counts_from_the_next_record_on(source):
    lane = started(2, 2, shared=True)
    one_more(lane, source, 0)
    lane.share(shared=False)
    assert one_more(lane, source, 30) is None, "the others were the last to write"
    assert lane.anchor.target_offset == 30
    assert list(lane.new_runs) == [(1, 30)]
    foreign = one_more(lane, source, 40)
    assert (foreign.expected_offset, foreign.got_offset) == (31, 40)


def test_joined_by_another_it_counts_no_longer(source):
    lane = started(2, 2, shared=False)
    one_more(lane, source, 0)
    lane.share(shared=True)
    assert one_more(lane, source, 9) is None
    assert lane.anchor.target_offset is None


def test_a_batch_is_settled_as_usual(source):
    lane = started(5, 2, shared=True)
    source.append(3)
    source.fetch(lane)
    request = take(lane)
    assert settle(lane, request, Appended("one.t", 2, 0, 100, -1, -1)) is None
    assert lane.settled == 3
    assert lane.idle
