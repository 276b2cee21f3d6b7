"""Connectors of a Connect cluster: created, changed, deleted, and what each makes of the process."""

import asyncio
from functools import partial

import pytest
from connect_files import WORKER, worker

from fake_cluster import FakeCluster
from heliograph.config.connectors.merging import Merged
from heliograph.config.load import make_config
from heliograph.config.model import Part
from heliograph.connect.stored_connectors import StoredConnectors
from heliograph.errors import ConfigError, NotFound
from heliograph.mirror.steering import TargetState
from heliograph.observe.connectors import Conflict, Invalid, Misconfigured, RunState, Wanted
from heliograph.observe.log import program_level
from heliograph.observe.model import ProcessView

LIMIT_S = 20.0
SOURCE = {
    "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
    "source.cluster.alias": "west",
    "target.cluster.alias": "east",
    "source.cluster.bootstrap.servers": "127.0.0.1:1",
    "topics": "orders",
}


class Process:
    """A process without records: it notes the flows that it is to have."""

    def __init__(self, connectors: StoredConnectors):
        self.flows: list[tuple[str, ...]] = []
        self.stopped = False
        self._connectors = connectors

    def view(self) -> ProcessView:
        return ProcessView("1", "compiled", 0.0, 0.0, 0)

    def stop(self) -> None:
        self.stopped = True

    async def set_log_level(self, level: str) -> None:
        self.level = level

    async def reload(self) -> None:
        self.flows.append(tuple(flow.name for flow in self._connectors.load().flows))


def with_connectors(work):
    async def main():
        with FakeCluster("connect") as fake:
            text = WORKER.replace("127.0.0.1:9092", fake.bootstrap)
            connectors = StoredConnectors(worker(text), "127.0.0.1:8083", partial(make_config, environ={}))
            process = Process(connectors)
            running = asyncio.create_task(connectors.run(process))
            try:
                async with asyncio.timeout(LIMIT_S):
                    while not process.flows:
                        await asyncio.sleep(0.01)
                    return await work(connectors, process)
            finally:
                running.cancel()
                await asyncio.wait([running])

    return asyncio.run(main())


def test_created_changed_and_deleted():
    async def work(connectors, process):
        view = await connectors.create("copy", SOURCE, Wanted.RUNNING)
        assert (view.name, view.config) == ("copy", SOURCE)
        assert process.flows[-1] == ("west->east",)
        with pytest.raises(Conflict, match="Connector copy already exists"):
            await connectors.create("copy", SOURCE, Wanted.RUNNING)
        _, new = await connectors.configure("copy", {**SOURCE, "topics": "more"})
        assert not new
        await connectors.patch("copy", {"tasks.max": "3", "topics": None})
        (entry,) = connectors.entries()
        assert entry.config == {**{k: v for k, v in SOURCE.items() if k != "topics"}, "tasks.max": "3"}
        assert entry.flow.tasks_max == 3
        await connectors.delete("copy")
        while process.flows[-1]:
            await asyncio.sleep(0.01)
        assert connectors.all() == {}
        with pytest.raises(NotFound, match="Connector copy not found"):
            await connectors.delete("copy")

    with_connectors(work)


def test_a_connector_is_created_stopped():
    async def work(connectors, _):
        view = await connectors.create("copy", SOURCE, Wanted.STOPPED)
        (entry,) = connectors.entries()
        return view.state, connectors.wanted(entry)

    assert with_connectors(work) == (RunState.STOPPED, TargetState.STOPPED)


def test_what_cannot_run_is_not_stored():
    async def work(connectors, process):
        with pytest.raises(Misconfigured) as found:
            await connectors.create("copy", {**SOURCE, "offset.lag.max": "many", "tasks.max": "0"}, Wanted.RUNNING)
        assert found.value.problems == (
            "Invalid value 0 for configuration tasks.max: Value must be at least 1",
            "Invalid value many for configuration offset.lag.max: Not a number of type LONG",
        )
        with pytest.raises(ConfigError, match=r"consumer\.isolation\.level must be one of"):
            await connectors.create("copy", {**SOURCE, "consumer.isolation.level": "some"}, Wanted.RUNNING)
        with pytest.raises(Invalid, match="contains no connector type"):
            await connectors.configure("copy", {"topics": "orders"})
        await connectors.create("copy", SOURCE, Wanted.RUNNING)
        with pytest.raises(ConfigError, match="copy is the MirrorSourceConnector from west to east already"):
            await connectors.create("twice", SOURCE, Wanted.RUNNING)
        with pytest.raises(ConfigError, match=r"target\.cluster\.alias is missing"):
            await connectors.configure("x", {"connector.class": "MirrorSource", "source.cluster.alias": "a"})
        return sorted(connectors.all())

    assert with_connectors(work) == ["copy"]


def test_secrets_are_kept_while_masks_are_given_back():
    async def work(connectors, _):
        config = {**SOURCE, "source.cluster.ssl.key.password": "hush"}
        view = await connectors.create("copy", config, Wanted.RUNNING)
        assert view.config["source.cluster.ssl.key.password"] == "[hidden]"
        await connectors.configure("copy", view.config)
        return connectors._store.now.connectors["copy"]

    assert with_connectors(work)["source.cluster.ssl.key.password"] == "hush"


def test_two_connectors_of_a_flow_begin_and_end_by_themselves():
    async def work(connectors, process):
        await connectors.create("copy", SOURCE, Wanted.RUNNING)
        beat = {**SOURCE, "connector.class": "MirrorHeartbeat"}
        await connectors.create("beat", beat, Wanted.RUNNING)
        flow = connectors.load().flows[0]
        assert flow.connectors == {Part.SOURCE: "copy", Part.HEARTBEAT: "beat"}
        await connectors.delete("copy")
        while connectors.load().flows[0].connectors != {Part.HEARTBEAT: "beat"}:
            await asyncio.sleep(0.01)
        return process.stopped

    assert not with_connectors(work)


def test_a_level_for_all_workers_is_heard_by_this_one():
    async def work(connectors, process):
        assert await connectors.set_logger("org.example", "debug", everywhere=False) == ["org.example"]
        assert process.level == program_level(), "the process is told for its workers"
        assert await connectors.set_logger("org.example", "warn", everywhere=True) == ()
        while connectors.logger("org.example").level != "WARN":
            await asyncio.sleep(0.01)
        with pytest.raises(NotFound, match="invalid log level 'LOUD'"):
            await connectors.set_logger("org.example", "LOUD", everywhere=True)
        return list(connectors.loggers())

    assert with_connectors(work) == ["org.example", "root"]


def test_what_is_stored_is_shown_before_it_was_made_sense_of():
    async def work(connectors, process):
        await connectors.create("copy", SOURCE, Wanted.RUNNING)
        connectors._merged = Merged(connectors._worker.base, {}, {})  # as it is between reading and taking on
        view = connectors.all()["copy"]
        return view.state, view.tasks

    assert with_connectors(work) == (RunState.UNASSIGNED, ())
