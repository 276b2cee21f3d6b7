"""What a check found: one line each, good or bad, with what may be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from heliograph.config.model import ClusterConfig
from heliograph.errors import HeliographError

NAMES_SHOWN = 5
"""Names in one line; the others are counted."""


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    """The flow runs, but not as its author may think."""
    ERROR = "error"
    """The flow, or a part of it, cannot run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a cluster or a flow."""

    level: Level
    about: str
    """A cluster's alias or a flow's name."""
    text: str
    """One phrase; holds no secret."""
    remedy: str = ""
    """What may be done next; empty where nothing needs to be."""

    @classmethod
    def of_error(cls, about: str, error: HeliographError, level: Level = Level.ERROR) -> Self:
        """Make an error of the tree a finding."""
        return cls(level, about, error.message, error.remedy)

    def __str__(self) -> str:
        """Return text and remedy in one line."""
        line = f"{self.text}. {self.remedy}" if self.remedy else self.text
        return " ".join(line.split())


def listed(names: Iterable[str]) -> str:
    """Return some names and the number of the others: ``a, b and 3 more``."""
    known = list(names)
    rest = len(known) - NAMES_SHOWN
    shown = ", ".join(known[:NAMES_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown


@dataclass(frozen=True, slots=True)
class About:
    """Makes findings about one cluster or flow."""

    name: str

    def good(self, text: str) -> Finding:
        """Make a finding that needs no action."""
        return Finding(Level.OK, self.name, text)

    def warn(self, text: str, remedy: str) -> Finding:
        """Make a finding that does not keep the flow from running."""
        return Finding(Level.WARNING, self.name, text, remedy)

    def lacks(self, right: str, resource: str, cluster: ClusterConfig, level: Level = Level.ERROR) -> Finding:
        """Make a finding of a permission that the client of ``cluster`` does not have."""
        who = f"{cluster.sasl.username} on {cluster.alias}" if cluster.sasl else f"this client on {cluster.alias}"
        return Finding(level, self.name, f"Permission {right} is missing on {resource}", f"Grant it to {who}")
