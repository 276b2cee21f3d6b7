"""What a scan says of a stretch of fetched bytes, told as a table: batches in, runs out."""

import pytest
from record_batches import (
    CONTROL,
    DELETE_HORIZON,
    LOG_APPEND_TIME,
    LZ4,
    TRANSACTIONAL,
    Batch,
    Rec,
    abort_marker,
    message,
    run_of,
    stream,
    wrapper,
)

from heliograph.errors import DamagedBatch
from heliograph.records import Codec, Kind, scan

big = b"x" * 20_000
empty = Batch(5, (), last_delta=3)
commit = abort_marker(2, 7, kind=1)


def told(buffer, position=0, **options):
    found = scan(buffer, 0, len(buffer), position, **options)
    assert found.consumed == (found.runs[-1].end if found.runs else 0)
    for before, after in zip(found.runs, found.runs[1:], strict=False):
        assert before.end == after.start
        assert before.next_offset <= after.next_offset
    return [(run.kind.name, run.batches, run.records, run.first_offset, run.next_offset) for run in found.runs]


STORIES = {
    "one batch is forwarded": ([run_of(3)], 0, [("FORWARD", 1, 3, 0, 3)]),
    "small neighbours are merged": ([run_of(3), run_of(2, 3), run_of(1, 5)], 0, [("MERGE", 3, 6, 0, 6)]),
    "a gap in the offsets between batches parts nothing": ([run_of(3), run_of(2, 9)], 0, [("MERGE", 2, 5, 0, 11)]),
    "codecs are not mixed": (
        [run_of(1), run_of(1, 1, LZ4), run_of(1, 2, LZ4)], 0, [("FORWARD", 1, 1, 0, 1), ("MERGE", 2, 2, 1, 3)]),
    "large batches go alone": (
        [run_of(1), run_of(1, 1, value=big), run_of(1, 2)], 0,
        [("FORWARD", 1, 1, 0, 1), ("FORWARD", 1, 1, 1, 2), ("FORWARD", 1, 1, 2, 3)]),
    "a hole inside": ([Batch(0, (Rec(0), Rec(2)))], 0, [("REWRITE", 1, 2, 0, 3)]),
    "a hole at the end": ([Batch(0, (Rec(0),), last_delta=4)], 0, [("REWRITE", 1, 1, 0, 5)]),
    "a hole at the front": ([Batch(0, (Rec(1), Rec(2)))], 0, [("REWRITE", 1, 2, 0, 3)]),
    "log append time": ([run_of(2, attributes=LOG_APPEND_TIME)], 0, [("REWRITE", 1, 2, 0, 2)]),
    "a delete horizon": ([run_of(2, attributes=DELETE_HORIZON)], 0, [("REWRITE", 1, 2, 0, 2)]),
    "a batch that begins before the position": ([run_of(4)], 2, [("REWRITE", 1, 4, 0, 4)]),
    "batches wholly before the position": ([run_of(4), run_of(2, 4)], 4, [("DROP", 1, 4, 0, 4), ("FORWARD", 1, 2, 4, 6)]),
    "a fetch that repeats what was there": ([run_of(4), run_of(4)], 0, [("FORWARD", 1, 4, 0, 4), ("DROP", 1, 4, 0, 4)]),
    "an empty batch": ([empty], 0, [("DROP", 1, 0, 5, 9)]),
    "control batches between small ones": (
        [run_of(2), commit, run_of(2, 3), abort_marker(5, 7, 1), run_of(1, 6)], 0, [("MERGE", 3, 5, 0, 7)]),
    "control batches at the end": (
        [run_of(2), commit, Batch(3, (), last_delta=0)], 0, [("FORWARD", 1, 2, 0, 2), ("DROP", 2, 1, 2, 4)]),
    "the whole of an empty answer": ([], 0, []),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_stories(kernel, story):
    batches, position, expected = STORIES[story]
    assert told(stream(*batches), position) == expected


def test_a_merge_stays_below_the_limit(kernel):
    buffer = stream(*(run_of(1, i, value=b"x" * 900) for i in range(10)))
    size = len(buffer) // 10
    assert told(buffer, limit_bytes=4 * size) == [("MERGE", 4, 4, 0, 4), ("MERGE", 4, 4, 4, 8), ("MERGE", 2, 2, 8, 10)]
    assert [kind for kind, *_ in told(buffer, limit_bytes=10)] == ["FORWARD"] * 10


def test_a_merge_of_many_tiny_records_counts_their_growth(kernel):
    """Deltas of a few bytes more each must not push the last batch of a merge over the limit."""
    buffer = stream(*(run_of(60, 60 * i, value=None) for i in range(20)))
    kinds = told(buffer, limit_bytes=len(buffer))
    assert len(kinds) == 2
    assert kinds[0][1] > 13


def test_aborted_transactions_are_left_out(kernel):
    """Two producers: 7 aborts twice with a commit between, 8 commits; records of both are mixed."""
    buffer = stream(
        run_of(2, 0, producer=(7, 0, 0), attributes=TRANSACTIONAL),
        run_of(1, 2, producer=(8, 0, 0), attributes=TRANSACTIONAL),
        run_of(1, 3, producer=(7, 0, 2), attributes=TRANSACTIONAL),
        abort_marker(4, 7),
        run_of(1, 5, producer=(7, 0, 3), attributes=TRANSACTIONAL),
        abort_marker(6, 7, kind=1),
        abort_marker(7, 8, kind=1),
        run_of(1, 8, producer=(7, 0, 4), attributes=TRANSACTIONAL),
        abort_marker(9, 7),
        run_of(1, 10),
    )
    assert told(buffer, aborted=[(7, 8), (7, 0)]) == [
        ("DROP", 1, 2, 0, 2),
        ("FORWARD", 1, 1, 2, 3),
        ("DROP", 2, 2, 3, 5),
        ("FORWARD", 1, 1, 5, 6),
        ("DROP", 4, 4, 6, 10),
        ("FORWARD", 1, 1, 10, 11),
    ]
    assert told(buffer) == [("MERGE", 6, 7, 0, 11)]


def test_a_record_outside_of_transactions_is_never_aborted(kernel):
    assert told(stream(run_of(1, 5, producer=(7, 0, 0))), aborted=[(7, 0)])[0][0] == "FORWARD"


def test_a_control_batch_of_another_kind_ends_nothing(kernel):
    odd = [
        Batch(1, (Rec(0, key),), producer=(7, 0, -1), attributes=TRANSACTIONAL | CONTROL)
        for key in (None, b"", b"\0\0\0")
    ]
    for control in odd:
        after = run_of(1, 2, producer=(7, 0, 1), attributes=TRANSACTIONAL)
        assert told(stream(control, after), aborted=[(7, 0)]) == [("DROP", 2, 2, 1, 3)]


def test_legacy_messages_share_a_run(kernel):
    buffer = (
        message(0, b"a", magic=0)
        + message(1, b"b", timestamp=5)
        + message(2, b"c", timestamp=9)
        + wrapper(5, 1, [message(0, b"d"), message(1, b"e")])
        + run_of(1, 6).encoded()
    )
    found = scan(buffer, 0, len(buffer), 0)
    assert [(run.kind, run.codec, run.batches, run.max_timestamp) for run in found.runs[:1]] == [
        (Kind.LEGACY, Codec.NONE, 3, 9)
    ]
    assert told(buffer) == [("LEGACY", 3, 3, 0, 3), ("LEGACY", 1, 1, 3, 6), ("FORWARD", 1, 1, 6, 7)]
    assert told(buffer, 2)[:2] == [("DROP", 2, 2, 0, 2), ("LEGACY", 1, 1, 2, 3)]


@pytest.mark.parametrize("cut", [1, 30, 44, 50, 60])
def test_a_partial_batch_at_the_end_is_not_consumed(kernel, cut):
    first, second = run_of(2).encoded(), run_of(2, 2).encoded()
    buffer = first + second[:-cut]
    found = scan(buffer, 0, len(buffer), 0)
    assert (found.consumed, found.next_offset, len(found.runs)) == (len(first), 2, 1)
    visible = len(second) - cut
    assert found.needed == (len(second) if visible > 16 else 61)


def test_a_first_batch_that_is_partial_says_how_much_is_needed(kernel):
    buffer = run_of(1, 9, value=big).encoded()
    found = scan(buffer[:1000], 0, 1000, 9)
    assert (found.runs, found.consumed, found.next_offset, found.needed) == ([], 0, 9, len(buffer))


def test_a_range_in_the_middle_of_a_buffer(kernel):
    buffer = b"front" + run_of(2, 4).encoded() + b"behind"
    for view in (buffer, bytearray(buffer), memoryview(buffer)):
        found = scan(view, 5, len(buffer) - 6, 4)
        assert [(run.start, run.end) for run in found.runs] == [(5, len(buffer) - 6)]
        assert found.consumed == len(buffer) - 6


def broken(at, content, batch=None):
    whole = bytearray((batch or run_of(2, 41)).encoded())
    whole[at : at + len(content)] = content
    return bytes(whole)


@pytest.mark.parametrize(
    ("buffer", "why"),
    [
        (broken(8, b"\x00\x00\x00\x30"), "length field says 48"),
        (broken(8, b"\xff\xff\xff\xff"), "length field says -1"),
        (broken(16, b"\x03"), "magic byte is 3"),
        (broken(22, b"\x05"), "codec 5"),
        (broken(23, b"\x00\x00\x00\x00"), "counts 2 records"),
        (broken(23, b"\x80\x00\x00\x00"), "counts 2 records"),
        (broken(57, b"\xff\xff\xff\xff"), "counts -1 records"),
        (broken(57, b"\x7f\xff\xff\xff") + b"", "records"),
        (message(41, b"v", attributes=4), "codec 4"),
    ],
)
def test_contradictions_name_the_offset(kernel, buffer, why):
    with pytest.raises(DamagedBatch, match=rf"offset 41 is damaged: .*{why}"):
        scan(buffer, 0, len(buffer), 0)


def test_more_records_than_bytes(kernel):
    buffer = Batch(41, (Rec(0),), count=10**6, last_delta=10**6 - 1).encoded()
    with pytest.raises(DamagedBatch, match="more than its bytes can hold"):
        scan(buffer, 0, len(buffer), 0)


def test_offsets_that_run_over(kernel):
    for buffer in (run_of(1, 2**63 - 1).encoded(), message(2**63 - 1, b"v"), run_of(1, -1).encoded()):
        with pytest.raises(DamagedBatch):
            scan(buffer, 0, len(buffer), 0)
