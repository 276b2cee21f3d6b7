"""What keeps a flow from copying all that it should: one cause for each kind, made from what a snapshot shows."""

from collections.abc import Sequence

from heliograph.observe.model import Cause, CauseKind, FlowState, LaneState, LaneView

GOOD = (FlowState.RUNNING, FlowState.STANDBY)
_KINDS = {
    LaneState.RETRYING: CauseKind.STANDING_STILL,
    LaneState.FAILED: CauseKind.STANDING_STILL,
    LaneState.HALTED: CauseKind.LOSS,
    LaneState.HELD_UP: CauseKind.HELD_UP,
}


def causes_of(state: FlowState, cause: str, lanes: Sequence[LaneView]) -> tuple[Cause, ...]:
    """Return why a flow is degraded; empty where all is well. The first partition's words stand for its kind."""
    found: dict[CauseKind, Cause] = {}
    if state not in GOOD:
        found[CauseKind.FLOW] = Cause(CauseKind.FLOW, f"{state} {cause}".strip(), len(lanes))
    elif state is FlowState.RUNNING and cause:
        found[CauseKind.CLUSTER] = Cause(CauseKind.CLUSTER, cause, len(lanes))
    for lane in lanes:
        kind = _KINDS.get(lane.state)
        if kind is not None:
            first = found.get(kind)
            words = first.cause if first else f"{lane.topic}-{lane.partition}: {lane.cause or lane.state}"
            found[kind] = Cause(kind, words, 1 + (first.partitions if first else 0))
    return tuple(found[kind] for kind in CauseKind if kind in found)
