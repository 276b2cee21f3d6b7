"""Levels of loggers by name, as Kafka Connect keeps them (KIP-495, KIP-976).

The program has one logger, ``heliograph``; what ``root`` is set to holds for it until it is named itself. Other names,
which are those of Java classes, are remembered and do nothing. Whoever sets a logger sets all that begin with its name,
and who sets ``root`` sets all. It is forgotten at the end of the process.
"""

import time
from collections.abc import Callable

from heliograph.errors import HeliographError, NotFound
from heliograph.observe.connectors import Invalid, LoggerView
from heliograph.observe.log import LEVELS, ROOT, Log, program_level, set_program_level

ALL = "root"
NAMES_MAX = 1_000
NAME_CHARACTERS_MAX = 1_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Loggers:
    """The loggers of one process."""

    def __init__(self, clock_ms: Callable[[], int] = _now_ms) -> None:
        """Nobody has set anything yet; ``clock_ms`` tells the time since 1970."""
        self._clock_ms = clock_ms
        self._named: dict[str, LoggerView] = {}

    def all(self) -> dict[str, LoggerView]:
        """Return root, and every logger that somebody has named, in order."""
        return dict(sorted({ALL: LoggerView(program_level(), None), **self._named}.items()))

    def get(self, name: str) -> LoggerView | None:
        """Return one logger; None: nobody has named it."""
        known = self.all()
        return known.get(name, known[ALL] if name == ROOT else None)

    def checked(self, name: str, level: str) -> str:
        """Return a level by its proper name. Raises NotFound where it has none, Invalid where no more can be named."""
        proper = level.strip().upper()
        if proper not in LEVELS:
            raise NotFound(f"invalid log level '{level}'.")
        if len(name) > NAME_CHARACTERS_MAX:
            raise Invalid(f"The name of a logger may have {NAME_CHARACTERS_MAX} characters at most")
        if name not in self._named and len(self._named) >= NAMES_MAX:
            raise Invalid(f"{NAMES_MAX} loggers have a level of their own already, which is as many as can be")
        return proper

    def set(self, name: str, level: str) -> list[str]:
        """Set a logger and those whose names begin like it; returns those that had another level, in order."""
        self._named.setdefault(name, LoggerView(self._inherited(name), None))
        concerned = [each for each in self.all() if name in (ALL, each) or (each != ALL and each.startswith(name))]
        changed = [each for each in concerned if self.all()[each].level != level]
        if changed:
            Log().info("log levels were changed", logger=name, level=level)
        now_ms = self._clock_ms()
        self._named |= {each: LoggerView(level, now_ms) for each in changed}
        program = self._named.get(ROOT) or self._named.get(ALL)
        if program is not None:
            set_program_level(program.level)
        return changed

    def _inherited(self, name: str) -> str:
        """Return the level that a logger has before it is named: that of the nearest one above it."""
        known = self.all()
        while name not in known:
            name = name.rpartition(".")[0] or ALL
        return known[name].level

    def heed(self, name: str, level: str) -> None:
        """Do what all workers are told."""
        try:
            self.set(name, self.checked(name, level))
        except HeliographError as error:
            Log().warning("a record of the config topic cannot be read", cause=error)
