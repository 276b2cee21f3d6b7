"""MM2's rules, looked at record by record, are the oracle; so is what MM2's own store makes of the syncs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offset_sync_store import OffsetSyncStore

from heliograph.mirror.offset_map import OffsetMap
from heliograph.mirror.syncs import ALIKE_MAX, PENDING_MAX, Sync, SyncRules

MANY = 10_000


def mm2_syncs(pairs, lag_max):
    """Return the pairs for which MM2 emits a sync, and the one that waits for the commit."""
    previous, last_sync, emitted, delayed = None, -1, [], None
    for up, down in pairs:
        hole = previous is None or up - previous[0] != 1 or down < previous[1]
        if last_sync == -1 or down - (last_sync + 1) >= lag_max or hole:
            emitted.append((up, down))
            last_sync, delayed = down, None
        else:
            delayed = (up, down)
        previous = (up, down)
    return emitted, delayed


def pairs_of(runs):
    return [(up + i, down + i) for up, down, count in runs for i in range(count)]


RUNS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=20)


def laid_out(steps):
    """Make runs from (count, hole) steps; a hole of 0 goes on densely, in a run of its own."""
    runs, up, down = [], 5, 2
    for count, hole in steps:
        runs.append((up, down, count))
        up, down = up + count + hole, down + count
    return runs


@given(steps=RUNS, lag_max=st.integers(0, 40))
def test_nothing_is_written_too_late(steps, lag_max):
    """Every pair that MM2 would write is written, unless a newer one of the same run says the same."""
    runs = laid_out(steps)
    rules = SyncRules(lag_max)
    written = []
    for run in runs:
        rules.acknowledged(*run)
        written += rules.take(MANY)
    emitted, delayed = mm2_syncs(pairs_of(runs), lag_max)
    pairs = [(sync.upstream, sync.downstream) for sync in written]
    extra = [(sync.upstream, sync.downstream) for sync in written if (sync.upstream, sync.downstream) not in emitted]
    assert all(pair in pairs_of(runs) for pair in pairs)
    assert pairs == sorted(set(pairs))
    ends = {(up + count - 1, down + count - 1) for up, down, count in runs}
    assert all(pair in ends for pair in extra)
    for up, _, count in runs:
        wanted = [pair for pair in emitted if up <= pair[0] < up + count]
        assert [pair for pair in wanted if pair in pairs][-ALIKE_MAX:] == wanted[-ALIKE_MAX:]
    rules.commit()
    last = [(sync.upstream, sync.downstream) for sync in rules.take(MANY)]
    assert last == ([delayed] if delayed and delayed not in pairs else [])
    rules.commit()
    assert not rules.take(MANY)


@given(steps=RUNS, lag_max=st.integers(0, 40))
def test_who_reads_the_topic_knows_every_hole(steps, lag_max):
    runs = laid_out(steps)
    rules, known = SyncRules(lag_max), OffsetMap()
    written = []
    for run in runs:
        rules.acknowledged(*run)
        written += rules.take(MANY)
    rules.commit()
    for sync in (*written, *rules.take(MANY)):
        known.synced(sync.upstream, sync.downstream)
    for up in range(5, runs[-1][0] + runs[-1][2] + 1):
        assert known.translate(up).exact


@pytest.mark.parametrize(
    ("lag_max", "count", "upstream"),
    [
        (100, 501, [0, 101, 202, 303, 404, 500]),
        (100, 101, [0, 100]),
        (100, 102, [0, 101]),
        (0, 3, [0, 1, 2]),
        (1, 4, [0, 2, 3]),
        (1, 1, [0]),
    ],
)
def test_offset_lag_max(lag_max, count, upstream):
    rules = SyncRules(lag_max)
    rules.acknowledged(0, 0, count)
    rules.commit()
    assert [sync.upstream for sync in rules.take(MANY)] == upstream


def test_a_hole_is_written_from_both_sides():
    rules = SyncRules(100)
    rules.acknowledged(0, 0, 10)
    rules.acknowledged(15, 10, 1)
    rules.acknowledged(17, 11, 3)
    assert rules.pending == 4
    assert rules.take(MANY) == (
        Sync(0, 0, turn=True),
        Sync(9, 9, turn=True),
        Sync(15, 10, turn=True),
        Sync(17, 11, turn=True),
    )
    rules.commit()
    assert rules.take(MANY) == (Sync(19, 13),)


def test_a_target_that_went_back_and_a_source_that_went_back():
    rules = SyncRules(100)
    rules.acknowledged(0, 50, 10)
    rules.acknowledged(10, 3, 10)
    rules.acknowledged(5, 13, 2)
    found = [(sync.upstream, sync.downstream) for sync in rules.take(MANY)]
    assert found == [(0, 50), (9, 59), (10, 3), (19, 12), (5, 13)]


def test_records_of_others_on_the_target_are_told():
    rules = SyncRules(100)
    rules.acknowledged(0, 0, 10)
    rules.acknowledged(10, 15, 1)
    assert [(sync.upstream, sync.downstream) for sync in rules.take(MANY)] == [(0, 0), (9, 9), (10, 15)]


def test_few_are_written_at_a_time_and_never_without_the_last():
    rules = SyncRules(0)
    for index in range(20):
        rules.acknowledged(index * 10, index * 5, 5)
    waiting = rules.pending
    taken = rules.take(4)
    assert waiting > 4 == len(taken)
    assert taken[-1] == Sync(194, 99)
    assert [sync.turn for sync in taken] == [True, True, True, False]
    assert not rules.pending


def test_what_waits_is_bounded():
    rules = SyncRules(0)
    for index in range(10_000):
        rules.acknowledged(index * 2, index, 1)
        assert rules.pending <= PENDING_MAX
    assert rules.take(1)[0].upstream == 19_998


@pytest.mark.parametrize(
    ("fed", "kept"),
    [
        (range(1001), [1000, 999, 998, 996, 992, 976, 960, 896, 768, 512, 0]),
        (range(0, 99_991, 101), [99990, 99889, 99788, 99384, 98576, 96960, 93728, 90496, 77568, 51712, 0]),
        (range(0, 501, 100), [500, 400, 200, 0]),
    ],
)
def test_mm2s_store_keeps_what_it_is_known_to_keep(fed, kept):
    store = OffsetSyncStore()
    for offset in fed:
        store.feed((offset, offset))
    assert store.distinct == kept
    if kept[0] == 500:
        assert [store.translate(up) for up in (350, 450, 550)] == [201, 401, 501]


@given(steps=RUNS, lag_max=st.integers(0, 40))
def test_what_mm2_makes_of_our_syncs_skips_nothing(steps, lag_max):
    runs = laid_out(steps)
    pairs = pairs_of(runs)
    rules, store = SyncRules(lag_max), OffsetSyncStore()
    for run in runs:
        rules.acknowledged(*run)
        for sync in rules.take(3):
            store.feed((sync.upstream, sync.downstream))
    rules.commit()
    for sync in rules.take(3):
        store.feed((sync.upstream, sync.downstream))
    end = pairs[-1][1] + 1
    for upstream in range(pairs[0][0], pairs[-1][0] + 2):
        right = next((down for up, down in pairs if up >= upstream), end)
        assert store.translate(upstream) <= right
    assert store.translate(pairs[-1][0] + 1) == end
