"""How fast partitions may be read beside the copying: a rate for all readers together, or a share of their time."""

from dataclasses import dataclass

REST_S_MAX = 5.0


@dataclass(slots=True)
class Pace:
    """How fast all readers that share it may be together."""

    bytes_per_s: float | None = None
    """None: see ``share``."""
    share: float = 1.0
    """Share of the time that a reader may spend on fetching, above 0 and at most 1."""
    bytes_min: int = 0
    """A fetch counts as so many bytes at least, which limits how many there are in a second."""
    _free_at: float = 0.0

    def rest_s(self, now: float, size_bytes: int, took_s: float) -> float:
        """Say how long to rest after a fetch of ``size_bytes`` that took ``took_s`` and ended at ``now`` (seconds)."""
        if self.bytes_per_s is not None:
            size_bytes = max(size_bytes, self.bytes_min)
            self._free_at = max(self._free_at, now - took_s) + size_bytes / self.bytes_per_s
            return max(0.0, self._free_at - now)
        return min(REST_S_MAX, took_s * (1 - self.share) / self.share)
