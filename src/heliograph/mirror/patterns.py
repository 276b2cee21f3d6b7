"""Lists of regular expressions as the configuration has them: one comma-separated option, one question of a name.

MirrorMaker 2 joins the items of such a list with ``|`` and matches whole names against the result. Joining is not the
same as trying one after another: ``topics = (red,blue)-.*`` only makes sense joined. So the joined expression decides,
and single items are tried merely to say which of them it was.
"""

from dataclasses import dataclass, field
from typing import Protocol

from heliograph.config.javaregex import compile_java
from heliograph.errors import ConfigError


class Matcher(Protocol):
    """A compiled expression."""

    def fullmatch(self, string: str) -> object | None:
        """Return a match of the whole ``string``, or None."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of Java regular expressions; an empty list matches nothing."""

    items: tuple[str, ...]
    _joined: Matcher | None = field(init=False, repr=False, compare=False, default=None)
    _single: tuple[tuple[str, Matcher], ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        """Compile the list.

        Raises ConfigError where it is not a Java regular expression.
        """
        if self.items:
            object.__setattr__(self, "_joined", compile_java("|".join(self.items)))
            object.__setattr__(self, "_single", tuple(_compile_single(self.items)))

    def matches(self, name: str) -> bool:
        """Say whether the list matches the whole of ``name``."""
        return self._joined is not None and self._joined.fullmatch(name) is not None

    def which(self, name: str) -> str | None:
        """Return the item that matches ``name``; the whole list where no single one does; None without a match."""
        if not self.matches(name):
            return None
        return next((item for item, matcher in self._single if matcher.fullmatch(name)), "|".join(self.items))


def _compile_single(items: tuple[str, ...]) -> list[tuple[str, Matcher]]:
    """Compile the items that are complete expressions in themselves."""
    compiled: list[tuple[str, Matcher]] = []
    for item in items:
        try:
            compiled.append((item, compile_java(item)))
        except ConfigError:
            continue  # half of a group, as in ``(red,blue)``: the joined list compiles, and it decides
    return compiled
