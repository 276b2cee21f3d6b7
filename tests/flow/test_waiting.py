"""What waits in a lane: order, merging and re-encoding, and bytes of the window that are given back once."""

import pytest
from lane_world import batch

from heliograph import records
from heliograph.errors import DamagedBatch
from heliograph.flow.waiting import Piece, Waiting
from heliograph.flow.window import Hold, Window
from heliograph.records import Codec, Kind, scan

LIMIT = 1 << 20


@pytest.fixture
def window():
    return Window(1 << 20)


@pytest.fixture
def waiting(window):
    return Waiting(window)


def add(waiting, window, first, count, *, position=None, **how):
    """Put one fetched batch in, as a frame of its own."""
    raw = batch(first, count, **how)
    position = first if position is None else position
    (run,) = scan(raw, 0, len(raw), position).runs
    waiting.add(Piece(raw, run, Hold(window, len(raw)), position))
    return raw


def add_frame(waiting, window, first, batches):
    """Put a frame of batches with two records each in; its runs take up to five. Returns the size of a batch."""
    raws = [batch(first + 2 * number, 2) for number in range(batches)]
    frame, hold = b"".join(raws), Hold(window, batches * len(raws[0]))
    for run in scan(frame, 0, len(frame), first, limit_bytes=5 * len(raws[0])).runs:
        waiting.add(Piece(frame, run, hold, first))
    return len(raws[0])


def values(ready):
    raw = records.stamp(ready.parcel, 1, 0, 0) + bytes(ready.parcel.body)
    return [int(record.value.split(b" ")[0]) for record in records.decode(raw, 0, len(raw))]


def test_a_good_batch_goes_out_as_it_is(waiting, window):
    raw = add(waiting, window, 5, 3)
    assert window.used_bytes == waiting.size_bytes == len(raw)
    ready = waiting.take(LIMIT)
    assert bytes(ready.parcel.body) == raw[records.HEADER_BYTES :]
    assert (ready.charge_bytes, waiting.size_bytes, bool(waiting)) == (len(raw), 0, False)
    assert window.used_bytes == len(raw), "the hold goes out with the batch"
    ready.hold.let_go()
    assert window.used_bytes == 0


def test_small_neighbours_go_out_together(waiting, window):
    raws = [add(waiting, window, first, 2) for first in (0, 2, 4)]
    ready = waiting.take(LIMIT)
    assert values(ready) == list(range(6))
    assert ready.charge_bytes == sum(map(len, raws))
    assert not waiting
    ready.hold.let_go()
    assert window.used_bytes == 0


def test_neighbours_of_other_codecs_or_size_stay_apart(waiting, window):
    add(waiting, window, 0, 2)
    add(waiting, window, 2, 2, codec=Codec.LZ4)
    add(waiting, window, 4, 2, size=40_000)
    assert [values(waiting.take(LIMIT)) for _ in range(3)] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(("full", "counts"), [(False, [10, 4, 10, 4]), (True, [10, 10, 8])])
def test_batches_are_filled_across_frames_where_that_is_asked_for(waiting, window, full, counts):
    for first in (10, 24):
        size = add_frame(waiting, window, first, 7)
    made = []
    while waiting:
        made.append(waiting.take(5 * size, full=full))
    assert [len(values(each)) for each in made] == counts
    assert [value for each in made for value in values(each)] == list(range(10, 38))
    assert all(each.parcel.size <= 5 * size for each in made)
    assert (sum(each.charge_bytes for each in made), waiting.size_bytes) == (14 * size, 0)
    for each in made:
        each.hold.let_go()
    assert window.used_bytes == 0


def test_a_parted_piece_is_given_back_once(waiting, window):
    for first in (10, 24):
        size = add_frame(waiting, window, first, 7)
    for _ in range(2):
        waiting.take(5 * size, full=True).hold.let_go()
    assert (window.used_bytes, waiting.size_bytes) == (7 * size, 4 * size), "the second frame is held by its rest"
    waiting.clear()
    assert (window.used_bytes, waiting.size_bytes) == (0, 0)


def test_other_codecs_fill_no_batch(waiting, window):
    add(waiting, window, 10, 2)
    raw = b"".join(batch(first, 2, codec=Codec.LZ4) for first in (12, 14))
    (run,) = scan(raw, 0, len(raw), 12).runs
    waiting.add(Piece(raw, run, Hold(window, len(raw)), 12))
    assert [values(waiting.take(len(raw), full=True)) for _ in range(2)] == [[10, 11], [12, 13, 14, 15]]


def test_what_lies_before_the_position_is_cut_off(waiting, window):
    add(waiting, window, 0, 5, position=3)
    assert waiting._pieces[0].run.kind is Kind.REWRITE
    assert values(waiting.take(LIMIT)) == [3, 4]


def test_what_is_made_keeps_within_the_limit(waiting, window):
    raw = add(waiting, window, 0, 6, position=1, size=300)
    made = []
    while waiting:
        made.append(waiting.take(800))
    assert [value for each in made for value in values(each)] == [1, 2, 3, 4, 5]
    assert all(each.parcel.size <= 800 for each in made)
    assert [each.charge_bytes for each in made] == [len(raw)] + [0] * (len(made) - 1)
    for each in made:
        each.hold.let_go()
    assert window.used_bytes == 0


def test_what_is_dropped_is_given_back(waiting, window):
    add(waiting, window, 0, 6, position=1, size=300)
    add(waiting, window, 6, 2)
    waiting.take(800).hold.let_go()
    waiting.clear()
    assert (window.used_bytes, waiting.size_bytes, bool(waiting)) == (0, 0, False)


def test_a_batch_without_records_is_damaged(waiting, window):
    raw = batch(0, 2)
    (run,) = scan(raw, 0, len(raw), 1).runs
    waiting.add(Piece(raw, run, Hold(window, len(raw)), 9))
    with pytest.raises(DamagedBatch, match="hold no record"):
        waiting.take(LIMIT)
