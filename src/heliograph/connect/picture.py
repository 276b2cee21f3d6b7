"""A flow's connectors with their states and tasks, made of what this process sees of it, and what others tell. Pure.

States are Connect's words for what is so. A connector is UNASSIGNED while nobody can do its work, with the reason as
its trace, and so are its tasks. A task is FAILED when a partition of it will not go on by itself, or has stood still
for longer than retries take; MM2's task would have ended there. The other partitions go on all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from heliograph.config.model import FlowConfig, Part
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.naming import HEARTBEATS, naming_of
from heliograph.mirror.steering import TargetState
from heliograph.mirror.tasks import tasks_of
from heliograph.observe.connectors import ConnectorView, RunState, TaskView
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView

TRACE_LINES_MAX = 20
_WORKS = (FlowState.RUNNING, FlowState.STANDBY, FlowState.PAUSED)
_LEFT = (LaneState.STOPPED, LaneState.GONE)
_OF_STATE = {TargetState.PAUSED: RunState.PAUSED, TargetState.STOPPED: RunState.STOPPED}


@dataclass(frozen=True, slots=True)
class Entry:
    """A connector as it is configured."""

    name: str
    config: Mapping[str, str]
    part: Part | None = None
    flow: FlowConfig | None = None
    wrong: str = ""
    """Why it cannot run; empty: it can."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker has of a flow."""

    key: str
    """Sorts workers in the same order wherever one asks."""
    worker_id: str
    lanes: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a flow."""

    view: FlowView | None
    """As this process sees it; None: it does not have it."""
    worker_id: str
    """Of this process."""
    shares: Sequence[Share] = ()
    stored: Mapping[TopicPartition, int] = field(default_factory=dict)
    """Last source offsets that were copied, whoever has copied them; -1: none was."""


def connector_view(entry: Entry, seen: Seen, wanted: TargetState, version: str) -> ConnectorView:
    """Return one connector as it is."""
    if entry.wrong or entry.part is None:
        return ConnectorView(entry.name, entry.config, RunState.FAILED, seen.worker_id, entry.wrong, version)
    state, trace = _state(seen.view, wanted)
    tasks: tuple[TaskView, ...] = ()
    if state is not RunState.STOPPED and entry.flow is not None:  # none before what is stored was made sense of
        tasks = tuple(_tasks(entry, seen, state))
    topics = tuple(sorted(_topics(entry, seen)))
    return ConnectorView(entry.name, entry.config, state, seen.worker_id, trace, version, tasks, topics)


def _state(view: FlowView | None, wanted: TargetState) -> tuple[RunState, str]:
    if wanted in _OF_STATE:
        return _OF_STATE[wanted], ""
    if view is None:
        return RunState.UNASSIGNED, ""
    if view.state is FlowState.FAILED:
        return RunState.FAILED, view.cause
    if view.state not in _WORKS:
        return RunState.UNASSIGNED, view.cause
    return RunState.RUNNING, ""


def _topics(entry: Entry, seen: Seen) -> set[str]:
    """Return what was written to, as far as it is known: nobody counts checkpoints."""
    jobs, lanes = (seen.view.jobs, seen.view.lanes) if seen.view is not None else ((), ())
    if entry.part is Part.HEARTBEAT:
        return {HEARTBEATS for job in jobs if job.part is entry.part and job.succeeded_at_s is not None}
    if entry.part is not Part.SOURCE or entry.flow is None:
        return set()
    naming = naming_of(entry.flow)
    stored = {naming.remote_topic(topic) for (topic, _), offset in seen.stored.items() if offset >= 0}
    return stored | {lane.target_topic for lane in lanes if lane.records}


def _tasks(entry: Entry, seen: Seen, state: RunState) -> Iterable[TaskView]:
    if entry.part is not Part.SOURCE:
        yield _only_task(entry, seen, state)
        return
    flow = entry.flow
    assert flow is not None, "a connector that can run belongs to a flow"
    lanes = {(lane.topic, lane.partition): lane for lane in seen.view.lanes} if seen.view is not None else {}
    workers = {share.key: share.worker_id for share in seen.shares}
    groups = tasks_of({share.key: share.lanes for share in seen.shares}, flow.tasks_max or 1)
    for number, group in enumerate(groups):
        views = [lanes[lane] for lane in group.lanes if lane in lanes]
        doing, trace = (state, "") if state is not RunState.RUNNING else _doing(views)
        assigned = ",".join(f"{topic}-{partition}" for topic, partition in group.lanes)
        config = {
            **entry.config,
            "task.class": _task_class(Part.SOURCE),
            "task.index": str(number),
            "task.assigned.partitions": assigned,
        }
        yield TaskView(number, doing, workers[group.worker], trace, config, group.lanes)


def _only_task(entry: Entry, seen: Seen, state: RunState) -> TaskView:
    assert entry.part is not None, "a connector that can run is one of three"
    trace = ""
    if state is RunState.RUNNING and seen.view is not None:
        trace = "\n".join(f"{job.name}: {job.error}" for job in seen.view.jobs if job.error and job.part is entry.part)
    index = {"task.index": "0"} if entry.part is Part.CHECKPOINT else {}
    config = {**entry.config, "task.class": _task_class(entry.part), **index}
    return TaskView(0, RunState.FAILED if trace else state, seen.worker_id, trace, config)


def _task_class(part: Part) -> str:
    return f"org.apache.kafka.connect.mirror.{part.removesuffix('Connector')}Task"


def _doing(lanes: Sequence[LaneView]) -> tuple[RunState, str]:
    failed = [lane for lane in lanes if lane.stands_still or lane.state in (LaneState.FAILED, LaneState.HALTED)]
    if failed:
        told = [f"{lane.topic}-{lane.partition} {lane.state}: {lane.cause}" for lane in failed[:TRACE_LINES_MAX]]
        more = len(failed) - len(told)
        return RunState.FAILED, "\n".join([*told, *([f"and {more} more"] if more else [])])
    if lanes and all(lane.state is LaneState.PAUSED for lane in lanes):
        return RunState.PAUSED, ""
    return RunState.RUNNING, ""


def own_lanes(view: FlowView | None) -> frozenset[TopicPartition]:
    """Return what this process has of a flow, paused or not."""
    lanes = () if view is None else view.lanes
    return frozenset((lane.topic, lane.partition) for lane in lanes if lane.state not in _LEFT)
