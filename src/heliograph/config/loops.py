r"""Flows that would send records round in a circle, because names do not tell a copy from an original.

With the default policy a copy carries the alias of the cluster where it came from, and is not sent back there. With the
identity policy nothing tells a copy from an original: what ``A->B`` copies, ``B->A`` copies back, for ever. The same
goes for longer ways round. So flows that keep names may form a circle only where it is certain that no topic passes all
of them. Regular expressions cannot be compared in general; certain is what a reader of the file sees at once:

* both lists hold plain names, and none is in both (``orders, items`` and ``audit``);
* a plain name does not match the other's expression, or one of the two excludes it;
* two expressions begin with different fixed texts (``eu\..*`` and ``us\..*``);
* one's expression stands word for word in the other's ``topics.exclude``.

With the default policy and an empty separator the alias is there, but where it ends is not (``westorders``). A circle
through such a flow, whatever the policies of the others, makes names that grow with every round (``westwestorders``).
It ends by itself where one of its flows takes only plain names, or nothing that begins as what comes round does.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heliograph.config.javaregex import compile_java, compile_java_list
from heliograph.errors import ConfigError

_META = frozenset("\\^$.|?*+()[]{}")
_REACHES_ON = re.compile(r"\(\?[a-zA-Z-]+\)|\\Q")
"""What changes the meaning of the items behind it, once they are joined: a flag, or a quotation that may be open."""
_QUANTIFIERS = frozenset("?*+{")


@dataclass(frozen=True, slots=True)
class Way:
    """What is asked of a flow to see whether records may come back."""

    source: str
    target: str
    keeps_names: bool
    topics: tuple[str, ...]
    exclude: tuple[str, ...]
    separator: str = "."
    source_name: str = ""
    """The source's alias in names; empty: its own."""

    @property
    def is_blind(self) -> bool:
        """Whether it puts the alias before names, and nobody could tell so from the names."""
        return not self.keeps_names and not self.separator

    @property
    def prefix(self) -> str:
        """What it puts before names."""
        return "" if self.keeps_names else (self.source_name or self.source) + self.separator

    @property
    def name(self) -> str:
        """``source->target``."""
        return f"{self.source}->{self.target}"


def find_loop(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Return the first circle of flows that might copy the same topic round; empty: there is none."""
    keeping = [way for way in ways if way.keeps_names]
    for first in keeping:
        others = [way for way in keeping if way is not first and not disjoint(first, way)]
        if back := _way_back(first, others):
            return (first, *back)
    return ()


def find_growing_loop(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Return the first circle of flows, the first without a separator, in which names might grow for ever."""
    for first in ways:
        if first.is_blind and (loop := _growing_from(first, ways)):
            return loop
    return ()


def _growing_from(first: Way, ways: Sequence[Way]) -> tuple[Way, ...]:
    """Return the shortest circle from ``first`` back to it that takes what it has itself put an alias before."""
    paths: deque[tuple[tuple[Way, ...], str]] = deque([((first,), first.prefix)])
    seen: set[tuple[str, str]] = set()
    while paths:
        path, prefix = paths.popleft()
        for way in ways:
            if way.source != path[-1].target or not _takes_without_end(way, prefix):
                continue
            if way is first:
                return path
            carried = way.prefix or prefix
            if (way.name, carried) not in seen:
                seen.add((way.name, carried))
                paths.append(((*path, way), carried))
    return ()


def _takes_without_end(way: Way, prefix: str) -> bool:
    """Whether the flow may select ever longer names that begin with ``prefix``: not those that it lists one by one."""
    for item in way.exclude:
        text, whole = _beginning(item.removesuffix(".*"))
        if item.endswith(".*") and whole and prefix.startswith(text):
            return False
    return _may_select(way, prefix, listed=False)


def _may_select(way: Way, beginning: str, *, listed: bool) -> bool:
    """Whether a name that begins so may be selected; ``listed``: also by an item that is a plain name."""
    if any(_REACHES_ON.search(item) for item in way.topics):
        return True
    for item in way.topics:
        if not _complete(item):
            return True
        text, whole = _beginning(item)
        if text.startswith(beginning) and (listed or not whole):
            return True
        if beginning.startswith(text) and not whole:
            return True
    return False


def find_merging(ways: Sequence[Way]) -> dict[str, Way]:
    """Return the flows, by name, whose records may come to lie in one topic with another's, and one such other."""
    found: dict[str, Way] = {}
    for way in ways:
        others = (other for other in ways if other is not way and other.target == way.target)
        if other := next((other for other in others if _may_meet(way, other)), None):
            found[way.name] = other
    return found


def _may_meet(one: Way, other: Way) -> bool:
    """Whether copies made by two flows may have one name; it takes one prefix for both, or one that has no end."""
    if one.prefix == other.prefix:
        return not disjoint(one, other)
    shorter, longer = sorted((one, other), key=lambda way: len(way.prefix))
    if not longer.is_blind or not (shorter.is_blind or shorter.keeps_names):
        return False
    rest = longer.prefix.removeprefix(shorter.prefix)
    return longer.prefix.startswith(shorter.prefix) and _may_select(shorter, rest, listed=True)


def _way_back(first: Way, others: Sequence[Way]) -> tuple[Way, ...]:
    """Return the shortest way from the target of ``first`` to its source."""
    ends: deque[tuple[Way, ...]] = deque((way,) for way in others if way.source == first.target)
    seen = {way.name for (way,) in ends}
    while ends:
        path = ends.popleft()
        if path[-1].target == first.source:
            return path
        for way in others:
            if way.source == path[-1].target and way.name not in seen:
                seen.add(way.name)
                ends.append((*path, way))
    return ()


def disjoint(one: Way, other: Way) -> bool:
    """Whether it is certain that no topic is selected by both; raises ConfigError for what is no regular expression."""
    if any(_REACHES_ON.search(item) for item in (*one.topics, *other.topics)):
        return False
    return all(_apart(mine, one, theirs, other) for mine in one.topics for theirs in other.topics)


def _apart(mine: str, one: Way, theirs: str, other: Way) -> bool:
    """Whether it is certain that no topic is selected by ``mine`` of one flow and by ``theirs`` of the other."""
    if not (_complete(mine) and _complete(theirs)):
        return False
    if mine in other.exclude or theirs in one.exclude:
        return True
    (my_text, my_name), (their_text, their_name) = _beginning(mine), _beginning(theirs)
    for text, is_name, pattern in ((my_text, my_name, theirs), (their_text, their_name, mine)):
        if is_name:
            excluded = [compile_java_list(each.exclude) for each in (one, other)]
            return not compile_java(pattern).fullmatch(text) or any(each and each.fullmatch(text) for each in excluded)
    return not (my_text.startswith(their_text) or their_text.startswith(my_text))


def _complete(pattern: str) -> bool:
    """Whether an item of a list is an expression by itself, and not part of one that holds a comma."""
    try:
        compile_java(pattern)
    except ConfigError:
        return False
    return True


def _beginning(pattern: str) -> tuple[str, bool]:
    """Return the text with which all names begin that ``pattern`` matches, and whether it is the whole name."""
    if "|" in pattern:
        return "", False
    text: list[str] = []
    rest = pattern
    while rest:
        if found := re.match(r"\\([^\w\s])", rest):  # an escaped sign of punctuation stands for itself
            text.append(found[1])
            rest = rest[2:]
        elif rest[0] not in _META:
            text.append(rest[0])
            rest = rest[1:]
        else:
            if rest[0] in _QUANTIFIERS and text:
                text.pop()
            return "".join(text), False
    return "".join(text), True
