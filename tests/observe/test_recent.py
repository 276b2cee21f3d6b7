"""One picture for all who ask at about the same time."""

import itertools

from heliograph.observe.recent import AGE_S_MAX, Recent


def test_it_is_taken_again_when_it_is_too_old():
    now_s, numbers = 100.0, itertools.count()
    recent = Recent(lambda: next(numbers), lambda: now_s)
    assert [recent.now(), recent.now()] == [0, 0]
    now_s += AGE_S_MAX
    assert recent.now() == 0
    now_s += 0.01
    assert [recent.now(), recent.now()] == [1, 1]
