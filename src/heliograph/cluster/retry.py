"""The whole retry policy, as two pure functions: may this be tried again, and after how long."""

from dataclasses import dataclass

from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError, HeliographError, ProtocolError, Unreachable
from heliograph.wire.errors import After, meaning


@dataclass(frozen=True, slots=True)
class Again:
    """What must happen before the next try."""

    after: After


def retriable(error: HeliographError) -> Again | None:
    """Say whether the same request may succeed later: broken connections, and codes that Kafka marks as retriable."""
    if isinstance(error, Unreachable | ProtocolError):
        return Again(After.METADATA)
    if isinstance(error, BrokerError):
        found = meaning(error.code)
        if found.retriable:
            return Again(found.after)
    return None


def backoff_s(attempt: int, config: ClusterConfig, jitter: float) -> float:
    """Seconds to wait before try ``attempt`` (1 = the first repetition): doubled each time, capped, spread by jitter.

    ``jitter`` lies in [0, 1); the result is within 20 % of the nominal value (KIP-580).
    """
    nominal_ms: float = min(config.retry_backoff_ms * 2 ** min(attempt - 1, 16), config.retry_backoff_max_ms)
    return nominal_ms / 1000 * (0.8 + 0.4 * jitter)
