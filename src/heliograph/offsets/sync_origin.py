"""Whose offset syncs a topic holds.

The topic's name does not tell the direction: on a cluster A, ``mm2-offset-syncs.B.internal`` is where the flow A->B
puts its syncs when they go to its source, and where B->A puts its own when they go to its target. Both flows may copy
topics of the same name, so the syncs themselves do not tell either. But a sync says that two offsets hold the same
record, and that can be looked at: where the records agree, the syncs are the flow's own; where not, another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog, ends_of, next_record, same
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError
from heliograph.mirror.naming import naming_of
from heliograph.mirror.offset_map import OffsetMap

SAMPLES = 4
"""Partitions that are looked at."""

TopicPartition = tuple[str, int]


class SyncOrigin(StrEnum):
    """What the records say."""

    OURS = "ours"
    FOREIGN = "foreign"
    NONE = "none"
    """Nothing can be compared: no syncs, or their records are gone."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """One side of a pair."""

    log: PartitionLog
    ends: Ends | HeliographError
    offset: int


async def origin_of(
    flow: FlowConfig, source: Cluster, target: Cluster, maps: Mapping[TopicPartition, OffsetMap]
) -> SyncOrigin:
    """Compare the newest pairs of some partitions, as ``flow``'s, with the records. Raises a ClusterError."""
    naming = naming_of(flow)
    agree = differ = 0
    pairs = [(key, pair) for key, known in sorted(maps.items()) if (pair := _last_pair(known)) is not None]
    logs = {
        key: (
            PartitionLog(source, *key, read_committed=flow.read_committed),
            PartitionLog(target, naming.remote_topic(key[0]), key[1], read_committed=flow.read_committed),
        )
        for key, _ in pairs[: SAMPLES * 8]
    }
    ends = await ends_of([log for both in logs.values() for log in both])
    for key, (upstream, downstream) in pairs[: SAMPLES * 8]:
        above, below = logs[key]
        found = await _agree(_Spot(above, ends[above], upstream), _Spot(below, ends[below], downstream))
        if found is not None:
            agree, differ = agree + found, differ + (not found)
        if agree + differ == SAMPLES:
            break
    if agree == differ == 0:
        return SyncOrigin.NONE
    return SyncOrigin.OURS if agree >= differ else SyncOrigin.FOREIGN


def _last_pair(known: OffsetMap) -> tuple[int, int] | None:
    end = known.end
    return None if end is None or min(end) < 1 else (end[0] - 1, end[1] - 1)


async def _agree(above: _Spot, below: _Spot) -> bool | None:
    """Compare one pair; None where one of the two records is not there."""
    records = []
    for spot in (above, below):
        if isinstance(spot.ends, HeliographError) or not spot.ends.begin <= spot.offset < spot.ends.end:
            return None
        try:
            records.append(await next_record(spot.log, spot.offset, spot.offset + 1))
        except BrokerError:
            return None  # deleted a moment ago
    one, other = records
    return None if one is None or other is None else same(one, other)


async def reverse_has_run(flow: FlowConfig, source: Cluster) -> bool:
    """Say whether the flow in the other direction keeps positions on ``source``. Raises a ClusterError."""
    name = f"mm2-offsets.{flow.target.alias}.internal"
    await source.refresh([name])
    found = source.metadata.topics.get(name)
    return found is not None and bool(found.partitions)
