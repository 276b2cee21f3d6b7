"""No answer while a flow starts ends it otherwise than by an error: ownership, stored positions, topics, lanes.

A flow is run from nothing against two clusters in memory until it has copied everything, once with each fault at each
request. It must copy in the end, or fail with a HeliographError.
"""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fake_cluster import FakeCluster
from fault_injection import fast, some_faults_of
from heliograph.cluster import admin, cluster, groups
from heliograph.config.load import load
from heliograph.config.model import FlowConfig
from heliograph.config.schedules import Schedule
from heliograph.errors import HeliographError
from heliograph.worker.flow_runner import FlowRunner
from heliograph.worker.limits import Limit
from heliograph.worker.losses import Losses

RECORDS = 4
EVERY = int(os.environ.get("HELIOGRAPH_INJECT_EVERY", "130"))
"""Each request is answered with every so many of the error codes, and the next one with the next ones; 1: with all."""
COPIED_S = 20.0
"""Longest that a start may take with one fault; it takes milliseconds."""
TRANSACTIONS = "exactly.once.source.support=enabled\n"


def flow_of(path: Path, source: FakeCluster, target: FakeCluster, more: str) -> FlowConfig:
    where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
    path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}{more}")
    (flow,) = load(path, environ={}).flows
    return replace(flow, heartbeat_interval_ms=2, shutdown_timeout_ms=500)


async def start(flow: FlowConfig, target: FakeCluster) -> HeliographError | None:
    """Run a flow from nothing until everything is copied or it has failed; returns why it failed."""
    target.topics.clear()
    target.groups.clear()
    runner = FlowRunner(flow, Losses(), Limit(flow.limit), Limit(Schedule()))
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(COPIED_S):
            while not running.done() and not copied(target):
                await asyncio.sleep(0.001)
            runner.stop()
            await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return runner.error


def copied(target: FakeCluster) -> bool:
    copy = target.topics.get("one.orders")
    return copy is not None and copy.end(0) >= RECORDS


@pytest.fixture
def in_short(monkeypatch):
    """Time out and retry after moments instead of seconds."""
    monkeypatch.setattr(cluster, "ATTEMPTS_S", 0.05)
    monkeypatch.setattr(groups, "ATTEMPTS_S", 0.05)
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.05)
    monkeypatch.setattr("heliograph.upkeep.periodic.RETRY_S", 0.002)
    monkeypatch.setattr("heliograph.worker.flow_runner.REACH_BACKOFF_S_MAX", 0.002)
    monkeypatch.setattr("heliograph.offsets.joining.OTHER_PROTOCOL_S", 0.0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("more", ["", TRANSACTIONS], ids=["at least once", "in transactions"])
def test_no_answer_at_the_start_ends_a_flow_in_a_trace(more, tmp_path, in_short):
    async def main() -> dict[str, str]:
        wrong: dict[str, str] = {}
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            source.write("orders", [b"value"] * RECORDS)
            flow = flow_of(tmp_path / "mm2.properties", source, target, more)
            for fake in (source, target):
                source.forget_requests()
                target.forget_requests()
                assert await start(flow, target) is None
                assert copied(target)
                asked = list(zip(fake.asked, fake.answers, strict=True))
                for number, (api, values) in enumerate(asked):
                    for name, fault in some_faults_of(number, values, EVERY):
                        fake.forget_requests()
                        fake.faults[number] = fault
                        what = await wrong_of(flow, target)
                        if what:
                            wrong[f"request {number} to {fake.alias}, {api}, {name}"] = what
        return wrong

    wrong = asyncio.run(main())
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in list(wrong.items())[:40])


async def wrong_of(flow: FlowConfig, target: FakeCluster) -> str:
    try:
        error = await start(flow, target)
    except BaseException as other:  # noqa: BLE001 - whatever it is, it is reported by its name
        return repr(other)
    return "" if error is not None or copied(target) else "it neither copies nor fails"
