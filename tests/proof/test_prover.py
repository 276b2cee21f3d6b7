"""Verdicts of a partition, and a sample's places joined into one proof."""

from collections import Counter

import pytest

from heliograph.proof.model import Kind, Mode, PartitionProof, Span, Tally, Verdict
from heliograph.proof.prover import _joined, _verdict


@pytest.mark.parametrize(
    ("tally", "verdict"),
    [
        (Tally(), Verdict.PROVEN),
        (Tally(kinds=Counter({Kind.MISSING: 0})), Verdict.PROVEN),
        (Tally(not_copied=1), Verdict.BEHIND),
        (Tally(not_copied=1, unread="gone"), Verdict.UNPROVEN),
        (Tally(kinds=Counter({Kind.EXTRA: 1}), unread="gone"), Verdict.DIFFERENT),
    ],
)
def test_what_a_tally_means(tally, verdict):
    assert _verdict(tally) is verdict


def test_places_of_a_sample_are_added_up():
    places = [
        PartitionProof(
            "t", 0, "A.t", 0, Mode.SAMPLE, Verdict.PROVEN, Span(first, first + 10), Span(first - 3, first + 7),
            Tally(records=10, size_bytes=100, kinds=Counter({kind: 1}), notes=["said once"]), timestamps=True,
        )
        for first, kind in ((20, Kind.EXTRA), (50, Kind.MISSING), (90, Kind.MISSING))
    ]  # fmt: skip
    whole = _joined(places)
    assert (whole.source, whole.target, whole.verdict) == (Span(20, 100), Span(17, 97), Verdict.DIFFERENT)
    assert (whole.tally.records, whole.tally.size_bytes) == (30, 300)
    assert whole.tally.kinds == {Kind.EXTRA: 1, Kind.MISSING: 2}
    assert whole.tally.notes == ["said once", "source offsets compared: 20 to 29, 50 to 59, 90 to 99"]
