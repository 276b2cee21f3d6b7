"""What each worker of a flow may use of the flow's limit of bandwidth. Pure.

Who needs less than an even part gets what it needs and a little more; what it leaves goes to those who are held back
(max-min fairness). So nothing lies idle while somebody waits for it, and nobody has less than an even part who could
use it. Parts are told, not bytes: when the limit changes by the hour, each worker knows what that is for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HEADROOM = 1.25
"""What a worker that is not held back may use more than it does, so that it can grow until it is asked again."""
SPARE = 0.02
"""Of the limit: the least that a worker has so, where there is enough."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one worker does with its part."""

    bytes_s: float
    """What it reads."""
    held_back: bool
    """Whether it would read more, or nobody knows."""


def divide(limit_bytes_s: float | None, needs: Mapping[str, Need]) -> dict[str, float]:
    """Return the part of each worker, from 0 to 1; together they are 1 at most.

    ``needs`` has the workers that have anything to read. Where there is no limit, all parts are the same.
    """
    wants = {
        worker: 1.0 if need.held_back or limit_bytes_s is None else _wanted(need.bytes_s / limit_bytes_s)
        for worker, need in needs.items()
    }
    parts: dict[str, float] = {}
    left = 1.0
    for number, worker in enumerate(sorted(wants, key=lambda each: (wants[each], each))):
        parts[worker] = max(0.0, min(wants[worker], left / (len(wants) - number)))
        left -= parts[worker]
    spare = max(0.0, left) / max(1, len(parts))
    return {worker: int((part + spare) * 1e9) / 1e9 for worker, part in parts.items()}


def _wanted(used: float) -> float:
    """Return the part that a worker should have that uses this part and no more."""
    return min(1.0, max(used * HEADROOM, used + SPARE))
