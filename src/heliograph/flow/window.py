"""The window: how many bytes may be in the process, fetched and not yet acknowledged.

Memory is held by *frames*, the answers that came from brokers: a batch that is forwarded is a view into its frame, so
the frame stays until the last of them is acknowledged. A frame therefore counts whole for as long as anything holds it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Window:
    """Bytes in use against the limit."""

    limit_bytes: int
    used_bytes: int = 0
    freed: Callable[[], None] = field(default=lambda: None)
    """Called whenever bytes are given back."""

    @property
    def free_bytes(self) -> int:
        """Bytes that may still be taken; never negative."""
        return max(0, self.limit_bytes - self.used_bytes)

    @contextmanager
    def holding(self, size: int) -> Iterator["Hold"]:
        """Hold ``size`` bytes meanwhile; and for as long as others keep what is yielded."""
        hold = Hold(self, size).keep()
        try:
            yield hold
        finally:
            hold.let_go()

    def take(self, size: int) -> None:
        """Count ``size`` bytes as used."""
        self.used_bytes += size

    def give_back(self, size: int) -> None:
        """Count ``size`` bytes as free again."""
        self.used_bytes -= size
        assert self.used_bytes >= 0, "the window never gives back more than was taken"
        self.freed()


@dataclass(slots=True, eq=False)
class Hold:
    """A number of bytes of the window, held by several; given back when the last lets go.

    Only queues are holders (:class:`~heliograph.flow.waiting.Waiting`, :class:`~heliograph.flow.in_flight.InFlight`),
    for as long as something is in them, and whoever has it in a ``with`` block (:meth:`Window.holding`).
    """

    window: Window
    size_bytes: int
    holders: int = 0

    def keep(self) -> "Hold":
        """Add a holder."""
        if self.holders == 0:
            self.window.take(self.size_bytes)
        self.holders += 1
        return self

    def let_go(self) -> None:
        """Remove a holder."""
        self.holders -= 1
        assert self.holders >= 0, "a hold is let go once by each holder"
        if self.holders == 0:
            self.window.give_back(self.size_bytes)
