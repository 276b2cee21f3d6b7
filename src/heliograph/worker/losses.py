"""Every loss of a flow, counted for the life of the process, and the newest of them kept whole."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from heliograph.mirror.losses import Loss
from heliograph.observe.model import LossCount, LossView

KEPT = 100
"""Newest losses that are kept whole."""
COUNTERS_MAX = 10_000
"""Partitions and kinds that are counted apart; what is beyond counts for its kind under no topic."""


@dataclass(slots=True)
class Losses:
    """What one flow has lost since the process began."""

    clock: Callable[[], float] = time.time
    """Returns seconds since the epoch."""
    _newest: deque[LossView] = field(default_factory=lambda: deque(maxlen=KEPT))
    _times: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _offsets: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def add(self, loss: Loss) -> None:
        """Count a loss."""
        first, after = loss.offsets
        topic, partition = (
            (loss.target_topic, loss.target_partition) if loss.on_target else (loss.topic, loss.partition)
        )
        view = LossView(
            loss.kind, topic, partition, first, max(first, after), self.clock(), loss.goes_on_at, loss.on_target
        )
        self._newest.appendleft(view)
        key = (str(loss.kind), topic, partition)
        if key not in self._times and len(self._times) >= COUNTERS_MAX:
            key = (str(loss.kind), "", -1)
        self._times[key] += 1
        self._offsets[key] += loss.count

    @property
    def newest(self) -> tuple[LossView, ...]:
        """Return the newest losses, newest first."""
        return tuple(self._newest)

    @property
    def counts(self) -> tuple[LossCount, ...]:
        """Return how often each kind came for each partition, and how many offsets it concerned."""
        return tuple(LossCount(*key, times, self._offsets[key]) for key, times in sorted(self._times.items()))
