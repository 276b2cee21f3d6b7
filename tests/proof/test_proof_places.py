"""Places from anchors, and samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.proof.model import Side, Span
from heliograph.proof.places import Sample, Spans, sample_spans

WHOLE = Spans(Span(0, 100), Span(0, 90))


def test_the_anchor_says_where_the_other_side_begins():
    assert WHOLE.guess() == (0, 0)
    assert Spans(Span(0, 100), Span(30, 90), 99, 89).guess() == (40, 30)
    assert Spans(Span(50, 100), Span(0, 90), 99, 89).guess() == (50, 40)
    assert Spans(Span(50, 100), Span(30, 90), 99, 89).guess() == (50, 40)
    assert Spans(Span(20, 100), Span(30, 90), 99, 89).guess() == (40, 30)
    assert Spans(Span(20, 100), Span(30, 90), 99).guess() == (20, 30), "nothing is known of the target's offset"


def test_a_guess_lies_within_the_logs():
    assert Spans(Span(0, 100), Span(95, 96), 99, 5).guess() == (100, 95)
    assert Spans(Span(500, 501), Span(0, 90), 99, 89).guess() == (500, 90)
    assert Spans(Span(0, 100), Span(10, 90), 99, 89).on_target(3) == 10
    assert Spans(Span(0, 100), Span(10, 90), 99, 89).on_target(60) == 50
    assert WHOLE.on_target(60) == 0


@pytest.mark.parametrize(
    ("ends", "late", "expected"),
    [
        (WHOLE, False, set()),
        (WHOLE, True, {Side.SOURCE}),
        (Spans(Span(5, 9), Span(0, 9)), False, {Side.TARGET}),
        (Spans(Span(0, 9), Span(5, 9)), False, {Side.SOURCE}),
    ],
)
def test_who_may_lack_what(ends, late, expected):
    assert ends.heads_that_may_lack(begins_late=late) == expected


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 99))
def test_a_sample_has_its_size_and_stays_inside(first, whole, wanted, seed):
    spans = sample_spans(Span(first, first + whole), Sample(records=wanted, seed=seed), "t-0")
    assert sum(each.next - each.first for each in spans) == min(whole, wanted)
    at = first
    for each in spans:
        assert at <= each.first < each.next <= first + whole
        at = each.next
    assert list(sample_spans(Span(first, first + whole), Sample(records=wanted, seed=seed), "t-0")) == list(spans)


def test_a_share_is_rounded_up():
    spans = sample_spans(Span(0, 1_001), Sample(share=0.1), "t-0")
    assert sum(each.next - each.first for each in spans) == 101
    assert sample_spans(Span(0, 10), Sample(share=1.0), "t-0") == (Span(0, 10),)
    assert sample_spans(Span(0, 0), Sample(share=1.0), "t-0") == ()


def test_seed_and_partition_choose_the_places():
    several = {
        tuple(sample_spans(Span(0, 10**6), Sample(records=100, seed=seed), name))
        for seed in (1, 2)
        for name in ("a", "b")
    }
    assert len(several) == 4
