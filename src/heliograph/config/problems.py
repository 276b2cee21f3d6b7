"""All that is wrong with a file, gathered while it is read, so that its author sees every mistake at once.

Whoever finds a mistake adds it and goes on with a harmless value: what is built then is thrown away, but it may show
further mistakes. A value that could not be read is known as such (``Found.broken``), so that no second error follows
from the first.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from heliograph.errors import ConfigError, ConfigErrors

TOLD_MAX = 100
"""Most errors, and most notes, that are told of one file; the other errors are counted."""

Made = TypeVar("Made")
Other = TypeVar("Other")


class Problems:
    """The errors of one file, each once."""

    __slots__ = ("_errors",)

    def __init__(self) -> None:
        """Nothing is wrong so far."""
        self._errors: dict[str, ConfigError] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._errors)

    def add(self, error: ConfigError) -> None:
        """Note ``error``, unless it is known."""
        for each in error.errors if isinstance(error, ConfigErrors) else (error,):
            self._errors.setdefault(str(each), each)

    def attempt(self, make: Callable[[], Made], otherwise: Other) -> Made | Other:
        """Return what ``make`` returns; after a ConfigError, which is noted, ``otherwise``."""
        try:
            return make()
        except ConfigError as error:
            self.add(error)
            return otherwise

    def raise_all(self, path: Path, notes: Iterable[str] = ()) -> None:
        """Raise what is wrong with the file ``path``, in the order of its lines; return when nothing is.

        ``notes`` say what else its author should know of other lines. One error without notes is raised as it is.
        """
        where = re.compile(re.escape(str(path)) + r":(\d+)\b")

        def line(text: str) -> int:
            found = where.match(text)
            return int(found[1]) if found else 0

        errors = sorted(self._errors.values(), key=lambda each: line(each.message))
        wrong = {line(each.message) for each in errors}
        told = tuple(note for note in notes if line(note) not in wrong)
        if len(errors) == 1 and not told:
            raise errors[0]
        if len(errors) > TOLD_MAX:
            errors[TOLD_MAX:] = [ConfigError(f"{path} has {len(errors) - TOLD_MAX} more mistakes")]
        if errors:
            raise ConfigErrors(errors, notes=told[:TOLD_MAX])
