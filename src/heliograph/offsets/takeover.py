"""What MirrorMaker 2 left behind, where it says more than the stored positions: its offset syncs.

MM2 stores a position once a minute and without the offset on the target, so that after a crash of MM2 nobody could tell
what has been copied since. But its offset syncs are such pairs: source offset *u* became target offset *d*. The newest
of a partition is an anchor like those that Heliograph stores itself, and from there the records on the target can be
counted (see :mod:`heliograph.mirror.resume`).

Where nothing at all was stored yet, because MM2 died in its first minute, the place before the first record of both
sides is tried as an anchor; a wrong guess proves nothing and costs a short walk.

They are read only when some lane needs them: its stored position alone did not prove the place. They count only where
nobody has set the position back since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.positions import Clusters, LaneStart, locate
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync, decode_offset_sync
from heliograph.mirror.naming import Location, naming_of
from heliograph.mirror.resume import Outcome, believes

TopicPartition = tuple[str, int]
FIRST_RECORDS_MAX = 1_000_000
"""Most records on the target for which the way from the source's first record is walked."""


@dataclass(frozen=True, slots=True)
class Written:
    """An offset sync and when it was written."""

    sync: OffsetSync
    written_ms: int


async def read_syncs(source: Cluster, target: Cluster, config: FlowConfig) -> dict[TopicPartition, Written]:
    """Read the newest offset sync of each source partition, wherever the topic is: on either cluster, or on both.

    Syncs that cannot be read are left out: they are hints. Raises ClusterError.
    """
    naming = naming_of(config)
    found: dict[TopicPartition, Written] = {}
    places = [
        (cluster, topic)
        for cluster, location in ((source, Location.SOURCE), (target, Location.TARGET))
        for topic in naming.offset_syncs_topics(location)
    ]
    for cluster, topic in places:
        for key, record in (await table.read_records(cluster, topic)).items():
            try:
                sync = decode_offset_sync(key, record.value or b"")
            except DataError:
                continue
            known = found.get((sync.topic, sync.partition))
            if known is None or sync.downstream_offset > known.sync.downstream_offset:
                found[sync.topic, sync.partition] = Written(sync, record.timestamp)
    return found


class Takeover:
    """Finds places with the help of offset syncs, for one stretch of copying."""

    def __init__(self, source: Cluster, target: Cluster, config: FlowConfig) -> None:
        """Nothing is read before it is needed."""
        self._source, self._target, self._config = source, target, config
        self._syncs: dict[TopicPartition, Written] | None = None

    async def locate(
        self,
        clusters: Clusters,
        lanes: Sequence[Lane],
        stored: Mapping[Lane, Anchor],
        stored_ms: Mapping[TopicPartition, int],
    ) -> dict[Lane, LaneStart | HeliographError]:
        """Find each lane's place, or why it cannot be found; ``stored_ms`` says when positions were stored."""
        places = await locate(clusters, lanes, stored)
        doubtful = [lane for lane, place in places.items() if _in_doubt(lane, place)]
        if not doubtful:
            return places
        if self._syncs is None:
            self._syncs = await read_syncs(self._source, self._target, self._config)
        syncs = {lane: sync for lane in doubtful if (sync := self._sync_of(lane, stored, stored_ms)) is not None}
        for lane in doubtful:
            if lane not in syncs and _may_be_first(lane, places[lane], stored, stored_ms):
                syncs[lane] = OffsetSync(lane.source_topic, lane.partition, -1, -1)
        places.update(await locate(clusters, list(syncs), stored, syncs))
        return places

    def _sync_of(
        self, lane: Lane, stored: Mapping[Lane, Anchor], stored_ms: Mapping[TopicPartition, int]
    ) -> OffsetSync | None:
        assert self._syncs is not None, "syncs are read before they are used"
        key = (lane.source_topic, lane.partition)
        written = self._syncs.get(key)
        if written is None:
            return None
        known = stored.get(lane)
        offset = None if known is None else known.source_offset
        sync = written.sync
        return sync if believes(sync.upstream_offset, written.written_ms, offset, stored_ms.get(key)) else None


def _may_be_first(
    lane: Lane,
    place: LaneStart | HeliographError,
    stored: Mapping[Lane, Anchor],
    stored_ms: Mapping[TopicPartition, int],
) -> bool:
    """Whether what the target holds may be the source's first records; not where somebody forgot a position."""
    return (
        isinstance(place, LaneStart)
        and lane not in stored
        and (lane.source_topic, lane.partition) not in stored_ms
        and place.expected_offset <= FIRST_RECORDS_MAX
    )


def _in_doubt(lane: Lane, place: LaneStart | HeliographError) -> bool:
    """Whether a sync may prove what the stored position did not; a lane that has run knows better itself."""
    return (
        isinstance(place, LaneStart)
        and place.outcome is not Outcome.EXACT
        and place.expected_offset > 0
        and not lane.shared
        and lane.producer is None
    )
