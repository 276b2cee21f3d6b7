"""What the data plane has to say, as values; whoever runs it passes a function that takes them."""

from collections.abc import Callable
from dataclasses import dataclass

from heliograph.errors import HeliographError
from heliograph.mirror.losses import Loss


@dataclass(frozen=True, slots=True)
class LaneFailed:
    """A lane stands still; the others go on."""

    topic: str
    partition: int
    cause: HeliographError
    retry_in_s: float | None
    """None: not by itself, a person must decide."""


@dataclass(frozen=True, slots=True)
class LaneRecovered:
    """A lane that had failed moves records again."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class TransactionAborted:
    """A transaction could not be committed; its lanes go back to what was committed last, and on from there."""

    alias: str
    """Of the target."""
    lanes: int
    """Lanes that had written in it."""
    cause: HeliographError


@dataclass(frozen=True, slots=True)
class OthersWrite:
    """Somebody else writes to a copy that several may write to."""

    target_topic: str


@dataclass(frozen=True, slots=True)
class ClusterTrouble:
    """A cluster cannot be used at the moment; it is tried again."""

    alias: str
    cause: HeliographError


@dataclass(frozen=True, slots=True)
class ClusterBack:
    """A cluster that could not be used answers again."""

    alias: str


Event = LaneFailed | LaneRecovered | Loss | OthersWrite | TransactionAborted | ClusterTrouble | ClusterBack
Listener = Callable[[Event], None]
