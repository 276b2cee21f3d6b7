"""Parts of a limit: never more than all of it, nothing left idle that somebody waits for, nobody below an even part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.mirror.parts import HEADROOM, SPARE, Need, divide

needs = st.dictionaries(
    st.text(min_size=1, max_size=3), st.builds(Need, st.floats(0, 1e9), st.booleans()), min_size=1, max_size=30
)
limits = st.none() | st.floats(1_000, 1e9)


@given(limits, needs)
def test_parts_are_never_more_than_the_limit(limit, found):
    parts = divide(limit, found)
    assert parts.keys() == found.keys()
    assert sum(parts.values()) <= 1 + 1e-9
    assert all(part > 0 for part in parts.values())


@given(limits, needs)
def test_nothing_of_the_limit_is_left(limit, found):
    assert sum(divide(limit, found).values()) == pytest.approx(1, abs=1e-6)


@given(limits, needs)
def test_who_is_held_back_has_an_even_part_at_least_and_as_much_as_anybody(limit, found):
    parts = divide(limit, found)
    for worker, need in found.items():
        if need.held_back:
            assert parts[worker] >= 1 / len(found) - 1e-6
            assert parts[worker] >= max(parts.values()) - 1e-6


@given(st.floats(1_000, 1e9), needs)
def test_who_uses_less_than_an_even_part_can_go_on_and_grow(limit, found):
    parts = divide(limit, found)
    for worker, need in found.items():
        used = need.bytes_s / limit
        assert parts[worker] >= min(1 / len(found), used * HEADROOM, used + SPARE) - 1e-6


def test_what_one_does_not_need_the_others_have():
    parts = divide(10_000_000, {"a": Need(1_000_000, False), "b": Need(4_000_000, True), "c": Need(4_500_000, True)})
    assert parts == pytest.approx({"a": 0.125, "b": 0.4375, "c": 0.4375})


def test_without_a_limit_or_when_all_are_held_back_parts_are_even():
    some = {"a": Need(1.0, True), "b": Need(9e6, True)}
    assert divide(1e6, some) == divide(None, {each: Need(need.bytes_s, False) for each, need in some.items()})
    assert divide(1e6, some) == pytest.approx({"a": 0.5, "b": 0.5})


def test_where_nobody_is_held_back_what_is_left_is_shared_evenly():
    parts = divide(1_000_000, {"a": Need(0, False), "b": Need(100_000, False)})
    assert parts["b"] - parts["a"] == pytest.approx(0.125 - SPARE)
    assert sum(parts.values()) == pytest.approx(1)


def test_nobody_has_nothing_to_divide():
    assert divide(1_000_000, {}) == {}
