"""What flows through each lane, measured so that lanes can be shared among workers by it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from heliograph.flow.lane import Lane
from heliograph.mirror.assignment import Load, TopicPartition

MEASURE_S = 5.0
"""Between two measurements."""
HALF_LIFE_S = 5.0
"""After so long, what was measured counts half as much as what is measured now."""


@dataclass(slots=True)
class _Counted:
    """A lane's counters when it was last looked at, and its rates."""

    lane: Lane
    at_s: float
    bytes: int
    records: int
    load: Load | None = None


@dataclass(slots=True)
class Loads:
    """Rates of the lanes of one stretch of copying."""

    lanes: Mapping[TopicPartition, Lane]
    clock: Callable[[], float] = time.monotonic
    _counted: dict[TopicPartition, _Counted] = field(default_factory=dict)

    @property
    def now(self) -> dict[TopicPartition, Load]:
        """The loads as last measured, also of lanes that have been given up since."""
        return {key: each.load for key, each in self._counted.items() if each.load is not None}

    async def measure(self) -> None:
        """Look at the lanes' counters."""
        now_s = self.clock()
        counted: dict[TopicPartition, _Counted] = {}
        for key, lane in self.lanes.items():
            before = self._counted.get(key)
            if before is None or before.lane is not lane:
                counted[key] = _Counted(lane, now_s, lane.bytes_copied, lane.records_copied)
                continue
            passed_s = max(1e-3, now_s - before.at_s)
            seen = Load(
                (lane.bytes_copied - before.bytes) / passed_s, (lane.records_copied - before.records) / passed_s
            )
            if before.load is not None:
                old = 0.5 ** (passed_s / HALF_LIFE_S)
                seen = Load(
                    old * before.load.bytes_s + (1 - old) * seen.bytes_s,
                    old * before.load.records_s + (1 - old) * seen.records_s,
                )
            counted[key] = _Counted(lane, now_s, lane.bytes_copied, lane.records_copied, seen)
        self._counted = counted
