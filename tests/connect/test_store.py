"""A Connect cluster's config topic: read, written, followed."""

import asyncio

import pytest

from asking import ask
from fake_cluster import FakeCluster
from heliograph.config.model import InternalTopic
from heliograph.connect import store
from heliograph.connect.store import ConnectorStore
from heliograph.errors import HeliographError, Unreachable
from heliograph.mirror.connector_records import connector_row, deleted_rows, logger_row

TOPIC = InternalTopic("cc-configs", 1, 1)


def with_store(work):
    async def worked(cluster):
        kept = ConnectorStore(cluster, TOPIC)
        await kept.begin()
        changes = []
        following = asyncio.create_task(kept.follow(changes.append, lambda *told: changes.append(told)))
        try:
            return await work(kept, changes)
        finally:
            following.cancel()
            await asyncio.wait([following])

    with FakeCluster("one") as fake:
        return ask(fake, worked)


def test_what_is_written_holds_when_the_call_returns_and_is_told():
    async def work(kept, changes):
        await kept.write([connector_row("a", {"x": "1"})], lambda now: "a" in now.connectors)
        assert kept.now.connectors == {"a": {"x": "1"}}
        await kept.write(deleted_rows("a"), lambda now: "a" not in now.connectors)
        assert kept.now.connectors == {}
        return [before.connectors for before in changes]

    assert with_store(work) == [{}, {"a": {"x": "1"}}]


def test_what_others_wrote_before_is_known_at_once():
    async def work(kept, _):
        await kept.write([connector_row("a", {"x": "1"})], lambda now: "a" in now.connectors)
        other = ConnectorStore(kept._topic.cluster, TOPIC)
        await other.begin()
        return other.now.connectors

    assert with_store(work) == {"a": {"x": "1"}}


def test_what_cannot_be_read_is_passed_over():
    async def work(kept, _):
        rows = [(b"connector-a", b"{nothing"), connector_row("b", {})]
        await kept.write(rows, lambda now: "b" in now.connectors)
        return kept.now.connectors

    assert with_store(work) == {"b": {}}


def test_what_never_comes_back_is_told(monkeypatch):
    monkeypatch.setattr(store, "WRITTEN_S", 0.05)

    async def work(kept, _):
        with pytest.raises(Unreachable, match="cc-configs was not read within"):
            await kept.write([connector_row("a", {})], lambda _: False)

    with_store(work)


def test_each_level_is_heard_once_and_only_by_who_was_there():
    async def work(kept, changes):
        for end in (2, 4):
            rows = [logger_row("root", "DEBUG"), (b"logger-cluster-x", b"{")]
            await kept.write(rows, lambda _, end=end: kept.reached == end)
        other = ConnectorStore(kept._topic.cluster, TOPIC)
        await other.begin()
        assert other.reached == kept.reached
        return changes

    assert with_store(work) == [("root", "DEBUG"), ("root", "DEBUG")]


def test_nothing_is_written_before_it_is_read():
    async def work(cluster):
        with pytest.raises(HeliographError, match="still starting up"):
            await ConnectorStore(cluster, TOPIC).write([connector_row("a", {})], lambda _: True)

    with FakeCluster("one") as fake:
        ask(fake, work)
        assert fake.topics == {}
