"""Whether one cluster can be used: told once when it cannot, and once when it can again.

Each broker speaks for itself: that one answers says nothing about another that does not, and that still has lanes.
"""

from collections.abc import Iterable

from heliograph.errors import HeliographError
from heliograph.flow.events import ClusterBack, ClusterTrouble, Listener

METADATA, COORDINATOR = -1, -2
"""They stand for whichever broker is asked about the cluster, or ends a transaction."""


class Reach:
    """The brokers of one cluster that do not answer."""

    def __init__(self, alias: str, listener: Listener) -> None:
        """Every broker answers, as far as is known. ``listener`` is told when that changes."""
        self._alias = alias
        self._listener = listener
        self._down: set[int] = set()

    def trouble(self, node: int, error: HeliographError) -> None:
        """Take note that a broker does not answer."""
        if not self._down:
            self._listener(ClusterTrouble(self._alias, error))
        self._down.add(node)

    def fine(self, node: int) -> None:
        """Take note that a broker answers."""
        if node in self._down:
            self._leave(self._down - {node})

    def needs(self, nodes: Iterable[int]) -> None:
        """Take note which brokers have lanes now: whether another one answers no longer matters."""
        if self._down:
            self._leave(self._down & {*nodes, METADATA, COORDINATOR})

    def _leave(self, down: set[int]) -> None:
        before, self._down = self._down, down
        if before and not down:
            self._listener(ClusterBack(self._alias))
