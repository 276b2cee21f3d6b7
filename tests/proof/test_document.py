"""A proof for programs and for people: stable names, verdicts, and nothing from outside that could break a page."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from heliograph.proof.document import Proof, document
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
    verdict_of,
)
from heliograph.proof.report import page
from heliograph.proof.words import conclusion, counts, headline, record_line, remarks

EVIL = "<script>alert('&')</script>"
RECORD = Shown(7, 5, EVIL, None, (("trace", None), ("a", EVIL)))


def partition(verdict: Verdict, **tally: object) -> PartitionProof:
    return PartitionProof(
        EVIL, 0, f"A.{EVIL}", 0, Mode.ALL, verdict, Span(0, 9), Span(0, 8), Tally(**tally), timestamps=True,
        source_sha256="ab", target_sha256="cd",
    )  # fmt: skip


def proof_of(*partitions: PartitionProof, sample: str = "") -> Proof:
    facts = ClusterFacts("A", "id", "host.example:9092", "Kafka 3.9")
    began, ended = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, 0, 2, tzinfo=UTC)
    flow = FlowProof("A->B", "default", "read_committed", facts, facts, partitions)
    return Proof("0.1.0", f"heliograph verify {EVIL}", began, ended, (), sample, 3, None, (flow,))


DIFFERENT = partition(
    Verdict.DIFFERENT,
    records=8,
    kinds=Counter({Kind.MISSING: 30, Kind.ALTERED: 1}),
    differences=[
        Difference(Kind.ALTERED, ("value",), RECORD, RECORD, 7, 6, (RECORD,), (RECORD,), (RECORD,), (RECORD,))
    ],
)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((), Verdict.UNPROVEN),
        ((Verdict.PROVEN,), Verdict.PROVEN),
        ((Verdict.PROVEN, Verdict.BEHIND), Verdict.BEHIND),
        ((Verdict.BEHIND, Verdict.UNPROVEN), Verdict.UNPROVEN),
        ((Verdict.UNPROVEN, Verdict.DIFFERENT), Verdict.DIFFERENT),
    ],
)
def test_the_worst_verdict_is_the_whole_one(verdicts, expected):
    assert verdict_of(tuple(partition(each) for each in verdicts)) is expected


def test_the_document_is_plain():
    told = json.loads(json.dumps(document(proof_of(DIFFERENT))))
    assert (told["shape"], told["verdict"], told["proven"], told["seconds"]) == (1, "different", False, 2.0)
    assert told["differences"] == {"missing": 30, "extra": 0, "doubled": 0, "reordered": 0, "altered": 1}
    assert (told["began"], told["sample"], told["seed"]) == ("2026-07-01T12:00:00Z", None, None)
    (row,) = told["flows"][0]["partitions"]
    assert (row["missing"], row["source"], row["target"]) == (30, {"first": 0, "next": 9}, {"first": 0, "next": 8})
    assert row["differences"][0]["source"]["headers"] == [["trace", None], ["a", EVIL]]


def test_the_page_escapes_all_that_comes_from_outside():
    text = page(proof_of(DIFFERENT))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "http" not in text
    assert "differences (the first 1 of 31)" in text


def test_words():
    assert conclusion(proof_of(DIFFERENT)) == "Different: 30 missing, 1 altered (1 partition, 8 records the same)"
    good = partition(Verdict.PROVEN, records=1_200)
    assert conclusion(proof_of(good)) == "Proven: both sides hold the same (1 partition, 1,200 records)"
    assert conclusion(proof_of(good, sample="5%")).startswith("Sample proven: what was compared is the same")
    late = partition(Verdict.BEHIND, not_copied=3)
    assert "3 records had not arrived" in conclusion(proof_of(late))
    assert "1 partition could not be compared" in conclusion(proof_of(partition(Verdict.UNPROVEN)))
    assert conclusion(proof_of()) == "Not proven: no topic was selected"
    assert list(counts([DIFFERENT])) == ["30 missing", "1 altered"]
    assert list(remarks(late)) == ["3 records at most had not arrived yet"]
    assert (
        headline(DIFFERENT.tally.differences[0])
        == f"key {EVIL} is altered (value), at source offset 7, target offset 6"
    )
    assert record_line(RECORD) == f"7  at 5  key {EVIL}  value null  headers trace=null, a={EVIL}"


def test_an_earlier_finding_can_be_joined_with_a_later_one():
    missing = Difference(Kind.MISSING, (), RECORD, None, 7, 6)
    extra = Difference(Kind.REORDERED, (), None, Shown(90, 5, EVIL, None, RECORD.headers), 80, 90)
    assert missing.is_about(extra)
    for one, other in ((missing, extra), (extra, missing)):
        joined = one.joined(other)
        assert (joined.kind, joined.source_offset, joined.target_offset) == (Kind.REORDERED, 7, 90)
