"""What a flow's connectors look like, for each thing that a flow may do."""

from dataclasses import replace

import pytest

from configs import flow_config
from heliograph.config.model import Part
from heliograph.connect.picture import TRACE_LINES_MAX, Entry, Seen, Share, connector_view, own_lanes
from heliograph.mirror.steering import TargetState
from heliograph.observe.connectors import RunState
from heliograph.observe.model import FlowState, FlowView, JobView, LaneState, LaneView

FLOW = flow_config("west", "east", tasks_max=2)
CONFIG = {"topics": "orders"}
ME = "127.0.0.1:8083"
LANES = tuple(LaneView("orders", "west.orders", number, LaneState.RUNNING) for number in range(4))
KEYS = [("orders", number) for number in range(4)]


def entry(part: Part = Part.SOURCE) -> Entry:
    return Entry("copy", CONFIG, part, FLOW)


def seen(*lanes: LaneView, state: FlowState = FlowState.RUNNING, cause: str = "", **more) -> Seen:
    shares = [Share("1", ME, frozenset((lane.topic, lane.partition) for lane in lanes))]
    view = FlowView(FLOW.name, state, cause, lanes=lanes, jobs=more.pop("jobs", ()))
    return Seen(view, ME, **{"shares": shares, **more})


def view_of(found: Seen, wanted: TargetState = TargetState.STARTED, part: Part = Part.SOURCE):
    return connector_view(entry(part), found, wanted, "4.3.1")


def test_lanes_are_dealt_out_to_tasks():
    view = view_of(seen(*LANES))
    assert (view.state, view.trace, view.version) == (RunState.RUNNING, "", "4.3.1")
    assert [(task.number, task.state, task.worker_id, task.lanes) for task in view.tasks] == [
        (0, RunState.RUNNING, ME, (KEYS[0], KEYS[2])),
        (1, RunState.RUNNING, ME, (KEYS[1], KEYS[3])),
    ]
    assert view.tasks[1].config == {
        **CONFIG,
        "task.class": "org.apache.kafka.connect.mirror.MirrorSourceTask",
        "task.index": "1",
        "task.assigned.partitions": "orders-1,orders-3",
    }


def test_another_workers_tasks_are_shown_too():
    shares = [Share("1", ME, frozenset(KEYS[:1])), Share("2", "10.0.0.2:8083", frozenset(KEYS[1:]))]
    view = view_of(seen(*LANES[:1], shares=shares))
    assert [(task.worker_id, task.state) for task in view.tasks] == [
        (ME, RunState.RUNNING),
        ("10.0.0.2:8083", RunState.RUNNING),
    ]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (FlowState.STANDBY, RunState.RUNNING),
        (FlowState.PAUSED, RunState.RUNNING),
        (FlowState.STARTING, RunState.UNASSIGNED),
        (FlowState.WAITING, RunState.UNASSIGNED),
        (FlowState.STOPPED, RunState.UNASSIGNED),
        (FlowState.FAILED, RunState.FAILED),
    ],
)
def test_what_the_flow_does_is_the_connectors_state(state, found):
    view = view_of(seen(*LANES, state=state, cause="because"))
    assert (view.state, view.trace) == (found, "" if found is RunState.RUNNING else "because")
    assert [task.state for task in view.tasks] == [found, found]


def test_nobody_runs_what_this_process_does_not_have():
    view = view_of(Seen(None, ME))
    assert (view.state, view.tasks, view.topics) == (RunState.UNASSIGNED, (), ())


def test_what_was_told_comes_first():
    paused = view_of(seen(*LANES), TargetState.PAUSED)
    assert (paused.state, {task.state for task in paused.tasks}) == (RunState.PAUSED, {RunState.PAUSED})
    stopped = view_of(seen(*LANES), TargetState.STOPPED)
    assert (stopped.state, stopped.tasks) == (RunState.STOPPED, ())


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"state": LaneState.RETRYING, "cause": "no leader"}, RunState.RUNNING),
        ({"state": LaneState.RETRYING, "cause": "no leader", "stands_still": True}, RunState.FAILED),
        ({"state": LaneState.FAILED, "cause": "no leader"}, RunState.FAILED),
        ({"state": LaneState.HALTED, "cause": "no leader"}, RunState.FAILED),
    ],
)
def test_a_partition_that_will_not_go_on_fails_its_task_only(changes, state):
    view = view_of(seen(replace(LANES[0], **changes), *LANES[1:]))
    assert [task.state for task in view.tasks] == [state, RunState.RUNNING]
    assert view.tasks[0].trace == ("" if state is RunState.RUNNING else f"orders-0 {changes['state']}: no leader")
    assert view.state is RunState.RUNNING


def test_a_trace_has_a_limit():
    lanes = [replace(LANES[0], partition=number, state=LaneState.FAILED, cause="x") for number in range(60)]
    (first, _) = view_of(seen(*lanes)).tasks
    lines = first.trace.splitlines()
    assert (len(lines), lines[-1]) == (TRACE_LINES_MAX + 1, f"and {30 - TRACE_LINES_MAX} more")


def test_a_task_is_paused_when_all_its_partitions_are():
    lanes = [replace(lane, state=LaneState.PAUSED) if lane.partition != 1 else lane for lane in LANES]
    assert [task.state for task in view_of(seen(*lanes)).tasks] == [RunState.PAUSED, RunState.RUNNING]


def test_topics_are_those_that_hold_something_whoever_has_written_it():
    written = replace(LANES[0], topic="new", target_topic="west.new", records=3)
    stored = {("orders", 0): 41, ("orders", 1): -1, ("empty", 0): -1}
    assert view_of(seen(written, *LANES, stored=stored)).topics == ("west.new", "west.orders")
    assert view_of(seen(*LANES)).topics == ()
    assert view_of(Seen(None, ME, stored=stored)).topics == ("west.orders",)


@pytest.mark.parametrize(
    ("part", "index", "topics"), [(Part.CHECKPOINT, {"task.index": "0"}, ()), (Part.HEARTBEAT, {}, ("heartbeats",))]
)
def test_the_other_connectors_have_one_task(part, index, topics):
    job = JobView("work", 1.0, part=part)
    view = view_of(seen(jobs=(job,)), part=part)
    (task,) = view.tasks
    assert task.config == {
        **CONFIG,
        "task.class": f"org.apache.kafka.connect.mirror.{part.removesuffix('Connector')}Task",
        **index,
    }
    assert (task.state, view.topics) == (RunState.RUNNING, topics)
    assert view_of(seen(jobs=(replace(job, succeeded_at_s=None),)), part=part).topics == ()


def test_their_task_fails_with_their_own_jobs():
    jobs = (
        JobView("write checkpoints", failures=1, error="no permission", part=Part.CHECKPOINT),
        JobView("write heartbeats", failures=1, error="too large", part=Part.HEARTBEAT),
    )
    (task,) = view_of(seen(jobs=jobs), part=Part.CHECKPOINT).tasks
    assert (task.state, task.trace) == (RunState.FAILED, "write checkpoints: no permission")
    (task,) = view_of(seen(jobs=jobs), TargetState.PAUSED, Part.CHECKPOINT).tasks
    assert (task.state, task.trace) == (RunState.PAUSED, "")


def test_what_cannot_run_has_failed():
    wrong = Entry("copy", CONFIG, Part.SOURCE, None, "topics is missing")
    view = connector_view(wrong, Seen(None, ME), TargetState.STARTED, "4.3.1")
    assert (view.state, view.trace, view.tasks) == (RunState.FAILED, "topics is missing", ())
    unknown = connector_view(Entry("copy", {}), Seen(None, ME), TargetState.STARTED, "4.3.1")
    assert unknown.state is RunState.FAILED


def test_lanes_that_have_ended_are_nobodys():
    lanes = [replace(LANES[0], partition=number, state=state) for number, state in enumerate(LaneState)]
    mine = own_lanes(FlowView(FLOW.name, FlowState.RUNNING, lanes=tuple(lanes)))
    ended = {("orders", number) for number, state in enumerate(LaneState) if state in ("stopped", "source gone")}
    assert mine == {("orders", lane.partition) for lane in lanes} - ended
    assert own_lanes(None) == frozenset()
