"""A strand is stepped over batch by batch, record by record, or in any mixture, and always stands at the same records."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from proof_world import Log, Reader, log_of, record

from heliograph.proof.strand import Strand, same_bytes
from heliograph.records import Codec

ROWS = [record(number) for number in range(300)]


def filled(log: Log, *, end=None, timestamps=True) -> Strand:
    strand = Strand(0, end, timestamps=timestamps)
    reader = Reader(log, 0)
    while (chunk := reader.next()) is not None:
        strand.feed(chunk)
    return strand


@settings(deadline=None)
@given(st.lists(st.integers(0, 70), max_size=20), st.integers(0, 50))
def test_any_steps_lead_to_the_same_place(steps, seed):
    strand = filled(Log(log_of(ROWS, random.Random(seed))))
    at = 0
    for step in steps:
        strand.drop(step)
        at = min(300, at + step)
        assert [entry.offset for entry in strand.ahead(5).entries] == list(range(at, min(300, at + 5)))
        assert strand.position == at
        behind = strand.behind(2)
        assert [entry.offset for entry in behind] == list(range(max(0, at - len(behind)), at))
        assert len(behind) >= min(at, 1)


def test_nothing_counts_behind_the_end():
    strand = filled(Log(log_of(ROWS, random.Random(3), batch_max=10)), end=100)
    assert strand.ended
    offsets = [entry.offset for entry in strand.ahead(1_000).entries]
    assert offsets[:100] == list(range(100))
    assert len(offsets) < 110, "but a batch that begins before it is taken whole"
    assert strand.ahead(1_000).whole
    assert not strand.ahead(50).whole


def test_a_batch_is_the_same_whoever_wrote_it_where():
    def heads(ours, theirs, **how):
        pieces = [
            filled(Log(log_of(ROWS[:50], random.Random(9), **each), piece_bytes=10)).pieces[0]
            for each in (ours, theirs)
        ]
        return same_bytes(*pieces, timestamps=True) if not how else same_bytes(*pieces, **how)

    large = {"batch_max": 50, "codec": Codec.NONE}
    assert heads(large, {**large, "first": 0})
    assert heads({**large, "first": 70}, large), "its offset is its own"
    assert not heads(large, {**large, "codec": Codec.LZ4})
    later = [record(number, timestamp=number) for number in range(50)]
    one = filled(Log(log_of(ROWS[:50], random.Random(9), **large))).pieces[0]
    other = filled(Log(log_of(later, random.Random(9), **large))).pieces[0]
    assert not same_bytes(one, other, timestamps=True)


def test_once_looked_into_it_is_no_whole_batch_any_more():
    one, other = (filled(Log(log_of(ROWS[:50], random.Random(9), codec=Codec.NONE, batch_max=50))) for _ in range(2))
    assert same_bytes(one.pieces[0], other.pieces[0], timestamps=True)
    one.head()
    assert not same_bytes(one.pieces[0], other.pieces[0], timestamps=True)


def test_timestamps_can_be_left_out_half_way():
    strand = filled(Log(log_of(ROWS, random.Random(3))))
    strand.drop(33)
    strand.leave_timestamps_out()
    first = strand.ahead(1).entries[0]
    assert (first.offset, first.content) == (33, b"\0\0\0\3k33\0\0\0\3v33\0\0\0\0")
