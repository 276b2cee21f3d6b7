"""Where the configuration comes from, and when it is read again: the file has changed, or SIGHUP came.

A file is looked at once a second, and so is each one that it refers to: key stores, and what providers read. What is
compared is where a path leads and what lies there, so the swap of a symbolic link counts, by which Kubernetes renews a
ConfigMap or a Secret. A change counts when it has rested for a second look: an editor may just be writing.

On a terminal, SIGHUP also comes when that is closed; then the process ends in good order.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from heliograph.config.model import Config
from heliograph.config.properties import State, noting_files, state_of
from heliograph.errors import ConfigErrors, HeliographError
from heliograph.observe.control import Control
from heliograph.observe.log import Log

WATCH_S = 1.0
"""Between two looks at the files."""


class ConfigSource:
    """Reads the configuration, and knows which files it came from."""

    def __init__(self, load: Callable[[], Config]) -> None:
        """``load`` reads everything there is to read, and raises ConfigError."""
        self._load = load
        self.taken: dict[Path, State] = {}
        """The files that were read the last time, as they were before that: what changes while it is read counts."""

    def read(self) -> Config:
        """Read it. Raises ConfigError; the files that were read until then count too, and so do those of before."""
        with noting_files() as files:
            try:
                config = self._load()
            except HeliographError:
                self.taken = self.now() | files
                raise
            self.taken = files
        return config

    def now(self) -> dict[Path, State]:
        """Return the present state of all files that were read the last time."""
        return {path: state_of(path) for path in self.taken}


async def follow(source: ConfigSource, control: Control, *, watches: bool) -> None:
    """Have ``control`` take the configuration on again whenever there is reason to, until cancelled.

    With ``watches`` a changed file is one; SIGHUP always is, unless it was ignored when the process began (``nohup``).
    """
    asked = asyncio.Event()
    had_terminal = _has_terminal()

    def hung_up() -> None:
        if had_terminal and not _has_terminal():
            control.stop()
        else:
            asked.set()

    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)
    seen = source.now()
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(WATCH_S):
                await asked.wait()
        now = source.now()
        rests, seen = now == seen, now
        if asked.is_set() or (watches and now != source.taken and rests):
            asked.clear()
            await _take(control)


async def _take(control: Control) -> None:
    Log().info("reading the configuration again")
    try:
        await control.reload()
    except HeliographError as error:
        for each in error.errors if isinstance(error, ConfigErrors) else (error,):
            Log().error("the new configuration is refused; the one before stays in force", cause=each)


def _has_terminal() -> bool:
    """Say whether the process has a terminal that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
