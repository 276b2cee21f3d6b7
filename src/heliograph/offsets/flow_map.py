"""All that is known about where one flow's records went, from whichever of its two clusters can be asked.

Three sources are put together. The flow's stored positions (on the target) give, for each partition, the last record
copied with its offset on both sides. The offset syncs of Heliograph or MirrorMaker 2 (a topic on either cluster) give
such pairs from earlier on. Checkpoints (on the target) give positions of groups that were translated while the source
still answered. In a disaster only what lies on the target is left, and often that is enough.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import PartitionLog, each_record, ends_of
from heliograph.config.model import FlowConfig
from heliograph.errors import DataError, HeliographError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import Checkpoint, decode_checkpoint, decode_offset_sync
from heliograph.mirror.naming import Location, Naming
from heliograph.mirror.offset_map import OffsetMap
from heliograph.mirror.selection import Selection, selection_of
from heliograph.offsets.stored import Offsets
from heliograph.offsets.sync_origin import SyncOrigin, origin_of

TopicPartition = tuple[str, int]
SyncMaps = dict[TopicPartition, OffsetMap]
"""By source topic and partition."""

HISTORY_BYTES_MAX = 1 << 30
"""Most that is read of a topic of syncs or checkpoints; compaction keeps them far smaller."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint and when it was written."""

    checkpoint: Checkpoint
    written_ms: int


@dataclass(slots=True)
class FlowMap:
    """One flow's knowledge of offsets; empty before :meth:`load`."""

    config: FlowConfig
    source: Cluster | None
    """None: it cannot be asked."""
    target: Cluster | None
    selection: Selection = field(init=False)
    anchors: dict[TopicPartition, Anchor] = field(default_factory=dict)
    """Stored positions by source topic and partition."""
    maps: dict[TopicPartition, OffsetMap] = field(default_factory=dict)
    """By source topic and partition."""
    syncs_on: list[str] = field(default_factory=list)
    """Aliases of the clusters that hold offset syncs of this flow."""
    damaged: int = 0
    """Records that should be offset syncs or checkpoints and cannot be read."""

    def __post_init__(self) -> None:
        """Raise ConfigError for topic lists that are no patterns."""
        self.selection = selection_of(self.config)

    @property
    def naming(self) -> Naming:
        """The flow's names."""
        return self.selection.naming

    async def load(self) -> None:
        """Read stored positions and offset syncs; raises a ClusterError."""
        maps: list[SyncMaps] = []
        for cluster, location in ((self.source, Location.SOURCE), (self.target, Location.TARGET)):
            for topic in () if cluster is None else self.naming.offset_syncs_topics(location):
                assert cluster is not None, "only a cluster that can be asked has topics"
                found = await read_syncs(cluster, topic)
                self.damaged += found.damaged
                if found.maps and not await self._foreign(found.maps):
                    self.syncs_on.append(cluster.alias)
                    maps.append(found.maps)
        self.maps |= newest(maps)
        if self.target is not None:
            self.anchors = await Offsets(self.target, self.config).read()
        for key, anchor in self.anchors.items():
            if anchor.target_offset is not None and anchor.target_partition in (-1, key[1]):
                known = self.maps.setdefault(key, OffsetMap())
                if not anchor.placed:
                    known.anchored(anchor.source_offset, anchor.target_offset)
                elif known.end is None or anchor.source_offset >= known.end[0]:  # else the copies that there are count
                    known.acknowledged(anchor.source_offset + 1, anchor.target_offset + 1, 0)

    async def _foreign(self, found: dict[TopicPartition, OffsetMap]) -> bool:
        """Say whether syncs are those of the flow in the other direction, as far as both clusters can be asked."""
        if self.source is None or self.target is None:
            return False
        return await origin_of(self.config, self.source, self.target, found) is SyncOrigin.FOREIGN

    async def checkpoints(self) -> dict[str, dict[TopicPartition, Stamped]]:
        """Read the newest checkpoints: by group, and the topic's name on the target and partition."""
        found: dict[str, dict[TopicPartition, Stamped]] = {}
        if self.target is None:
            return found
        for topic in reversed(self.naming.checkpoints_topics):  # the name of today counts last
            async for key, value, written_ms in _history(self.target, topic):
                try:
                    one = decode_checkpoint(key, value)
                except DataError:
                    self.damaged += 1
                    continue
                found.setdefault(one.group, {})[one.topic, one.partition] = Stamped(one, written_ms)
        return found


@dataclass(frozen=True, slots=True)
class SyncsRead:
    """What a topic of offset syncs holds."""

    maps: SyncMaps
    damaged: int
    """Records that cannot be read."""


async def read_syncs(
    cluster: Cluster,
    topic: str,
    *,
    make: Callable[[], OffsetMap] = OffsetMap,
    selects: Callable[[str], bool] = lambda _: True,
    budget_bytes: int = HISTORY_BYTES_MAX,
) -> SyncsRead:
    """Make maps of the offset syncs in ``topic``; none where there is no such topic. Raises a ClusterError.

    ``make`` gives an empty map, ``selects`` says which topics of the source are wanted.
    """
    maps: SyncMaps = {}
    damaged = 0
    async for key, value, _ in _history(cluster, topic, budget_bytes):
        try:
            sync = decode_offset_sync(key, value)
        except DataError:
            damaged += 1
            continue
        where = (sync.topic, sync.partition)
        if where not in maps:
            if not selects(sync.topic):
                continue
            maps[where] = make()
        maps[where].synced(sync.upstream_offset, sync.downstream_offset)
    return SyncsRead(maps, damaged)


def newest(read: Iterable[SyncMaps]) -> SyncMaps:
    """Put together what several topics hold: of a partition, the map that reaches furthest."""
    found: SyncMaps = {}
    for maps in read:
        for key, known in maps.items():
            other = found.get(key)
            if other is None or (known.end or (-1, -1)) > (other.end or (-1, -1)):
                found[key] = known
    return found


async def _history(
    cluster: Cluster, topic: str, budget_bytes: int = HISTORY_BYTES_MAX
) -> AsyncIterator[tuple[bytes, bytes, int]]:
    """Read partition 0 of ``topic`` whole: key, value and timestamp of each record; nothing where there is no topic."""
    await cluster.refresh([topic])
    known = cluster.metadata.topics.get(topic)
    if known is None or 0 not in known.partitions:
        return
    log = PartitionLog(cluster, topic, 0)
    ends = (await ends_of([log]))[log]
    if isinstance(ends, HeliographError):
        raise ends
    async for record in each_record(log, ends.begin, ends.end, budget_bytes=budget_bytes):
        if record.key is not None and record.value is not None:
            yield record.key, record.value, record.timestamp
