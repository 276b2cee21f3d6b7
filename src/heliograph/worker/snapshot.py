"""Pictures of the running process for whoever shows them, with rates from one picture to the next."""

import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import heliograph
from heliograph.flow.lane import Lane, State
from heliograph.mirror.naming import naming_of
from heliograph.observe.health import causes_of
from heliograph.observe.model import FlowView, LaneState, LaneView, ProcessView
from heliograph.records import kernel_name
from heliograph.worker.flow_runner import FlowRunner

_STATES = {
    State.RESUMING: LaneState.STARTING,
    State.RUNNING: LaneState.RUNNING,
    State.FAILED: LaneState.FAILED,
    State.HALTED: LaneState.HALTED,
}
ERRORS_SHOWN = 5
GONE_TOPICS_SHOWN = 100


@dataclass(slots=True)
class _Before:
    """Counters at the picture before."""

    at_s: float
    records: int
    bytes: int


@dataclass(slots=True)
class SnapshotTaker:
    """Takes pictures; remembers the counters of the last one."""

    started_s: float = field(default_factory=time.monotonic)
    _before: dict[tuple[str, str, int], _Before] = field(default_factory=dict)

    def take(self, runners: Iterable[FlowRunner]) -> ProcessView:
        """Return the process as it is now, with its flows in the order of ``runners``."""
        now = time.monotonic()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        flows = tuple(self._flow(runner, now) for runner in runners)
        cpu_s = usage.ru_utime + usage.ru_stime
        return ProcessView(heliograph.__version__, kernel_name, now - self.started_s, cpu_s, _rss_bytes(), flows)

    def _flow(self, runner: FlowRunner, now: float) -> FlowView:
        flow = runner.flow
        lanes = tuple(self._lane(runner, lane, now) for lane in flow.lanes.values()) if flow else ()
        lanes += tuple(_gone(runner))
        latencies = sorted(flow.latencies_ms) if flow else []
        errors = {str(lane.cause): None for lane in flow.lanes.values() if lane.cause is not None} if flow else {}
        return FlowView(
            name=runner.config.name,
            state=runner.state,
            cause=runner.cause,
            topics=runner.topics,
            lanes=lanes,
            records=sum(lane.records for lane in lanes),
            bytes=sum(lane.bytes for lane in lanes),
            records_per_s=sum(lane.records_per_s for lane in lanes),
            bytes_per_s=sum(lane.bytes_per_s for lane in lanes),
            latency_p50_ms=latencies[len(latencies) // 2] if latencies else None,
            latency_p99_ms=latencies[len(latencies) * 99 // 100] if latencies else None,
            errors=tuple(errors)[:ERRORS_SHOWN],
            losses=runner.losses.newest,
            loss_counts=runner.losses.counts,
            degraded=causes_of(runner.state, runner.cause, lanes),
        )

    def _lane(self, runner: FlowRunner, lane: Lane, now: float) -> LaneView:
        key = (runner.config.name, lane.source_topic, lane.partition)
        before = self._before.get(key)
        records_per_s = bytes_per_s = 0.0
        if before is not None and now > before.at_s:
            records_per_s = max(0, lane.records_copied - before.records) / (now - before.at_s)
            bytes_per_s = max(0, lane.bytes_copied - before.bytes) / (now - before.at_s)
        self._before[key] = _Before(now, lane.records_copied, lane.bytes_copied)
        state, cause, held_up_s = _state(runner, lane)
        return LaneView(
            topic=lane.source_topic,
            target_topic=lane.target_topic,
            partition=lane.partition,
            state=state,
            cause=cause,
            position=lane.settled,
            end_offset=lane.end_offset,
            lag=lane.lag,
            records=lane.records_copied,
            bytes=lane.bytes_copied,
            records_per_s=records_per_s,
            bytes_per_s=bytes_per_s,
            target_partition=lane.target_partition if lane.shared else None,
            held_up_s=held_up_s,
        )


def _state(runner: FlowRunner, lane: Lane) -> tuple[LaneState, str, float]:
    """Return what a lane is doing, why, and for how many seconds an open transaction has held it up."""
    problem = runner.problems.get(lane.target_topic)
    if lane.state is State.RESUMING and problem is not None:
        return LaneState.FAILED, str(problem), 0.0  # there is no topic to copy to
    held = runner.held_up.get((lane.source_topic, lane.partition))
    if lane.state is State.RUNNING and held is not None:
        return LaneState.HELD_UP, held.by, max(0.0, time.time() - held.since_s)
    return _STATES[lane.state], str(lane.cause) if lane.cause is not None else "", 0.0


def _gone(runner: FlowRunner) -> Iterable[LaneView]:
    """Show what was copied and is no longer on the source, up to a limit."""
    remote = naming_of(runner.config).remote_topic
    for topic, positions in sorted(runner.gone.items())[:GONE_TOPICS_SHOWN]:
        for partition, position in sorted(positions.items()):
            yield LaneView(topic, remote(topic), partition, LaneState.GONE, position=position)


def _rss_bytes() -> int:
    """Resident memory now; its highest value where the system does not tell the present one."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
