from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView


def lane(lag):
    return LaneView("t", "A.t", 0, LaneState.RUNNING, lag=lag)


def test_lag_is_the_sum_of_what_is_known():
    assert FlowView("A->B", FlowState.RUNNING, lanes=(lane(3), lane(None), lane(4))).lag == 7
    assert FlowView("A->B", FlowState.RUNNING, lanes=(lane(0),)).lag == 0
    assert FlowView("A->B", FlowState.RUNNING, lanes=(lane(None),)).lag is None
    assert FlowView("A->B", FlowState.RUNNING).lag is None
