"""Two logs are the same exactly when the comparison says so, whatever their batches look like; and what is not is named."""

import dataclasses
import hashlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proof_world import Log, drive, log_of, record

from heliograph.proof.comparison import Comparison, Task
from heliograph.proof.model import Kind, Side
from heliograph.records import Codec

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
MANY = [record(number) for number in range(3_000)]
FEW = MANY[:200]


def task_of(source: Log, target: Log, **changes) -> Task:
    given_ = {
        "source_first": 0,
        "source_next": source.end,
        "target_first": 0,
        "target_next": target.end,
        "acknowledged": source.end,
        "digest": True,
    }
    return Task(**{**given_, **changes})


def compare(ours, theirs, *, seeds=(1, 2), newer=(), **changes) -> Comparison:
    """Compare two lists of records, each batched by its own chance; ``newer`` ones follow on both sides."""
    source, target = (
        Log(log_of(part, random.Random(seed)) + log_of(newer, first=len(part)))
        for part, seed in zip((ours, theirs), seeds, strict=True)
    )
    comparison = Comparison(task_of(source, target, **changes))
    drive(comparison, source, target)
    return comparison


def found(comparison) -> dict[str, int]:
    return {kind.value: number for kind, number in comparison.tally.kinds.items() if number}


# --- The same --------------------------------------------------------------------------------------------------------


@RELAXED
@given(st.integers(0, 400), st.integers(0, 1_000), st.integers(0, 1_000))
def test_the_same_records_in_any_batches_are_proven(count, seed, other_seed):
    comparison = compare(MANY[:count], MANY[:count], seeds=(seed, other_seed))
    assert found(comparison) == {}
    assert comparison.tally.records == count
    assert comparison.tally.not_copied == 0
    assert comparison.digests[0] == comparison.digests[1]
    assert (comparison.source_position, comparison.target_position) == (count, count)


def test_the_same_batches_are_not_unpacked():
    for codec in Codec:
        log = Log(log_of(MANY[:500], codec=codec, batch_max=100))
        comparison = Comparison(task_of(log, log, digest=False))
        drive(comparison, log, log)
        assert comparison.tally.records == 500
        assert comparison.tally.untouched >= 350, "all but small batches"
        assert comparison.digests == ("", "")


def test_a_digest_is_that_of_the_canonical_form():
    headers = (("a", b"1"), ("a", None))
    rows = [record(1), record(2, value=None, headers=headers)]
    rows[1] = dataclasses.replace(rows[1], key=None, value=None)
    content = (
        (1_700_000_000_001).to_bytes(8, "big") + b"\0\0\0\2k1" + b"\0\0\0\2v1" + b"\0\0\0\0"
        + (1_700_000_000_002).to_bytes(8, "big") + b"\xff" * 4 + b"\xff" * 4 + b"\0\0\0\2"
        + b"\0\0\0\1a" + b"\0\0\0\0011" + b"\0\0\0\1a" + b"\xff" * 4
    )  # fmt: skip
    comparison = compare(rows, rows)
    assert comparison.digests == (hashlib.sha256(content).hexdigest(),) * 2


def test_holes_on_the_source_are_no_differences():
    parts = [log_of(FEW[at : at + 20], random.Random(at), first=3 * at + 7) for at in range(0, 200, 20)]
    source, target = Log(b"".join(parts)), Log(log_of(FEW))
    comparison = Comparison(task_of(source, target))
    drive(comparison, source, target)
    assert (found(comparison), comparison.tally.records) == ({}, 200)


# --- Not the same ----------------------------------------------------------------------------------------------------

FIELDS = {
    "value": {"value": b"?"},
    "key": {"key": b"?"},
    "headers": {"headers": (("h", b"?"),)},
    "timestamp": {"timestamp": 1},
}


@RELAXED
@given(st.integers(0, 299), st.sampled_from(sorted(FIELDS)), st.integers(0, 99))
def test_an_altered_field_is_found_and_named(place, name, seed):
    ours = MANY[:300]
    theirs = [*ours[:place], record(place, **FIELDS[name]), *ours[place + 1 :]]
    comparison = compare(ours, theirs, seeds=(seed, seed + 1))
    assert found(comparison) == {"altered": 1}
    (difference,) = comparison.tally.differences
    assert difference.fields == (name,)
    assert (difference.source_offset, difference.target_offset) == (place, place)
    assert comparison.tally.records == 299
    assert comparison.digests[0] != comparison.digests[1]


@RELAXED
@given(st.integers(0, 299), st.integers(1, 60), st.integers(0, 99))
def test_missing_records_are_counted(place, count, seed):
    ours = MANY[:300]
    comparison = compare(ours, [*ours[:place], *ours[place + count :]], seeds=(seed, seed + 1))
    assert found(comparison) == {"missing": min(count, 300 - place)}
    first = comparison.tally.differences[0]
    assert (first.kind, first.source_offset, first.target_offset) == (Kind.MISSING, place, place)


@RELAXED
@given(st.integers(0, 300), st.integers(1, 60), st.integers(0, 99))
def test_extra_records_are_counted(place, count, seed):
    ours = MANY[:300]
    extra = [record(10_000 + number) for number in range(count)]
    comparison = compare(ours, [*ours[:place], *extra, *ours[place:]], seeds=(seed, seed + 1))
    assert found(comparison) == {"extra": count}
    assert comparison.tally.records == 300


@RELAXED
@given(st.integers(1, 300), st.integers(1, 100), st.integers(0, 99))
def test_a_copier_that_began_again_too_early_has_doubled(place, count, seed):
    ours = MANY[:300]
    comparison = compare(ours, [*ours[:place], *ours[max(0, place - count) :]], seeds=(seed, seed + 1))
    assert found(comparison) == {"doubled": min(count, place)}
    assert comparison.tally.records == 300


@RELAXED
@given(st.integers(0, 2_998), st.integers(1, 2_500), st.booleans())
def test_a_record_in_the_wrong_place_is_reordered(place, distance, later):
    moved = MANY[place]
    rest = [*MANY[:place], *MANY[place + 1 :]]
    there = min(len(rest), place + distance) if later else max(0, place - distance)
    comparison = compare(MANY, [*rest[:there], moved, *rest[there:]])
    assert found(comparison) == ({"reordered": 1} if there != place else {})
    for difference in comparison.tally.differences:
        assert difference.kind is Kind.REORDERED


@RELAXED
@given(st.data())
def test_any_change_is_found(data):
    """Random edits, any number of them: never proven, never more than what was edited can explain, never endless."""
    ours = MANY[:250]
    theirs = list(ours)
    edits = data.draw(st.lists(st.tuples(st.sampled_from("adisr"), st.integers(0, 249)), min_size=1, max_size=12))
    for number, (edit, place) in enumerate(edits):
        at = min(place, len(theirs) - 1)
        if edit == "a":
            theirs[at] = record(20_000 + number)
        elif edit == "d":
            del theirs[at]
        elif edit == "i":
            theirs.insert(at, record(30_000 + number))
        elif edit == "s":
            theirs.insert(at, theirs[-1])
        else:
            theirs[at : at + 2] = reversed(theirs[at : at + 2])
    comparison = compare(ours, theirs)
    counted = sum(found(comparison).values())
    assert (counted > 0) == (theirs != ours)
    assert counted <= 3 * len(edits)
    assert (comparison.digests[0] == comparison.digests[1]) == (theirs == ours)


def test_the_last_record_in_the_middle_is_not_taken_for_the_end():
    """Few records agree between the changes, and the one that was doubled is where the source ends."""
    theirs = [*MANY[:202], MANY[249], *MANY[202:250]]
    for place in (210, 218, 226):
        theirs[place] = record(20_000 + place)
    comparison = compare(MANY[:250], theirs)
    assert found(comparison) == {"missing": 3, "doubled": 1, "extra": 3}
    assert comparison.tally.records == 247


def test_a_mirror_of_something_else_is_all_altered():
    comparison = compare(MANY[:700], [record(number, value=b"!") for number in range(700)])
    assert found(comparison) == {"altered": 700}
    assert len(comparison.tally.differences) == 20


@pytest.mark.parametrize(
    ("kind", "gap"), [("missing", (15_000, 15_000)), ("doubled", (30_000, 12_000)), ("extra", (15_000, 15_000))]
)
def test_the_two_meet_again_far_away(kind, gap):
    """Farther than both sides look ahead: scouts find the place."""
    rows = [record(number) for number in range(31_000)]
    first, again = gap
    theirs = {
        "missing": [*rows[:50], *rows[first:]],
        "doubled": [*rows[:first], *rows[again:]],
        "extra": [*rows[:50], *(record(100_000 + number) for number in range(first)), *rows[50:]],
    }[kind]
    comparison = compare(rows, theirs)
    assert found(comparison) == {kind: abs(len(theirs) - len(rows))}
    assert comparison.tally.records == min(len(rows), len(rows) - 14_950 if kind == "missing" else len(rows))


# --- The ends --------------------------------------------------------------------------------------------------------


def test_what_has_not_arrived_is_not_missing():
    comparison = compare(FEW, FEW[:150], acknowledged=149)
    assert (found(comparison), comparison.tally.not_copied, comparison.tally.records) == ({}, 50, 150)
    assert comparison.source_position == 150


def test_what_was_acknowledged_is_missing():
    comparison = compare(FEW, FEW[:150], acknowledged=169)
    assert (found(comparison), comparison.tally.not_copied) == ({"missing": 20}, 30)


def test_after_a_difference_too_the_rest_may_be_late():
    comparison = compare(FEW, [*FEW[:147], record(9_999), *FEW[148:150]], acknowledged=149)
    assert comparison.tally.not_copied == 50
    assert sum(found(comparison).values()) in {1, 2}


def test_an_empty_target_has_everything_to_come():
    comparison = compare(FEW, [], acknowledged=-1)
    assert (found(comparison), comparison.tally.not_copied) == ({}, 200)


def test_newer_records_are_not_looked_at():
    newer = [record(number) for number in range(200, 260)]
    comparison = compare(FEW, FEW, newer=newer, source_next=200, target_next=180)
    assert (found(comparison), comparison.tally.records) == ({}, 200)


def test_a_record_is_missing_when_newer_ones_are_there():
    newer = [record(number) for number in range(200, 260)]
    comparison = compare(FEW, FEW[:-1], newer=newer, source_next=200, target_next=180, acknowledged=-1)
    assert (found(comparison), comparison.tally.not_copied) == ({"missing": 1}, 0)


@pytest.mark.parametrize("cut", [1, 300, 2_900])
def test_the_targets_retention_is_out_of_range(cut):
    source, target = Log(log_of(MANY)), Log(log_of(MANY[cut:], first=cut))
    task = task_of(source, target, target_first=cut, head_may_lack=frozenset({Side.SOURCE}))
    comparison = Comparison(task)
    drive(comparison, source, target)
    assert found(comparison) == {}
    assert (comparison.tally.records, comparison.tally.source_outside) == (3_000 - cut, cut)
    assert (comparison.source_first, comparison.target_first) == (cut, cut)


def test_the_sources_retention_is_out_of_range_also_far_away():
    rows = [record(number) for number in range(15_000)]
    source, target = Log(log_of(rows[14_000:], first=14_000)), Log(log_of(rows))
    task = task_of(source, target, source_first=14_000, head_may_lack=frozenset({Side.TARGET}))
    comparison = Comparison(task)
    drive(comparison, source, target)
    assert (found(comparison), comparison.tally.records, comparison.tally.target_outside) == ({}, 1_000, 14_000)


def test_a_source_that_holds_nothing_any_more():
    source, target = Log(b""), Log(log_of(FEW))
    task = task_of(source, target, source_first=200, source_next=200, head_may_lack=frozenset({Side.TARGET}))
    comparison = Comparison(task)
    drive(comparison, source, target)
    assert (found(comparison), comparison.tally.records, comparison.tally.target_outside) == ({}, 0, 200)


def test_nothing_in_common_is_said():
    other = [record(50_000 + number) for number in range(300)]
    comparison = compare(MANY[:300], other, head_may_lack=frozenset({Side.SOURCE}))
    assert comparison.tally.kinds[Kind.MISSING] + comparison.tally.kinds[Kind.ALTERED] == 300
    assert comparison.tally.notes == ["the two sides have no record in common near their beginnings"]


def test_a_side_that_keeps_back_what_it_has_is_unread():
    comparison = compare(FEW, FEW, source_next=500, target_next=200)
    assert comparison.tally.unread == "the source gives no records from 200 to 499"


# --- Timestamps of the target's own ----------------------------------------------------------------------------------


def stamped(log: bytes, time_ms: int) -> bytes:
    """Make every batch look as if its broker had stamped it; the checksum is mended."""
    import struct

    import google_crc32c

    out, at = bytearray(log), 0
    while at < len(log):
        end = at + 12 + struct.unpack_from(">i", log, at + 8)[0]
        out[at + 22] |= 0x08
        struct.pack_into(">q", out, at + 35, time_ms)
        struct.pack_into(">I", out, at + 17, google_crc32c.value(bytes(out[at + 21 : end])))
        at = end
    return bytes(out)


@pytest.mark.parametrize("told", [True, False])
def test_times_of_the_targets_brokers_are_left_out(told):
    source, target = Log(log_of(FEW, random.Random(1))), Log(stamped(log_of(FEW, random.Random(2)), 5))
    comparison = Comparison(task_of(source, target, timestamps=not told))
    drive(comparison, source, target)
    assert (found(comparison), comparison.tally.records, comparison.timestamps) == ({}, 200, False)
    assert bool(comparison.tally.notes) == (not told)
    same = Log(stamped(log_of(FEW, codec=Codec.LZ4), 5))
    comparison = Comparison(task_of(Log(log_of(FEW, codec=Codec.LZ4)), same, timestamps=False))
    drive(comparison, Log(log_of(FEW, codec=Codec.LZ4)), same)
    assert comparison.tally.untouched > 100


def test_times_of_the_sources_brokers_count():
    """A copy of a LogAppendTime topic has its times as times of the writer."""
    rows = [dataclasses.replace(each, timestamp=77) for each in FEW]
    source = Log(stamped(log_of(FEW), 77))
    good, bad = Log(log_of(rows)), Log(log_of(FEW))
    for target, kinds in ((good, {}), (bad, {"altered": 200})):
        comparison = Comparison(task_of(source, target))
        drive(comparison, source, target)
        assert (found(comparison), comparison.timestamps) == (kinds, True)
