"""Positions when the topic that holds them is gone, or has just been made."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.cluster import cluster
from heliograph.cluster.retry import retriable
from heliograph.errors import BrokerError
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.stored import Offsets, ensure_topic

KEY = ("orders", 0)
ANCHOR = Anchor(3, 3)


@pytest.fixture
def store():
    """Let the target see its own offsets topic go or come, then store a position; return what is read afterwards."""

    def run(prepare):
        with FakeCluster("one") as source, FakeCluster("two") as target:

            async def work(flow):
                offsets = Offsets(flow.target, flow.config)
                await prepare(flow, target)
                await offsets.write([(Lane(*KEY[:1], "one.orders", 0, Window(1 << 20)), ANCHOR)], 1_700_000_000_000)
                return await offsets.read()

            return between(source, target, work)

    return run


def test_a_topic_that_was_just_made_is_looked_for(store):
    async def make(flow, target):
        assert await ensure_topic(flow.target, flow.config) is None
        known = flow.target.metadata.topics[flow.config.offsets_topic.name]
        assert not known.partitions, "the cluster has not told of it yet"
        assert len(target.topics[flow.config.offsets_topic.name].logs) == 25

    assert store(make) == {KEY: ANCHOR}


def test_without_the_topic_it_is_an_error_that_may_pass(store, monkeypatch):
    monkeypatch.setattr(cluster, "ATTEMPTS_S", 0.02)

    async def delete(flow, target):
        await ensure_topic(flow.target, flow.config)
        target.topics.clear()
        await flow.target.refresh([flow.config.offsets_topic.name])

    with pytest.raises(BrokerError) as raised:
        store(delete)
    assert retriable(raised.value) is not None
