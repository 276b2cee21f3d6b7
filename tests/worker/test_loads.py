"""What flows through lanes, measured from their counters."""

import asyncio
from types import SimpleNamespace

import pytest

from heliograph.mirror.assignment import Load
from heliograph.worker.loads import HALF_LIFE_S, Loads

KEY = ("t", 0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def measured():
    clock, lane = Clock(), SimpleNamespace(bytes_copied=0, records_copied=0)
    loads = Loads({KEY: lane}, clock)

    def pass_time(seconds: float, size: int = 0, records: int = 0) -> Load | None:
        clock.now += seconds
        lane.bytes_copied += size
        lane.records_copied += records
        asyncio.run(loads.measure())
        return loads.now.get(KEY)

    return SimpleNamespace(loads=loads, pass_time=pass_time, lane=lane)


def test_it_takes_two_looks(measured):
    assert measured.pass_time(1) is None
    assert measured.pass_time(2, 2_000, 20) == Load(1_000.0, 10.0)


def test_what_was_before_counts_half_after_the_half_life(measured):
    measured.pass_time(1)
    measured.pass_time(2, 2_000, 20)
    found = measured.pass_time(HALF_LIFE_S)
    assert (found.bytes_s, found.records_s) == (pytest.approx(500.0), pytest.approx(5.0))


def test_a_lane_that_was_opened_again_begins_from_nothing(measured):
    measured.pass_time(1)
    measured.pass_time(2, 2_000, 20)
    measured.loads.lanes[KEY] = SimpleNamespace(bytes_copied=0, records_copied=0)
    assert measured.pass_time(2) is None


def test_a_lane_that_was_given_up_is_known_until_the_next_look(measured):
    measured.pass_time(1)
    measured.pass_time(2, 2_000, 20)
    del measured.loads.lanes[KEY]
    assert measured.loads.now == {KEY: Load(1_000.0, 10.0)}
    assert measured.pass_time(2) is None
