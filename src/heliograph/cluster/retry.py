"""The whole retry policy: may this be tried again, and after how long; and asking for as long as it may."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError, HeliographError, ProtocolError, Unreachable
from heliograph.wire.errors import After, meaning

Result = TypeVar("Result")


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


async def until_answered(
    ask: Callable[[], Awaitable[Result]],
    *,
    pause_s: Callable[[int], float],
    trouble: Callable[[HeliographError], None],
) -> Result:
    """Ask until there is an answer; raises what cannot pass by itself.

    Each other error is handed to ``trouble``; ``pause_s`` says how long to wait after so many of them.
    """
    failures = 0
    while True:
        try:
            return await ask()
        except HeliographError as error:
            if retriable(error) is None:
                raise
            failures += 1
            trouble(error)
        await asyncio.sleep(pause_s(failures))
