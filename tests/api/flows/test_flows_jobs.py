"""Long work: begun, looked at, cancelled, and forgotten."""

import asyncio

import pytest

from heliograph.api.flows.jobs import KEPT_MAX, KEPT_S, RUNNING_MAX, JobKind, Jobs, JobState
from heliograph.api.flows.problems import Busy
from heliograph.errors import NotFound, Unreachable
from heliograph.observe.operations import Progress


async def at_once(report):
    report(Progress(1, 2, 3))
    return {"verdict": "proven"}


async def never(report):
    report(Progress(1, 9, 3))
    await asyncio.Event().wait()
    return {}


async def unreachable(_):
    raise Unreachable("B does not answer", remedy="Look at B")


def in_a_loop(do):
    async def run():
        jobs = Jobs()
        try:
            return await do(jobs)
        finally:
            await jobs.end()

    return asyncio.run(run())


async def ended(jobs, job):
    while jobs.one(job.id).state is JobState.RUNNING:
        await asyncio.sleep(0)
    return jobs.one(job.id)


def test_a_job_has_its_result_and_its_progress():
    async def do(jobs):
        begun = jobs.begin(JobKind.VERIFY, "A->B", at_once)
        assert (begun.state, begun.flow, begun.ended) == (JobState.RUNNING, "A->B", None)
        return await ended(jobs, begun)

    job = in_a_loop(do)
    assert (job.state, job.progress, job.result) == (JobState.DONE, Progress(1, 2, 3), {"verdict": "proven"})
    assert job.ended >= job.began


def test_a_job_that_fails_says_why():
    async def do(jobs):
        return await ended(jobs, jobs.begin(JobKind.VERIFY, "A->B", unreachable))

    job = in_a_loop(do)
    assert (job.state, job.result, job.problem.remedy) == (JobState.FAILED, None, "Look at B")


def test_as_many_run_as_may_until_one_is_cancelled():
    async def do(jobs):
        running = [jobs.begin(JobKind.VERIFY, "A->B", never) for _ in range(RUNNING_MAX)]
        with pytest.raises(Busy, match="are running already"):
            jobs.begin(JobKind.VERIFY, "A->B", at_once)
        await asyncio.sleep(0)
        cancelled = await jobs.cancel(running[0].id)
        assert (cancelled.state, cancelled.progress.total) == (JobState.CANCELLED, 9)
        return (await ended(jobs, jobs.begin(JobKind.VERIFY, "A->B", at_once))).state

    assert in_a_loop(do) is JobState.DONE


def test_all_end_with_the_process():
    jobs = []

    async def do(of_loop):
        jobs.append(of_loop)
        of_loop.begin(JobKind.VERIFY, "A->B", never)
        await asyncio.sleep(0)

    in_a_loop(do)
    assert [job.state for job in jobs[0].all()] == [JobState.CANCELLED]


def test_they_are_forgotten_in_time():
    async def run():
        now_s = 0.0
        jobs = Jobs(lambda: now_s)
        job = jobs.begin(JobKind.VERIFY, "A->B", at_once)
        await ended(jobs, job)
        now_s = KEPT_S
        assert jobs.one(job.id) is not None
        now_s = KEPT_S + 1
        with pytest.raises(NotFound, match=f"There is no job {job.id}"):
            jobs.one(job.id)
        for _ in range(KEPT_MAX + 5):
            last = jobs.begin(JobKind.VERIFY, "A->B", at_once)
            await ended(jobs, last)
        assert len(jobs.all()) <= KEPT_MAX
        assert jobs.all()[0].id == last.id

    asyncio.run(run())
