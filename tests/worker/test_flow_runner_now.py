"""What a running flow shows of itself, against two clusters in memory."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fault_injection import fast, with_code
from heliograph.config.load import load
from heliograph.config.model import Part
from heliograph.config.schedules import Schedule
from heliograph.errors import HeliographError
from heliograph.mirror.steering import Restart, TargetState, restart_row, state_row
from heliograph.observe.model import FlowState
from heliograph.offsets.endpoints import both as endpoints
from heliograph.offsets.steering import SteeringTopic
from heliograph.worker.flow_runner import FlowRunner
from heliograph.worker.limits import Limit
from heliograph.worker.losses import Losses

LIMIT_S = 30.0
RECORDS = 4


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def copying(path, source, target):
    """A flow that has copied everything and goes on."""
    source.create("orders")
    source.write("orders", [b"value"] * RECORDS)
    where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
    path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}topics=orders\nemit.heartbeats.enabled=false\n")
    (flow,) = load(path, environ={}).flows
    runner = FlowRunner(flow, Losses(), Limit(flow.limit), Limit(Schedule()))
    running = asyncio.create_task(runner.run())
    try:
        await until(lambda: any(lane.settled == RECORDS for lane in runner.now().lanes.values()))
        yield runner
        source.forget_requests()
        target.forget_requests()
        runner.stop()
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def run(path, script):
    """Run ``script(runner, source, target)`` beside a flow."""

    async def main():
        with FakeCluster("one") as source, FakeCluster("two") as target:
            async with copying(path / "mm2.properties", source, target) as runner:
                await script(runner, source, target)

    asyncio.run(main())


def test_a_flow_that_copies(tmp_path):
    async def script(runner, _source, _target):
        now = runner.now()
        assert (now.config, now.state, now.cause, now.topics) == (runner.config, FlowState.RUNNING, "", 1)
        (lane,) = now.lanes.values()
        assert now.leaderless(lane) == ""
        assert {"store positions", "look at the topics"} <= {job.name for job in now.jobs}
        assert (now.problems, now.held_up, now.gone) == ({}, {}, {})

    run(tmp_path, script)


def test_a_flow_that_is_paused_goes_on_and_starts_over(tmp_path):
    async def script(runner, _source, _target):
        async with endpoints(runner.config) as ends:
            topic = SteeringTopic(ends.target, runner.config)
            await topic.write([state_row(part, TargetState.PAUSED) for part in Part])
            await until(lambda: runner.now().state is FlowState.PAUSED)
            now = runner.now()
            assert (now.lanes, now.paused, now.cause) == ({}, {("orders", 0): RECORDS}, "as a whole")
            resting = [job for job in now.jobs if job.part is not None]
            assert {job.part for job in resting} == {Part.SOURCE, Part.CHECKPOINT}, "heartbeats are switched off"
            assert not any(map(runner._session._may, resting))
            await topic.write([state_row(part, TargetState.STARTED) for part in Part])
            await until(lambda: runner.now().lanes)
            assert (runner.now().state, runner.now().paused) == (FlowState.RUNNING, {})
            before = runner._session
            await topic.write([restart_row(Restart())])
            await until(lambda: runner._session not in {None, before} and runner.now().lanes)
            (lane,) = runner.now().lanes.values()
            assert lane.settled == RECORDS

    run(tmp_path, script)


def test_a_flow_before_it_runs(tmp_path):
    path = tmp_path / "mm2.properties"
    path.write_text(f"clusters=one, two\none.bootstrap.servers=h:1\ntwo.bootstrap.servers=h:1\n{fast('one', 'two')}")
    (flow,) = load(path, environ={}).flows

    async def main():
        now = FlowRunner(flow, Losses(), Limit(flow.limit), Limit(Schedule())).now()
        assert (now.state, dict(now.lanes), now.jobs, now.cause) == (FlowState.STARTING, {}, (), "")

    asyncio.run(main())


def test_a_cluster_that_goes_away_while_nothing_is_to_be_copied_and_comes_back(tmp_path):
    """No record follows that would show that the target answers again: the look at its metadata does."""

    async def script(runner, _source, target):
        target.always["metadata"] = Fault(0)
        await runner.flow.look_again()
        await until(lambda: runner.now().cause)
        first = runner.now()
        assert (first.state, "two" in first.cause) == (FlowState.RUNNING, True)
        await until(lambda: runner.now().cause_s > first.cause_s + 0.05)
        target.forget_requests()
        await until(lambda: not runner.now().cause)
        assert runner.now().state is FlowState.RUNNING

    run(tmp_path, script)


def test_another_share_does_not_hide_that_a_cluster_is_away(tmp_path):
    async def script(runner, _source, target):
        target.always["metadata"] = Fault(0)
        await runner.flow.look_again()
        await until(lambda: runner.now().cause)
        first = runner.now()
        runner._session._after_change()
        assert runner.now().cause == first.cause
        assert runner.now().cause_s >= first.cause_s
        target.forget_requests()
        await until(lambda: not runner.now().cause)

    run(tmp_path, script)


def test_a_job_that_fails(tmp_path):
    async def script(runner, _source, target):
        job = next(each for each in runner.now().jobs if each.name == "look at the topics")
        target.always["metadata"] = Fault(0)
        with pytest.raises(HeliographError) as raised:
            await job.run()
        assert (job.failures, job.error) == (1, raised.value)
        target.forget_requests()
        await job.run()
        assert (job.failures, job.error, job.failing_since_s) == (0, None, None)

    run(tmp_path, script)


@pytest.mark.parametrize(
    ("side", "said"), [("source", "orders-0 has no leader on one"), ("target", "one.orders-0 has no leader on two")]
)
def test_a_partition_without_a_leader(tmp_path, side, said):
    def without_leader(values):
        topics = [
            {**topic, "partitions": [{**row, "leader_id": -1} for row in topic["partitions"]]}
            for topic in values["topics"]
        ]
        return {**values, "topics": topics}

    async def script(runner, source, target):
        (lane,) = runner.now().lanes.values()
        fake = {"source": source, "target": target}[side]
        fake.always["metadata"] = Fault(0, without_leader)
        await runner.flow.look_again()
        await until(lambda: runner.now().leaderless(lane))
        assert runner.now().leaderless(lane) == said
        fake.forget_requests()
        await until(lambda: not runner.now().leaderless(lane))

    run(tmp_path, script)


def test_a_flow_that_has_lost_its_part_in_the_group_is_not_running(tmp_path):
    forgotten = with_code(("error_code",), ErrorCode.unknown_member_id)

    async def script(runner, _source, target):
        target.always["join_group"] = target.always["heartbeat"] = Fault(0, forgotten)
        runner._ownership.rejoin()
        await until(lambda: runner.now().state is FlowState.WAITING)
        assert runner.now().cause == (
            "it has no part in the group one-mm2 any more: the group went on without this process"
        )
        target.forget_requests()
        await until(lambda: runner.now().state is FlowState.RUNNING)
        assert runner.now().cause == ""

    run(tmp_path, script)


def test_a_flow_over_a_quota_says_which_cluster_has_it_wait(tmp_path):
    async def script(runner, _source, target):
        assert runner.now().throttled == ()
        target.always["metadata"] = Fault(0)
        for connection in runner._target._connections.values():
            connection.throttle(60_000)
        assert runner.now().throttled == ("two",)
        for connection in runner._target._connections.values():
            connection.throttled_until = 0.0
        target.forget_requests()

    run(tmp_path, script)
