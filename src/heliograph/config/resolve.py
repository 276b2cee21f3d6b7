"""Looks options up: which of the possible keys stands in the file, its value by type, and where it came from.

Everything looked up is remembered for ``heliograph check``: key, value (secrets masked) and origin. What lost to a
weaker looking key is remembered too, because its author would not expect it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph.config.model import Secret
from heliograph.config.options import Family, Option, Table
from heliograph.config.problems import Problems
from heliograph.config.properties import PropertiesFile, Property
from heliograph.config.typed import Value, has_trailing_comment, parse
from heliograph.config.variables import Expanded
from heliograph.errors import ConfigError

DEFAULT = "default"
"""The origin of a value that nobody gave."""
DERIVED = "derived"
"""The origin of a value that is made of others, such as a name with an alias in it."""
MASK = repr(Secret(""))
_SOUNDS_SECRET = re.compile(r"password|passwd|secret|credential|token|jaas|assertion|\.key$", re.IGNORECASE)


def sounds_secret(key: str) -> bool:
    """Say whether a key's value must not be shown, whatever the key means."""
    return _SOUNDS_SECRET.search(key) is not None


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a look-up."""

    option: Option
    key: str
    """The key that won; without one, the key under which a value would be looked for first."""
    value: Value | None
    """By the option's type; None: not set, and there is no default."""
    entry: Property | None
    """None: the default."""
    where: str
    """``file:line key``, or the key alone for a default; for the beginning of a message."""
    broken: bool = False
    """The file gives a value that cannot be read, which is noted; this one is the default."""

    @property
    def text(self) -> str:
        """The value of an option that is a text; empty when there is none."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> int:
        """The value of an option that is a whole number."""
        assert isinstance(self.value, int), f"{self.option.name} has a number"
        return self.value

    @property
    def items(self) -> tuple[str, ...]:
        """The value of an option that is a list; empty when there is none."""
        return self.value if isinstance(self.value, tuple) else ()


@dataclass(frozen=True, slots=True)
class Lost:
    """A key that has no effect for a flow because a stronger one stands in the file."""

    entry: Property
    winner: Property


class Resolver:
    """Looks options up in one file."""

    def __init__(
        self,
        file: PropertiesFile,
        values: Mapping[str, tuple[Property, Expanded]],
        table: Table,
        problems: Problems,
    ) -> None:
        """``values`` are the entries by key, with their values after expansion; errors are added to ``problems``."""
        self.problems = problems
        self._file = file
        self._values = values
        self._table = table
        self._shown: dict[str, tuple[str, str]] = {}
        self.lost: list[Lost] = []

    def find(self, family: Family, name: str, keys: Sequence[str], shown_as: str) -> Found:
        """Look the option up under ``keys``, strongest first; ``shown_as`` is its key in ``heliograph check``.

        Where the value that wins breaks the option's type, range or choices, that is noted as a problem.
        """
        option = self._table.get(family, name)
        standing = [self._values[key] for key in keys if key in self._values]
        default = None if option.default is None else parse(option.kind, option.default)
        if not standing:
            self._show(shown_as, option.default, DEFAULT, secret=option.secret)
            return Found(option, keys[0], default, None, keys[0])
        entry, expanded = standing[0]
        self.lost.extend(Lost(loser, entry) for loser, _ in standing[1:])
        value = self.parsed(option, entry, expanded)
        if value is not None:
            shown = entry.value if expanded.from_provider else expanded.text
            self._show(shown_as, shown.strip(), self._file.where(entry.line), secret=option.secret)
        where = f"{self._file.where(entry.line)} {entry.key}"
        return Found(option, entry.key, default if value is None else value, entry, where, broken=value is None)

    def parsed(self, option: Option, entry: Property, expanded: Expanded) -> Value | None:
        """Return the value of ``entry`` by the option's type, range and choices; None when it cannot be read."""
        if expanded.broken:
            return None
        return self.problems.attempt(lambda: self._parsed(option, entry, expanded), None)

    def _parsed(self, option: Option, entry: Property, expanded: Expanded) -> Value:
        try:
            value = parse(option.kind, expanded.text)
            _check(option, value)
        except ValueError as error:
            hidden = option.secret or expanded.from_provider or sounds_secret(entry.key)
            shown = "" if hidden else f", not {expanded.text.strip()[:100]!r}"
            remedy = (
                "Put the comment on a line of its own" if has_trailing_comment(expanded.text) else "Correct the value"
            )
            raise ConfigError(f"{self._file.where(entry.line)} {entry.key} {error}{shown}", remedy=remedy) from None
        return _canonical(option, value)

    def note(self, key: str, text: str, origin: str) -> None:
        """Have ``heliograph check`` show a value that was not looked up; masked where the key sounds secret."""
        self._show(key, text, origin, secret=False)

    def effective(self) -> tuple[tuple[str, str, str], ...]:
        """Everything looked up so far: key, value (secrets masked), origin; sorted by key."""
        return tuple((key, *shown) for key, shown in sorted(self._shown.items()))

    def _show(self, key: str, text: str | None, origin: str, *, secret: bool) -> None:
        if text is not None:
            self._shown[key] = (MASK if secret or sounds_secret(key) else text, origin)


def _canonical(option: Option, value: Value) -> Value:
    """Return a choice as it is written in the table, whatever case the file has it in."""
    if option.choices:
        written = {choice.lower(): choice for choice in option.choices}
        if isinstance(value, tuple):
            return tuple(dict.fromkeys(written.get(item.lower(), item) for item in value))
        if isinstance(value, str):
            return written.get(value.lower(), value)
    return value


def _check(option: Option, value: Value) -> None:
    if option.minimum is not None and isinstance(value, int) and value < option.minimum:
        raise ValueError(f"must be at least {option.minimum}")
    if option.choices:
        known = {choice.lower() for choice in option.choices}
        if not {str(each).lower() for each in (value if isinstance(value, tuple) else (value,))} <= known:
            every = "hold only" if isinstance(value, tuple) else "be one of"
            raise ValueError(f"must {every} {', '.join(option.choices)}")
