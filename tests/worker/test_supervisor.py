"""The supervisor on real brokers: flows started, stopped and failing one by one, in this process."""

import asyncio
from pathlib import Path

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.errors import NotFound
from heliograph.observe.model import FlowState
from heliograph.worker.supervisor import Supervisor

pytestmark = pytest.mark.brokers
LIMIT_S = 60


def two_flows(source, target, unique):
    """Two flows between one pair of clusters, under two names of the source."""
    lines = {
        "clusters": "one, two, target",
        "one.bootstrap.servers": source.bootstrap(),
        "two.bootstrap.servers": source.bootstrap(),
        "target.bootstrap.servers": target.bootstrap(),
        "one->target.enabled": "true",
        "two->target.enabled": "true",
        "topics": unique,
        "replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "offset.storage.partitions": 1,
        "heartbeats.replication.enabled": "false",
        **{f"{topic}.topic.replication.factor": 1 for topic in ("heartbeats", "checkpoints", "offset-syncs")},
        **{f"{alias}->target.group.id": f"{alias}-{unique}" for alias in ("one", "two")},
    }
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    return make_config(parse_properties(text.encode("latin-1"), Path("test.properties")), environ={})


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


def states(supervisor):
    return {flow.name: flow.state for flow in supervisor.view().flows}


def test_flows_are_stopped_and_started_one_by_one(source_kafka, target_kafka, unique):
    create_topic(source_kafka, unique, 1)
    write(source_kafka, unique, simple_rows(10))
    supervisor = Supervisor(two_flows(source_kafka, target_kafka, unique))
    running, stopped = FlowState.RUNNING, FlowState.STOPPED

    async def script(control):
        await until(lambda: set(states(control).values()) == {running})
        await asyncio.to_thread(wait_for_rows, target_kafka, f"one.{unique}", 10)
        await control.stop_flow("one->target")
        assert states(control) == {"one->target": stopped, "two->target": running}
        await asyncio.to_thread(write, source_kafka, unique, simple_rows(5, first=10))
        await asyncio.to_thread(wait_for_rows, target_kafka, f"two.{unique}", 15)
        await control.stop_flow("two->target")
        assert set(states(control).values()) == {stopped}  # and the process stays: nobody has told it to end
        await control.start_flow("one->target")
        await control.start_flow("one->target")  # runs already
        await asyncio.to_thread(wait_for_rows, target_kafka, f"one.{unique}", 15)
        await until(lambda: states(control)["one->target"] is running)

    async def everything():
        running = asyncio.create_task(supervisor.run())
        try:
            await script(supervisor)
        finally:
            supervisor.stop()
            await running

    asyncio.run(everything())


def test_names_that_nothing_has(source_kafka, target_kafka, unique):
    supervisor = Supervisor(two_flows(source_kafka, target_kafka, unique))

    async def script():
        running = asyncio.create_task(supervisor.run())
        await until(lambda: set(states(supervisor).values()) == {FlowState.RUNNING})
        for command in (supervisor.stop_flow, supervisor.start_flow):
            with pytest.raises(NotFound, match=r"There is no flow three->target\. There are: one->target, two->target"):
                await command("three->target")
        with pytest.raises(NotFound, match=r"no job named .dance.\. There are: .*store positions"):
            await supervisor.run_job("one->target", "dance")
        await supervisor.run_job("one->target", "store positions")
        supervisor.stop()
        await running

    asyncio.run(script())
