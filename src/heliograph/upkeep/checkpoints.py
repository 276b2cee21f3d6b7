"""Where the followed groups are on the target, and the job that writes it down as checkpoints.

A round reads what the groups have committed on the source and translates it by the maps of offsets. Where a map does
not know exactly, because a position lies further back than this process remembers, records are counted on both sides
(:mod:`heliograph.upkeep.counts`).

A position that cannot be translated at all is left out, as MM2 does. One whose place is only known roughly lies before
the right one, never behind it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Committed
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import DataError
from heliograph.flow.lane import Lane
from heliograph.mirror.checkpoints import CheckpointKey, checkpoint_key, news
from heliograph.mirror.formats import Checkpoint, decode_checkpoint, encode_checkpoint
from heliograph.mirror.naming import naming_of
from heliograph.observe.log import Log
from heliograph.upkeep.counts import Counts
from heliograph.upkeep.groups import Followed
from heliograph.upkeep.internal_topics import InternalTopic
from heliograph.upkeep.periodic import Job, Scope
from heliograph.upkeep.syncs import Syncs

TopicPartition = tuple[str, int]

RECENT_S = 1.0
"""A translation that is no older is used again."""
ROWS_A_WRITE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """A group's position on one partition, on the target."""

    source: TopicPartition
    target: TopicPartition
    upstream: Committed
    downstream: int
    exact: bool


@dataclass(slots=True)
class Checkpoints:
    """Groups of one flow, in one stretch of copying."""

    config: FlowConfig
    source: Cluster
    target: Cluster
    lanes: Mapping[TopicPartition, Lane]
    """By source topic and partition."""
    syncs: Syncs
    log: Log
    followed: Followed = field(init=False)
    written: dict[CheckpointKey, Checkpoint] = field(default_factory=dict)
    """The last checkpoint of each, also those of earlier processes."""
    _topic: InternalTopic = field(init=False)
    _loaded: bool = False
    _places: dict[str, list[Place]] = field(default_factory=dict)
    """As translated last, by group."""
    _translated_s: float = -RECENT_S
    _counts: Counts = field(init=False)
    _translating: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Raise ConfigError for lists that are no patterns."""
        self.followed = Followed(self.config, self.source, self.log)
        self._counts = Counts(self.config, self.source, self.target, self.log)
        factor = self.config.sync.checkpoints_replication_factor
        name, option = naming_of(self.config).checkpoints_topic, "checkpoints.topic.replication.factor"
        self._topic = InternalTopic(self.target, name, factor, option)

    def jobs(self) -> list[Job]:
        """Return its periodic jobs."""
        interval_s = self.config.sync.checkpoints_interval_s
        if interval_s is None:
            return []
        return [Job("write checkpoints", Scope.LANES, interval_s, self.write, part=Part.CHECKPOINT)]

    # ---- translating ------------------------------------------------------------------------------------------------

    async def translate(self) -> dict[str, list[Place]]:
        """Return the positions of all followed groups on the target; none before the maps are whole.

        Raises a ClusterError.
        """
        async with self._translating:  # whoever comes meanwhile takes the same answer
            if self.syncs.loaded and time.monotonic() - self._translated_s >= RECENT_S:
                self._places = await self._translate()
                self._translated_s = time.monotonic()
        return self._places

    async def _translate(self) -> dict[str, list[Place]]:
        positions = await self.followed.positions()
        self.syncs.follow()  # as it is now: what a group has read in the meantime is copied by now, mostly
        wanted = {(key, each.offset) for found in positions.values() for key, each in found.items()}
        self._counts.forget(wanted)
        await self._counts.count({each for each in wanted if self._is_inexact(*each)}, self.syncs.maps)
        return {
            group: places
            for group, found in positions.items()
            if (places := [place for key, each in found.items() if (place := self._place(key, each)) is not None])
        }

    def _place(self, key: TopicPartition, committed: Committed) -> Place | None:
        lane, known = self.lanes.get(key), self.syncs.maps.get(key)
        if lane is None or known is None or lane.shared:
            return None
        found = known.translate(committed.offset)
        target = (lane.target_topic, lane.target_partition)
        counted = self._counts.of(key, committed.offset)
        # Where records were deleted, an earlier place skips nothing that there is, be it the first of all.
        usable = counted is not None and (counted.exact or counted.deleted) and (found is None or not found.exact)
        if usable and counted is not None and counted.offset is not None:
            return Place(key, target, committed, counted.offset, counted.exact)
        if found is None or (not found.exact and found.offset <= 0):
            return None  # nothing is known of what lies so far back
        return Place(key, target, committed, found.offset, found.exact)

    def _is_inexact(self, key: TopicPartition, offset: int) -> bool:
        lane, known = self.lanes.get(key), self.syncs.maps.get(key)
        if lane is None or known is None or lane.shared:
            return False
        found = known.translate(offset)
        return found is not None and not found.exact and not found.ahead

    # ---- checkpoints ------------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Write the checkpoints that are news. Raises a ClusterError."""
        if not self.syncs.loaded:
            return  # before that, lagging groups would be taken for unknown
        if not self._loaded:
            await self._load()
        found = [
            Checkpoint(group, *place.target, place.upstream.offset, place.downstream, place.upstream.metadata)
            for group, places in (await self.translate()).items()
            for place in places
        ]
        fresh = news(found, self.written)
        for start in range(0, len(fresh), ROWS_A_WRITE):
            await self._write(fresh[start : start + ROWS_A_WRITE])

    async def _write(self, checkpoints: Iterable[Checkpoint]) -> None:
        rows: list[tuple[bytes, bytes]] = []
        done: dict[CheckpointKey, Checkpoint] = {}
        for each in checkpoints:
            try:
                rows.append(encode_checkpoint(each))
            except DataError as error:
                self.log.warning("a checkpoint cannot be written", group=each.group, cause=error)
            done[checkpoint_key(each)] = each
        if rows:
            await self._topic.write(rows, time.time_ns() // 1_000_000)
        self.written |= done

    async def _load(self) -> None:
        """Read what earlier processes wrote, so that it is not written again."""
        if await self._topic.exists():
            for key, value in (await table.read(self.target, self._topic.name)).items():
                try:
                    each = decode_checkpoint(key, value)
                except DataError:
                    continue
                self.written[checkpoint_key(each)] = each
        self._loaded = True
