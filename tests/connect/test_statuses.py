"""What workers say of connectors and tasks in a Connect cluster's status topic."""

import json
from dataclasses import replace

import pytest

from asking import ask
from fake_cluster import FakeCluster
from heliograph.cluster import table
from heliograph.connect.statuses import Statuses
from heliograph.mirror.offsets import partition_for
from heliograph.observe.connectors import ConnectorView, RunState, TaskView

TOPIC = "cc-status"
HERE, THERE = "127.0.0.1:8083", "127.0.0.2:8083"


def connector(*tasks: TaskView, worker_id: str = HERE) -> ConnectorView:
    return ConnectorView("copy", {}, RunState.RUNNING, worker_id, tasks=tasks)


@pytest.fixture
def with_topic():
    def run(work):
        with FakeCluster("one") as fake:
            fake.create(TOPIC, 3)
            return ask(fake, work)

    return run


async def rows(cluster):
    return {key.decode(): json.loads(value) for key, value in (await table.read(cluster, TOPIC)).items()}


def test_each_says_what_it_has_and_again_only_what_has_changed(with_topic):
    ours, theirs = TaskView(0, RunState.RUNNING, HERE), TaskView(1, RunState.RUNNING, THERE)

    async def work(cluster):
        statuses = Statuses(cluster, TOPIC, HERE)
        await statuses.look({"copy": connector(ours, theirs)})
        first = await rows(cluster)
        failed = replace(ours, state=RunState.FAILED, trace="no leader")
        await statuses.look({"copy": connector(failed, theirs)})
        return first, await rows(cluster)

    first, second = with_topic(work)
    running = {"state": "RUNNING", "trace": None, "worker_id": HERE, "generation": 0}
    assert first == {"status-connector-copy": running, "status-task-copy-0": running}
    assert second == {**first, "status-task-copy-0": {**running, "state": "FAILED", "trace": "no leader"}}


def test_what_is_gone_is_taken_back_and_an_end_is_told(with_topic):
    async def work(cluster):
        statuses = Statuses(cluster, TOPIC, HERE)
        await statuses.look(
            {"copy": connector(TaskView(0, RunState.RUNNING, HERE), TaskView(1, RunState.RUNNING, HERE))}
        )
        await statuses.look({"copy": connector(TaskView(0, RunState.RUNNING, HERE))})
        fewer = await rows(cluster)
        await statuses.end()
        ended = await rows(cluster)
        await Statuses(cluster, TOPIC, THERE).look({})
        return set(fewer), {each["state"] for each in ended.values()}, await rows(cluster)

    there, states, nothing = with_topic(work)
    assert there == {"status-connector-copy", "status-task-copy-0"}
    assert states == {"UNASSIGNED"}
    assert nothing == {}, "of a connector that was deleted anybody takes it back"


def test_what_others_say_of_theirs_is_told_here(with_topic):
    failed = TaskView(1, RunState.FAILED, THERE, "no permission")

    async def work(cluster):
        await Statuses(cluster, TOPIC, THERE).look({"copy": connector(failed)})
        statuses = Statuses(cluster, TOPIC, HERE)
        seen = connector(TaskView(0, RunState.RUNNING, HERE), TaskView(1, RunState.RUNNING, THERE))
        await statuses.look({"copy": seen})
        return [task.trace for task in statuses.heard(seen).tasks]

    assert with_topic(work) == ["", "no permission"]


def test_the_generation_that_connect_wrote_stays(with_topic):
    async def work(cluster):
        told = b'{"state":"UNASSIGNED","trace":null,"worker_id":"old:8083","generation":7}'
        await table.write(cluster, TOPIC, {0: [(b"status-connector-copy", told)]}, 1)
        statuses = Statuses(cluster, TOPIC, HERE)
        await statuses.look({"copy": connector()})
        return (await rows(cluster))["status-connector-copy"]

    assert with_topic(work)["generation"] == 7


def test_any_records_are_passed_over(with_topic):
    async def work(cluster):
        key = b"status-connector-copy"
        strange = [(b"status-task-x", b"{}"), (key, b"{nothing"), (b"status-topic-a:x", b"{}")]
        await table.write(cluster, TOPIC, {partition_for(key, 3): strange}, 1)
        await Statuses(cluster, TOPIC, HERE).look({"copy": connector()})
        return (await rows_of(cluster))["status-connector-copy"]

    async def rows_of(cluster):
        raw = await table.read(cluster, TOPIC)
        return {key.decode(): value for key, value in raw.items()}

    assert json.loads(with_topic(work))["state"] == "RUNNING"
