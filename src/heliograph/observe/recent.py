"""A picture of the process that is a moment old at most, so that many who ask cost no more than one."""

import time
from collections.abc import Callable

from heliograph.observe.model import ProcessView

AGE_S_MAX = 0.5


class Recent:
    """The picture, taken again when it is too old and somebody asks."""

    def __init__(self, view: Callable[[], ProcessView], clock: Callable[[], float] = time.monotonic) -> None:
        """``view`` takes one."""
        self._view = view
        self._clock = clock
        self._taken: ProcessView | None = None
        self._taken_s = 0.0

    def now(self) -> ProcessView:
        """Return the picture."""
        now_s = self._clock()
        if self._taken is None or now_s - self._taken_s > AGE_S_MAX:
            self._taken, self._taken_s = self._view(), now_s
        return self._taken
