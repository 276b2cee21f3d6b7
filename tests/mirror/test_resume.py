"""Each case is a small history: what the source holds, what was copied, where the process was killed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync
from heliograph.mirror.resume import (
    Compare,
    LastRecord,
    Open,
    Outcome,
    Resume,
    SourceBatch,
    Walk,
    begin,
    believes,
    choose_anchor,
    compare,
    opened,
    source_ended,
    walk,
)


def record(offset):
    return LastRecord(1000 + offset, b"k", b"v%d" % offset)


def dense(first, count):
    return SourceBatch(first, first + count, count), tuple(range(first, first + count))


def drive(step, batches, target_record):
    """Do what a caller does: feed batches, open one where asked, compare."""
    for batch, offsets in batches:
        if not isinstance(step, Walk):
            break
        step = walk(step, batch)
        if isinstance(step, Open):
            step = opened(step, offsets)
    if isinstance(step, Walk):
        return source_ended(step)
    if isinstance(step, Resume):
        return step
    seen = [offset for _, offsets in batches for offset in offsets if offset < step.position]
    return compare(step, record(seen[-1]), target_record)


@pytest.mark.parametrize(
    ("batches", "copied_last", "left", "position"),
    [
        ([dense(10, 5)], 14, 5, 15),
        ([dense(10, 5)], 12, 3, 13),
        ([dense(10, 5), dense(15, 5)], 16, 7, 17),
        ([dense(8, 5), dense(13, 5)], 14, 5, 15),
        ([dense(0, 10), dense(10, 5)], 14, 5, 15),
        ([(SourceBatch(10, 12, 0), ()), dense(12, 5)], 13, 2, 14),
        ([(SourceBatch(10, 20, 2), (11, 15)), dense(20, 5)], 21, 4, 22),
        ([(SourceBatch(10, 20, 2), (11, 15)), dense(20, 5)], 15, 2, 20),
        ([(SourceBatch(10, 20, 2), (11, 15)), dense(20, 5)], 11, 1, 12),
        ([(SourceBatch(5, 20, 3), (7, 11, 15)), dense(20, 5)], 15, 2, 16),
        ([(SourceBatch(5, 20, 3), (7, 11, 15)), dense(20, 5)], 20, 3, 21),
    ],
)
def test_the_place_is_found(batches, copied_last, left, position):
    found = drive(begin(9, Anchor(9, 100), 101 + left), batches, record(copied_last))
    assert (found.position, found.outcome) == (position, Outcome.EXACT)
    assert found.target_first == found.target_next
    assert found.reason == f"{left} records were copied after the stored position"


@given(data=st.data(), sizes=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_any_history_of_one_writer_is_resumed_exactly(data, sizes):
    """Batches with and without holes; a kill after any record; an anchor at any record before it."""
    batches, first = [], 0
    for size in sizes:
        offsets = tuple(
            offset for offset in range(first, first + size) if data.draw(st.integers(0, 3), label="kept") > 0
        )
        batches.append((SourceBatch(first, first + size, len(offsets)), offsets))
        first += size
    offsets = [offset for _, held in batches for offset in held]
    copied = data.draw(st.integers(0, len(offsets)), label="copied")
    acknowledged = data.draw(st.integers(0, copied), label="acknowledged")
    anchor = Anchor(offsets[acknowledged - 1], acknowledged - 1) if acknowledged else Anchor(-1, -1)
    last = record(offsets[copied - 1]) if copied else None
    found = drive(begin(anchor.source_offset, anchor, copied), batches, last)
    assert found.outcome is Outcome.EXACT
    assert [offset for offset in offsets if offset >= found.position] == offsets[copied:]


def test_nothing_written_since():
    found = begin(9, Anchor(9, 100), 101)
    assert found == Resume(10, Outcome.EXACT, "nothing was written after the stored position")


def test_without_an_anchor_the_stored_position_holds():
    found = begin(9, None, 101)
    assert (found.position, found.outcome) == (10, Outcome.UNKNOWN)
    assert begin(-1, None, 0).reason == "the target partition is empty"


def test_a_truncated_target_is_named():
    found = begin(9, Anchor(9, 100), 90)
    assert (found.position, found.outcome) == (10, Outcome.TRUNCATED)
    assert (found.target_first, found.target_next) == (90, 101)
    assert found.reason == "the target ends at 90, but 100 was acknowledged there"


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        (LastRecord(1012, b"k", b"other"), Outcome.FOREIGN),
        (LastRecord(1012, b"other", b"v12"), Outcome.FOREIGN),
        (LastRecord(1012, None, b"v12"), Outcome.FOREIGN),
        (LastRecord(1013, b"k", b"v12"), Outcome.FOREIGN),
        (None, Outcome.UNKNOWN),
        (LastRecord(None, b"k", b"v12"), Outcome.EXACT),
    ],
)
def test_the_last_record_decides(target, outcome):
    found = drive(begin(9, Anchor(9, 100), 104), [dense(10, 5)], target)
    assert found.outcome is outcome
    if outcome is Outcome.EXACT:
        assert found.position == 13
    else:
        assert (found.position, found.target_first, found.target_next) == (10, 101, 104)


def test_a_target_with_more_than_the_source_has_another_writer():
    found = drive(begin(9, Anchor(9, 100), 111), [dense(10, 5)], None)
    assert (found.position, found.outcome) == (10, Outcome.FOREIGN)
    assert found.reason == "the target holds 5 records more than the source"


def test_a_source_record_that_is_gone_leaves_doubt():
    step = walk(begin(9, Anchor(9, 100), 104), dense(10, 5)[0])
    assert isinstance(step, Compare)
    assert compare(step, None, record(12)).outcome is Outcome.UNKNOWN


def test_the_newest_pair_is_the_anchor():
    sync = OffsetSync("t", 0, 50, 45)
    assert choose_anchor(None, None) is None
    assert choose_anchor(Anchor(60, None), None) is None
    assert choose_anchor(Anchor(60, None), sync) == Anchor(50, 45)
    assert choose_anchor(Anchor(60, 55), sync) == Anchor(60, 55)
    assert choose_anchor(Anchor(40, 35), sync) == Anchor(50, 45)
    again = OffsetSync("t", 0, 20, 90)
    assert choose_anchor(Anchor(60, 55), again) == Anchor(20, 90), "MM2 began again at 20 after a crash"


@pytest.mark.parametrize(
    ("sync", "stored", "believed"),
    [
        ((50, 1_000), (None, None), True),  # nothing was stored yet
        ((50, 1_000), (50, 90_000), True),  # a clean stop
        ((50, 90_000), (20, 60_000), True),  # a crash: the sync is younger
        ((50, 60_500), (20, 61_000), True),  # and was written while the position was on its way
        ((50, 1_000), (20, 60_000), False),  # somebody set the position back
        ((50, 1_000), (None, 60_000), False),  # somebody had it forgotten
        ((50, 90_000), (None, 60_000), True),  # and MM2 ran after that
    ],
)
def test_a_sync_counts_unless_the_position_was_set_back_after_it(sync, stored, believed):
    assert believes(*sync, *stored) is believed


def test_control_records_on_the_target_are_not_counted():
    """Two transactions of two records each: offsets 101, 102, marker, 104, 105, marker."""
    batches = [dense(10, 20)]
    assert drive(begin(9, Anchor(9, 100), 107), batches, record(13)).outcome is not Outcome.EXACT
    found = drive(begin(9, Anchor(9, 100), 107, target_records=4), batches, record(13))
    assert (found.position, found.outcome) == (14, Outcome.EXACT)
    only_markers = begin(9, Anchor(9, 100), 102, target_records=0)
    assert isinstance(only_markers, Resume)
    assert (only_markers.position, only_markers.outcome) == (10, Outcome.EXACT)


def test_an_older_anchor_falls_back_to_the_stored_position():
    """MM2 stored 60; its newest sync is (50, 45); the walk meets another writer's record."""
    found = drive(begin(60, Anchor(50, 45), 56), [dense(51, 20)], LastRecord(0, None, None))
    assert (found.position, found.outcome, found.target_first) == (61, Outcome.FOREIGN, 46)
