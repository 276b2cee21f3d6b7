"""What keeps a flow from copying all that it should: one cause for each kind, made from what a snapshot shows.

What passes within seconds is no cause: a leader that moves, a connection that breaks, a job that fails once. So each
kind has a time from which on it counts. A loss that waits for a person counts at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.config.model import CauseKind
from heliograph.observe import text
from heliograph.observe.model import Cause, FlowState, JobView, LaneState, LaneView
from heliograph.observe.standing import STANDING_S

GOOD = (FlowState.RUNNING, FlowState.STANDBY, FlowState.PAUSED)
JOB_S = 60.0
"""A periodic job counts when it has failed for so long, and twice in a row at least."""
WELL_S = 5.0
"""A flow is told to be well again when it has had no cause for so long."""


def causes_of(
    state: FlowState,
    cause: str,
    lanes: Iterable[LaneView],
    *,
    partitions: int,
    cause_s: float = 0.0,
    jobs: Iterable[JobView] = (),
    quotas: Iterable[tuple[str, float]] = (),
) -> tuple[Cause, ...]:
    """Return why a flow is degraded; empty where all is well. What has lasted longest stands for its kind.

    ``lanes`` may leave out those that are well; ``partitions`` counts all. ``cause_s`` says for how long the flow has
    been in ``state`` or, where it runs, for how long there has been a ``cause``. ``quotas`` say of clusters that they
    throttle the flow, and for how long they have.
    """
    found: dict[CauseKind, Cause] = {}
    if state not in GOOD:
        found[CauseKind.FLOW] = Cause(CauseKind.FLOW, f"{state} {cause}".strip(), partitions, cause_s)
    elif state is FlowState.RUNNING and cause and cause_s >= STANDING_S:
        found[CauseKind.CLUSTER] = Cause(CauseKind.CLUSTER, cause, partitions, cause_s)
    for lane in lanes:
        kind = _kind_of(lane)
        if kind is not None:
            for_s = lane.held_up_s if kind is CauseKind.HELD_UP else lane.standing_s
            _add(found, Cause(kind, f"{lane.topic}-{lane.partition}: {lane.cause or lane.state}", 1, for_s))
    for words, for_s in quotas:
        if words and for_s >= STANDING_S:
            _add(found, Cause(CauseKind.QUOTA, words, 0, for_s))
    for job in jobs:
        if job.failures > 1 and job.failing_s >= JOB_S:
            _add(found, Cause(CauseKind.JOB, f"{job.name}: {job.error}", 0, job.failing_s))
    return tuple(found[kind] for kind in CauseKind if kind in found)


def words_of(cause: Cause) -> str:
    """Return a cause as a line says it: ``standing-still, partitions=2: orders-3: … (for 42 s)``."""
    where = f", partitions={cause.partitions}" if cause.partitions else ""
    lasts = f" (for {text.duration(cause.for_s)})" if cause.for_s else ""
    return f"{cause.kind}{where}: {cause.cause}{lasts}"


def _kind_of(lane: LaneView) -> CauseKind | None:
    if lane.state is LaneState.HALTED:
        return CauseKind.LOSS
    if lane.state is LaneState.HELD_UP:
        return CauseKind.HELD_UP
    return CauseKind.STANDING_STILL if lane.stands_still else None


def _add(found: dict[CauseKind, Cause], cause: Cause) -> None:
    before = found.get(cause.kind)
    if before is not None:
        longest = cause if cause.for_s > before.for_s else before
        cause = Cause(cause.kind, longest.cause, before.partitions + cause.partitions, longest.for_s)
    found[cause.kind] = cause


@dataclass(slots=True)
class Told:
    """What has been told of a flow's health, so that each change is told once; times are of any steady clock."""

    _kinds: frozenset[CauseKind] = frozenset()
    _degraded_at_s: float = 0.0
    """When it had a cause last."""

    def news(self, state: FlowState, causes: Iterable[Cause], now_s: float) -> tuple[Cause, ...] | None:
        """Take the causes of a flow as they are now, and return what to tell.

        All of them where there are new kinds, none where it is well again; None: there is nothing to tell. That a flow
        starts, waits, has failed or was stopped is told elsewhere: here it counts when it lasts.
        """
        told = tuple(each for each in causes if each.kind is not CauseKind.FLOW or _lasts(state, each))
        if told:
            self._degraded_at_s = now_s
            kinds = frozenset(each.kind for each in told)
            new = kinds - self._kinds
            self._kinds |= kinds
            return told if new else None
        if self._kinds and state in GOOD and now_s - self._degraded_at_s >= WELL_S:
            self._kinds = frozenset()
            return ()
        return None


def _lasts(state: FlowState, cause: Cause) -> bool:
    return state in (FlowState.STARTING, FlowState.WAITING) and cause.for_s >= STANDING_S
