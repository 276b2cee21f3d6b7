"""What is lost is told from what is merely late; the place of what a target lacks is found backwards."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.model import LossKind
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.losses import Backwards, Loss, Shortfall, cut_at, is_other, shortfall

OLD, NEW = "0a1b", "2c3d"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
STORED = Anchor(99, 79, target_id=OLD)


@pytest.mark.parametrize(
    ("position", "epoch", "known_epoch", "end_offset", "cut"),
    [
        (100, 5, 5, 100, None),
        (100, 5, 5, 140, None),
        (100, 5, 5, 80, 80),
        (100, 5, 4, 80, 80),
        (100, 5, 4, 140, 100),
        (100, 5, -1, -1, None),
        (0, 0, 0, 0, None),
    ],
)
def test_a_log_is_cut_where_the_epoch_ends_before_the_position(position, epoch, known_epoch, end_offset, cut):
    assert cut_at(position, epoch, known_epoch, end_offset) == cut


@pytest.mark.parametrize(
    ("known", "now", "other"),
    [(OLD, NEW, True), (OLD, OLD, False), ("", NEW, False), (OLD, "", False), (UNKNOWN, NEW, False)],
)
def test_only_two_known_ids_tell_two_topics_apart(known, now, other):
    assert is_other(known, now) is other


@pytest.mark.parametrize(
    ("stored", "target_end", "target_id", "expected"),
    [
        (STORED, 80, OLD, None),
        (STORED, 200, OLD, None),
        (STORED, 60, OLD, Shortfall(LossKind.TARGET_TRUNCATION, 60, 20)),
        (STORED, 0, OLD, Shortfall(LossKind.TARGET_TRUNCATION, 0, 80)),
        (STORED, 0, "", Shortfall(LossKind.TARGET_DELETION, 0, 80)),
        (STORED, 0, NEW, Shortfall(LossKind.TARGET_DELETION, 0, 80)),
        (STORED, 200, NEW, Shortfall(LossKind.TARGET_DELETION, 0, 80)),
        (replace(STORED, target_offset=-1), 0, NEW, None),
        (replace(STORED, target_offset=-1), 0, "", None),
        (replace(STORED, target_offset=None), 0, NEW, None),
        (replace(STORED, target_id=""), 200, NEW, None),
        (replace(STORED, target_id=""), 60, NEW, Shortfall(LossKind.TARGET_TRUNCATION, 60, 20)),
    ],
)
def test_what_a_target_lacks(stored, target_end, target_id, expected):
    assert shortfall(stored, target_end, target_id) == expected


def test_a_range_is_told_on_the_side_where_it_happened():
    on_source = Loss(LossKind.RETENTION, "t", 0, "A.t", 0, source_offsets=(3, 10), target_offsets=(1, 2))
    assert (on_source.on_target, on_source.offsets, on_source.count) == (False, (3, 10), 7)
    on_target = replace(on_source, kind=LossKind.FOREIGN_WRITE)
    assert (on_target.on_target, on_target.offsets, on_target.count) == (True, (1, 2), 1)


def spans_of(offsets):
    spans = []
    for offset in offsets:
        if spans and sum(spans[-1]) == offset:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((offset, 1))
    return spans


@given(
    copied=st.sets(st.integers(0, 300), max_size=120),
    begin=st.integers(0, 100),
    after=st.integers(0, 301),
    missing=st.integers(1, 130),
)
def test_the_way_back_passes_exactly_so_many_records(copied, begin, after, missing):
    search = Backwards(begin, after, missing)
    found, asked = None, []
    while found is None and (span := search.next_span()) is not None:
        asked.append(span)
        found = search.passed(span[0], spans_of(sorted(each for each in copied if span[0] <= each < span[1])))
    there = sorted(each for each in copied if begin <= each < after)
    assert found == (there[-missing] if len(there) >= missing else None)
    assert all(first < before for first, before in asked)
    assert [before for _, before in asked[1:]] == [first for first, _ in asked[:-1]], "nothing is read twice"
    assert len(asked) <= 12, "even a sparse log is passed in a few steps"
