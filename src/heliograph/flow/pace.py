"""How long the way to a broker is, told from the answers: what pays on a long line would only cost on a short one.

A round trip is never shorter than the line, and often longer, because the broker was busy. So the shortest one counts;
it is let creep up a little with each answer, for lines change.
"""

from dataclasses import dataclass

LONG_S = 0.01
"""From this round trip on, bytes under way matter more than the work to put them together."""
CREEP = 0.01


@dataclass(slots=True)
class RoundTrip:
    """The shortest of the latest round trips."""

    shortest_s: float | None = None

    def note(self, took_s: float) -> None:
        """Take note of one."""
        known = self.shortest_s
        self.shortest_s = took_s if known is None or took_s < known else known + (took_s - known) * CREEP

    @property
    def is_long(self) -> bool:
        """Whether the line is long."""
        return self.shortest_s is not None and self.shortest_s >= LONG_S
