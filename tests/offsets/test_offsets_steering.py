"""The topic that says what is paused: read, followed, written."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from asking import ask
from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.errors import NotFound
from heliograph.mirror.steering import Restart, TargetState, paused_row, restart_row, state_row
from heliograph.offsets.steering import SteeringTopic

PAUSE = state_row(Part.SOURCE, TargetState.PAUSED)
NAME = "mm2-configs.one.internal"


@pytest.fixture
def told():
    """Do ``work(topic, cluster in memory)``."""

    def run(work):
        with FakeCluster("two") as target:
            flow = flow_config("one", target.config)
            return ask(target, lambda cluster: work(SteeringTopic(cluster, flow), target))

    return run


def test_without_the_topic_nothing_is_paused(told):
    async def work(topic, _):
        with pytest.raises(NotFound, match=NAME):
            await topic.load()
        return topic.now

    assert told(work).runs(Part.SOURCE)


def test_what_is_written_is_read_by_others(told):
    async def work(topic, target):
        await topic.write([PAUSE, paused_row("orders", frozenset({1}))])
        other = SteeringTopic(topic.cluster, topic.config)
        await other.load()
        return other.now, target.topics[NAME]

    now, made = told(work)
    assert (len(made.logs), made.configs) == (1, {"cleanup.policy": "compact"})
    assert not now.runs(Part.SOURCE)
    assert now.paused == {"orders": {1}}


def test_a_restart_counts_for_those_who_follow_already(told):
    async def work(topic, _):
        await topic.write([restart_row(Restart("old"))])
        await topic.load()
        await topic.write([restart_row(Restart("new")), PAUSE])
        return await topic.follow(), topic.now

    restarts, now = told(work)
    assert restarts == [Restart("new")]
    assert not now.runs(Part.SOURCE)


def test_who_follows_waits_until_there_is_news(told):
    async def work(topic, _):
        await topic.write([PAUSE])
        await topic.load()
        assert await topic.follow() == []
        assert await topic.follow() == []
        return topic.now

    assert not told(work).runs(Part.SOURCE)


def test_a_topic_that_was_made_again_is_read_again(told):
    async def work(topic, target):
        await topic.write([PAUSE, paused_row("orders", None)])
        await topic.load()
        del target.topics[NAME]
        target.create(NAME)
        assert await topic.follow() == []
        return topic.now

    assert told(work).runs(Part.SOURCE)


def test_what_cannot_be_read_changes_nothing_and_is_kept_to_be_told(told):
    async def work(topic, _):
        await topic.write([PAUSE, (b"heliograph-paused-orders", b"{"), (b"heliograph-restart-orders", b"{")])
        await topic.load()
        await topic.write([(b"heliograph-restart-orders", b"{"), (b"session-key", b"{")])
        assert await topic.follow() == []
        return topic

    topic = told(work)
    assert (topic.now.runs(Part.SOURCE), topic.now.paused) == (False, {})
    assert [words.split()[2] for words in topic.unreadable] == ["heliograph-paused-orders", "heliograph-restart-orders"]


def test_a_topic_that_cannot_be_made_is_not_written(told):
    async def work(topic, target):
        target._create_topics = lambda body, _: {
            "topics": [
                {
                    "name": each.name,
                    "topic_id": None,
                    "error_code": ErrorCode.topic_authorization_failed,
                    "error_message": None,
                    "num_partitions": -1,
                    "replication_factor": -1,
                    "configs": [],
                }
                for each in body.topics
            ]
        }
        async with asyncio.timeout(10):
            await topic.write([PAUSE])

    with pytest.raises(Exception, match=f"Grant Create on topic {NAME}"):
        told(work)
