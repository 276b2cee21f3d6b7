"""One picture of several workers, for whoever shows or watches them together. Pure.

Counters and rates are sums. Of latencies the largest counts: no partition has a longer one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from heliograph.config.model import CauseKind
from heliograph.observe.health import GOOD
from heliograph.observe.model import (
    Cause,
    FlowState,
    FlowView,
    JobView,
    LaneState,
    LaneView,
    LossCount,
    ProcessView,
)

STATES = (
    FlowState.RUNNING,
    FlowState.STARTING,
    FlowState.WAITING,
    FlowState.STANDBY,
    FlowState.PAUSED,
    FlowState.FAILED,
    FlowState.STOPPED,
)
"""What a flow does as a whole: the first that any worker does."""
_NOT_COPIED = (LaneState.PAUSED, LaneState.GONE)
ERRORS_SHOWN = 5
LOSSES_KEPT = 100


def merged(own: ProcessView, workers: Sequence[ProcessView]) -> ProcessView:
    """Return the picture of all ``workers``; ``own`` is that of the process which shows it, without flows."""
    flows: dict[str, list[FlowView]] = {}
    for worker in workers:
        for flow in worker.flows:
            flows.setdefault(flow.name, []).append(flow)
    return replace(
        own,
        cpu_s=own.cpu_s + sum(worker.cpu_s for worker in workers),
        rss_bytes=own.rss_bytes + sum(worker.rss_bytes for worker in workers),
        flows=tuple(_flow(parts) for parts in flows.values()),
        limit_bytes_per_s=_sum(worker.limit_bytes_per_s for worker in workers),
    )


def absent(own: ProcessView, flows: Iterable[str], why: str) -> ProcessView:
    """Return the picture of a worker that has sent none yet; ``why`` says what is known of it, if anything is."""
    words = f"{FlowState.STARTING} {why}".strip()
    degraded = (Cause(CauseKind.FLOW, words, 0),)
    views = tuple(FlowView(name, FlowState.STARTING, why, degraded=degraded) for name in flows)
    return ProcessView(own.version, own.kernel, 0.0, 0.0, 0, views)


def counted(view: ProcessView, before: ProcessView | None) -> ProcessView:
    """Return what is left of a worker that has ended with this picture: what it, and its lives ``before``, counted.

    So no sum ever goes down because a worker was started again.
    """
    flows = tuple(
        FlowView(
            flow.name,
            FlowState.STOPPED,
            records=flow.records,
            bytes=flow.bytes,
            losses=flow.losses,
            loss_counts=flow.loss_counts,
        )
        for flow in view.flows
    )
    left = ProcessView(view.version, view.kernel, 0.0, view.cpu_s, 0, flows)
    return left if before is None else merged(replace(left, cpu_s=0.0, flows=()), [before, left])


def _flow(parts: Sequence[FlowView]) -> FlowView:
    state = next(state for state in STATES if any(part.state is state for part in parts))
    there = [part for part in parts if part.state is state]
    return FlowView(
        name=parts[0].name,
        state=state,
        cause=next((part.cause for part in there if part.cause), ""),
        topics=max(part.topics for part in parts),
        lanes=_lanes(part.lanes for part in parts),
        records=sum(part.records for part in parts),
        bytes=sum(part.bytes for part in parts),
        records_per_s=sum(part.records_per_s for part in parts),
        bytes_per_s=sum(part.bytes_per_s for part in parts),
        latency_p50_ms=_largest(part.latency_p50_ms for part in parts),
        latency_p99_ms=_largest(part.latency_p99_ms for part in parts),
        errors=tuple(dict.fromkeys(_errors(state, parts)))[:ERRORS_SHOWN],
        losses=tuple(
            sorted((loss for part in parts for loss in part.losses), key=lambda each: each.at_s, reverse=True)
        )[:LOSSES_KEPT],
        loss_counts=_losses(part.loss_counts for part in parts),
        degraded=_causes(state, (part.degraded for part in parts)),
        jobs=_jobs(part.jobs for part in parts),
        limit_bytes_per_s=_sum(part.limit_bytes_per_s for part in parts),
        held_back=any(part.held_back for part in parts),
    )


def _lanes(parts: Iterable[Iterable[LaneView]]) -> tuple[LaneView, ...]:
    """Return each lane once: pictures are not of the same moment, and every worker shows topics that are gone."""
    found: dict[tuple[str, int], LaneView] = {}
    for each in (each for part in parts for each in part):
        key = (each.topic, each.partition)
        before = found.get(key)
        if before is None or _rank(each) > _rank(before):
            found[key] = each
    return tuple(found.values())


def _rank(lane: LaneView) -> tuple[int, int]:
    """Sort what two workers say of a lane: who has come further has it, or has had it last."""
    return -_NOT_COPIED.index(lane.state) if lane.state in _NOT_COPIED else 1, lane.settled


def _errors(state: FlowState, parts: Sequence[FlowView]) -> Iterator[str]:
    """Yield what is wrong: first workers that do not copy while others do."""
    if state in GOOD:
        for part in parts:
            if part.cause and part.state not in (*GOOD, FlowState.STOPPED):
                yield f"a worker: {part.state} {part.cause}"
    for part in parts:
        yield from part.errors


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _losses(parts: Iterable[Iterable[LossCount]]) -> tuple[LossCount, ...]:
    found: dict[tuple[str, str, int], LossCount] = {}
    for each in (each for part in parts for each in part):
        key = (each.kind, each.topic, each.partition)
        before = found.get(key)
        times, offsets = (before.times, before.offsets) if before is not None else (0, 0)
        found[key] = replace(each, times=times + each.times, offsets=offsets + each.offsets)
    return tuple(found.values())


def _causes(state: FlowState, parts: Iterable[Iterable[Cause]]) -> tuple[Cause, ...]:
    """Join causes of one kind; what has lasted longest stands for them, as in a single process.

    That a worker does not copy is no cause where others do: they have its lanes, or have them soon.
    """
    found: dict[CauseKind, Cause] = {}
    for each in (each for part in parts for each in part):
        if each.kind is CauseKind.FLOW and state in GOOD:
            continue
        before = found.get(each.kind)
        if before is not None:
            longest = each if each.for_s > before.for_s else before
            each = replace(longest, partitions=before.partitions + each.partitions)  # noqa: PLW2901
        found[each.kind] = each
    return tuple(found[kind] for kind in CauseKind if kind in found)


def _jobs(parts: Iterable[Iterable[JobView]]) -> tuple[JobView, ...]:
    """Join jobs of one name: the last success of any worker, and the failures of the one that fails longest."""
    found: dict[str, JobView] = {}
    for each in (each for part in parts for each in part):
        before = found.get(each.name)
        if before is not None:
            worst = each if each.failing_s > before.failing_s else before
            each = replace(worst, succeeded_at_s=_largest((before.succeeded_at_s, each.succeeded_at_s)))  # noqa: PLW2901
        found[each.name] = each
    return tuple(found.values())
