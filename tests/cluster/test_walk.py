"""Places told by one walk are those that a look at all records gives."""

from hypothesis import given
from hypothesis import strategies as st
from record_batches import Batch, Rec, abort_marker, stream

from heliograph.cluster.walk import Mark, Walk, same, trace_of
from heliograph.records import Kind, Record, decode, scan

LOGS = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 3), st.booleans()),
    max_size=8,
)
"""Batches: offsets missing before it, before each of its records, and at its end; and whether it is a marker."""


def written(shape):
    """Return the bytes of a log, its records and its end."""
    batches, at = [], 0
    for number, (missing, records, tail, marker) in enumerate(shape):
        at += missing
        if marker:
            batches.append(abort_marker(at, 7))
            at += 1
            continue
        deltas, delta = [], -1
        for hole in records:
            delta += hole + 1
            deltas.append(delta)
        value = b"v%d" % number
        batches.append(Batch(at, tuple(Rec(each, b"k%d" % each, value) for each in deltas), last_delta=delta + tail))
        at += delta + tail + 1
    content = stream(*batches)
    return content, list(decode(content, 0, len(content))), at


def walk_over(content, first, offsets, numbers, pieces):
    """Feed the batches from ``first`` on in so many scans, as that many answers would."""
    walk = Walk(first, offsets, numbers)
    at, position = 0, first
    while at < len(content):
        found = scan(content, at, len(content), position, small_bytes=0)
        taken = found.runs if not pieces else found.runs[:pieces]
        for run in taken:
            walk.see(run, content)
        at, position = taken[-1].end, taken[-1].next_offset
    return walk


def mark(offset, records, before, behind):
    traces = [None if each is None else trace_of(each) for each in (before, behind)]
    return Mark(offset, records, *traces)


@given(LOGS, st.integers(0, 12), st.integers(0, 3))
def test_places_by_offset_and_by_number(shape, first, pieces):
    content, all_records, end = written(shape)
    first = min(first, end)
    records = [each for each in all_records if each.offset >= first]
    offsets = range(first, end + 1)
    walk = walk_over(content, first, offsets, range(len(records) + 1), pieces)
    walk.finish(end)
    assert walk.is_done()
    for offset in offsets:
        before = [each for each in records if each.offset < offset]
        behind = [each for each in records if each.offset >= offset]
        wanted = mark(offset, len(before), before[-1] if before else None, behind[0] if behind else None)
        assert walk.by_offset[offset] == wanted
    for number in range(len(records) + 1):
        behind = records[number] if number < len(records) else None
        wanted = mark(behind.offset if behind else end, number, records[number - 1] if number else None, behind)
        assert walk.by_number[number] == wanted


def test_a_batch_without_a_place_is_not_unpacked():
    """Its checksum would be found wrong otherwise."""
    rows = [Batch(at, (Rec(0), Rec(1)), body=b"no records" * 5 if at in (0, 4) else None) for at in (0, 2, 4, 6)]
    content = stream(*rows)
    walk = walk_over(content, 0, [3, 7], [], 0)
    found = {offset: (each.records, each.last.offset, each.next.offset) for offset, each in walk.by_offset.items()}
    assert found == {3: (3, 2, 3), 7: (7, 6, 7)}


def test_numbers_beyond_the_last_offset_are_not_looked_for():
    content, records, _ = written([(0, [0, 0, 0], 0, False)] * 2)
    walk = Walk(0, [2], [1, 2, 5])
    for run in scan(content, 0, len(content), 0, small_bytes=0).runs[:1]:
        walk.see(run, content)
    assert walk.is_done()
    assert set(walk.by_number) == {1, 2}
    assert [each.kind for each in scan(content, 0, len(content), 0, small_bytes=0).runs] == [Kind.FORWARD] * 2
    assert len(records) == 6


def test_what_makes_two_records_the_same():
    one = Record(5, 1000, b"k", b"v", (("h", b"1"), ("n", None)))
    other = Record(9, 1000, b"k", b"v", (("h", b"1"), ("n", None)))
    assert same(trace_of(one), trace_of(other)), "wherever they lie"
    assert not same(trace_of(one), None)
    for changes in (
        {"timestamp": 1001},
        {"key": None},
        {"key": b"", "value": b"kv"},
        {"value": None},
        {"headers": (("h", b"1"),)},
        {"headers": (("n", None), ("h", b"1"))},
    ):
        values = {name: getattr(one, name) for name in ("offset", "timestamp", "key", "value", "headers")} | changes
        assert not same(trace_of(one), trace_of(Record(**values))), changes
    stamped = Record(9, 7, b"k", b"v", (("h", b"1"), ("n", None)), appended=True)
    assert same(trace_of(one), trace_of(stamped)), "a time that a broker stamped itself tells nothing"
