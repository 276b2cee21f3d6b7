"""What a lane tells must give the same runs as a list of all records, however often it is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.mirror.runs import Followed, OffsetRun, follow

STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.just(0)), min_size=1, max_size=20)


def records_of(steps):
    pairs, up, down = [], 0, 0
    for count, hole, foreign in steps:
        pairs += [(up + i, down + i) for i in range(count)]
        up, down = up + count + hole, down + count + foreign
    return pairs


@given(steps=STEPS, looks=st.sets(st.integers(0, 80)))
def test_runs_hold_every_record_once(steps, looks):
    pairs = records_of(steps)
    delta, turns, end, seen = None, [], None, []
    for index, pair in enumerate(pairs):
        if pair[0] - pair[1] != delta:
            delta = pair[0] - pair[1]
            turns.append(pair)
        if index in looks or index == len(pairs) - 1:
            found = follow(end, turns, pair)
            turns, end = [], found.end
            seen += [(run.upstream + i, run.downstream + i) for run in found.runs for i in range(run.count)]
    assert seen == pairs
    assert end == (pairs[-1][0] + 1, pairs[-1][1] + 1)


@pytest.mark.parametrize(
    ("end", "turns", "last", "runs"),
    [
        (None, [], None, []),
        (None, [], (9, 5), [OffsetRun(9, 5, 1)]),
        ((10, 6), [], (9, 5), []),
        ((10, 6), [], (14, 10), [OffsetRun(10, 6, 5)]),
        ((10, 6), [(20, 8)], (21, 9), [OffsetRun(10, 6, 2), OffsetRun(20, 8, 2)]),
        ((10, 6), [(12, 11)], (12, 11), [OffsetRun(10, 6, 2), OffsetRun(12, 11, 1)]),
        ((10, 6), [(4, 6)], (5, 7), [OffsetRun(4, 6, 2)]),
        ((10, 6), [], (14, 12), [OffsetRun(14, 12, 1)]),
        ((10, 6), [], (9, 3), []),
        ((10, 6), [], (4, 9), []),
    ],
)
def test_single_looks(end, turns, last, runs):
    assert list(follow(end, turns, last).runs) == runs


def test_lost_turns_leave_a_gap():
    found = follow((10, 6), [(50, 30)], (51, 31), complete=False)
    assert found == Followed((OffsetRun(50, 30, 2),), (52, 32))
    assert follow((10, 6), [], (12, 8), complete=False).runs == (OffsetRun(10, 6, 3),)
    assert OffsetRun(50, 30, 2).end == (52, 32)


def test_a_look_without_an_anchor_waits_for_the_next():
    assert follow((10, 6), [(20, 8)], None) == Followed((OffsetRun(10, 6, 2),), (20, 8))
