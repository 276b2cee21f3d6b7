"""Two lists of records that begin to differ: where do they agree again, and what happened in between? Pure.

:func:`meeting` looks for the nearest place from which on both go on alike. :func:`explain` takes the records before
that place and names each one's fate. Records are compared whole: those that are the same are matched first, the
longest row of matches that is in order on both sides stands, and matches outside of it were *reordered*. Of what is
left, a record of the target that the source has elsewhere is *doubled*; one of each side in the same gap is *altered*,
if they share a key or at least something; the rest is *missing* or *extra*.

What is only in one list may be in the other one's continuation. So :class:`Ledger` remembers, within limits, which
records came too early or are to come late, and a record that was called missing and turns up after all.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from heliograph.proof.entries import altered_fields, fields_of
from heliograph.proof.model import Kind

ROW = 8
"""Records that must agree in a row for two lists to have met again, unless one of them ends before."""
REPEATS_MAX = 8
"""Places of one and the same record that are tried."""
REMEMBERED_MAX = 10_000
"""Records of each kind that a ledger remembers."""

Content = bytes
"""A record in canonical form."""


class Finding(NamedTuple):
    """What happened to one record."""

    kind: Kind
    source: int | None
    """Its number in the source's list; None: not there."""
    target: int | None
    fields: tuple[str, ...] = ()
    """ALTERED: what differs."""
    instead_of: Kind | None = None
    """Takes back an earlier finding of this kind about the same record."""


@dataclass(slots=True)
class Ledger:
    """Records that were met on one side only, by content."""

    early: Counter[Content] = field(default_factory=Counter)
    """On the target before their place: the source still has to come to them."""
    late: Counter[Content] = field(default_factory=Counter)
    """Left out on the target at their place: they follow later."""
    missing: Counter[Content] = field(default_factory=Counter)
    """Called missing."""
    extra: Counter[Content] = field(default_factory=Counter)
    """Called extra."""

    @staticmethod
    def add(counter: Counter[Content], content: Content) -> None:
        """Remember a record, while there is room."""
        if len(counter) < REMEMBERED_MAX:
            counter[content] += 1

    @staticmethod
    def settle(counter: Counter[Content], content: Content) -> bool:
        """Cross a record out; False: it is not on the list."""
        if counter[content] <= 0:
            del counter[content]
            return False
        counter[content] -= 1
        return True


def meeting(
    source: Sequence[Content], target: Sequence[Content], *, source_whole: bool, target_whole: bool
) -> tuple[int, int] | None:
    """Find the nearest place where both lists go on alike: numbers of the first records that agree; None: nowhere.

    A list is *whole* when nothing follows it. ROW records must agree, or all up to the end of a whole list; then what
    the other list has left counts as farther away, for it has to be explained too.
    """
    places: dict[Content, list[int]] = defaultdict(list)
    for number, content in enumerate(target):
        if len(found := places[content]) < REPEATS_MAX:
            found.append(number)
    best: tuple[int, int] | None = None
    distance = float("inf")
    for here, content in enumerate(source):
        if here >= distance:
            break
        for there in places.get(content, ()):
            if here + there >= distance:
                break
            left = _left_over(source, target, here, there, source_whole=source_whole, target_whole=target_whole)
            if left is not None and here + there + left < distance:
                best, distance = (here, there), here + there + left
    return best


def _left_over(
    source: Sequence[Content],
    target: Sequence[Content],
    here: int,
    there: int,
    *,
    source_whole: bool,
    target_whole: bool,
) -> int | None:
    """Return how many records one list has when the other has ended, 0 for a whole row; None: they do not agree."""
    lengths = len(source) - here, len(target) - there
    length = min(ROW, *lengths)
    if length < ROW and not (source_whole and length == lengths[0]) and not (target_whole and length == lengths[1]):
        return None
    if not all(source[here + i] == target[there + i] for i in range(length)):
        return None
    return 0 if length == ROW else max(lengths) - length


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beyond the two lists."""

    source_ahead: Counter[Content]
    """Records that follow on the source."""
    target_ahead: Counter[Content]
    elsewhere: Callable[[Content], bool]
    """Whether the source has a record somewhere near, before this place."""
    timestamps: bool
    """Whether the canonical form has them."""


def explain(
    source: Sequence[Content], target: Sequence[Content], around: Surroundings, ledger: Ledger
) -> list[Finding]:
    """Name what happened to each record that is not in both lists in the same order; those in order are left out.

    Findings are in the source's order as far as they have a place there, then in the target's.
    """
    row, moved = _matched(source, target)
    findings = [Finding(Kind.REORDERED, here, there) for here, there in moved]
    matched = [*row, *moved]
    left_source = _settle_source(source, {here for here, _ in matched}, around, ledger, findings)
    left_target = _settle_target(
        source, target, {there for _, there in matched}, around, ledger=ledger, findings=findings
    )
    paired_source: set[int] = set()
    paired_target: set[int] = set()
    pairs = _altered(
        source, target, row, left_source=left_source, left_target=left_target, timestamps=around.timestamps
    )
    for here, there in pairs:
        fields = altered_fields(source[here], target[there], timestamps=around.timestamps)
        findings.append(Finding(Kind.ALTERED, here, there, fields))
        paired_source.add(here)
        paired_target.add(there)
    for here in left_source:
        if here not in paired_source:
            findings.append(Finding(Kind.MISSING, here, None))
            ledger.add(ledger.missing, source[here])
    for there in left_target:
        if there not in paired_target:
            findings.append(Finding(Kind.EXTRA, None, there))
            ledger.add(ledger.extra, target[there])
    return sorted(findings, key=lambda each: (_order(each.source), _order(each.target)))


def _order(number: int | None) -> float:
    return float("inf") if number is None else number


def _matched(
    source: Sequence[Content], target: Sequence[Content]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Match the same records, the first with the first; gives the longest row in order, and the other matches."""
    places: dict[Content, list[int]] = defaultdict(list)
    for there in range(len(target) - 1, -1, -1):
        places[target[there]].append(there)
    pairs = [(here, places[content].pop()) for here, content in enumerate(source) if places.get(content)]
    kept = in_order([there for _, there in pairs])
    return [pairs[i] for i in sorted(kept)], [pair for i, pair in enumerate(pairs) if i not in kept]


def in_order(numbers: Sequence[int]) -> set[int]:
    """Return the places of a longest increasing subsequence (patience sorting)."""
    tails: list[int] = []
    tail_places: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        at = bisect_left(tails, number)
        before.append(tail_places[at - 1] if at else -1)
        if at == len(tails):
            tails.append(number)
            tail_places.append(place)
        else:
            tails[at], tail_places[at] = number, place
    found: set[int] = set()
    place = tail_places[-1] if tail_places else -1
    while place >= 0:
        found.add(place)
        place = before[place]
    return found


def _settle_source(
    source: Sequence[Content], matched: Collection[int], around: Surroundings, ledger: Ledger, findings: list[Finding]
) -> list[int]:
    """Look at the source's records without a match; gives those that nothing explains yet."""
    left = []
    for here, content in enumerate(source):
        if here in matched or ledger.settle(ledger.early, content):
            continue
        if ledger.settle(ledger.extra, content):
            findings.append(Finding(Kind.REORDERED, here, None, instead_of=Kind.EXTRA))
        elif around.target_ahead[content] - ledger.late[content] > around.source_ahead[content]:
            ledger.add(ledger.late, content)
            findings.append(Finding(Kind.REORDERED, here, None))
        else:
            left.append(here)
    return left


def _settle_target(
    source: Sequence[Content],
    target: Sequence[Content],
    matched: Collection[int],
    around: Surroundings,
    *,
    ledger: Ledger,
    findings: list[Finding],
) -> list[int]:
    """Look at the target's records without a match; gives those that nothing explains yet."""
    present = set(source)
    left = []
    for there, content in enumerate(target):
        if there in matched or ledger.settle(ledger.late, content):
            continue
        if ledger.settle(ledger.missing, content):
            findings.append(Finding(Kind.REORDERED, None, there, instead_of=Kind.MISSING))
        elif around.source_ahead[content] - ledger.early[content] > around.target_ahead[content]:
            ledger.add(ledger.early, content)
            findings.append(Finding(Kind.REORDERED, None, there))
        elif content in present or around.source_ahead[content] or around.elsewhere(content):
            findings.append(Finding(Kind.DOUBLED, None, there))
        else:
            left.append(there)
    return left


def _altered(
    source: Sequence[Content],
    target: Sequence[Content],
    row: Sequence[tuple[int, int]],
    *,
    left_source: Sequence[int],
    left_target: Sequence[int],
    timestamps: bool,
) -> Iterator[tuple[int, int]]:
    """Pair records that stand in the same gap between matches: first by key, then by place where they share a field."""
    gaps: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    heres, theres = [here for here, _ in row], [there for _, there in row]
    for here in left_source:
        gaps[bisect_left(heres, here)][0].append(here)
    for there in left_target:
        gaps[bisect_left(theres, there)][1].append(there)
    for ours, theirs in gaps.values():
        by_key: dict[bytes, list[int]] = defaultdict(list)
        for there in reversed(theirs):
            key = fields_of(target[there], timestamps=timestamps).key
            if key is not None:
                by_key[key].append(there)
        rest = []
        taken = set()
        for here in ours:
            key = fields_of(source[here], timestamps=timestamps).key
            if key is not None and by_key.get(key):
                there = by_key[key].pop()
                taken.add(there)
                yield here, there
            else:
                rest.append(here)
        others = [there for there in theirs if there not in taken]
        if len(rest) == len(others):
            for here, there in zip(rest, others, strict=True):
                if _akin(source[here], target[there], timestamps=timestamps):
                    yield here, there


def _akin(source: Content, target: Content, *, timestamps: bool) -> bool:
    """Say whether two records share something that is worth sharing."""
    here, there = (fields_of(each, timestamps=timestamps) for each in (source, target))
    return (
        (here.timestamp_ms is not None and here.timestamp_ms == there.timestamp_ms)
        or (bool(here.value) and here.value == there.value)
        or (bool(here.headers) and here.headers == there.headers)
        or (here.key is not None and here.key == there.key)
    )
