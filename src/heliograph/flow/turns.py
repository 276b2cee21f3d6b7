"""Whose turn it is among lanes that are behind.

Each gets a turn, and goes to the end. One that was at its end until now and has fallen behind, by a burst for example,
does not wait for all those that have a long way to go: such *fresh* lanes have a queue of their own, and every other
turn. Who is behind after it is fresh no more (as FQ-CoDel does with new flows, RFC 8290).
"""

from collections.abc import Iterator
from itertools import chain

from heliograph.flow.lane import Lane


class Turns:
    """Two queues, fresh lanes and others; one that is being read keeps its place until its turn is over."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._fresh: dict[Lane, None] = {}
        self._others: dict[Lane, None] = {}
        self._fresh_first = True
        self._at_end: set[Lane] = set()
        """Were at their end when they were last read."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._fresh) + len(self._others)

    def __iter__(self) -> Iterator[Lane]:
        """Yield those that wait, the one whose turn it is first."""
        queues = (self._fresh, self._others) if self._fresh_first else (self._others, self._fresh)
        return chain(*queues)

    def join(self, lane: Lane) -> None:
        """Wait, unless it does so already."""
        if lane not in self:
            queue = self._fresh if lane in self._at_end else self._others
            queue[lane] = None
        self._at_end.discard(lane)

    def reached_end(self, lane: Lane) -> None:
        """Take note that ``lane`` has nothing more to read for now."""
        self._at_end.add(lane)

    def leave(self, lane: Lane) -> None:
        """Wait no longer."""
        self._fresh.pop(lane, None)
        self._others.pop(lane, None)

    def forget(self, lane: Lane) -> None:
        """Know nothing of ``lane`` any more."""
        self.leave(lane)
        self._at_end.discard(lane)

    def end(self, first: Lane) -> None:
        """End the turn of the one that was first: whoever got what it left has not had its own."""
        self._fresh_first = first not in self._fresh
        if first in self:
            self.leave(first)
            self._others[first] = None

    def __contains__(self, lane: Lane) -> bool:
        """Whether ``lane`` waits."""
        return lane in self._fresh or lane in self._others
