"""Compaction may take records on either side, but never the latest of a key, nor their order."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proof_world import Log, drive, log_of, record

from heliograph.proof.compacted import CompactedComparison, Part
from heliograph.proof.comparison import Task
from heliograph.records import Record

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def change(number: int, key: int, value: bytes | None = b"") -> Record:
    return Record(0, 1_700_000_000_000 + number, b"key%d" % key, None if value is None else b"%d" % number + value)


def compare(ours, theirs, *, table_keys_max=1_000, newer=(), **changes) -> CompactedComparison:
    source = Log(log_of(ours, random.Random(1)) + log_of(newer, first=len(ours)))
    target = Log(log_of(theirs, random.Random(2)) + log_of(newer, first=len(theirs)))
    given_ = {"source_next": len(ours), "target_next": len(theirs), "acknowledged": len(ours), "digest": True}
    comparison = CompactedComparison(Task(0, target_first=0, **{**given_, **changes}), table_keys_max=table_keys_max)
    drive(comparison, source, target)
    return comparison


def found(comparison) -> dict[str, int]:
    return {kind.value: number for kind, number in comparison.tally.kinds.items() if number}


def compacted(rows, chance: random.Random):
    """Leave out some records that later ones supersede; a tombstone goes after all that it supersedes."""
    last = {row.key: number for number, row in enumerate(rows)}
    gone = {
        key
        for key, number in last.items()
        if rows[number].value is None and number < len(rows) - 1 and chance.random() < 0.5
    }
    return [
        row
        for number, row in enumerate(rows)
        if row.key not in gone and (last[row.key] == number or chance.random() < 0.4)
    ]


@RELAXED
@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=300),
    st.integers(0, 99),
    st.sampled_from([3, 10, 1_000]),
)
def test_what_compaction_leaves_is_the_same(changes, seed, table_keys_max):
    """Also when the keys do not fit into memory at once."""
    rows = [change(number, key, None if gone else b"") for number, (key, gone) in enumerate(changes)]
    chance = random.Random(seed)
    ours, theirs = (compacted(rows, chance) for _ in range(2))
    comparison = compare(ours, theirs, table_keys_max=table_keys_max)
    assert found(comparison) == {}
    assert comparison.tally.not_copied == 0
    assert comparison.digests[0] == comparison.digests[1]


@RELAXED
@given(st.integers(0, 59), st.sampled_from(["value", "gone", "extra"]), st.sampled_from([25, 1_000]))
def test_a_wrong_latest_record_is_found(key, wrong, table_keys_max):
    rows = [change(number, number % 60) for number in range(240)]
    theirs = list(rows)
    if wrong == "value":
        theirs[180 + key] = change(180 + key, key, b"?")
    elif wrong == "gone":
        theirs = [row for row in theirs if row.key != b"key%d" % key]
    else:
        theirs.insert(100, change(1, 1_000 + key))
    comparison = compare(rows, theirs, table_keys_max=table_keys_max)
    expected = {"value": {"altered": 1}, "gone": {"missing": 1}, "extra": {"extra": 1}}[wrong]
    assert found(comparison) == expected
    (difference,) = comparison.tally.differences
    shown = difference.source or difference.target
    assert shown.key == (f"key{1_000 + key}" if wrong == "extra" else f"key{key}")
    assert difference.fields == (("value",) if wrong == "value" else ())
    assert comparison.digests[0] != comparison.digests[1]


def test_an_older_record_in_place_of_the_latest_is_altered():
    rows = [change(number, number % 60) for number in range(600)]
    comparison = compare(rows, [*rows[:550], *rows[551:]])
    assert found(comparison) == {"altered": 1}


def test_the_order_of_the_latest_counts():
    rows = [change(number, number) for number in range(100)]
    theirs = [*rows[:50], rows[51], rows[50], *rows[52:]]
    assert found(compare(rows, theirs)) == {"reordered": 1}


def test_keys_that_changed_meanwhile_are_left_out():
    """The copy has lost a record because a newer one, behind the end of the comparison, superseded it."""
    rows = [change(number, number) for number in range(100)]
    newer = [change(100, 7), change(101, 200)]
    theirs = [row for row in rows if row.key != b"key7"]
    comparison = compare(rows, theirs, newer=newer, target_next=90)
    assert (found(comparison), comparison.tally.superseded, comparison.tally.records) == ({}, 1, 99)
    assert comparison.digests[0] == comparison.digests[1]


def test_what_is_late_is_not_missing():
    rows = [change(number, number) for number in range(100)]
    comparison = compare(rows, rows[:60], acknowledged=-1)
    assert (found(comparison), comparison.tally.not_copied, comparison.tally.records) == ({}, 40, 60)
    comparison = compare(rows, rows[:60], acknowledged=69)
    assert (found(comparison), comparison.tally.not_copied) == ({"missing": 10}, 30)


def test_a_source_without_records_and_a_target_with_some():
    comparison = compare([], [change(1, 1)])
    assert found(comparison) == {"extra": 1}


def test_a_record_without_a_key_says_nothing():
    rows = [change(1, 1), Record(0, 5, None, b"no key"), record(3)]
    assert found(compare(rows, [rows[0], rows[2]])) == {}


@pytest.mark.parametrize("divisor", [1, 2, 8])
def test_parts_cover_all_keys_once(divisor):
    parts = [Part(divisor, rest) for rest in range(divisor)]
    for number in range(100):
        name = random.Random(number).randbytes(16)
        assert sum(part.has(name) for part in parts) == 1
