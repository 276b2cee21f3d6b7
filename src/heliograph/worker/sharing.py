"""What a worker is given of a flow's partitions, and what it is asked before: the words between group and session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from heliograph.mirror.assignment import Load, TopicPartition


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there is to be copied, as one worker sees it."""

    lanes: frozenset[TopicPartition]
    folded: Mapping[str, int]
    """Topics on the target that have, and keep, fewer partitions than their source."""


@dataclass(frozen=True, slots=True)
class Share:
    """What this worker may copy."""

    lanes: frozenset[TopicPartition] | None = frozenset()
    """None: all there are."""
    folded: Mapping[str, int] = field(default_factory=dict)
    slot: int = 0
    slots: frozenset[int] = frozenset()
    """Numbers of all workers; each has one of its own."""
    same_config: bool = True
    """Whether the leader has the same configuration."""
    part: float | None = None
    """Of the flow's limit of bandwidth, from 0 to 1; None: the leader did not say."""

    @property
    def shared_out(self) -> bool:
        """Whether there are other workers."""
        return len(self.slots) > 1

    @property
    def even_part(self) -> float:
        """What each worker would have of a limit if all had the same."""
        return 1 / max(1, len(self.slots))

    def has(self, lane: TopicPartition) -> bool:
        """Say whether ``lane`` may be copied."""
        return self.lanes is None or lane in self.lanes


class Sharing(Protocol):
    """A worker's part in the group, for whoever copies; :class:`~heliograph.worker.ownership.Ownership` is one."""

    share: Share
    """What it may copy."""
    leads: bool
    """Whether it shares out, and does what one worker does for all."""
    spared: frozenset[str]
    """As leader: topics on the target whose configs some member needs as they are."""

    def rejoin(self) -> None:
        """Have everything shared out once more: there are other lanes, or other loads."""

    def report(self) -> None:
        """Have lanes given to others that this worker has let go of since it joined."""


@dataclass(frozen=True, slots=True)
class OwnershipListener:
    """Whom an ownership asks and tells."""

    gained: Callable[[], None]
    """This worker has a share from now on, be it an empty one."""
    shared: Callable[[], None]
    """The share has changed."""
    lost: Callable[[str], None]
    """It has none any more; with the reason, one phrase."""
    held: Callable[[], frozenset[TopicPartition]]
    """What is being copied, or about to be."""
    loads: Callable[[], Mapping[TopicPartition, Load]]
    """What was measured of it."""
    spared: Callable[[], frozenset[str]]
    """Topics on the target whose configs must stay as they are for now."""
    able: Callable[[], bool]
    """Whether the source can be reached."""
    steered: Callable[[], int]
    """Up to which offset it was read what people tell the flow; -1: it was not."""
    wanted: Callable[[], Wanted | None]
    """What there is to be copied; None: it is not known yet."""
    limit: Callable[[], float | None] = lambda: None
    """Bytes that all workers together may read in a second; None: there is no limit."""
    held_back: Callable[[], bool] = lambda: False
    """Whether its part of that keeps this worker from reading more."""
