"""The page of a proof: verdicts, ranges, digests and differences, where a reader looks for them."""

import re
from collections import Counter
from datetime import UTC, datetime

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
from heliograph.proof.report import page

BEGAN = datetime(2026, 7, 1, 12, tzinfo=UTC)
RECORD = Shown(7, 5, "key", "value", ())
ALTERED = Difference(Kind.ALTERED, ("value",), RECORD, RECORD, 7, 5, (), (), (), ())


def partition(number, verdict, source, target, tally, *, digests=("", "")):
    return PartitionProof(
        "orders", number, "one.orders", number, Mode.ALL, verdict, source, target, tally, timestamps=True,
        source_sha256=digests[0], target_sha256=digests[1],
    )  # fmt: skip


def shown(*partitions, **changes):
    facts = ClusterFacts("one", "id-1", "a.example:9092", "Kafka 3.9"), ClusterFacts("two", "", "b.example:9092", "")
    flow = FlowProof("one->two", "default", "read_committed", *facts, partitions)
    given = {"topics": (), "sample": "", "seed": 3, "since": None} | changes
    return page(
        Proof(
            "0.1.0", "heliograph verify mm2.properties", BEGAN, BEGAN.replace(second=2), given["topics"],
            given["sample"], given["seed"], given["since"], (flow,),
        )
    )  # fmt: skip


def rows(html):
    """Return the cells of each row of the page's tables."""
    return [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in html.splitlines() if "<td" in line]


PROVEN = partition(0, Verdict.PROVEN, Span(0, 9), Span(2, 11), Tally(records=9), digests=("ab", "ab"))
DIFFERENT = partition(
    1, Verdict.DIFFERENT, Span(0, 1234), Span(0, 0), Tally(records=1200, kinds=Counter({Kind.ALTERED: 31}), differences=[ALTERED]),
    digests=("ab", "cd"),
)  # fmt: skip


def test_each_partition_has_a_row_with_its_ranges():
    found = {cells[0]: cells for cells in rows(shown(PROVEN, DIFFERENT)) if len(cells) == 7}
    assert found["orders-0"][1:6] == ["one.orders-0", "proven", "0 to 8", "2 to 10", "9"]
    assert found["orders-1"][1:6] == ["one.orders-1", "different", "0 to 1233", "none", "1,200"]


def test_digests_say_whether_they_agree():
    found = [cells for cells in rows(shown(PROVEN, DIFFERENT)) if len(cells) == 3]
    assert found == [["orders-0", "ab", "the same"], ["orders-1", "ab", "cd"]]


def test_differences_are_shown_with_how_many_there_are():
    html = shown(PROVEN, DIFFERENT)
    assert "<h3>orders-1: differences (the first 1 of 31)</h3>" in html
    assert html.count("<pre>") == 1
    assert "orders-0: differences" not in html
    assert '<p class="verdict different">' in html
    assert "<pre>" not in shown(PROVEN)


def test_clusters_and_what_was_asked_for_are_named():
    found = rows(shown(PROVEN))
    assert ["source", "one", "id-1", "a.example:9092", "Kafka 3.9"] in found
    assert ["target", "two", "-", "b.example:9092", "-"] in found
    facts = {cells[0]: cells[1] for cells in found if len(cells) == 2}
    assert facts["Program"] == "Heliograph 0.1.0"
    assert (facts["Topics"], facts["Compared"], facts["Differences"]) == ("all of the flows", "all records", "none")
    assert "From" not in facts
    sampled = rows(shown(PROVEN, topics=("orders",), sample="10 %", seed=7, since=BEGAN))
    facts = {cells[0]: cells[1] for cells in sampled if len(cells) == 2}
    assert (facts["Topics"], facts["Compared"]) == ("orders", "sample of 10 % (seed 7)")
    assert facts["From"].startswith("2026-07-01")
