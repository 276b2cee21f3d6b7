"""Rates of a lane over the last seconds, the same for everyone who looks, however many look and however often.

Two marks are kept: the counters as they were some time ago. A mark is moved up only when the newer one is
:data:`WINDOW_S` old, so a rate spans between one and two windows of looks, or the pause since the last look where that
is longer. Nobody can shorten it.
"""

from dataclasses import dataclass

WINDOW_S = 5.0
"""Least time that a rate spans, once the lane has been looked at for so long."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Counters at one moment."""

    at_s: float
    records: int
    bytes: int


class Rate:
    """Records and bytes a second of one lane; begins with the first look."""

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        """Nothing is known before the first look."""
        self._older: _Mark | None = None
        self._newer: _Mark | None = None

    def look(self, at_s: float, records: int, size_bytes: int) -> tuple[float, float]:
        """Take the counters as they are at ``at_s`` (any clock that only goes forward); return both rates.

        Counters that are lower than before are those of a new lane: it is looked at for the first time.
        """
        now = _Mark(at_s, records, size_bytes)
        older, newer = self._older, self._newer
        if older is None or newer is None or records < newer.records or size_bytes < newer.bytes:
            self._older = self._newer = now
            return 0.0, 0.0
        if at_s - newer.at_s >= WINDOW_S:
            older = self._older = newer
            self._newer = now
        span_s = at_s - older.at_s
        if span_s <= 0:
            return 0.0, 0.0
        return (records - older.records) / span_s, (size_bytes - older.bytes) / span_s
