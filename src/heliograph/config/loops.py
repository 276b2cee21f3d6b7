r"""Flows that would send records round in a circle, because they keep topic names.

With the default policy a copy carries the alias of the cluster where it came from, and is not sent back there. With the
identity policy nothing tells a copy from an original: what ``A->B`` copies, ``B->A`` copies back, for ever. The same
goes for longer ways round. So flows that keep names may form a circle only where it is certain that no topic passes all
of them. Regular expressions cannot be compared in general; certain is what a reader of the file sees at once:

* both lists hold plain names, and none is in both (``orders, items`` and ``audit``);
* a plain name does not match the other's expression, or one of the two excludes it;
* two expressions begin with different fixed texts (``eu\..*`` and ``us\..*``);
* one's expression stands word for word in the other's ``topics.exclude``.
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

    @property
    def name(self) -> str:
        """``source->target``."""
        return f"{self.source}->{self.target}"


def find_loop(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Give the first circle of flows that might copy the same topic round; empty: there is none."""
    keeping = [way for way in ways if way.keeps_names]
    for first in keeping:
        others = [way for way in keeping if way is not first and not disjoint(first, way)]
        if back := _way_back(first, others):
            return (first, *back)
    return ()


def find_merging(ways: Sequence[Way]) -> dict[str, Way]:
    """Give the flows, by name, whose records may come to lie in one topic with another's, and one such other."""
    keeping = [way for way in ways if way.keeps_names]
    found: dict[str, Way] = {}
    for way in keeping:
        others = (other for other in keeping if other is not way and other.target == way.target)
        if other := next((other for other in others if not disjoint(way, other)), None):
            found[way.name] = other
    return found


def _way_back(first: Way, others: Sequence[Way]) -> tuple[Way, ...]:
    """Give the shortest way from the target of ``first`` to its source."""
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
    """Give the text with which all names begin that ``pattern`` matches, and whether it is the whole name."""
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
