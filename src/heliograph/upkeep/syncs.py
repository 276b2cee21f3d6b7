"""The map of offsets of a running flow, and the offset syncs that are written from it.

Once a second the lanes are asked what they have copied; what they say goes into a map for each partition, and by MM2's
rules some of it becomes offset syncs. What was written by earlier processes, ours or MM2's, is read once at the start,
so that groups which lag behind can be translated too.

The syncs go where the configuration says. Where it says nothing, they go where the topic exists already, and else to
the target, so that a flow does not need Write on its source.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError, NotAuthorized
from heliograph.flow.lane import Lane
from heliograph.flow.progress import RUNS_KEPT
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync, encode_offset_sync
from heliograph.mirror.naming import Location, naming_of
from heliograph.mirror.offset_map import RUNS_MAX, OffsetMap
from heliograph.mirror.runs import OffsetRun, Pair, follow
from heliograph.mirror.selection import selection_of
from heliograph.mirror.syncs import SyncRules
from heliograph.observe.log import Log
from heliograph.offsets.flow_map import SyncMaps, newest, read_syncs
from heliograph.offsets.sync_origin import SyncOrigin, origin_of, reverse_has_run
from heliograph.upkeep.internal_topics import InternalTopic
from heliograph.upkeep.periodic import Job, Scope

LOOK_S = 1.0
RUNS_TOTAL = 1 << 18
"""Runs that all maps of a flow keep together, if they share evenly."""
RUNS_MIN = 64
FRESH_MAX = 4_096
"""Runs of one partition that wait until the earlier syncs are read; the oldest are lost first."""
SYNCS_A_LOOK = 4
"""Syncs of one partition written at a time."""
SYNCS_A_WRITE = 1_000
HISTORY_BYTES_MAX = 256 << 20
"""Most that is read of earlier syncs; compaction keeps the topic far smaller."""

OPTION = "offset-syncs.topic.replication.factor"
"""Returns the number of replicas of the topic."""

TopicPartition = tuple[str, int]


class Syncs:
    """Offsets of one flow's lanes, in one stretch of copying."""

    def __init__(
        self,
        config: FlowConfig,
        clusters: Mapping[Location, Cluster],
        lanes: Mapping[TopicPartition, Lane],
        log: Log,
    ) -> None:
        """``lanes`` is the flow's own collection, by source topic and partition: it changes as topics come and go."""
        self.maps: dict[TopicPartition, OffsetMap] = {}
        """By source topic and partition; without those that share a target partition."""
        self.loaded = False
        """Whether what earlier processes wrote is in the maps."""
        self._wider = False
        """Whether topics may have come to be selected since."""
        self._config = config
        self._lanes = lanes
        self._log = log
        self._selection = selection_of(config)
        naming, factor = naming_of(config), config.sync.offset_syncs_replication_factor
        self._topics = {
            location: InternalTopic(cluster, naming.offset_syncs_topic(location), factor, OPTION)
            for location, cluster in clusters.items()
        }
        self._place: InternalTopic | None = None
        self._origins: dict[Location, SyncOrigin] = {}
        """Whose syncs lie where, as far as they could be read at the start."""
        self._rules: dict[TopicPartition, SyncRules] = {}
        self._ends: dict[TopicPartition, Pair | None] = {}
        self._seen: dict[TopicPartition, Anchor | None] = {}
        """Each lane's anchor at the last look."""
        self._fresh: dict[TopicPartition, deque[OffsetRun]] = defaultdict(lambda: deque(maxlen=FRESH_MAX))
        self.waiting: dict[tuple[TopicPartition, int], OffsetSync] = {}
        """Syncs to be written, by partition and source offset, in order."""
        self._commit_due_s = 0.0
        self._looking = asyncio.Lock()

    def change(self, config: FlowConfig) -> None:
        """Follow ``config`` from now on, in all but where the syncs are written. Raises ConfigError.

        For topics that are new, what earlier processes wrote is read at the next look.
        """
        self._config = config
        self._selection = selection_of(config)
        self._wider = True

    def jobs(self) -> list[Job]:
        """Return the job that keeps the maps and writes the syncs."""
        return [Job("follow offsets", Scope.LANES, LOOK_S, self.look)]

    # ---- what lanes say ---------------------------------------------------------------------------------------------

    def begun(self, lane: Lane, position: int, expected_offset: int) -> None:
        """Take note that ``lane`` begins at ``position``; its next record is expected at ``expected_offset``.

        The lane tells it while its anchor still is what it was.
        """
        key = (lane.source_topic, lane.partition)
        self._drain(key, lane)
        if not lane.shared:
            self._fresh[key].append(OffsetRun(position, expected_offset, 0))
            self._ends[key] = (position, expected_offset)

    def _drain(self, key: TopicPartition, lane: Lane) -> None:
        """Turn what the lane has copied since the last look into runs."""
        turns = list(lane.new_runs)
        lane.new_runs.clear()
        anchor = lane.anchor
        last = None if anchor is None or anchor.target_offset is None else (anchor.source_offset, anchor.target_offset)
        if last is not None and min(last) < 0:
            last = None
        found = follow(self._ends.get(key), turns, last, complete=len(turns) < RUNS_KEPT)
        self._fresh[key].extend(found.runs)
        self._ends[key] = found.end
        self._seen[key] = anchor

    async def look(self) -> None:
        """Bring the maps up to now, and write what is due. Raises a ClusterError.

        One look at a time: the last one, at a stop, must not take what the job is just writing.
        """
        async with self._looking:
            if not self.loaded or self._wider:
                self._wider = False
                try:
                    await self._load()
                except HeliographError:
                    self._wider = True
                    raise
            self.follow()
            now_s = time.monotonic()
            if now_s >= self._commit_due_s:
                self._commit_due_s = now_s + self._config.offset_flush_interval_ms / 1000
                for rules in self._rules.values():
                    rules.commit()
            await self._write()

    async def finish(self) -> None:
        """Write what is left at a stop. Raises a ClusterError."""
        if self.loaded:
            self._commit_due_s = 0.0
            await self.look()

    def follow(self) -> None:
        """Bring the maps up to now; to be called when earlier syncs are loaded."""
        assert self.loaded, "earlier syncs come before new ones"
        for key, lane in list(self._lanes.items()):
            if lane.shared:
                self._forget(key)
                continue
            if lane.new_runs or lane.anchor is not self._seen.get(key):
                self._drain(key, lane)
            if key not in self.maps:
                self.maps[key] = self._new_map()
            self._learn(key)
            # What an open transaction holds does not count yet.
            self.maps[key].reached(lane.uncommitted.position if lane.uncommitted is not None else lane.settled)

    def _learn(self, key: TopicPartition) -> None:
        fresh = self._fresh[key]
        while fresh:
            run = fresh.popleft()
            self.maps[key].acknowledged(run.upstream, run.downstream, run.count)
            if run.count:
                if key not in self._rules:
                    self._rules[key] = SyncRules(self._config.sync.offset_lag_max)
                self._rules[key].acknowledged(run.upstream, run.downstream, run.count)

    def _forget(self, key: TopicPartition) -> None:
        """Let go of a partition whose target partition others write to as well: offsets there say nothing."""
        for kept in (self.maps, self._rules, self._ends, self._fresh, self._seen):
            kept.pop(key, None)

    def _new_map(self) -> OffsetMap:
        return OffsetMap(max(RUNS_MIN, min(RUNS_MAX, RUNS_TOTAL // max(1, len(self._lanes)))))

    # ---- the topic --------------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read the syncs of earlier processes on either cluster; where both have some, the newer ones count."""
        source, target = self._topics[Location.SOURCE].cluster, self._topics[Location.TARGET].cluster
        found: list[SyncMaps] = []
        for location, topic in self._topics.items():
            try:
                read = await self._history(topic)
            except NotAuthorized as error:
                self._log.info("offset syncs of earlier runs cannot be read", cause=error)
                continue
            self._origins[location] = await origin_of(self._config, source, target, read)
            if self._origins[location] is not SyncOrigin.FOREIGN:  # else they are those of the flow back
                found.append(read)
        for key, earlier in newest(found).items():
            self.maps.setdefault(key, earlier)
        self.loaded = True

    async def _history(self, topic: InternalTopic) -> SyncMaps:
        read = await read_syncs(
            topic.cluster,
            topic.name,
            make=self._new_map,
            selects=self._selection.selects,
            budget_bytes=HISTORY_BYTES_MAX,
        )
        return read.maps

    def collect(self) -> None:
        """Take what is due from each partition, as much as is written at once; the others come first the next time."""
        for key, rules in list(self._rules.items()):
            if rules.pending and len(self.waiting) < SYNCS_A_WRITE:
                self._rules[key] = self._rules.pop(key)  # behind the others
                for sync in rules.take(SYNCS_A_LOOK):
                    self.waiting.pop((key, sync.upstream), None)
                    self.waiting[key, sync.upstream] = OffsetSync(*key, sync.upstream, sync.downstream)

    async def _write(self) -> None:
        if not self._config.sync.offset_syncs:
            return
        self.collect()
        if not self.waiting:
            return
        topic = await self._where()
        rows = dict(self.waiting)
        await self._put(topic, rows.values())
        for written in rows:
            self.waiting.pop(written, None)

    async def _put(self, topic: InternalTopic, syncs: Iterable[OffsetSync]) -> None:
        rows = [encode_offset_sync(sync) for sync in syncs]
        now_ms = time.time_ns() // 1_000_000
        try:
            await topic.write(rows, now_ms)
        except NotAuthorized as error:
            other = self._topics[Location.TARGET]
            if topic is other or self._config.sync.offset_syncs_location is not None:
                raise
            self._log.info("offset syncs are written to the target: the source does not allow it", cause=error)
            self._place = other
            await other.write(rows, now_ms)

    async def _where(self) -> InternalTopic:
        """Choose the cluster that the syncs are written to, once."""
        if self._place is None:
            said = self._config.sync.offset_syncs_location
            location = Location(said) if said else Location.TARGET
            if not said and await self._lies_on_source():
                location = Location.SOURCE
            self._place = self._topics[location]
            self._log.debug("offset syncs have a place", topic=self._place.name, cluster=self._place.cluster.alias)
        return self._place

    async def _lies_on_source(self) -> bool:
        """Say whether the topic on the source is this flow's, and not the one of the flow in the other direction."""
        source = self._topics[Location.SOURCE]
        if not await source.exists():
            return False
        origin = self._origins.get(Location.SOURCE, SyncOrigin.NONE)
        return origin is SyncOrigin.OURS or (
            origin is SyncOrigin.NONE and not await reverse_has_run(self._config, source.cluster)
        )
