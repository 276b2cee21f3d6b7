"""Where lanes begin: their places are found from stored positions and both clusters, and then they are started."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Identity, Producer, State
from heliograph.flow.positions import Clusters, LaneStart
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.naming import naming_of
from heliograph.mirror.resume import Outcome
from heliograph.observe.log import Log
from heliograph.offsets.commits import Commits, target_partition_of
from heliograph.offsets.takeover import Takeover
from heliograph.worker.producers import Producers


@dataclass(slots=True)
class Starter:
    """Starts the lanes of one session."""

    config: FlowConfig
    clusters: Clusters
    takeover: Takeover
    producers: Producers
    commits: Commits
    log: Log
    flow: DataPlane
    excused: set[tuple[str, int]] = field(default_factory=set)
    """Lanes that go on after a loss whatever ``stop.on.loss`` says, since a person has restarted them."""
    _told: dict[str, str] = field(default_factory=dict)
    """By target topic: why a lane of it could not begin the last time."""

    async def start(self, lanes: list[Lane]) -> None:
        """Find where ``lanes`` begin and start them; those for which it cannot be found fail with the cause."""
        if not lanes:
            return
        commits, transactions = self.commits, self.commits.transactions
        try:
            stored = {lane: known for lane in lanes if (known := commits.known(lane)) is not None}
            places = await self.takeover.locate(self.clusters, lanes, stored, commits.offsets.written_ms)
            producers = {
                lane: transactions.producer
                if transactions is not None
                else await self.producers.take(lane.target_topic, lane.target_partition)
                for lane, place in places.items()
                if isinstance(place, LaneStart)
            }
        except HeliographError as error:
            places = dict.fromkeys(lanes, error)
        now = asyncio.get_running_loop().time()
        for lane, place in places.items():
            if isinstance(place, HeliographError):
                lane.fail(place, now)
                self._tell(lane, place)
            else:
                self._told.pop(lane.target_topic, None)
                self._start(lane, place, producers[lane], fresh=lane not in stored)
        untrue = [
            lane
            for lane, place in places.items()
            if isinstance(place, LaneStart) and (place.losses or self._outlives(stored.get(lane)))
        ]
        await self.store_begun(untrue)

    async def store_begun(self, lanes: Iterable[Lane]) -> None:
        """Store where lanes have begun; where that fails, only say so."""
        try:
            await self.commits.commit_begun(lanes)
        except HeliographError as error:
            self.log.warning("positions were not stored; the next start finds the place", cause=error)

    def _tell(self, lane: Lane, cause: HeliographError) -> None:
        if self._told.get(lane.target_topic) != str(cause):
            self._told[lane.target_topic] = str(cause)
            self.log.error("a partition cannot begin", topic=lane.source_topic, partition=lane.partition, cause=cause)

    def _outlives(self, stored: Anchor | None) -> bool:
        """Whether copying without transactions makes a position untrue that counts as exact because it was in one."""
        return stored is not None and stored.transactional and self.commits.transactions is None

    def _start(self, lane: Lane, place: LaneStart, producer: Producer, *, fresh: bool) -> None:
        where = {"topic": lane.source_topic, "partition": lane.partition}
        known = self.commits.latest(lane)
        if known is not None and (before := target_partition_of(lane, known)) != lane.target_partition:
            self.log.warning(
                "a source partition goes to another target partition from here on",
                **where,
                before=before,
                now=lane.target_partition,
                position=place.position,
            )
        excused = (lane.source_topic, lane.partition) in self.excused
        for loss in place.losses:
            self.flow.lose(lane, loss, halts=not excused)
        self.excused.discard((lane.source_topic, lane.partition))
        if lane.state is State.HALTED:
            return
        told = place.state
        exact = fresh or place.outcome is Outcome.EXACT
        lane.start(
            place.position,
            place.expected_offset,
            producer,
            identity=Identity(told.topic_id, told.target_id, told.leader_epoch),
            target_before=_target_before(lane, place, known) if exact else None,
            placed=known is not None and known.placed and known.source_offset == place.position - 1,
        )
        first = fresh and (not place.expected_offset or self._has_neighbour(lane))
        unsure = place.doubtful or (place.outcome is not Outcome.EXACT and not first)
        if unsure and not naming_of(self.config).is_heartbeats(lane.source_topic):
            doubt = "{}..{}".format(*place.doubtful) if place.doubtful else "-"
            self.log.warning(
                "the exact place is not known: records may be there twice, none is lost",
                **where,
                position=place.position,
                reason=place.reason,
                target_offsets_in_doubt=doubt,
            )
        else:
            self.log.debug("lane started", **where, position=place.position, reason=place.reason)

    def _has_neighbour(self, lane: Lane) -> bool:
        """Whether what the target partition holds is explained by another lane that goes there too."""
        place = (lane.target_topic, lane.target_partition)
        near = any((each.target_topic, each.target_partition) == place for each in self.flow.lanes.values())
        return lane.shared and (near or self.config.merges)


def _target_before(lane: Lane, place: LaneStart, known: Anchor | None) -> int:
    """Return the target offset of the record before ``place``; where it is not known, that of the end before it."""
    if (
        known is not None
        and known.target_offset is not None
        and known.source_offset == place.position - 1
        and target_partition_of(lane, known) == lane.target_partition
        and not place.losses
    ):
        return known.target_offset
    return place.expected_offset - 1
