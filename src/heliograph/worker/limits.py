"""How much this process may read: of each limit its part, by the file or by a command, as it changes by the week.

A limit holds for all workers together, so each has a part of it, which it is told. Whoever has the whole picture looks
every second whether another limit holds (:meth:`Limit.look`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from heliograph.config.schedules import Schedule
from heliograph.flow.throttle import Limits, Throttle
from heliograph.mirror.steering import ToldLimit


class Limit:
    """One limit, of a flow or of all flows together, and this process's part in it."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        steady: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep to ``schedule``; all of it is this process's part until another is told."""
        self.throttle = Throttle(steady)
        """Keeps to it."""
        self._schedule = schedule
        self._override: ToldLimit | None = None
        self._part = 1.0
        self._clock = clock
        self.look()

    @property
    def bytes_per_s(self) -> int | None:
        """What all workers together may read; None: there is no limit."""
        return self._override.bytes_per_s if self._override is not None else self._schedule.at(self._clock())

    def follow(self, schedule: Schedule) -> None:
        """Keep to another schedule from now on."""
        self._schedule = schedule
        self.look()

    @property
    def by_command(self) -> bool:
        """Whether a command has set it."""
        return self._override is not None

    def override(self, told: ToldLimit | None) -> None:
        """Keep to what a command says, whatever the schedule says; None: to the schedule again."""
        self._override = told
        self.look()

    def share(self, part: float) -> None:
        """Have this part of the limit, from 0 to 1."""
        self._part = part
        self.look()

    def look(self) -> None:
        """See which limit holds now."""
        whole = self.bytes_per_s
        self.throttle.set(None if whole is None else max(1.0, whole * self._part))


def limits_of(*limits: Limit) -> Limits:
    """Return what holds where all of ``limits`` do."""
    return Limits(tuple(limit.throttle for limit in limits))
