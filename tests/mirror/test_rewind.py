"""Where a partition goes when a person sets its position, and what lies between."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from heliograph.mirror import resume
from heliograph.mirror.offsets import offset_value, parse_value
from heliograph.mirror.resume import Outcome, Resume
from heliograph.mirror.rewind import Goal, Kind, Place, Standing, anchor_for, between, place_of

HERE = Standing(begin=10, end=200, position=100, at_time=150)


@pytest.mark.parametrize(
    ("goal", "position"),
    [
        (Goal(Kind.OFFSET, 50), 50),
        (Goal(Kind.OFFSET, 200), 200),
        (Goal(Kind.TIME, 1), 150),
        (Goal(Kind.BEGINNING), 10),
        (Goal(Kind.END), 200),
        (Goal(Kind.BY, -30), 70),
        (Goal(Kind.BY, 100), 200),
    ],
)
def test_a_goal_is_a_place(goal, position):
    assert place_of(goal, HERE) == Place(position)


@pytest.mark.parametrize(
    ("goal", "place"),
    [
        (Goal(Kind.OFFSET, 0), Place(10, "0 lies before the log start offset 10")),
        (Goal(Kind.OFFSET, 201), Place(200, "201 lies behind the end 200")),
        (Goal(Kind.BY, -91), Place(10, "9 lies before the log start offset 10")),
    ],
)
def test_what_is_not_there_is_clipped_and_told(goal, place):
    assert place_of(goal, HERE) == place


def test_a_time_behind_the_last_record_is_the_end():
    assert place_of(Goal(Kind.TIME, 1), Standing(10, 200, 100)) == Place(200, "no record is as late as that")
    assert place_of(Goal(Kind.TIME, 1), Standing(10, 10, 10)) == Place(10)


@pytest.mark.parametrize(
    ("position", "standing", "span"),
    [
        (50, HERE, (50, 100)),
        (150, HERE, (100, 150)),
        (100, HERE, (100, 100)),
        (150, Standing(120, 200, 100), (120, 150)),
        (0, Standing(0, 0, 0), (0, 0)),
    ],
)
def test_what_lies_between_is_twice_or_left_out(position, standing, span):
    assert between(Place(position), standing) == span


@given(some.integers(0, 1 << 40), some.integers(0, 1 << 40))
def test_a_restart_goes_on_exactly_there(position, target_end):
    anchor = anchor_for(position, target_end, topic_id="i", target_id="j", target_partition=-1)
    assert parse_value(offset_value(anchor)) == anchor
    assert parse_value(offset_value(anchor)).placed
    answer = resume.begin(anchor.source_offset, anchor, target_end)
    assert isinstance(answer, Resume)
    assert (answer.position, answer.outcome) == (position, Outcome.EXACT)
    more = resume.begin(anchor.source_offset, anchor, target_end + 3)
    assert (more.position, more.left) == (position, 3)


def test_a_shared_target_partition_anchors_nothing():
    anchor = anchor_for(7, None, topic_id="", target_id="", target_partition=2)
    assert offset_value(anchor) == b'{"offset":6,"partition":2}'
