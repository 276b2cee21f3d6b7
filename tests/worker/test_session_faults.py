"""No periodic job may end a flow by what a cluster answers: every error code, a closed connection, a cut answer.

Each job of a session runs against two clusters in memory. Its requests are counted; then each of them is answered once
with each error code that exists, at each place of the answer that has one. The job must succeed or raise a
HeliographError, and do its work whole the next time.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from between import alone
from fake_cluster import FakeCluster
from fault_injection import fast, faults_of, some_faults_of
from heliograph.cluster import admin, cluster, groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.load import load
from heliograph.errors import HeliographError
from heliograph.mirror.formats import OffsetSync
from heliograph.observe.log import Log
from heliograph.offsets.stored import ensure_topic
from heliograph.upkeep.periodic import Job
from heliograph.worker.session import Session

KEEPS_IN_STEP = """
emit.heartbeats.enabled=true
sync.group.offsets.enabled=true
sync.topic.acls.enabled=true
sync.topic.configs.enabled=true
heliograph.delete.topics=true
"""
RECORDS = 4
ASK_NOTHING = {
    "measure the load",  # looks at counters
    "tell the other workers",  # looks at what the data plane has met
    "share by load",  # has the group share out again, which is the ownership's business
    "look at brokers and leaders",  # only marks both clusters' metadata as old, which the data plane then renews
    "look for open transactions",  # asks only while a partition is held up
    "make way for records without key",  # asks only while a copy refuses such records
}
EVERY = int(os.environ.get("HELIOGRAPH_INJECT_EVERY", "7"))
"""One in so many of the codes is tried as an answer that stays; 1: all."""
JOB_S = 20.0
"""Longest that a job may take with one fault; it takes milliseconds."""


@dataclass
class World:
    source: FakeCluster
    target: FakeCluster
    session: Session
    round: int = 0

    def more_to_do(self, job: Job) -> None:
        """Change what jobs look after, and let them forget what they know, so that each has something to do."""
        self.round += 1
        upkeep = self.session._upkeep
        upkeep.checkpoints._loaded, upkeep.checkpoints._translated_s = False, -1e9
        upkeep.checkpoints.written.clear()
        upkeep.checkpoints.followed._listed_s = None
        upkeep._heartbeats._given_up.clear()
        for each in (self.session.source, self.session.target):
            each._coordinators.clear()
        topics = [*upkeep._heartbeats._topics.values(), *upkeep.syncs._topics.values(), upkeep.checkpoints._topic]
        for topic in topics:
            topic._ready, topic._error = False, None
            fake = self.source if topic.cluster is self.session.source else self.target
            fake.topics.pop(topic.name, None)
        if job.name == "follow offsets":
            upkeep.syncs.loaded, upkeep.syncs._place = False, None
            upkeep.syncs.waiting[("orders", 0), self.round] = OffsetSync("orders", 0, self.round, self.round)
        orders = self.source.topics["orders"]
        orders.configs["retention.ms"] = str(1000 + self.round)
        self.source.groups["readers"]["orders", 0] = (self.round % 3, "")
        self.source.acls[:] = [(2, "orders", 3, f"User:u{self.round}", "*", 3, 3)]
        self.session._commits._committed.clear()
        self.session.flow.moved.update(dict.fromkeys(self.session.flow.lanes.values()))


async def run_session(
    source: FakeCluster, target: FakeCluster, path: Path, holds: Callable[[], bool] = lambda: True
) -> tuple[World, list[Cluster]]:
    where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
    path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}{KEEPS_IN_STEP}")  # noqa: ASYNC240 - nothing runs beside it yet
    config = load(path, environ={})
    assert not config.warnings, "each option has an effect"
    (flow,) = config.flows
    clusters = [Cluster(flow.source), Cluster(flow.target)]
    for each in clusters:
        await each.start()
    assert await ensure_topic(clusters[1], flow) is None
    session = Session(flow, *clusters, Log("test"), alone(holds))
    await session._load()
    await session.lanes.refresh()
    await copy_all(session, clusters, (source, target))
    session._schedule.jobs = tuple(session._jobs())
    return World(source, target, session), clusters


async def copy_all(session: Session, clusters: list[Cluster], fakes: tuple[FakeCluster, ...]) -> None:
    """Copy what is there, so that offsets can be translated, and stop; nothing of it is under way afterwards."""
    copying = asyncio.create_task(session.flow.run())
    lanes = [lane for lane in session.flow.lanes.values() if lane.source_topic == "orders" and lane.partition == 0]
    async with asyncio.timeout(JOB_S):
        while not all(lane.records_copied == RECORDS for lane in lanes):
            await asyncio.sleep(0.01)
    copying.cancel()
    await asyncio.wait([copying])
    async with asyncio.timeout(JOB_S):
        for each in clusters:
            await each.close()
        while any(fake.connections for fake in fakes):
            await asyncio.sleep(0.01)


async def outcome(job: Job) -> HeliographError | None:
    """Run ``job`` as a flow does; anything but success and a HeliographError comes out as it is."""
    try:
        async with asyncio.timeout(JOB_S):
            await job.run()
    except HeliographError as error:
        return error
    return None


async def inject(world: World, job: Job) -> dict[str, str]:
    """Return what went wrong, by job, request, api and fault."""
    wrong: dict[str, str] = {}
    seen = 0
    for fake in (world.source, world.target):
        world.source.forget_requests()
        world.target.forget_requests()
        world.more_to_do(job)
        first = await outcome(job)
        if first is not None:
            wrong[f"{job.name}, no fault"] = str(first)
            return wrong
        asked = list(zip(fake.asked, fake.answers, strict=True))
        seen += len(asked)
        for number, (api, values) in enumerate(asked):
            for name, fault in faults_of(number, values):
                fake.forget_requests()
                world.more_to_do(job)
                fake.faults[number] = fault
                try:
                    await outcome(job)
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported by its name
                    wrong[f"{job.name}, request {number} to {fake.alias}, {api}, {name}"] = repr(error)
                if len(fake.asked) <= number:
                    wrong[f"{job.name}, request {number} to {fake.alias}, {api}, {name}"] = "was not asked this time"
            fake.forget_requests()
            world.more_to_do(job)
            again = await outcome(job)
            if again is not None:
                wrong[f"{job.name}, after faults at request {number} to {fake.alias}, {api}"] = str(again)
    if not seen and job.name not in ASK_NOTHING:
        wrong[f"{job.name}"] = "asks nothing: the test proves nothing of it"
    return wrong


async def inject_always(world: World, job: Job) -> dict[str, str]:
    """Let every answer of an api have the same fault; return what went wrong, by job, api and fault."""
    wrong: dict[str, str] = {}
    for fake in (world.source, world.target):
        world.source.forget_requests()
        world.target.forget_requests()
        world.more_to_do(job)
        await outcome(job)
        for number, (api, values) in enumerate(dict(zip(fake.asked, fake.answers, strict=True)).items()):
            for name, fault in some_faults_of(number, values, EVERY):
                fake.forget_requests()
                world.more_to_do(job)
                fake.always[api] = fault
                try:
                    await outcome(job)
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported by its name
                    wrong[f"{job.name}, {api} to {fake.alias}, always {name}"] = repr(error)
            fake.forget_requests()
            world.more_to_do(job)
            again = await outcome(job)
            if again is not None:
                wrong[f"{job.name}, after faults of {api} to {fake.alias}"] = str(again)
    return wrong


def run_jobs(path: Path, inject_one: Callable[[World, Job], Awaitable[dict[str, str]]]) -> dict[str, str]:
    """Have ``inject_one`` try every job of a session; return what went wrong."""

    async def main() -> dict[str, str]:
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"value"] * RECORDS)
            source.groups["readers"] = {("orders", 0): (1, "")}
            world, clusters = await run_session(source, target, path)
            wrong: dict[str, str] = {}
            for job in world.session.jobs:
                wrong |= await inject_one(world, job)
            for each in clusters:
                await each.close()
            return wrong

    return asyncio.run(main())


def test_positions_are_not_stored_in_silence_once_the_lanes_may_be_anothers(tmp_path, caplog):
    async def main() -> list[str]:
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"value"] * RECORDS)
            source.groups["readers"] = {}
            ours = [True]
            world, clusters = await run_session(source, target, tmp_path / "mm2.properties", lambda: ours[0])
            world.session.flow.moved.update(dict.fromkeys(world.session.flow.lanes.values()))
            world.session._commits._committed.clear()
            ours[0] = False
            await world.session.finish(5.0)
            assert world.session.flow.moved, "what was not stored still waits for it"
            for each in clusters:
                await each.close()
        return [record.getMessage() for record in caplog.records]

    told = asyncio.run(main())
    assert any("positions were not stored: the lanes may be another process's by now" in each for each in told)


@pytest.mark.timeout(600)  # thousands of answers, however busy the machine is
def test_no_answer_ends_a_flow_by_a_job(tmp_path):
    wrong = run_jobs(tmp_path / "mm2.properties", inject)
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in list(wrong.items())[:40])


@pytest.mark.timeout(600)
def test_no_answer_that_stays_ends_a_flow_by_a_job(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "ATTEMPTS_S", 0.02)
    monkeypatch.setattr(groups, "ATTEMPTS_S", 0.02)
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.02)
    wrong = run_jobs(tmp_path / "mm2.properties", inject_always)
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in list(wrong.items())[:40])
