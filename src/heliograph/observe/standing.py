"""For how long partitions have stood still because of an error, so that what passes soon is told from what stays.

A partition that tries again looks well for a moment with each try. So it counts as well only when it has moved, or when
nothing has been wrong with it for :data:`WELL_S`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

STANDING_S = 10.0
"""What is tried again counts as standing still from so many seconds on: most of it passes sooner."""
WELL_S = 5.0
"""A partition that has nothing to copy is well again when it has had no error for so long."""

TopicPartition = tuple[str, int]


@dataclass(slots=True)
class _Stand:
    """One partition that an error has met."""

    since_s: float
    settled: int
    """Where it stood then."""
    seen_s: float
    """When it had an error last."""
    cause: str


@dataclass(slots=True)
class Standing:
    """The partitions of one flow that have stood still since they were looked at; times are of any steady clock."""

    _stands: dict[TopicPartition, _Stand] = field(default_factory=dict)

    def __contains__(self, key: TopicPartition) -> bool:
        """Whether it was not well when it was looked at last."""
        return key in self._stands

    def look(self, key: TopicPartition, settled: int, cause: str, now_s: float) -> tuple[str, float]:
        """Take how a partition is now: the offset up to which it is copied, and its error, empty where there is none.

        Return why it has stood still, and for how many seconds; an empty cause where it is well.
        """
        stand = self._stands.get(key)
        if stand is not None and (settled > stand.settled or (not cause and now_s - stand.seen_s >= WELL_S)):
            del self._stands[key]
            stand = None
        if cause:
            if stand is None:
                stand = self._stands[key] = _Stand(now_s, settled, now_s, cause)
            stand.seen_s, stand.cause = now_s, cause
        return (stand.cause, now_s - stand.since_s) if stand is not None else ("", 0.0)

    def forget_others(self, keys: Iterable[TopicPartition]) -> None:
        """Forget partitions that are no longer copied; ``keys`` are those that are."""
        if self._stands:  # mostly there are none, and many keys
            for key in self._stands.keys() - set(keys):
                del self._stands[key]
