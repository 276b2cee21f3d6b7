"""Causes for which a flow is degraded, and when they are told."""

import pytest

from heliograph.config.model import CauseKind
from heliograph.observe.health import JOB_S, WELL_S, Told, causes_of, words_of
from heliograph.observe.model import Cause, FlowState, JobView, LaneState, LaneView
from heliograph.observe.standing import STANDING_S

RUNNING, WAITING = FlowState.RUNNING, FlowState.WAITING


def lane(partition: int, state: LaneState, cause: str = "", **more) -> LaneView:
    return LaneView("t", "A.t", partition, state, cause, **more)


def still(partition: int, state: LaneState, cause: str, standing_s: float = 20.0) -> LaneView:
    return lane(partition, state, cause, standing_s=standing_s, stands_still=True)


def test_a_flow_that_copies_everything_has_none():
    lanes = [lane(0, LaneState.RUNNING), lane(1, LaneState.STARTING), lane(2, LaneState.GONE)]
    assert causes_of(RUNNING, "", lanes, partitions=3) == ()


def test_standing_by_is_well():
    assert causes_of(FlowState.STANDBY, "another process copies this flow", [], partitions=0, cause_s=99) == ()


@pytest.mark.parametrize("state", [FlowState.STARTING, FlowState.WAITING, FlowState.FAILED, FlowState.STOPPED])
def test_a_flow_that_does_not_run(state):
    found = causes_of(state, "why", [], partitions=0, cause_s=3.0)
    assert found == (Cause(CauseKind.FLOW, f"{state} why", 0, 3.0),)


def test_a_cluster_that_does_not_answer_for_long_while_copying():
    lanes = [lane(0, LaneState.RUNNING)]
    assert causes_of(RUNNING, "no answer", lanes, partitions=1, cause_s=STANDING_S - 1) == ()
    (cause,) = causes_of(RUNNING, "no answer", lanes, partitions=7, cause_s=STANDING_S)
    assert cause == Cause(CauseKind.CLUSTER, "no answer", 7, STANDING_S)


def test_what_is_tried_again_counts_when_it_stands_still():
    lanes = [lane(0, LaneState.RETRYING, "a leader moves", standing_s=2.0), lane(1, LaneState.FAILED, "x")]
    assert causes_of(RUNNING, "", lanes, partitions=2) == ()


def test_partitions_are_counted_by_kind_and_the_longest_is_named():
    lanes = [
        lane(0, LaneState.HELD_UP, "a transaction", held_up_s=11.0),
        lane(4, LaneState.HELD_UP, "an older one", held_up_s=12.0),
        still(1, LaneState.FAILED, "no permission", 30.0),
        still(2, LaneState.RETRYING, "too few replicas", 20.0),
        still(3, LaneState.HALTED, "a loss", 0.5),
    ]
    assert causes_of(RUNNING, "", lanes, partitions=9) == (
        Cause(CauseKind.STANDING_STILL, "t-1: no permission", 2, 30.0),
        Cause(CauseKind.LOSS, "t-3: a loss", 1, 0.5),
        Cause(CauseKind.HELD_UP, "t-4: an older one", 2, 12.0),
    )


def test_a_job_counts_when_it_has_failed_for_long_and_more_than_once():
    once = JobView("sync topic configs", None, 1, 10 * JOB_S, "no answer")
    short = JobView("store positions", None, 5, JOB_S - 1, "no answer")
    long = JobView("store positions", None, 5, JOB_S, "refused")
    assert causes_of(RUNNING, "", [], partitions=0, jobs=[once, short]) == ()
    found = causes_of(RUNNING, "", [], partitions=0, jobs=[once, long])
    assert found == (Cause(CauseKind.JOB, "store positions: refused", 0, JOB_S),)


def test_a_cause_in_words():
    assert words_of(Cause(CauseKind.LOSS, "t-3: a loss", 1)) == "loss, partitions=1: t-3: a loss"
    assert words_of(Cause(CauseKind.JOB, "store positions: x", 0, 61)) == "job: store positions: x (for 1 min 1 s)"


STILL = Cause(CauseKind.STANDING_STILL, "t-0: x", 1, 20.0)
JOB = Cause(CauseKind.JOB, "store positions: x", 0, 60.0)


def test_becoming_degraded_is_told_once_and_getting_well_once():
    told = Told()
    assert told.news(RUNNING, (), 0.0) is None
    assert told.news(RUNNING, (STILL,), 10.0) == (STILL,)
    assert told.news(RUNNING, (STILL,), 11.0) is None
    assert told.news(RUNNING, (), 11.0 + WELL_S) == ()
    assert told.news(RUNNING, (), 12.0 + WELL_S) is None
    assert told.news(RUNNING, (STILL,), 100.0) == (STILL,)


def test_what_comes_and_goes_is_told_once():
    told = Told()
    found = [told.news(RUNNING, (STILL,) if second % 3 else (), float(second)) for second in range(30)]
    assert [each for each in found if each is not None] == [(STILL,)]


def test_a_new_kind_is_told_with_the_others():
    told = Told()
    told.news(RUNNING, (STILL,), 0.0)
    assert told.news(RUNNING, (STILL, JOB), 1.0) == (STILL, JOB)
    assert told.news(RUNNING, (JOB,), 2.0) is None


def test_a_flow_that_waits_is_told_when_that_lasts():
    told = Told()
    short, long = (Cause(CauseKind.FLOW, "waiting no answer", 0, for_s) for for_s in (STANDING_S - 1, STANDING_S))
    assert told.news(WAITING, (short,), 0.0) is None
    assert told.news(WAITING, (long,), 1.0) == (long,)
    assert told.news(RUNNING, (), 20.0) == ()


@pytest.mark.parametrize("state", [FlowState.FAILED, FlowState.STOPPED])
def test_a_flow_that_ends_is_told_elsewhere(state):
    told = Told()
    assert told.news(state, (Cause(CauseKind.FLOW, state, 0, 100.0),), 0.0) is None
    told.news(RUNNING, (STILL,), 1.0)
    assert told.news(state, (Cause(CauseKind.FLOW, state, 0, 100.0),), 50.0) is None, "it is not well either"
