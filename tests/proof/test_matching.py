"""Where two lists meet again, and what happened before."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from heliograph.proof.matching import Ledger, Surroundings, explain, in_order, meeting
from heliograph.proof.model import Kind

LETTERS = [bytes([letter]) for letter in b"abcdefghijklmnopqrstuvwxyz"]


def whole(ours, theirs):
    return meeting(ours, theirs, source_whole=True, target_whole=True)


def content(key: bytes, value: bytes = b"v") -> bytes:
    """A record in canonical form, without a timestamp."""
    return b"".join((len(part).to_bytes(4, "big") + part) for part in (key, value)) + bytes(4)


def fate(ours, theirs, *, ahead=((), ()), elsewhere=(), ledger=None):
    around = Surroundings(Counter(ahead[0]), Counter(ahead[1]), set(elsewhere).__contains__, timestamps=False)
    return explain(ours, theirs, around, Ledger() if ledger is None else ledger)


def test_the_nearest_place_counts():
    assert whole(LETTERS, LETTERS[3:]) == (3, 0)
    assert whole(LETTERS[2:], LETTERS) == (0, 2)
    assert whole([b"?", *LETTERS], [b"!", *LETTERS]) == (1, 1)
    assert whole(LETTERS, [b"1", b"2"]) is None
    assert whole([], LETTERS) is None


def test_a_few_that_agree_are_not_enough_unless_all_follow():
    ours, theirs = [b"x", *LETTERS[:5]], LETTERS[:5]
    assert whole(ours, theirs) == (1, 0)
    assert meeting(ours, theirs, source_whole=False, target_whole=False) is None
    assert meeting([*ours, b"1"], [*theirs, b"2"], source_whole=True, target_whole=True) is None


def test_a_repeated_record_does_not_take_for_ever():
    assert meeting([b"a"] * 5_000, [b"b", *([b"a"] * 5_000)], source_whole=True, target_whole=True) == (0, 1)


@given(st.lists(st.integers(0, 99)))
def test_a_longest_row_in_order(numbers):
    kept = sorted(in_order(numbers))
    values = [numbers[place] for place in kept]
    assert values == sorted(set(values))
    best = []  # the textbook way, in quadratic time
    for number in numbers:
        best.append(
            1 + max((length for earlier, length in zip(numbers, best, strict=False) if earlier < number), default=0)
        )
    assert len(kept) == max(best, default=0)


def test_each_kind():
    a, b, c, d = (content(name) for name in (b"a", b"b", b"c", b"d"))
    assert fate([a, b], [a]) == [(Kind.MISSING, 1, None, (), None)]
    assert fate([a], [a, b]) == [(Kind.EXTRA, None, 1, (), None)]
    assert fate([a], [a, a]) == [(Kind.DOUBLED, None, 1, (), None)]
    assert fate([a], [a, b], elsewhere=[b]) == [(Kind.DOUBLED, None, 1, (), None)]
    assert [each.kind for each in fate([a, b, c], [b, a, c])] == [Kind.REORDERED]
    assert fate([a, content(b"b", b"1"), c], [a, content(b"b", b"2"), c]) == [(Kind.ALTERED, 1, 1, ("value",), None)]
    assert fate([content(b"b", b"1")], [content(b"c", b"1")]) == [(Kind.ALTERED, 0, 0, ("key",), None)]
    assert {each.kind for each in fate([content(b"b", b"1")], [content(b"c", b"2")])} == {Kind.MISSING, Kind.EXTRA}
    assert fate([a, b, c, d], [a, b, c, d]) == []


def test_a_record_that_comes_later_is_reordered_once():
    a, b = content(b"a"), content(b"b")
    ledger = Ledger()
    assert [each.kind for each in fate([a], [], ahead=([b], [b, a]), ledger=ledger)] == [Kind.REORDERED]
    assert fate([b], [b, a], ledger=ledger) == []
    ledger = Ledger()
    assert [each.kind for each in fate([], [a], ahead=([b, a], [b]), ledger=ledger)] == [Kind.REORDERED]
    assert fate([b, a], [b], ledger=ledger) == []


def test_what_seemed_missing_or_extra_and_turns_up_is_taken_back():
    a = content(b"a")
    ledger = Ledger()
    assert [each.kind for each in fate([a], [], ledger=ledger)] == [Kind.MISSING]
    assert fate([], [a], ledger=ledger) == [(Kind.REORDERED, None, 0, (), Kind.MISSING)]
    assert [each.kind for each in fate([], [a], ledger=ledger)] == [Kind.EXTRA]
    assert fate([a], [], ledger=ledger) == [(Kind.REORDERED, 0, None, (), Kind.EXTRA)]
