"""The proof of a whole flow: its partitions, a few at a time, each surveyed, placed, read and compared."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.pace import Pace
from heliograph.concurrency import all_of
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, ClusterError, DataError, HeliographError
from heliograph.mirror.patterns import Patterns
from heliograph.proof.beginning import Place
from heliograph.proof.compacted import CompactedComparison
from heliograph.proof.comparison import Comparison, Task
from heliograph.proof.model import (
    DETAILS_MAX,
    ClusterFacts,
    FlowProof,
    Kind,
    Mode,
    PartitionProof,
    Side,
    Span,
    Tally,
    Verdict,
)
from heliograph.proof.places import Sample, Spans, sample_spans
from heliograph.proof.reading import FETCH_BYTES, Driver
from heliograph.proof.survey import Clusters, Lane, survey
from heliograph.wire import errors as codes
from heliograph.wire.versions import Versions

AT_ONCE = 4
"""Partitions compared side by side."""
ATTEMPTS = 3
"""How often a comparison is started again when retention removes records in front of it."""
BOOTSTRAP_SHOWN = 3
SAMPLE_FETCH_BYTES = 256 << 10
IDLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be proven."""

    topics: Patterns | None = None
    """Names on the source; None: all of the flow's."""
    sample: Sample | None = None
    since_ms: int | None = None
    """Only records from this time on, ms since the epoch."""
    digest: bool = False
    pace: Pace = field(default_factory=Pace)
    wait_s: float = 30.0
    """How long, from the proof's begin, the target may take to get what the source had then."""
    idle_s: float = IDLE_S
    """How long it may take over the next record of a partition."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far the proof is."""

    planned: Callable[[Sequence[Lane]], None] = lambda _: None
    """All partitions, before the first is read."""
    read_bytes: Callable[[int], None] = lambda _: None
    """Bytes that came, of either side."""
    passed: Callable[[Lane, int], None] = lambda _lane, _offset: None
    """A partition's source was read up to an offset."""
    proved: Callable[[Lane, PartitionProof], None] = lambda _lane, _proof: None


async def prove(flow: FlowConfig, request: Request, watch: Watch, release: Callable[[Versions], str]) -> FlowProof:
    """Prove one flow; changes nothing on either side. ``release`` names a broker's version.

    Raises ClusterError where a cluster cannot be used at all; what concerns one partition stands in its proof.
    """
    source, target = Cluster(flow.source), Cluster(flow.target)
    try:
        await all_of((source.start(), target.start()))
        clusters = Clusters(flow, source, target)
        wait_until = asyncio.get_running_loop().time() + request.wait_s
        lanes = await survey(clusters, request.topics)
        watch.planned(lanes)
        slots = list(range(AT_ONCE))
        gate = asyncio.Semaphore(AT_ONCE)
        proofs: dict[int, PartitionProof] = {}

        async def one(number: int, lane: Lane) -> None:
            async with gate:
                slot = slots.pop()
                try:
                    proofs[number] = await _Partition(clusters, request, watch, lane, slot, wait_until).prove()
                finally:
                    slots.append(slot)
                watch.proved(lane, proofs[number])

        await all_of(one(number, lane) for number, lane in enumerate(lanes))
        return FlowProof(
            flow.name,
            flow.policy.value,
            "read_committed" if flow.read_committed else "read_uncommitted",
            await _facts(source, release),
            await _facts(target, release),
            tuple(proofs[number] for number in range(len(lanes))),
        )
    finally:
        await source.close()
        await target.close()


async def _facts(cluster: Cluster, release: Callable[[Versions], str]) -> ClusterFacts:
    connection = await cluster.any_connection()
    servers = [f"{host}:{port}" for host, port in cluster.config.bootstrap]
    shown = ", ".join(servers[:BOOTSTRAP_SHOWN]) + (", ..." if len(servers) > BOOTSTRAP_SHOWN else "")
    return ClusterFacts(cluster.alias, cluster.metadata.cluster_id or "", shown, release(connection.versions))


@dataclass(slots=True)
class _Partition:
    """Proves one partition."""

    clusters: Clusters
    request: Request
    watch: Watch
    lane: Lane
    slot: int
    wait_until: float
    """Loop's time."""

    async def prove(self) -> PartitionProof:
        """Compare it; whatever goes wrong with it is its verdict."""
        if self.lane.reason:
            return self._unproven(self.lane.reason)
        for attempt in range(ATTEMPTS):
            try:
                return await self._compare()
            except (ClusterError, DataError) as error:
                moved = isinstance(error, BrokerError) and error.code == codes.OFFSET_OUT_OF_RANGE
                if not moved or attempt == ATTEMPTS - 1:
                    return self._unproven(str(error))
                await self._look_again()
        raise AssertionError("the last attempt returns")

    async def _look_again(self) -> None:
        """Learn where the logs begin now: retention has moved on."""
        ends = self.lane.ends
        starts = []
        for cluster, topic, partition in (
            (self.clusters.source, self.lane.topic, self.lane.partition),
            (self.clusters.target, self.lane.copy, self.lane.copy_partition),
        ):
            found = (await admin.list_offsets(cluster, [(topic, partition)], admin.EARLIEST))[topic, partition]
            if isinstance(found, HeliographError):
                raise found
            starts.append(found)
        source = Span(starts[0], max(starts[0], ends.source.next))
        target = Span(starts[1], max(starts[1], ends.target.next))
        self.lane = replace(self.lane, ends=replace(ends, source=source, target=target))

    async def _compare(self) -> PartitionProof:
        if self.lane.compacted:
            return await self._compare_latest()
        if self.request.sample is not None:
            return await self._compare_sample(self.request.sample)
        ends, since_ms = self.lane.ends, self.request.since_ms
        place = self._place()
        source, target, lacking = await (place.begin() if since_ms is None else place.begin_at(since_ms))
        comparison = Comparison(self._task(source, target, ends, lacking))
        await self._drive(comparison)
        if since_ms is None:
            comparison.tally.source_outside += max(0, source - ends.source.first)
            comparison.tally.target_outside += max(0, target - ends.target.first)
        return self._proof(Mode.ALL, comparison)

    def _task(self, source: int, target: int, ends: Spans, lacking: frozenset[Side]) -> Task:
        return Task(
            source,
            ends.source.next,
            target,
            ends.target.next,
            acknowledged=ends.acknowledged,
            head_may_lack=lacking,
            timestamps=not self.lane.appended,
            digest=self.request.digest,
        )

    async def _compare_latest(self) -> PartitionProof:
        ends, since_ms = self.lane.ends, self.request.since_ms
        place = self._place()
        if since_ms is None:
            source, target = await place.begin_both()
        else:
            source, target, _ = await place.begin_at(since_ms)
        comparison = CompactedComparison(self._task(source, target, ends, frozenset()))
        await self._drive(comparison)
        if self.request.sample is not None:
            comparison.tally.note("compacted topics are compared whole, not by sample")
        return self._proof(Mode.LATEST, comparison)

    async def _compare_sample(self, sample: Sample) -> PartitionProof:
        ends, place = self.lane.ends, self._place()
        first = ends.source.first
        if self.request.since_ms is not None:
            first = await place.at_time(Side.SOURCE, self.request.since_ms)
        elif ends.target.first > 0:
            first = (await place.begin())[0]
        copied = min(ends.source.next, ends.acknowledged + 1) if ends.acknowledged >= 0 else ends.source.next
        proofs = []
        for span in sample_spans(Span(min(first, copied), copied), sample, f"{self.lane.topic}-{self.lane.partition}"):
            part = Spans(span, Span(ends.target.first, ends.target.first), ends.acknowledged, ends.anchor_target)
            target = await place.on_target(span.first)
            comparison = Comparison(self._task(span.first, target, part, frozenset({Side.TARGET})))
            await self._drive(comparison, fetch_bytes=SAMPLE_FETCH_BYTES, source_end=span.next)
            comparison.tally.target_outside = 0
            proofs.append(self._proof(Mode.SAMPLE, comparison))
        return _joined(proofs) if proofs else self._empty(Mode.SAMPLE)

    async def _drive(
        self,
        comparison: Comparison | CompactedComparison,
        *,
        fetch_bytes: int = FETCH_BYTES,
        source_end: int | None = None,
    ) -> None:
        place, task = self._place(), comparison.task
        source, target = place.part(Side.SOURCE, fetch_bytes), place.part(Side.TARGET, fetch_bytes)
        driver = Driver(
            source if source_end is None else replace(source, end=source_end),
            target,
            self.request.pace,
            self.wait_until,
            self.request.idle_s,
            self.watch.read_bytes,
            lambda offset: self.watch.passed(self.lane, offset),
        )
        await driver.drive(comparison.run(), {Side.SOURCE: task.source_first, Side.TARGET: task.target_first})

    def _place(self) -> Place:
        return Place(self.clusters, self.lane, self.request.pace, self.slot, self.watch.read_bytes)

    # ---- verdicts ---------------------------------------------------------------------------------------------------

    def _proof(self, mode: Mode, comparison: Comparison | CompactedComparison) -> PartitionProof:
        tally = comparison.tally
        source_sha256, target_sha256 = comparison.digests
        return PartitionProof(
            self.lane.topic,
            self.lane.partition,
            self.lane.copy,
            self.lane.copy_partition,
            mode,
            _verdict(tally),
            Span(comparison.source_first, comparison.source_position),
            Span(comparison.target_first, comparison.target_position),
            tally,
            comparison.timestamps,
            source_sha256,
            target_sha256,
            tally.unread,
        )

    def _unproven(self, reason: str) -> PartitionProof:
        return replace(self._empty(Mode.ALL), verdict=Verdict.UNPROVEN, reason=reason)

    def _empty(self, mode: Mode) -> PartitionProof:
        nothing = Span(self.lane.ends.source.first, self.lane.ends.source.first)
        there = Span(self.lane.ends.target.first, self.lane.ends.target.first)
        return PartitionProof(
            self.lane.topic,
            self.lane.partition,
            self.lane.copy,
            self.lane.copy_partition,
            mode,
            Verdict.PROVEN,
            nothing,
            there,
            Tally(),
            timestamps=not self.lane.appended,
        )


def _verdict(tally: Tally) -> Verdict:
    if any(tally.kinds[kind] for kind in Kind):
        return Verdict.DIFFERENT
    if tally.unread:
        return Verdict.UNPROVEN
    return Verdict.BEHIND if tally.not_copied else Verdict.PROVEN


def _joined(proofs: Sequence[PartitionProof]) -> PartitionProof:
    """Make one proof of those of several places in a partition."""
    total = Tally()
    for each in proofs:
        tally = each.tally
        total.records += tally.records
        total.size_bytes += tally.size_bytes
        total.untouched += tally.untouched
        total.kinds.update(tally.kinds)
        total.differences += tally.differences
        total.not_copied += tally.not_copied
        total.unread = total.unread or tally.unread
        for note in tally.notes:
            total.note(note)
    del total.differences[DETAILS_MAX:]
    places = ", ".join(f"{each.source.first} to {each.source.next - 1}" for each in proofs)
    total.note(f"source offsets compared: {places}")
    return replace(
        proofs[0],
        verdict=_verdict(total),
        source=Span(proofs[0].source.first, proofs[-1].source.next),
        target=Span(proofs[0].target.first, proofs[-1].target.next),
        tally=total,
        timestamps=all(each.timestamps for each in proofs),
        source_sha256="",
        target_sha256="",
        reason=total.unread,
    )
