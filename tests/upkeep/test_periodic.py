"""Periodic work: an expected error is told and the work done again, however the error is wrapped."""

import asyncio

import pytest

from heliograph.concurrency import all_of
from heliograph.errors import BrokerError, DamagedBatch, Unreachable
from heliograph.observe.log import Log
from heliograph.upkeep.periodic import Job, Schedule, Scope, every, until_done


async def _raise(error: Exception) -> None:
    raise error


def _job(outcomes, done):
    """Make a job that goes through ``outcomes`` (errors and None), and then sets ``done``."""
    left = iter(outcomes)

    async def run() -> None:
        try:
            outcome = next(left)
        except StopIteration:
            done.set()
            return
        if outcome is not None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_raise(outcome))
                group.create_task(asyncio.Event().wait())

    return Job("a job", Scope.FLOW, 0.0, run, at_once=True)


async def _until(done: asyncio.Event, job: Job) -> None:
    running = asyncio.create_task(every(job, Log("test")))
    await asyncio.wait([running, asyncio.create_task(done.wait())], timeout=5, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    assert done.is_set()


@pytest.mark.parametrize("error", [Unreachable("gone"), BrokerError("out", code=1), DamagedBatch("damaged")])
def test_an_expected_error_inside_a_task_group_does_not_end_the_job(error):
    async def main() -> None:
        done = asyncio.Event()
        await _until(done, _job([error, error, None], done))

    asyncio.run(main())


def test_a_defect_ends_it_with_its_trace():
    async def main() -> None:
        done = asyncio.Event()
        await _until(done, _job([ZeroDivisionError("a defect")], done))

    with pytest.raises(BaseExceptionGroup) as raised:
        asyncio.run(main())
    assert raised.group_contains(ZeroDivisionError)


def test_until_done_tries_again_what_may_pass_and_raises_what_may_not():
    errors = iter([Unreachable("gone"), BrokerError("no leader", code=6), BrokerError("no such range", code=1)])
    waited = []

    async def work() -> None:
        await all_of([_raise(next(errors))])

    with pytest.raises(BrokerError) as raised:
        asyncio.run(until_done("a step", work, Log("test"), waited.append))
    assert raised.value.code == 1
    assert [type(each) for each in waited] == [Unreachable, BrokerError]


def test_a_job_knows_since_when_it_fails():
    outcomes = iter([None, Unreachable("first"), Unreachable("second"), None])
    times = iter([100.0, 110.0, 130.0])

    async def work() -> None:
        if (error := next(outcomes)) is not None:
            raise error

    async def main() -> None:
        job = Job("a job", Scope.FLOW, 0.0, work, clock=lambda: next(times))
        await job.run()
        assert (job.succeeded_at_s, job.failing_since_s, job.failures, job.error) == (100.0, None, 0, None)
        for said in ("first", "second"):
            with pytest.raises(Unreachable, match=said):
                await job.run()
        assert (job.succeeded_at_s, job.failing_since_s, job.failures, str(job.error)) == (100.0, 110.0, 2, "second")
        await job.run()
        assert (job.succeeded_at_s, job.failing_since_s, job.failures, job.error) == (130.0, None, 0, None)

    asyncio.run(main())


def test_a_job_never_runs_beside_itself():
    """Whoever runs a job by hand while it is at work waits for its turn."""

    async def main() -> None:
        inside = 0
        most = 0

        async def work() -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

        job = Job("a job", Scope.LANES, 0.0, work)
        await asyncio.gather(*(job.run() for _ in range(5)))
        assert most == 1

    asyncio.run(main())


class Done:
    """Counts what jobs do."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def job(self, name: str, interval_s: float, *, at_once: bool = False) -> Job:
        return Job(name, Scope.LANES, interval_s, getattr(self, name), at_once=at_once)

    async def one(self) -> None:
        self.counts["one"] = self.counts.get("one", 0) + 1

    async def two(self) -> None:
        self.counts["two"] = self.counts.get("two", 0) + 1

    async def until(self, name: str, count: int) -> None:
        async with asyncio.timeout(10):
            while self.counts.get(name, 0) < count:
                await asyncio.sleep(0.005)


def scheduled(script) -> None:
    async def main() -> None:
        schedule = Schedule(Log("test"), lambda _: True)
        done = Done()
        running = asyncio.create_task(schedule.run([done.job("one", 3600.0)]))
        await asyncio.sleep(0)
        await script(schedule, done)
        assert not running.done()
        running.cancel()

    asyncio.run(main())


def test_an_interval_that_is_changed_counts_at_once_and_what_is_known_stays():
    async def script(schedule, done):
        (job,) = schedule.jobs
        await job.run()
        await schedule.change([done.job("one", 0.01)])
        assert schedule.jobs == (job,)
        await done.until("one", 3)
        await schedule.change([done.job("one", 3600.0)])
        count = done.counts["one"]
        await asyncio.sleep(0.05)
        assert done.counts["one"] <= count + 1

    scheduled(script)


def test_jobs_begin_and_end():
    async def script(schedule, done):
        await schedule.change([done.job("two", 3600.0, at_once=True)])
        await done.until("two", 1)
        assert [job.name for job in schedule.jobs] == ["two"]
        await schedule.change([done.job("one", 0.01)])
        await done.until("one", 2)
        assert done.counts["two"] == 1

    scheduled(script)


def test_a_job_is_not_ended_in_the_middle_of_its_work():
    async def script(schedule, done):
        begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

        async def work() -> None:
            begun.set()
            await may_end.wait()
            ended.append(True)

        await schedule.change([Job("long", Scope.LANES, 0.0, work, at_once=True)])
        await begun.wait()
        changing = asyncio.create_task(schedule.change([done.job("one", 3600.0)]))
        await asyncio.sleep(0.01)
        assert not changing.done()
        may_end.set()
        await changing
        assert ended

    scheduled(script)


def test_a_change_that_comes_while_the_jobs_end_begins_nothing():
    async def main() -> None:
        schedule, done = Schedule(Log("test"), lambda _: True), Done()
        running = asyncio.create_task(schedule.run([done.job("one", 3600.0)]))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)
        assert not running.done()
        await schedule.change([done.job("one", 3600.0), done.job("two", 0.0, at_once=True)])
        await asyncio.wait([running])
        assert running.cancelled()
        assert done.counts == {}

    asyncio.run(main())
