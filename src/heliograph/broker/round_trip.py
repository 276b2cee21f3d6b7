"""How long the line to a broker is: what pays on a long line would only cost on a short one.

An answer takes at least as long as the line, and often far longer: a broker that checks or unpacks large batches is
busy, wherever it is. So the small request that opens a connection gives the measure, and what is answered sooner counts
as well. A line that has changed shows with the next connection.
"""

from dataclasses import dataclass

LONG_S = 0.01
"""From this round trip on, bytes under way matter more than the work to put them together."""


@dataclass(slots=True)
class RoundTrip:
    """The shortest round trip of one connection."""

    shortest_s: float | None = None

    def note(self, took_s: float) -> None:
        """Take note of one."""
        if self.shortest_s is None or took_s < self.shortest_s:
            self.shortest_s = took_s

    @property
    def is_long(self) -> bool:
        """Whether the line is long."""
        return self.shortest_s is not None and self.shortest_s >= LONG_S
