"""Positions of groups that the maps do not know exactly, found by counting records, without harm to the copying.

All positions in one gap of a partition are counted by one walk over it, so that it makes little difference how many
there are. The walks keep to a rate that all of them share; a round begins none after a while, and leaves what is left
to the next; and a partition rests in proportion to what its last count took, so that a group that reads its way
through old records does not have the same records read over and over.

An exact place is remembered for as long as the position stays. What was not exact is counted again after a while, for
the records may tell more then; what failed, soon.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.pace import Pace
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.observe.log import Log
from heliograph.offsets.flow_map import FlowMap, SyncMaps
from heliograph.offsets.gaps import Translated
from heliograph.offsets.translation import Crossing, translate_all

TopicPartition = tuple[str, int]
Asked = tuple[TopicPartition, int]
"""Source topic and partition, and a position there."""

BYTES_PER_S = 48 << 20
"""Read for counting, of both clusters together."""
FETCH_BYTES_MIN = 128 << 10
"""A fetch counts as so many bytes at least: it costs both sides something too."""
ROUND_S = 20.0
"""After so long a round begins nothing more."""
PARTITIONS_AT_ONCE = 4
REST = 9.0
"""A partition rests so many times as long as its last count took."""
RETRY_S = 10.0
"""A partition that could not be counted is left alone for so long."""
AGAIN_S = 600.0
"""An answer that is not exact counts for so long."""
REMEMBERED_MAX = 65_536


@dataclass(slots=True)
class Counts:
    """Counted positions of one flow."""

    config: FlowConfig
    source: Cluster
    target: Cluster
    log: Log
    clock: Callable[[], float] = time.monotonic
    """In seconds."""
    _found: dict[Asked, Translated] = field(default_factory=dict)
    _inexact_s: dict[Asked, float] = field(default_factory=dict)
    """When positions were counted whose place is not exact."""
    _due_s: dict[TopicPartition, float] = field(default_factory=dict)
    """When a partition may be read again."""
    _failures: dict[TopicPartition, str] = field(default_factory=dict)
    """Why records of a partition could not be counted the last time."""
    _pace: Pace = field(default_factory=lambda: Pace(bytes_per_s=BYTES_PER_S, bytes_min=FETCH_BYTES_MIN))

    def of(self, key: TopicPartition, offset: int) -> Translated | None:
        """Return what counting gave for a position; None: it was not counted yet."""
        return self._found.get((key, offset))

    def forget(self, wanted: Collection[Asked]) -> None:
        """Let go of positions that are not in ``wanted`` any more, and of answers that do not count any more."""
        since_s = self.clock() - AGAIN_S
        self._inexact_s = {each: at_s for each, at_s in self._inexact_s.items() if each in wanted}
        self._found = {
            each: found
            for each, found in self._found.items()
            if each in wanted and self._inexact_s.get(each, since_s + 1) > since_s
        }

    async def count(self, wanted: Collection[Asked], maps: SyncMaps) -> None:
        """Count for those of ``wanted`` that are due, as far as a round goes. Raises a ClusterError."""
        due = self._due(wanted)
        partitions = sorted(due)
        begun_s = self.clock()
        crossing = Crossing(
            self.source.alias,
            self.target.alias,
            ahead=FlowMap(self.config, self.source, self.target, maps=maps),
            back=None,
        )
        for first in range(0, len(partitions), PARTITIONS_AT_ONCE):
            if self.clock() - begun_s >= ROUND_S:
                return
            some = partitions[first : first + PARTITIONS_AT_ONCE]
            await self._count(crossing, [(key, offset) for key in some for offset in due[key]])

    def _due(self, wanted: Collection[Asked]) -> dict[TopicPartition, list[int]]:
        """Choose what is counted in this round, by partition."""
        now_s, room = self.clock(), REMEMBERED_MAX - len(self._found)
        self._due_s = {key: due_s for key, due_s in self._due_s.items() if due_s > now_s}
        chosen: dict[TopicPartition, list[int]] = {}
        fresh = sorted(each for each in wanted if each not in self._found and each[0] not in self._due_s)
        for key, offset in fresh[: max(0, room)]:
            chosen.setdefault(key, []).append(offset)
        return chosen

    async def _count(self, crossing: Crossing, asked: list[Asked]) -> None:
        begun_s = self.clock()
        answers = await translate_all(crossing, asked, pace=self._pace, at_once=PARTITIONS_AT_ONCE)
        now_s = self.clock()
        failed: dict[TopicPartition, HeliographError] = {}
        for each, (_, found, _, _) in zip(asked, answers, strict=True):
            if found.error is None:
                self._found[each] = found
                self._inexact_s.pop(each, None)
                if not found.exact:
                    self._inexact_s[each] = now_s
            else:
                failed[each[0]] = found.error
        for key in dict.fromkeys(key for key, _ in asked):
            self._due_s[key] = now_s + (RETRY_S if key in failed else REST * (now_s - begun_s))
            self._tell(key, failed.get(key))

    def _tell(self, key: TopicPartition, cause: HeliographError | None) -> None:
        """Warn once for as long as the cause stays."""
        if cause is None:
            self._failures.pop(key, None)
        elif self._failures.get(key) != str(cause):
            self._failures[key] = str(cause)
            self.log.warning(
                "groups that lag are not followed on a partition", topic=key[0], partition=key[1], cause=cause
            )
