"""What the data plane has to say, as values; whoever runs it passes a function that takes them."""

from collections.abc import Callable
from dataclasses import dataclass

from heliograph.errors import HeliographError


@dataclass(frozen=True, slots=True)
class LaneFailed:
    """A lane stands still and will try again by itself; the others go on."""

    topic: str
    partition: int
    cause: HeliographError
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class LaneRecovered:
    """A lane that had failed moves records again."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class SourceRecordsLost:
    """Records that the source dropped before they could be copied (retention, or records deleted)."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    """The first source offset that is still there."""


@dataclass(frozen=True, slots=True)
class ForeignWrite:
    """The target partition holds records that this lane did not write: an acknowledgement came at another offset."""

    target_topic: str
    partition: int
    expected_offset: int
    got_offset: int


@dataclass(frozen=True, slots=True)
class ClusterTrouble:
    """A cluster cannot be used at the moment; it is tried again."""

    alias: str
    cause: HeliographError


@dataclass(frozen=True, slots=True)
class ClusterBack:
    """A cluster that could not be used answers again."""

    alias: str


Event = LaneFailed | LaneRecovered | SourceRecordsLost | ForeignWrite | ClusterTrouble | ClusterBack
Listener = Callable[[Event], None]
