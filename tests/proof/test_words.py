"""A proof in words: what is said of each verdict, of a difference, and of a record."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from heliograph.proof.document import Proof
from heliograph.proof.model import (
    ClusterFacts,
    Difference,
    FlowProof,
    Kind,
    Mode,
    PartitionProof,
    Shown,
    Span,
    Tally,
    Verdict,
)
from heliograph.proof.words import conclusion, context, counts, headline, record_line, remarks

CLUSTER = ClusterFacts("A", "", "localhost:9092", "")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def partition(verdict=Verdict.PROVEN, *, timestamps=True, mode=Mode.ALL, reason="", **tally):
    span = Span(0, 10)
    return PartitionProof("t", 0, "A.t", 0, mode, verdict, span, span, Tally(**tally), timestamps, reason=reason)


def proof(*partitions, sample=""):
    flow = FlowProof("A->B", "DEFAULT", "read_committed", CLUSTER, CLUSTER, partitions)
    return Proof("0", "verify", NOW, NOW, (), sample, 0, None, (flow,))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((partition(records=1),), "Proven: both sides hold the same (1 partition, 1 record)"),
        (
            (partition(records=1000), partition(records=500)),
            "Proven: both sides hold the same (2 partitions, 1,500 records)",
        ),
        (
            (partition(Verdict.DIFFERENT, records=7, kinds=Counter({Kind.MISSING: 2, Kind.ALTERED: 1})),),
            "Different: 2 missing, 1 altered (1 partition, 7 records the same)",
        ),
        (
            (partition(Verdict.BEHIND, records=7, not_copied=3),),
            "Not proven: nothing differs, but 3 records had not arrived (1 partition, 7 records the same)",
        ),
        (
            (partition(Verdict.UNPROVEN), partition(records=7)),
            "Not proven: 1 partition could not be compared (2 partitions, 7 records the same)",
        ),
        ((), "Not proven: no topic was selected"),
    ],
)
def test_conclusion(given, sentence):
    assert conclusion(proof(*given)) == sentence


def test_a_sample_proves_a_sample():
    assert conclusion(proof(partition(records=2), sample="1%")).startswith("Sample proven: ")


def test_counts_are_sums_over_partitions():
    given = [partition(kinds=Counter({Kind.EXTRA: 1})), partition(kinds=Counter({Kind.EXTRA: 2, Kind.DOUBLED: 1}))]
    assert list(counts(given)) == ["3 extra", "1 doubled"]


def test_remarks():
    told = partition(
        timestamps=False,
        mode=Mode.LATEST,
        reason="why",
        not_copied=1,
        source_outside=2,
        target_outside=3,
        superseded=1,
        notes=["a note"],
    )
    found = list(remarks(told))
    assert found[0] == "why"
    assert found[-1] == "a note"
    assert len(found) == 8
    assert list(remarks(partition())) == []


def record(offset=5, key="k", value="v", **more):
    return Shown(offset, 1000, key, value, **more)


@pytest.mark.parametrize(
    ("difference", "line"),
    [
        (
            Difference(Kind.MISSING, (), record(), None, 5, 7),
            "key k is missing on the target, at source offset 5, target offset 7",
        ),
        (
            Difference(Kind.EXTRA, (), None, record(key=None), -1, 7),
            "a record without a key is on the target only, at target offset 7",
        ),
        (
            Difference(Kind.ALTERED, ("value", "headers"), record(), record(), 5, -1),
            "key k is altered (value, headers), at source offset 5",
        ),
    ],
)
def test_headline(difference, line):
    assert headline(difference) == line


def test_context_marks_the_record_itself():
    difference = Difference(
        Kind.ALTERED, ("value",), record(5), record(7), 5, 7, source_before=(record(4),), target_after=(record(8),)
    )
    assert [(side, mark, each.offset) for side, mark, each in context(difference)] == [
        ("source", " ", 4),
        ("source", ">", 5),
        ("target", ">", 7),
        ("target", " ", 8),
    ]


def test_a_record_in_a_line():
    assert record_line(record(headers=(("h", "1"), ("n", None)))) == "5  at 1000  key k  value v  headers h=1, n=null"
    assert record_line(Shown(5, None, None, None)) == "5  key null  value null"
