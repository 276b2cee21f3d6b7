"""What a lane is and knows, as values; and for how long it waits when something went wrong."""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.mirror.anchor import Anchor

RETRY_S_MIN = 0.1
RETRY_S_MAX = 30.0


def retry_pause_s(failures: int) -> float:
    """Return how long a lane stands still that has failed so often in a row."""
    return min(RETRY_S_MIN * 2.0 ** min(failures, 16), RETRY_S_MAX)


class State(StrEnum):
    """What a lane is doing."""

    RUNNING = "running"
    RESUMING = "resuming"
    """Its position is being found from what the target holds."""
    FAILED = "failed"
    """It stands still with a cause, and tries again by itself."""
    HALTED = "halted"
    """It stands still until a person decides: something was lost, and the flow is told to stop then."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who a lane is for the broker (KIP-98)."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Of which topics, and under which leader, a lane's position is true."""

    topic_id: str = ""
    """Of the source topic, where brokers tell it (KIP-516)."""
    target_id: str = ""
    """Of the target topic, where brokers tell it."""
    leader_epoch: int = -1
    """Of the source partition's leader: the one that is read, and whose log is known to hold what was read before
    (KIP-320)."""

    def anchor(self, source_offset: int, target_offset: int | None, target_partition: int) -> Anchor:
        """Return the anchor of a record of these topics; ``target_partition`` -1: the lane's own."""
        return Anchor(source_offset, target_offset, self.topic_id, self.leader_epoch, target_partition, self.target_id)


@dataclass(frozen=True, slots=True)
class Foreign:
    """An acknowledgement came at another offset than the only writer's would."""

    expected_offset: int
    got_offset: int
    anchor: Anchor | None
    """The lane's before this acknowledgement, when all was as it should be."""
