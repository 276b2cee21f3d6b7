"""Rates that do not depend on who looks, nor how often."""

import pytest

from heliograph.observe.rates import WINDOW_S, Rate


def steady(rate: Rate, looks_s: list[float], per_s: int = 100) -> list[float]:
    """Look at a lane that copies ``per_s`` records, of ten bytes each, a second."""
    found = [rate.look(at_s, round(at_s * per_s), round(at_s * per_s) * 10) for at_s in looks_s]
    assert all(size == pytest.approx(10 * records) for records, size in found)
    return [records for records, _ in found]


def every(step_s: float, until_s: float) -> list[float]:
    return [number * step_s for number in range(int(until_s / step_s) + 1)]


def test_the_first_look_knows_no_rate():
    assert Rate().look(7.0, 1_000, 10_000) == (0.0, 0.0)


def test_a_steady_rate_is_seen_from_the_second_look_on():
    assert steady(Rate(), every(0.5, 60)) == [0.0, *[pytest.approx(100)] * 120]


@pytest.mark.parametrize("pause_s", [10, 60])
def test_who_looks_seldom_sees_the_mean_since_the_last_look(pause_s):
    rate = Rate()
    rate.look(0.0, 0, 0)
    assert rate.look(pause_s, 5 * pause_s, 50 * pause_s) == (5.0, 50.0)
    assert rate.look(2 * pause_s, 5 * pause_s, 50 * pause_s) == (0.0, 0.0)


def test_a_second_reader_does_not_shorten_the_window():
    """A burst every two seconds: a rate of the last instant would be zero or thousands."""
    rate = Rate()

    def look(at_s: float) -> float:
        return rate.look(at_s, int(at_s // 2) * 200, 0)[0]

    for at_s in every(0.25, 20):
        look(at_s)
    seen = [(look(at_s), look(at_s + 0.001)) for at_s in (20.5, 21.0, 21.5, 22.0, 22.5, 23.0)]
    assert all(60 <= one <= 140 and abs(one - other) < 1 for one, other in seen)


def test_a_rate_spans_one_to_two_windows():
    rate = Rate()
    for at_s in every(0.5, 100):
        rate.look(at_s, 0, 0)
    halted = steady_after = None
    for at_s in every(0.5, 3 * WINDOW_S):
        records, _ = rate.look(100 + at_s, 1_000, 0)
        if at_s and halted is None:
            halted = records
        if records == 0 and at_s:
            steady_after = at_s
            break
    assert 1_000 / (2 * WINDOW_S + 1) <= halted <= 1_000 / WINDOW_S
    assert WINDOW_S <= steady_after <= 2 * WINDOW_S + 1


def test_counters_that_begin_again_are_a_new_lane():
    rate = Rate()
    steady(rate, every(1, 20))
    assert rate.look(21.0, 3, 30) == (0.0, 0.0)
    assert rate.look(22.0, 7, 70) == (4.0, 40.0)


def test_two_looks_at_one_moment():
    rate = Rate()
    rate.look(1.0, 5, 50)
    assert rate.look(1.0, 5, 50) == (0.0, 0.0)
