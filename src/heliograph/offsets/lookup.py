"""Answers to "where is this on the other side?": for a group, for any offset, for a moment."""

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, ClusterError, HeliographError
from heliograph.mirror.moves import Allowances, Position
from heliograph.offsets.endpoints import Endpoints
from heliograph.offsets.failover import crossing_of
from heliograph.offsets.flow_map import TopicPartition
from heliograph.offsets.moving import GroupMoves
from heliograph.offsets.translation import Crossing, translate_all
from heliograph.wire import errors as codes


@dataclass(frozen=True, slots=True)
class Lookup:
    """Questions about one flow; ``backwards``: positions of the target are led to the source."""

    flow: FlowConfig
    crossing: Crossing

    @property
    def origin(self) -> Cluster | None:
        """The cluster that questions are about."""
        return self.crossing.clusters[0]

    async def groups(self, names: tuple[str, ...], topics: Iterable[str] = ()) -> list[Position]:
        """Translate what groups have committed; only ``topics`` (names on the origin) where some are given."""
        wanted = set(topics)
        found = await GroupMoves(self.crossing, self.flow, Allowances(), names).positions()
        return [each for each in found if not wanted or each.topic in wanted]

    async def offsets(self, places: list[tuple[TopicPartition, int]]) -> list[Position]:
        """Translate offsets: topic and partition on the origin, and the offset."""
        found = []
        for (key, offset), (destination, answer, here, there) in zip(
            places, await translate_all(self.crossing, places), strict=True
        ):
            known = answer.offset
            found.append(
                Position(
                    "",
                    *key,
                    offset,
                    to_topic="" if destination is None else destination.topic,
                    to_offset=known,
                    exact=answer.exact,
                    reason=answer.reason,
                    behind=answer.behind,
                    at_end=answer.at_end,
                    lag=None if here is None else max(0, here.end - offset),
                    to_lag=None if there is None or known is None else max(0, there.end - known),
                )
            )
        return found

    async def moments(self, topic: str, timestamp_ms: int, partition: int | None = None) -> list[Position]:
        """Translate the first offsets of ``topic`` whose records are not older than ``timestamp_ms``.

        Where the origin cannot be asked, the other side is: copies have the times of their originals.
        """
        destination = self.crossing.destination_of(topic)
        origin, other = self.crossing.clusters
        if destination is None:
            raise ClusterError(f"No flow copies topic {topic}", remedy="Give a topic's name on its own cluster")
        if origin is not None:
            return await self.offsets(await _at_moment(origin, topic, timestamp_ms, partition))
        assert other is not None, "one of the two sides can be asked"
        places = await _at_moment(other, destination.topic, timestamp_ms, partition)
        reason = "found by the times of the copies"
        return [
            Position("", topic, number, -1, destination.topic, offset, exact=True, reason=reason)
            for (_, number), offset in places
        ]


async def lookup_of(
    flow: FlowConfig, endpoints: Endpoints, *, back: FlowConfig | None = None, backwards: bool
) -> Lookup:
    """Load what is known; ``backwards`` leads from the target to the source. Raises a ClusterError."""
    crossing = await crossing_of(flow, back, endpoints)
    if backwards:
        crossing = Crossing(crossing.destination, crossing.origin, crossing.back, crossing.ahead)
    return Lookup(flow, crossing)


def notes_of(endpoints: Endpoints, lookup: Lookup) -> list[str]:
    """Say what the reader of positions of groups should know."""
    notes = list(endpoints.missing)
    if lookup.origin is None:
        notes.append("the positions are those of the newest checkpoints")
    return notes


async def _at_moment(
    cluster: Cluster, topic: str, timestamp_ms: int, partition: int | None
) -> list[tuple[TopicPartition, int]]:
    await cluster.refresh([topic])
    known = cluster.metadata.topics.get(topic)
    numbers = sorted(known.partitions) if known is not None else []
    if partition is not None:
        numbers = [each for each in numbers if each == partition]
    if not numbers:
        what = topic if partition is None else f"{topic}-{partition}"
        raise BrokerError(f"{cluster.alias} has no {what}", code=codes.UNKNOWN_TOPIC_OR_PARTITION)
    keys = [(topic, number) for number in numbers]
    found = await admin.list_offsets(cluster, keys, timestamp_ms)
    ends = await admin.list_offsets(cluster, keys, admin.LATEST)
    places = []
    for key in keys:
        offset, end = found[key], ends[key]
        for each in (offset, end):
            if isinstance(each, HeliographError):
                raise each
        assert isinstance(offset, int)
        assert isinstance(end, int)
        places.append((key, end if offset < 0 else offset))
    return places
