"""What a flow's transactions are made of, as values: limits, one transaction, and what is to be done next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.anchor import Anchor

AGE_S = 0.1
"""A transaction is closed at this age, even if more waits."""
SIZE_BYTES = 64 << 20
"""And at this size."""

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a transaction is closed."""

    age_s: float = AGE_S
    size_bytes: int = SIZE_BYTES
    at_rest: bool = True
    """At once when nothing waits (``transaction.boundary=poll``); else only by age and size."""


class Store(Protocol):
    """How positions are stored: a topic on the target, and the records for it."""

    @property
    def topic(self) -> str:
        """Name on the target."""

    def partition(self, lane: Lane) -> int:
        """Partition of that topic in which the lane's position belongs."""

    def row(self, lane: Lane, anchor: Anchor) -> tuple[bytes, bytes]:
        """Key and value of the lane's position."""


@dataclass(slots=True)
class Transaction:
    """What one transaction holds so far."""

    began_s: float
    """Loop time of its first batch."""
    lanes: dict[Lane, None] = field(default_factory=dict)
    busy: dict[Lane, None] = field(default_factory=dict)
    """Lanes in it that had something to send when last seen."""
    partitions: set[TopicPartition] = field(default_factory=set)
    """Partitions that were added to it, those of the positions included."""
    size_bytes: int = 0
    joined: bool = False
    """Its first lanes are in it."""
    closing: bool = False

    def took(self, size_bytes: int) -> None:
        """Count a batch that goes out."""
        self.size_bytes += size_bytes

    def due(self, now: float, limits: Limits) -> bool:
        """Say whether it should be closed."""
        if now >= self.began_s + limits.age_s or self.size_bytes >= limits.size_bytes:
            return True
        return limits.at_rest and not self.busy

    @property
    def answered(self) -> bool:
        """Whether everything that was sent is acknowledged."""
        return not any(lane.in_flight for lane in self.busy)

    @property
    def under_way(self) -> bool:
        """Whether answers are yet to come."""
        return any(lane.awaits_answer for lane in self.busy)


# ---- acts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait for a change: everything that was sent is committed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a change, but no longer than until loop time ``until``."""

    until: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so long, whatever changes."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Abort what is open and take a new epoch of the producer; then :meth:`TransactionGate.renewed`."""


@dataclass(frozen=True, slots=True)
class Add:
    """Add partitions to the transaction; then ``added`` or ``lost`` of the gate."""

    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class Commit:
    """Write positions into the transaction, by partition of their topic, and end it; then ``committed`` or ``lost``."""

    rows: Mapping[int, list[tuple[bytes, bytes | None]]]


@dataclass(frozen=True, slots=True)
class Offer:
    """Tell that these may send."""

    lanes: list[Lane]


@dataclass(frozen=True, slots=True)
class Committed:
    """Tell that what these have sent counts."""

    lanes: list[Lane]


@dataclass(frozen=True, slots=True)
class Aborted:
    """Tell that these have gone back to their last commit."""

    lanes: list[Lane]
    cause: HeliographError


@dataclass(frozen=True, slots=True)
class Failed:
    """Tell that this lane cannot be part of a transaction."""

    lane: Lane
    cause: HeliographError


@dataclass(frozen=True, slots=True)
class Trouble:
    """Tell that the transaction cannot go on at the moment."""

    cause: HeliographError


Act = Rest | Wait | Pause | Renew | Add | Commit | Offer | Committed | Aborted | Failed | Trouble
