"""What a lane has acknowledged and committed, and what an abort undoes."""

import pytest
from lane_world import batch

from heliograph.flow.progress import Progress
from heliograph.mirror.anchor import Anchor
from heliograph.records import forward, scan


def parcel(first, count):
    raw = batch(first, count)
    return forward(raw, scan(raw, 0, len(raw), first).runs[0])


def anchor(source, target):
    return Anchor(source, target, "", -1, -1, "")


def test_acknowledged_batches_move_the_anchor_and_count():
    progress = Progress()
    sent = parcel(10, 3)
    assert progress.add(sent, anchor(12, 2))
    assert (progress.anchor, progress.records, progress.bytes) == (anchor(12, 2), 3, sent.size)


def test_an_anchor_that_is_kept_stays_until_the_lane_begins_again():
    progress = Progress()
    progress.add(parcel(0, 1), anchor(0, 0))
    progress.keep(progress.anchor)
    assert not progress.add(parcel(1, 1), anchor(1, 5))
    assert (progress.anchor, progress.records) == (anchor(0, 0), 2)
    progress.begin(2)
    assert progress.add(parcel(2, 1), anchor(2, 6))
    assert progress.anchor == anchor(2, 6)


def test_runs_are_noted_where_the_difference_changes():
    progress = Progress()
    progress.note_runs(((5, 3), (10, 2)), 0)
    progress.note_runs(((12, 1),), 5)
    assert list(progress.new_runs) == [(5, 0), (10, 3)]


def test_a_transaction_counts_when_it_is_committed():
    progress = Progress()
    progress.enter(7)
    assert not progress.add(parcel(7, 2), anchor(8, 1))
    progress.note_runs(((7, 2),), 0)
    assert (progress.anchor, progress.records, list(progress.new_runs)) == (None, 0, [])
    progress.commit()
    assert (progress.anchor, progress.records, list(progress.new_runs)) == (anchor(8, 1), 2, [(7, 0)])
    assert progress.uncommitted is None


def test_an_abort_undoes_what_the_transaction_added():
    progress = Progress()
    progress.note_runs(((0, 7),), 0)
    progress.new_runs.clear()
    progress.enter(7)
    progress.add(parcel(7, 2), anchor(8, 20))
    progress.note_runs(((7, 2),), 19)
    assert progress.abort() == 7
    assert (progress.anchor, progress.records) == (None, 0)
    progress.note_runs(((7, 2),), 7)
    assert not progress.new_runs, "the difference is again the one from before"


def test_a_lane_that_begins_again_tears_its_transaction():
    progress = Progress()
    progress.enter(3)
    progress.begin(1)
    assert progress.uncommitted.torn
    assert progress.uncommitted.position == 1


def test_only_what_was_begun_ends():
    with pytest.raises(AssertionError, match="only a lane in a transaction is committed"):
        Progress().commit()
    with pytest.raises(AssertionError, match="only a lane in a transaction is aborted"):
        Progress().abort()
