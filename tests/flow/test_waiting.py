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
