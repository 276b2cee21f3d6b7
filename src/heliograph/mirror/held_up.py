"""Which partitions are held up: records wait there behind a transaction that stays open.

A reader of committed records may read up to the last stable offset. Behind a busy transactional producer that offset is
below the end most of the time, and moves on. A partition is held up where it has not moved for :data:`HELD_UP_AFTER_S`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

HELD_UP_AFTER_S = 10.0
"""How long the last stable offset must stand before a partition counts as held up."""

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Wait:
    """Records wait behind an offset."""

    offset: int
    """The last stable offset: the first of the open transaction."""
    since_s: float
    """When it was first seen there, by the caller's clock."""


@dataclass(slots=True)
class HeldUpWatch:
    """Takes looks at the partitions, and tells the waits that last from those that do not."""

    held: dict[TopicPartition, Wait] = field(default_factory=dict)
    """What is held up, by partition."""
    _waits: dict[TopicPartition, Wait] = field(default_factory=dict)

    def look(self, stable: Mapping[TopicPartition, int], now_s: float) -> tuple[TopicPartition, ...]:
        """Take the last stable offset of each partition where records wait; return those that have waited too long.

        They are to be confirmed with :meth:`confirm`; until then each look returns them again.
        """
        self._waits = {
            key: before if (before := self._waits.get(key)) and before.offset == offset else Wait(offset, now_s)
            for key, offset in stable.items()
        }
        return tuple(
            key
            for key, wait in self._waits.items()
            if now_s - wait.since_s >= HELD_UP_AFTER_S and self.held.get(key) != wait
        )

    def confirm(self, partition: TopicPartition) -> Wait:
        """Take it that ``partition`` is held up; return since when and where."""
        self.held[partition] = self._waits[partition]
        return self._waits[partition]

    def end(self) -> tuple[TopicPartition, ...]:
        """Return the partitions that are no longer held up where they were, and forget them."""
        ended = tuple(key for key, wait in self.held.items() if self._waits.get(key) != wait)
        for key in ended:
            del self.held[key]
        return ended
