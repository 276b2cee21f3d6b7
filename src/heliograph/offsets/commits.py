"""How far lanes have come, as it was stored and as it is to be stored: the positions of one session.

In transactions positions go with their records, so nothing is committed here then; otherwise the anchors that moved are
written now and then, and at once for lanes that have just begun.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.flow.transactions import Transactions
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.stored import Offsets

TopicPartition = tuple[str, int]


@dataclass(slots=True)
class Commits:
    """Positions of one flow's lanes."""

    offsets: Offsets
    transactions: Transactions | None
    may_store: Callable[[], bool]
    """Whether the lanes are ours at this moment (the lease)."""
    stored: dict[TopicPartition, Anchor] = field(default_factory=dict)
    """By source partition: what was read at the start, and where lanes were when they were closed."""
    _committed: dict[Lane, Anchor] = field(default_factory=dict)

    async def load(self) -> None:
        """Read what is stored. Raises a ClusterError."""
        if self.transactions is not None:
            await self.transactions.fence()
            await self.offsets.settle()
        self.stored = await self.offsets.read()

    async def look_again(self) -> None:
        """Read once more what is stored: other workers store positions of their lanes. Raises a ClusterError."""
        if self.transactions is not None:
            await self.offsets.settle()
        self.stored = await self.offsets.read()

    def known(self, lane: Lane) -> Anchor | None:
        """Return the anchor that says where ``lane`` goes on; None where nothing was copied before."""
        known = self.latest(lane)
        if lane.anchor is not None and self.transactions is not None:
            known = replace(lane.anchor, transactional=True)
        if known is None or target_partition_of(lane, known) == lane.target_partition:
            return known
        # Nothing of this lane is on the partition where it goes now: its anchor there is the place before the first.
        return replace(known, target_offset=-1)

    def latest(self, lane: Lane) -> Anchor | None:
        """Return the lane's own anchor, or the stored one while it has none."""
        return lane.anchor or self.stored.get((lane.source_topic, lane.partition))

    def close(self, lane: Lane) -> None:
        """Keep where a lane ends; should its topic come back, it goes on there."""
        self._committed.pop(lane, None)
        if lane.anchor is not None:
            self.stored[lane.source_topic, lane.partition] = lane.anchor

    async def commit(self, moved: dict[Lane, None]) -> None:
        """Store the positions of the lanes in ``moved``, and take them out of it. Raises a ClusterError."""
        if self.transactions is not None:
            moved.clear()  # their positions went with their records
        elif self.may_store():
            anchors = [(lane, lane.anchor) for lane in moved if lane.anchor is not None]
            await self._store([(lane, anchor) for lane, anchor in anchors if self._committed.get(lane) != anchor])
            for lane, anchor in anchors:
                if lane.anchor is anchor:  # else it moved on meanwhile
                    moved.pop(lane, None)

    async def commit_begun(self, lanes: Iterable[Lane]) -> None:
        """Store where lanes have begun, so that even a kill before the next commit is exact. Raises a ClusterError."""
        await self._store(
            [(lane, lane.anchor) for lane in lanes if lane.anchor is not None and lane.state is State.RUNNING]
        )

    async def _store(self, anchors: list[tuple[Lane, Anchor]]) -> None:
        if self.transactions is not None:
            self.transactions.store(lane for lane, _ in anchors)
        elif anchors:
            await self.offsets.write(anchors, _now_ms())
            self._committed.update(anchors)

    async def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Store that nothing is known of these source partitions any more. Raises a ClusterError."""
        forgotten = list(partitions)
        await self.offsets.forget(forgotten, _now_ms())
        for key in forgotten:
            self.stored.pop(key, None)


def target_partition_of(lane: Lane, anchor: Anchor) -> int:
    """Return the target partition that holds the records up to ``anchor``."""
    return anchor.target_partition if anchor.target_partition >= 0 else lane.partition


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
