"""A worker follows what its flow is told, and is harmed by nothing that it meets there."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from between import Between, between
from fake_cluster import FakeCluster, Fault
from heliograph.cluster import cluster
from heliograph.config.model import Part
from heliograph.mirror.steering import Restart, Steering, TargetState, paused_row, restart_row, state_row
from heliograph.offsets.steering import SteeringTopic
from heliograph.worker import steering
from heliograph.worker.steering import SteeringFollower

NAME = "mm2-configs.one.internal"
LIMIT_S = 20.0


@pytest.fixture
def followed():
    """Do ``work(flow, steering, target in memory)``."""

    def run(work):
        with FakeCluster("one") as source, FakeCluster("two") as target:

            async def worked(flow: Between):
                async with asyncio.timeout(LIMIT_S):
                    return await work(flow, SteeringFollower(flow.config, flow.target, flow.log), target)

            return between(source, target, worked)

    return run


def test_the_topic_is_made_where_it_is_missing(followed):
    async def work(flow, steering, target):
        await steering.begin()
        return steering.now, flow.log.messages, target.topics[NAME].configs

    assert followed(work) == (Steering(), [], {"cleanup.policy": "compact"})


def test_what_was_told_before_holds_from_the_beginning(followed):
    async def work(flow, steering, _):
        await SteeringTopic(flow.target, flow.config).write([paused_row("orders", None)])
        await steering.begin()
        return steering.now

    assert followed(work).pauses(("orders", 3))


def test_news_are_told_with_what_held_before(followed):
    async def work(flow, steering, _):
        heard = asyncio.Queue()

        async def told(before, restarts):
            heard.put_nowait((before, restarts, steering.now))

        await steering.begin()
        following = asyncio.create_task(steering.follow(told))
        topic = SteeringTopic(flow.target, flow.config)
        await topic.write([state_row(Part.SOURCE, TargetState.PAUSED)])
        first = await heard.get()
        await topic.write([restart_row(Restart("orders"))])
        second = await heard.get()
        following.cancel()
        await asyncio.wait([following])
        return first, second

    (before, restarts, now), (_, again, _) = followed(work)
    assert (before.runs(Part.SOURCE), restarts, now.runs(Part.SOURCE)) == (True, [], False)
    assert again == [Restart("orders")]


def test_a_topic_that_may_not_be_read_ends_nothing_and_is_told_once(followed):
    async def work(flow, steering, target):
        target.create(NAME)
        target.always["list_offsets"] = Fault(0, change=_refused)
        await steering.begin()
        await steering.begin()
        return steering.now, flow.log.of("warning")

    now, ((message, fields),) = followed(work)
    assert (now, message) == (Steering(), "what is paused cannot be read; nothing is")
    assert "Grant Describe on topic" in str(fields["cause"]) or "Grant Read on topic" in str(fields["cause"])


def test_a_record_that_cannot_be_read_is_told(followed):
    async def work(flow, steering, _):
        await steering.begin()
        last = asyncio.Event()

        async def told(*_):
            if steering.now.paused:
                last.set()

        following = asyncio.create_task(steering.follow(told))
        topic = SteeringTopic(flow.target, flow.config)
        await topic.write([(b"heliograph-paused-orders", b"{"), paused_row("last", None)])
        await last.wait()
        following.cancel()
        await asyncio.wait([following])
        return flow.log.messages

    assert followed(work) == ["a record that says what is paused cannot be read"]


@pytest.mark.parametrize("code", [each for each in ErrorCode if each is not ErrorCode.none])
def test_no_error_ends_who_follows(followed, monkeypatch, code):
    """Whatever a broker answers to the poll: when it is over, what was told meanwhile is heard."""
    monkeypatch.setattr(steering, "LOOK_AGAIN_S", 0.01)
    monkeypatch.setattr(steering, "RETRY_S", 0.01)
    monkeypatch.setattr(cluster, "ATTEMPTS_S", 0.05)

    def change(values):
        for topic in values["responses"]:
            for row in topic["partitions"]:
                row.update(error_code=code, records=b"")
        return values

    async def work(flow, steering, target):
        heard = asyncio.Event()

        async def told(*_):
            heard.set()

        await steering.begin()
        following = asyncio.create_task(steering.follow(told))
        target.always["fetch"] = Fault(0, change=change)
        target.answers.clear()
        async with asyncio.timeout(LIMIT_S):
            while len(target.answers) < 5:
                await asyncio.sleep(0.005)
        target.always.clear()
        await SteeringTopic(flow.target, flow.config).write([paused_row("orders", None)])
        while not steering.now.paused:
            heard.clear()
            await heard.wait()
        following.cancel()
        await asyncio.wait([following])

    followed(work)


def _refused(values):
    for topic in values["topics"]:
        for row in topic["partitions"]:
            row["error_code"] = ErrorCode.topic_authorization_failed
    return values
