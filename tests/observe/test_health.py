"""Causes for which a flow is degraded."""

import pytest

from heliograph.observe.health import causes_of
from heliograph.observe.model import Cause, CauseKind, FlowState, LaneState, LaneView


def lane(partition: int, state: LaneState, cause: str = "") -> LaneView:
    return LaneView("t", "A.t", partition, state, cause)


def test_a_flow_that_copies_everything_has_none():
    lanes = [lane(0, LaneState.RUNNING), lane(1, LaneState.STARTING), lane(2, LaneState.GONE)]
    assert causes_of(FlowState.RUNNING, "", lanes) == ()


def test_standing_by_is_well():
    assert causes_of(FlowState.STANDBY, "another process copies this flow", []) == ()


@pytest.mark.parametrize("state", [FlowState.STARTING, FlowState.WAITING, FlowState.FAILED, FlowState.STOPPED])
def test_a_flow_that_does_not_run(state):
    assert causes_of(state, "why", []) == (Cause(CauseKind.FLOW, f"{state} why", 0),)


def test_a_cluster_that_does_not_answer_while_copying():
    (cause,) = causes_of(FlowState.RUNNING, "no answer", [lane(0, LaneState.RUNNING)])
    assert cause == Cause(CauseKind.CLUSTER, "no answer", 1)


def test_partitions_are_counted_by_kind_and_the_first_is_named():
    lanes = [
        lane(0, LaneState.HELD_UP, "a transaction"),
        lane(1, LaneState.FAILED, "no permission"),
        lane(2, LaneState.RETRYING, "too few replicas"),
        lane(3, LaneState.HALTED, "a loss"),
    ]
    assert causes_of(FlowState.RUNNING, "", lanes) == (
        Cause(CauseKind.STANDING_STILL, "t-1: no permission", 2),
        Cause(CauseKind.LOSS, "t-3: a loss", 1),
        Cause(CauseKind.HELD_UP, "t-0: a transaction", 1),
    )
