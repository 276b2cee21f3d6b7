"""Pictures of the running process for whoever shows them, and the look at its health that needs nobody to look.

A flow shows what there is to see of it as :class:`FlowNow`; a :class:`Pictures` makes a snapshot of that. It remembers
for how long partitions have stood still, and the counters that rates are made of.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import heliograph
from heliograph.cluster.retry import retriable
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.mirror.naming import naming_of
from heliograph.observe.health import causes_of
from heliograph.observe.model import Cause, FlowState, FlowView, JobView, LaneState, LaneView, ProcessView
from heliograph.observe.rates import Rate
from heliograph.observe.standing import STANDING_S, Standing
from heliograph.records import kernel_name
from heliograph.upkeep.held_up import HeldUp
from heliograph.upkeep.periodic import Job
from heliograph.worker.losses import Losses

ERRORS_SHOWN = 5
GONE_TOPICS_SHOWN = 100

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class FlowNow:
    """What there is to see of a flow at one moment; nothing of it is copied."""

    config: FlowConfig
    state: FlowState
    cause: str
    cause_s: float
    """For how long it has been in that state or, while it runs, has had a cause."""
    losses: Losses
    topics: int = 0
    lanes: Mapping[TopicPartition, Lane] = field(default_factory=dict)
    latencies_ms: Iterable[float] = ()
    held_up: Mapping[TopicPartition, HeldUp] = field(default_factory=dict)
    """By source topic and partition: what an open transaction on the source holds up."""
    problems: Mapping[str, HeliographError] = field(default_factory=dict)
    """By topic on the target: why nothing can be copied to it."""
    leaderless: Callable[[Lane], str] = lambda _: ""
    """Says in words where a partition has no leader; empty: it has one on both clusters."""
    throttled: tuple[str, ...] = ()
    """Aliases of clusters that throttle it at this moment."""
    jobs: tuple[Job, ...] = ()
    gone: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Topics that the source has no longer: by partition the offset after the last copied."""
    paused: Mapping[TopicPartition, int] = field(default_factory=dict)
    """Partitions that are paused, with the same."""
    limit_bytes_per_s: float | None = None
    """What this process may read of it in a second; None: as much as it can."""
    held_back: bool = False
    """Whether a limit keeps it from reading more."""


@dataclass(frozen=True, slots=True)
class _Health:
    """How one lane is."""

    state: LaneState
    cause: str = ""
    held_up_s: float = 0.0
    standing_s: float = 0.0
    stands_still: bool = False


@dataclass(slots=True)
class Pictures:
    """Makes the pictures of one flow, and remembers what one picture alone cannot tell."""

    steady: Callable[[], float] = time.monotonic
    clock: Callable[[], float] = time.time
    _standing: Standing = field(default_factory=Standing)
    _quotas: Standing = field(default_factory=Standing)
    """The same for clusters that throttle the flow, each as a partition of its own."""
    _rates: dict[TopicPartition, Rate] = field(default_factory=dict)

    def take(self, flow: FlowNow) -> FlowView:
        """Return the flow as it is now."""
        self._forget(flow)
        lanes = tuple(self._lane(flow, lane) for lane in flow.lanes.values())
        latencies = sorted(flow.latencies_ms)
        errors = {str(lane.cause): None for lane in flow.lanes.values() if lane.cause is not None}
        jobs = tuple(self._job(job) for job in flow.jobs)
        return FlowView(
            name=flow.config.name,
            state=flow.state,
            cause=flow.cause,
            topics=flow.topics,
            lanes=(*lanes, *_paused(flow), *_gone(flow)),
            records=sum(lane.records for lane in lanes),
            bytes=sum(lane.bytes for lane in lanes),
            records_per_s=sum(lane.records_per_s for lane in lanes),
            bytes_per_s=sum(lane.bytes_per_s for lane in lanes),
            latency_p50_ms=latencies[len(latencies) // 2] if latencies else None,
            latency_p99_ms=latencies[len(latencies) * 99 // 100] if latencies else None,
            errors=tuple(errors)[:ERRORS_SHOWN],
            losses=flow.losses.newest,
            loss_counts=flow.losses.counts,
            degraded=self._degraded(flow, lanes, jobs),
            jobs=jobs,
            limit_bytes_per_s=flow.limit_bytes_per_s,
            held_back=flow.held_back,
        )

    def causes(self, flow: FlowNow) -> tuple[Cause, ...]:
        """Return why a flow is degraded, as :meth:`take` does, but look closely only at partitions that are not well.

        Meant to be called every second, so that it is known how long they have not been.
        """
        self._forget(flow)
        lanes = [
            self._lane(flow, lane, rates=False)
            for key, lane in flow.lanes.items()
            if lane.cause is not None
            or lane.state is not State.RUNNING
            or key in self._standing
            or key in flow.held_up
            or flow.leaderless(lane)
        ]
        return self._degraded(flow, lanes, [self._job(job) for job in flow.jobs])

    def _degraded(self, flow: FlowNow, lanes: Iterable[LaneView], jobs: Iterable[JobView]) -> tuple[Cause, ...]:
        return causes_of(
            flow.state,
            flow.cause,
            lanes,
            partitions=len(flow.lanes),
            cause_s=flow.cause_s,
            jobs=jobs,
            quotas=[self._quota(flow, side.alias) for side in (flow.config.source, flow.config.target)],
        )

    def _quota(self, flow: FlowNow, alias: str) -> tuple[str, float]:
        """Return what is to be said of a cluster that throttles the flow, and for how long it has."""
        words = f"{alias} throttles this flow, which is over a quota there" if alias in flow.throttled else ""
        return self._quotas.look((alias, 0), 0, words, self.steady())

    def _forget(self, flow: FlowNow) -> None:
        self._standing.forget_others(flow.lanes)
        for key in self._rates.keys() - flow.lanes.keys():
            del self._rates[key]

    def _lane(self, flow: FlowNow, lane: Lane, *, rates: bool = True) -> LaneView:
        health = self._health(flow, lane)
        records_per_s = bytes_per_s = 0.0
        if rates:
            rate = self._rates.setdefault((lane.source_topic, lane.partition), Rate())
            records_per_s, bytes_per_s = rate.look(self.steady(), lane.records_copied, lane.bytes_copied)
        return LaneView(
            topic=lane.source_topic,
            target_topic=lane.target_topic,
            partition=lane.partition,
            state=health.state,
            cause=health.cause,
            settled=lane.settled,
            end_offset=lane.end_offset,
            lag=lane.lag,
            records=lane.records_copied,
            bytes=lane.bytes_copied,
            records_per_s=records_per_s,
            bytes_per_s=bytes_per_s,
            target_partition=lane.target_partition if lane.shared else None,
            held_up_s=health.held_up_s,
            standing_s=health.standing_s,
            stands_still=health.stands_still,
        )

    def _health(self, flow: FlowNow, lane: Lane) -> _Health:
        key = (lane.source_topic, lane.partition)
        problem = flow.problems.get(lane.target_topic) if lane.state is State.RESUMING else None
        error = problem or lane.cause
        words = str(error) if error is not None else flow.leaderless(lane)
        cause, standing_s = self._standing.look(key, lane.settled, words, self.steady())
        held = flow.held_up.get(key)
        if lane.state is State.RUNNING and held is not None:
            return _Health(LaneState.HELD_UP, held.by, held_up_s=max(0.0, self.clock() - held.since_s))
        if lane.state is State.HALTED:
            return _Health(LaneState.HALTED, cause, standing_s=standing_s, stands_still=True)
        if lane.state is State.RESUMING and problem is None and not lane.failures:
            return _Health(LaneState.STARTING, cause, standing_s=standing_s, stands_still=standing_s >= STANDING_S)
        if not cause:
            return _Health(LaneState.RUNNING)
        passes = error is None or retriable(error) is not None
        return _Health(
            LaneState.RETRYING if passes else LaneState.FAILED,
            cause,
            standing_s=standing_s,
            stands_still=standing_s >= STANDING_S or (problem is not None and not passes),
        )

    def _job(self, job: Job) -> JobView:
        return JobView(
            job.name,
            job.succeeded_at_s,
            job.failures,
            0.0 if job.failing_since_s is None else max(0.0, self.clock() - job.failing_since_s),
            "" if job.error is None else str(job.error),
            job.part,
        )


def process_view(flows: tuple[FlowView, ...], uptime_s: float, limit_bytes_per_s: float | None = None) -> ProcessView:
    """Return the process with its flows and their common limit, as it is now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    version, rss_bytes = heliograph.__version__, _rss_bytes()
    return ProcessView(version, kernel_name, uptime_s, cpu_s, rss_bytes, flows, limit_bytes_per_s=limit_bytes_per_s)


def _gone(flow: FlowNow) -> Iterator[LaneView]:
    """Show what was copied and is no longer on the source, up to a limit."""
    remote = naming_of(flow.config).remote_topic
    for topic, positions in sorted(flow.gone.items())[:GONE_TOPICS_SHOWN]:
        for partition, position in sorted(positions.items()):
            yield LaneView(topic, remote(topic), partition, LaneState.GONE, settled=position)


def _paused(flow: FlowNow) -> Iterator[LaneView]:
    remote = naming_of(flow.config).remote_topic
    for (topic, partition), position in sorted(flow.paused.items()):
        yield LaneView(topic, remote(topic), partition, LaneState.PAUSED, settled=position)


def _rss_bytes() -> int:
    """Resident memory now; its highest value where the system does not tell the present one."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
