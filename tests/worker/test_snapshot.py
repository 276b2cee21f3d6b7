"""Pictures of a flow: its partitions, how they are, and why not everything is copied."""

from dataclasses import replace

import pytest

from configs import flow_config
from heliograph.config.model import CauseKind
from heliograph.errors import BrokerError, NotAuthorized, RecordsLost, Unreachable
from heliograph.flow.lane import Lane, Producer
from heliograph.flow.window import Window
from heliograph.observe.model import Cause, FlowState, JobView, LaneState
from heliograph.observe.standing import STANDING_S
from heliograph.upkeep.held_up import HeldUp
from heliograph.upkeep.periodic import Job, Scope
from heliograph.wire import errors as codes
from heliograph.worker.losses import Losses
from heliograph.worker.snapshot import FlowNow, Pictures, process_view

EPOCH_S = 1_800_000_000.0
DENIED = NotAuthorized("may not write", right="Write", resource="topic A.t")
NOT_ENOUGH_REPLICAS = 19
FEW = BrokerError("too few replicas", code=NOT_ENOUGH_REPLICAS)


class World:
    """A flow with lanes, and a clock that goes as told."""

    def __init__(self, partitions: int = 1, end_offset: int | None = None):
        self.now_s = 100.0
        self.pictures = Pictures(steady=lambda: self.now_s, clock=lambda: EPOCH_S + self.now_s)
        window = Window(1 << 20)
        self.lanes = {
            ("t", number): Lane("t", "A.t", number, window, end_offset=end_offset) for number in range(partitions)
        }
        for lane in self.lanes.values():
            lane.start(7, 7, Producer(1, 0))
        self.flow = FlowNow(flow_config(), FlowState.RUNNING, "", 0.0, Losses(), topics=1, lanes=self.lanes)

    @property
    def lane(self) -> Lane:
        return self.lanes["t", 0]

    def view(self, **changes):
        return self.pictures.take(replace(self.flow, **changes))

    def lane_view(self, **changes):
        return self.view(**changes).lanes[0]

    def causes(self, **changes):
        """The causes of a closer and of a full look, which must agree."""
        flow = replace(self.flow, **changes)
        found = self.pictures.causes(flow)
        assert self.pictures.take(flow).degraded == found
        return found


def test_what_is_paused_is_shown_and_is_no_cause():
    world = World()
    view = world.view(paused={("t", 1): 5, ("s", 0): 0})
    assert [(lane.topic, lane.target_topic, lane.partition, lane.state, lane.settled) for lane in view.lanes] == [
        ("t", "A.t", 0, LaneState.RUNNING, 7),
        ("s", "A.s", 0, LaneState.PAUSED, 0),
        ("t", "A.t", 1, LaneState.PAUSED, 5),
    ]
    assert world.causes(paused={("t", 1): 5}) == ()
    assert world.causes(state=FlowState.PAUSED, cause="as a whole", cause_s=99.0) == ()


@pytest.fixture
def world():
    return World()


def test_a_lane_as_it_is():
    seen = World(end_offset=20).lane_view()
    assert (seen.topic, seen.target_topic, seen.partition) == ("t", "A.t", 0)
    assert (seen.settled, seen.end_offset, seen.lag) == (7, 20, 13)
    assert (seen.state, seen.cause, seen.stands_still, seen.target_partition) == (LaneState.RUNNING, "", False, None)


def test_a_flow_as_it_is(world):
    seen = world.view(latencies_ms=[float(number) for number in range(100, 0, -1)])
    assert (seen.name, seen.state, seen.topics, seen.degraded) == ("A->B", FlowState.RUNNING, 1, ())
    assert (seen.latency_p50_ms, seen.latency_p99_ms) == (51.0, 100.0)


def test_a_flow_that_has_not_begun_has_no_lanes():
    flow = FlowNow(flow_config(), FlowState.WAITING, "no answer", 3.0, Losses())
    seen = Pictures().take(flow)
    assert (seen.lanes, seen.latency_p50_ms) == ((), None)
    assert [(each.kind, each.cause, each.for_s) for each in seen.degraded] == [
        (CauseKind.FLOW, "waiting no answer", 3.0)
    ]


@pytest.mark.parametrize(
    ("error", "state"), [(DENIED, LaneState.FAILED), (FEW, LaneState.RETRYING), (Unreachable("x"), LaneState.RETRYING)]
)
def test_a_lane_that_fails_is_degraded_when_that_lasts(world, error, state):
    world.lane.fail(error, world.now_s)
    seen = world.lane_view()
    assert (seen.state, seen.cause, seen.stands_still) == (state, str(error), False)
    assert world.causes() == ()
    world.now_s += STANDING_S
    seen = world.lane_view()
    assert (seen.state, seen.stands_still, seen.standing_s) == (state, True, STANDING_S)
    (cause,) = world.causes()
    assert (cause.kind, cause.partitions, cause.for_s) == (CauseKind.STANDING_STILL, 1, STANDING_S)
    assert cause.cause == f"t-0: {error}"


def test_a_try_does_not_look_well(world):
    """Between two refusals the lane runs; it is reported as standing still all the time."""
    seen = []
    for _ in range(40):
        world.lane.fail(FEW, world.now_s)
        seen.append(world.lane_view())
        world.now_s += 1
        world.lane.retry()
        seen.append(world.lane_view())
        world.now_s += 1
    assert {each.state for each in seen} == {LaneState.RETRYING}
    assert [each.stands_still for each in seen] == sorted(each.stands_still for each in seen)
    world.lane.recovered()
    assert world.lane_view().stands_still, "it may fail again at once"
    world.now_s += 10
    assert (world.lane_view().state, world.causes()) == (LaneState.RUNNING, ())


def test_a_lane_that_moved_is_well_at_once(world):
    world.lane.fail(FEW, world.now_s)
    world.causes()
    world.now_s += 60
    assert world.causes() != ()
    world.lane.recovered()
    world.lane.start(9, 9, Producer(1, 0))
    assert (world.lane_view().state, world.causes()) == (LaneState.RUNNING, ())


def test_the_look_alone_knows_how_long(world):
    """Whoever asks after an hour hears how long it has been, because the process looks by itself."""
    world.lane.fail(DENIED, world.now_s)
    world.pictures.causes(world.flow)
    world.now_s += 3_600
    assert world.lane_view().standing_s == 3_600


def test_a_topic_that_cannot_be_created_stands_still_at_once(world):
    error = BrokerError("replication factor is 7", code=codes.INVALID_REPLICATION_FACTOR)
    world.lane.resume_needed(error)
    seen = world.lane_view(problems={"A.t": error})
    assert (seen.state, seen.cause, seen.stands_still) == (LaneState.FAILED, str(error), True)
    (cause,) = world.causes(problems={"A.t": error})
    assert (cause.kind, cause.partitions) == (CauseKind.STANDING_STILL, 1)


def test_a_topic_that_cannot_be_created_for_a_moment(world):
    error = BrokerError("another controller", code=codes.NOT_CONTROLLER)
    world.lane.resume_needed(error)
    seen = world.lane_view(problems={"A.t": error})
    assert (seen.state, seen.stands_still) == (LaneState.RETRYING, False)
    world.now_s += STANDING_S
    assert world.lane_view(problems={"A.t": error}).stands_still


def test_a_position_that_is_being_found_is_a_start_until_it_cannot_be(world):
    world.lane.resume_needed(BrokerError("unknown producer", code=codes.UNKNOWN_PRODUCER_ID))
    assert world.lane_view().state is LaneState.STARTING
    world.lane.fail(DENIED, world.now_s)
    assert world.lane_view().state is LaneState.FAILED


def test_a_partition_without_a_leader(world):
    def leaderless(_):
        return "t-0 has no leader on A"

    assert world.lane_view(leaderless=leaderless).state is LaneState.RETRYING
    world.now_s += STANDING_S
    (cause,) = world.causes(leaderless=leaderless)
    assert (cause.kind, cause.cause) == (CauseKind.STANDING_STILL, "t-0: t-0 has no leader on A")


def test_a_loss_that_waits_for_a_person(world):
    world.lane.halt(RecordsLost("a loss"))
    seen = world.lane_view()
    assert (seen.state, seen.stands_still) == (LaneState.HALTED, True)
    (cause,) = world.causes()
    assert (cause.kind, cause.cause) == (CauseKind.LOSS, "t-0: a loss")


def test_held_up_is_no_error(world):
    held = {("t", 0): HeldUp(7, EPOCH_S + 58, "a transaction is open")}
    seen = world.lane_view(held_up=held)
    assert (seen.state, seen.cause, seen.held_up_s) == (LaneState.HELD_UP, "a transaction is open", 42.0)
    assert (seen.stands_still, seen.standing_s) == (False, 0.0)
    (cause,) = world.causes(held_up=held)
    assert (cause.kind, cause.for_s) == (CauseKind.HELD_UP, 42.0)


def test_a_cluster_that_does_not_answer_counts_when_it_lasts(world):
    assert world.causes(cause="no answer", cause_s=STANDING_S - 1) == ()
    (cause,) = world.causes(cause="no answer", cause_s=STANDING_S)
    assert (cause.kind, cause.partitions) == (CauseKind.CLUSTER, 1)


def test_jobs_as_they_are(world):
    async def work() -> None:
        raise AssertionError("not run")

    fine = Job("look at the topics", Scope.FLOW, 10, work, succeeded_at_s=EPOCH_S)
    failing = Job("store positions", Scope.LANES, 10, work, failing_since_s=EPOCH_S, failures=9, error=FEW)
    seen = world.view(jobs=(fine, failing))
    assert seen.jobs == (
        JobView("look at the topics", EPOCH_S, 0, 0.0, ""),
        JobView("store positions", None, 9, 100.0, "too few replicas"),
    )
    (cause,) = world.causes(jobs=(fine, failing))
    assert (cause.kind, cause.cause) == (CauseKind.JOB, "store positions: too few replicas")


def test_what_is_gone_from_the_source_is_shown_and_is_no_cause(world):
    seen = world.view(gone={"old": {1: 5, 0: 3}})
    shown = [(each.topic, each.target_topic, each.partition, each.state, each.settled) for each in seen.lanes[1:]]
    gone = LaneState.GONE
    assert shown == [("old", "A.old", 0, gone, 3), ("old", "A.old", 1, gone, 5)]
    assert seen.degraded == ()


def test_all_partitions_count_although_only_those_not_well_are_looked_at():
    world = World(partitions=50)
    world.lanes["t", 3].fail(DENIED, world.now_s)
    world.lanes["t", 9].fail(DENIED, world.now_s)
    world.causes()
    world.now_s += STANDING_S
    still, cluster = sorted(world.causes(cause="no answer", cause_s=99.0), key=lambda each: each.partitions)
    assert (still.kind, still.partitions) == (CauseKind.STANDING_STILL, 2)
    assert (cluster.kind, cluster.partitions) == (CauseKind.CLUSTER, 50)


def test_partitions_that_are_no_longer_copied_leave_nothing_behind(world):
    world.lane.fail(DENIED, world.now_s)
    world.view()
    world.now_s += STANDING_S
    assert world.causes(lanes={}) == ()
    assert world.causes() == (), "it counts from its return"


def test_the_process():
    seen = process_view((), 12.5)
    assert (seen.uptime_s, seen.flows) == (12.5, ())
    assert seen.rss_bytes > 1 << 20
    assert seen.cpu_s > 0


def test_a_flow_that_a_cluster_throttles_is_degraded_when_that_lasts(world):
    assert world.causes(throttled=("B",)) == ()
    world.now_s += STANDING_S
    assert world.causes(throttled=("B",)) == (
        Cause(CauseKind.QUOTA, "B throttles this flow, which is over a quota there", 0, STANDING_S),
    )
    world.now_s += 4.0
    assert len(world.causes()) == 1, "a moment between two answers is no end"
    world.now_s += 5.0
    assert world.causes() == ()
