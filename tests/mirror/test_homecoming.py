"""The steps on the way home, followed from the failover to the end."""

from dataclasses import replace

import pytest

from heliograph.mirror.anchor import Anchor
from heliograph.mirror.homecoming import Boundary, Facts, Partition, Stage, Turn, is_current, steps

AFTER_FAILOVER = Partition("t", 0, Boundary(99, 89), 105, 120, written=30, reverse=None, left=30, stranded=(100, 105))
NOTHING_WRITTEN = replace(AFTER_FAILOVER, away_end=90, written=0, left=0, stranded=None)
PREPARED = replace(AFTER_FAILOVER, reverse=Anchor(89, 104))
HALF_WAY = replace(PREPARED, reverse=Anchor(99, 114), left=20)
AT_HOME = replace(PREPARED, reverse=Anchor(119, 134), left=0, home_end=135)


def facts(*partitions, forward_runs="", reverse_runs="", left=0, refused=0):
    return Facts("A->B", "B->A", forward_runs, reverse_runs, partitions, left, refused)


def turns(found):
    return [step.turn for step in steps(found)]


D, DUE, WAITING, LATER = Turn.DONE, Turn.DUE, Turn.WAITING, Turn.LATER


def test_stages_follow_from_what_is_stored():
    stages = [each.stage for each in (NOTHING_WRITTEN, AFTER_FAILOVER, PREPARED, HALF_WAY, AT_HOME)]
    assert stages == [Stage.DONE, Stage.PREPARE, Stage.COMING, Stage.COMING, Stage.FINISH]
    assert replace(AFTER_FAILOVER, boundary=Boundary(-1, -1, "no idea")).stage is Stage.UNCLEAR
    earlier = replace(AFTER_FAILOVER, reverse=Anchor(70, 80))
    assert earlier.stage is Stage.PREPARE, "a position of an earlier failback does not count"


def test_positions_that_are_written():
    assert AFTER_FAILOVER.reverse_start == Anchor(89, 104), "behind all that home holds"
    assert AFTER_FAILOVER.boundary_pair == Anchor(99, 89)
    assert AT_HOME.forward_start == Anchor(134, 119), "behind the last that came home, and the last away"
    assert replace(AT_HOME, reverse=Anchor(119, None)).forward_start is None


@pytest.mark.parametrize(
    ("reverse", "runs", "current"),
    [
        (None, False, False),
        (Anchor(50, 60), True, False),
        (Anchor(89, 99), False, False),
        (Anchor(89, 99), True, True),
        (Anchor(89, 104), False, True),
        (Anchor(95, 110), False, True),
    ],
)
def test_a_reverse_position_belongs_to_this_failback(reverse, runs, current):
    assert is_current(reverse, Boundary(99, 89), runs=runs) is current


def test_the_way_home_step_by_step():
    assert turns(facts(AFTER_FAILOVER, forward_runs="host", left=2)) == [WAITING, D, LATER, D, LATER, D]
    assert turns(facts(AFTER_FAILOVER, left=2)) == [D, D, DUE, D, LATER, D]
    assert turns(facts(AFTER_FAILOVER, reverse_runs="host", left=2)) == [D, D, WAITING, D, LATER, D]
    assert turns(facts(PREPARED, left=2)) == [D, D, D, WAITING, LATER, D]
    assert turns(facts(HALF_WAY, reverse_runs="host", left=2)) == [D, D, D, WAITING, LATER, D]
    assert turns(facts(AT_HOME, reverse_runs="host", left=2)) == [D, D, D, D, DUE, LATER]
    assert turns(facts(AT_HOME, reverse_runs="host", refused=1, left=1)) == [D, D, D, D, WAITING, LATER]
    assert turns(facts(AT_HOME, reverse_runs="host")) == [D, D, D, D, D, WAITING]
    assert turns(facts(AT_HOME)) == [D, D, D, D, D, DUE]
    assert turns(facts(NOTHING_WRITTEN, forward_runs="host")) == [D, D, D, D, D, D]


def test_one_unclear_partition_holds_up_all():
    unclear = replace(AFTER_FAILOVER, boundary=Boundary(-1, -1, "no pair of offsets"))
    found = steps(facts(AFTER_FAILOVER, unclear))
    assert [step.turn for step in found][:3] == [D, WAITING, LATER]
    assert "t-0: no pair of offsets" in found[1].text


def test_without_partitions_only_groups_count():
    assert turns(facts(left=1)) == [DUE]
    assert turns(facts(refused=1)) == [WAITING]
    assert turns(facts()) == [D]


def test_no_target_offset_stored():
    lost = replace(AT_HOME, reverse=Anchor(119, None))
    last = steps(facts(lost))[-1]
    assert (last.turn, "no target offsets" in last.text) == (WAITING, True)
