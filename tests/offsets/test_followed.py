"""A topic of one partition: read whole, made where it is missing, and followed."""

import pytest

from asking import ask
from fake_cluster import FakeCluster
from heliograph.config.model import InternalTopic
from heliograph.errors import NotFound
from heliograph.offsets import followed
from heliograph.offsets.followed import FollowedTopic

TOPIC = InternalTopic("told", 1, 1)
ROW, OTHER = (b"key", b"value"), (b"other", None)


@pytest.fixture
def read():
    """Do ``work(topic, cluster in memory)``."""

    def run(work):
        with FakeCluster("one") as fake:
            return ask(fake, lambda cluster: work(FollowedTopic(cluster, TOPIC, "test"), fake))

    return run


def rows(news):
    return [(record.key, record.value) for record in news.records]


def test_a_topic_that_is_missing_is_told_or_made(read):
    async def work(topic, fake):
        with pytest.raises(NotFound, match="no topic told on one"):
            await topic.load()
        assert rows(await topic.begin()) == []
        return fake.topics["told"].configs

    assert read(work) == {"cleanup.policy": "compact"}


def test_what_is_written_is_read_whole_and_then_followed(read):
    async def work(topic, _):
        await topic.write([ROW])
        whole = await topic.load()
        assert (rows(whole), whole.whole, topic.reached) == ([ROW], True, 1)
        await FollowedTopic(topic.cluster, TOPIC, "another").write([OTHER])
        news = await topic.follow()
        assert (rows(news), news.whole, topic.reached) == ([OTHER], False, 2)

    read(work)


def test_without_news_it_answers_after_a_while(read, monkeypatch):
    monkeypatch.setattr(followed, "WAIT_MS", 20)

    async def work(topic, _):
        await topic.write([ROW])
        await topic.load()
        return rows(await topic.follow())

    assert read(work) == []


def test_a_topic_that_was_cut_is_read_whole_again(read):
    async def work(topic, fake):
        await topic.write([ROW, OTHER])
        await topic.load()
        del fake.topics["told"]
        await topic.write([ROW])
        news = await topic.follow()
        return rows(news), news.whole, topic.reached

    assert read(work) == ([ROW], True, 1)
