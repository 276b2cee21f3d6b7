"""The picture of several workers together."""

from heliograph.config.model import CauseKind
from heliograph.observe.merged import ERRORS_SHOWN, LOSSES_KEPT, absent, counted, merged
from heliograph.observe.metrics import exposition
from heliograph.observe.model import (
    Cause,
    FlowState,
    FlowView,
    JobView,
    LaneState,
    LaneView,
    LossCount,
    LossView,
    ProcessView,
)


def process(*flows: FlowView, cpu_s: float = 1.0) -> ProcessView:
    return ProcessView("1", "compiled", 5.0, cpu_s, 100, flows)


def together(*flows: FlowView) -> FlowView:
    (flow,) = merged(process(), [process(each) for each in flows]).flows
    return flow


def test_the_process_is_all_processes():
    found = merged(ProcessView("1", "compiled", 60.0, 0.5, 10), [process(cpu_s=2.0), process(cpu_s=3.0)])
    assert found == ProcessView("1", "compiled", 60.0, 5.5, 210)


def test_counters_and_rates_are_sums_and_lanes_stand_side_by_side():
    lanes = [LaneView("t", "a.t", number, LaneState.RUNNING) for number in range(3)]
    left = FlowView("a->b", FlowState.RUNNING, "", 3, tuple(lanes[:2]), 10, 100, 1.0, 10.0, 2.0, 9.0)
    right = FlowView("a->b", FlowState.RUNNING, "", 3, tuple(lanes[2:]), 5, 50, 2.0, 20.0, 3.0, 4.0)
    assert together(left, right) == FlowView(
        "a->b", FlowState.RUNNING, "", 3, tuple(lanes), 15, 150, 3.0, 30.0, 3.0, 9.0
    )


def test_limits_are_the_sum_of_the_workers_parts():
    parts = FlowView("f", FlowState.RUNNING, limit_bytes_per_s=3e6), FlowView("f", FlowState.RUNNING, held_back=True)
    flow = together(*parts, FlowView("f", FlowState.RUNNING, limit_bytes_per_s=1e6))
    assert (flow.limit_bytes_per_s, flow.held_back) == (4e6, True)
    assert (together(parts[1]).limit_bytes_per_s, together(parts[0]).held_back) == (None, False)
    halves = [ProcessView("1", "compiled", 1.0, 1.0, 1, limit_bytes_per_s=2e6)] * 2
    assert merged(process(), halves).limit_bytes_per_s == 4e6


def test_flows_are_told_apart():
    found = merged(process(), [process(FlowView("a->b", FlowState.RUNNING), FlowView("b->a", FlowState.FAILED))])
    assert [(each.name, each.state) for each in found.flows] == [("a->b", "running"), ("b->a", "failed")]


def test_a_flow_runs_where_any_worker_runs_it():
    assert together(FlowView("f", FlowState.STANDBY, "s"), FlowView("f", FlowState.RUNNING, "")).state == "running"
    waiting = together(FlowView("f", FlowState.FAILED, "no"), FlowView("f", FlowState.WAITING, "down"))
    assert (waiting.state, waiting.cause) == ("waiting", "down")


def test_a_lane_that_a_worker_has_counts_more_than_one_that_is_paused():
    """Pictures are not of the same moment: the leader may show as paused what another worker has just taken."""
    paused = FlowView("f", FlowState.PAUSED, lanes=(LaneView("t", "a.t", 0, LaneState.PAUSED, settled=9),))
    running = FlowView("f", FlowState.RUNNING, lanes=(LaneView("t", "a.t", 0, LaneState.RUNNING, settled=4),))
    for views in ((paused, running), (running, paused)):
        assert [lane.state for lane in together(*views).lanes] == [LaneState.RUNNING]
        assert together(*views).state is FlowState.RUNNING
    gone = FlowView("f", FlowState.RUNNING, lanes=(LaneView("t", "a.t", 0, LaneState.GONE, settled=99),))
    assert [lane.state for lane in together(gone, paused).lanes] == [LaneState.PAUSED]
    assert together(paused, paused).state is FlowState.PAUSED


def test_causes_of_a_kind_are_one():
    still, loss = CauseKind.STANDING_STILL, CauseKind.LOSS
    left = FlowView("f", FlowState.RUNNING, degraded=(Cause(still, "x", 2, 5.0),))
    right = FlowView("f", FlowState.RUNNING, degraded=(Cause(still, "y", 3, 9.0), Cause(loss, "z", 1)))
    assert set(together(left, right).degraded) == {Cause(still, "y", 5, 9.0), Cause(loss, "z", 1)}


def test_a_job_has_the_last_success_and_the_longest_failure():
    left = FlowView("f", FlowState.RUNNING, jobs=(JobView("j", 100.0), JobView("k", None, 1, 3.0, "no")))
    right = FlowView("f", FlowState.RUNNING, jobs=(JobView("j", None, 4, 9.0, "down"), JobView("k", 50.0)))
    assert together(left, right).jobs == (JobView("j", 100.0, 4, 9.0, "down"), JobView("k", 50.0, 1, 3.0, "no"))


def test_losses_are_newest_first_and_counted_together():
    losses = [LossView("retention", "t", 0, 1, 2, at_s) for at_s in (1.0, 3.0, 2.0)]
    left = FlowView(
        "f", FlowState.RUNNING, losses=tuple(losses[:1]), loss_counts=(LossCount("retention", "t", 0, 1, 10),)
    )
    right = FlowView(
        "f", FlowState.RUNNING, losses=tuple(losses[1:]), loss_counts=(LossCount("retention", "t", 0, 2, 5),)
    )
    found = together(left, right)
    assert [each.at_s for each in found.losses] == [3.0, 2.0, 1.0]
    assert found.loss_counts == (LossCount("retention", "t", 0, 3, 15),)


def test_a_partition_is_shown_once_by_who_has_come_further():
    given_up = LaneView("t", "a.t", 0, LaneState.RUNNING, settled=90)
    taken = LaneView("t", "a.t", 0, LaneState.RUNNING, settled=120)
    begins = LaneView("t", "a.t", 1, LaneState.STARTING)
    runs = LaneView("t", "a.t", 1, LaneState.RUNNING, settled=5)
    found = together(
        FlowView("f", FlowState.RUNNING, lanes=(given_up, runs)),
        FlowView("f", FlowState.RUNNING, lanes=(taken, begins)),
    )
    assert found.lanes == (taken, runs)


def test_a_topic_that_is_gone_is_shown_once_and_never_before_one_that_is_there():
    gone = LaneView("t", "a.t", 0, LaneState.GONE, settled=90)
    there = LaneView("t", "a.t", 0, LaneState.RUNNING, settled=2)
    each = FlowView("f", FlowState.RUNNING, lanes=(gone,))
    assert together(each, each).lanes == (gone,)
    assert together(each, FlowView("f", FlowState.RUNNING, lanes=(there,))).lanes == (there,)


def test_that_one_worker_does_not_copy_degrades_no_flow_that_others_copy():
    starting = Cause(CauseKind.FLOW, "starting", 0)
    waits = FlowView("f", FlowState.WAITING, "no broker answers", degraded=(starting,))
    found = together(FlowView("f", FlowState.RUNNING), waits)
    assert found.degraded == ()
    assert found.errors == ("a worker: waiting no broker answers",)
    assert together(waits, waits).degraded == (starting,)


def test_the_picture_of_a_worker_that_is_not_there_says_so():
    (flow,) = merged(process(), [absent(process(), ["f"], "worker 1 has ended (SIGKILL)")]).flows
    assert (flow.state, flow.cause) == ("starting", "worker 1 has ended (SIGKILL)")
    assert flow.degraded == (Cause(CauseKind.FLOW, "starting worker 1 has ended (SIGKILL)", 0),)
    found = together(FlowView("f", FlowState.RUNNING), flow)
    assert (found.state, found.cause, found.degraded) == ("running", "", ())


def test_no_sum_goes_down_when_a_worker_is_started_again():
    count, loss = LossCount("retention", "t", 0, 1, 10), LossView("retention", "t", 0, 1, 2, 5.0)
    lanes = (LaneView("t", "a.t", 0, LaneState.RUNNING, records=7),)
    life = process(
        FlowView("f", FlowState.RUNNING, "", 1, lanes, 7, 70, 1.0, 1.0, losses=(loss,), loss_counts=(count,)), cpu_s=3.0
    )
    past = counted(life, counted(life, None))
    found = merged(process(cpu_s=0.0), [past, process(FlowView("f", FlowState.STARTING, "", 1), cpu_s=0.5)])
    (flow,) = found.flows
    assert (found.cpu_s, found.rss_bytes) == (6.5, 200)
    assert (flow.state, flow.records, flow.bytes, flow.records_per_s) == ("starting", 14, 140, 0.0)
    assert flow.loss_counts == (LossCount("retention", "t", 0, 2, 20),)
    assert flow.lanes == ()


def test_what_is_listed_has_a_limit():
    losses = tuple(LossView("retention", "t", 0, 1, 2, float(number)) for number in range(LOSSES_KEPT))
    errors = tuple(f"error {number}" for number in range(ERRORS_SHOWN))
    left = FlowView("f", FlowState.RUNNING, errors=errors, losses=losses)
    found = together(left, FlowView("f", FlowState.RUNNING, errors=("another",), losses=losses))
    assert (len(found.losses), found.errors) == (LOSSES_KEPT, errors)


def test_no_metric_comes_twice():
    gone = LaneView("t", "a.t", 0, LaneState.GONE)
    flow = FlowView("a->b", FlowState.RUNNING, lanes=(gone,), loss_counts=(LossCount("retention", "t", 0, 1, 2),))
    told = exposition(merged(process(), [process(flow), process(flow)])).decode()
    samples = [line.rpartition(" ")[0] for line in told.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
