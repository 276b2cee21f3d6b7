"""What is read from files that others renew in place, such as certificates: looked at when it is needed.

A change is seen by where a path leads and what lies there, as with the configuration. What cannot be read is told once,
and what was read before stays in force.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from heliograph.config.properties import noting_files, state_of
from heliograph.errors import ConfigError
from heliograph.observe.log import Log

LOOK_S = 1.0
"""Between two looks at the files."""

T = TypeVar("T")


class Renewed(Generic[T]):
    """A value that is read again when its files have changed."""

    def __init__(self, what: str, read: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        """Read it with ``read``, and raise what that raises; ``what`` names the value in the log."""
        self._what = what
        self._read = read
        self._clock = clock
        with noting_files() as self._files:
            self._value = read()
        self._looked_s = clock()

    def now(self) -> T:
        """Return the value by the files as they are, or were a second ago."""
        if self._clock() - self._looked_s >= LOOK_S:
            self._looked_s = self._clock()
            if any(state_of(path) != state for path, state in self._files.items()):
                self._renew()
        return self._value

    def _renew(self) -> None:
        self._files = {path: state_of(path) for path in self._files}
        try:
            with noting_files() as files:
                value = self._read()
        except ConfigError as error:
            self._files |= files
            Log().error("renewed files are refused; those of before stay in force", what=self._what, cause=error)
            return
        self._files, self._value = files, value
        Log().info("renewed files are taken on", what=self._what)
