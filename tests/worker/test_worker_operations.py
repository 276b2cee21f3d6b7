"""Flows told by their names: what cannot be meant, and the objects that come of what can."""

import asyncio

import pytest

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.errors import ConfigError, NotFound
from heliograph.mirror.moves import Verdict
from heliograph.mirror.rewind import Goal, Kind
from heliograph.observe.group_positions import FailoverOrder, GroupsQuery
from heliograph.observe.operations import (
    Connector,
    Copier,
    Limited,
    LimitedBy,
    LimitOrder,
    Progress,
    RestartOrder,
    RewindOrder,
    Steered,
    SteerOrder,
)
from heliograph.worker.operations import FlowOperations

NOWHERE = FlowOperations(lambda: [flow_config("one", "two")])


def work(do):
    """Do something with a flow between two clusters in memory; return what comes of it."""

    async def run(source, target):
        flow = flow_config(source.config, target.config, topics=("orders",))
        return await do(FlowOperations(lambda: [flow]))

    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders", 2)
        source.write("orders", [b"value"] * 4)
        return asyncio.run(run(source, target))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (SteerOrder(partitions=(1,)), "Partitions need one topic"),
        (SteerOrder(topics=("a", "b"), partitions=(1,)), "Partitions need one topic"),
        (SteerOrder(topics=("a",), connectors=(Connector.SOURCE,)), "Connectors are of the whole flow"),
    ],
)
def test_what_cannot_be_meant(order, words):
    with pytest.raises(ConfigError, match=words):
        asyncio.run(NOWHERE.pause("one->two", order))


def test_a_flow_that_there_is_not():
    with pytest.raises(NotFound, match=r"There is no flow two->one. There are: one->two"):
        asyncio.run(NOWHERE.restart("two->one", RestartOrder()))


def test_a_topic_pauses_and_goes_on():
    async def do(operations):
        order = SteerOrder(topics=("orders",), partitions=(1,), timeout_s=5.0)
        return [await operations.pause("one->two", order), await operations.resume("one->two", order)]

    paused, resumed = work(do)
    assert paused == Steered(
        "one->two",
        "pause",
        {"orders": (1,)},
        None,
        changed=True,
        copier=Copier.NOBODY,
        done=True,
        left={},
        notes=paused.notes,
    )
    assert (resumed.command, resumed.changed, resumed.topics_before) == ("resume", True, {"orders": (1,)})


def test_a_part_of_a_flow_pauses():
    async def do(operations):
        order = SteerOrder(connectors=(Connector.HEARTBEAT,))
        return [await operations.pause("one->two", order), await operations.resume("one->two", order)]

    paused, resumed = work(do)
    assert (paused.topics, paused.connectors) == (None, (Part.HEARTBEAT,))
    assert (paused.connectors_before, resumed.connectors_before) == ((), (Part.HEARTBEAT,))


def test_a_limit_holds_until_it_is_taken_back():
    async def do(operations):
        await operations.set_limit("one->two", LimitOrder(bytes_per_second=5))
        return [await operations.limit("one->two"), await operations.reset_limit("one->two")]

    there, back = work(do)
    held = Limited("one->two", 5, LimitedBy.COMMAND, None, False, Copier.NOBODY, bytes_per_second_before=5)
    assert there == held
    assert (back.by, back.changed, back.bytes_per_second_before) == (LimitedBy.FILE, True, 5)


def test_status_plan_and_rewind_say_what_is():
    async def do(operations):
        return [
            await operations.status("one->two"),
            await operations.plan("one->two"),
            await operations.rewind("one->two", RewindOrder(topic="orders", goal=Goal(Kind.END), partitions=(0,))),
        ]

    status, plan, rewound = work(do)
    assert (status.copier, status.copied, [topic.partitions for topic in status.topics]) == (Copier.NOBODY, False, [2])
    assert [(topic.topic, topic.fresh, topic.fresh_begin_at) for topic in plan.topics] == [("orders", 2, "beginning")]
    assert (rewound.executed, [step.partition for step in rewound.partitions]) == (False, [0])


def test_a_failover_only_says_what_it_would_do():
    seen = []

    async def do(operations):
        return await operations.failover("one->two", FailoverOrder(groups=("g",)), seen.append)

    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders", 2)
        source.groups["g"] = {("other", 0): (4, "")}
        flow = flow_config(source.config, target.config, topics=("orders",))
        found = asyncio.run(do(FlowOperations(lambda: [flow])))
        groups = asyncio.run(FlowOperations(lambda: [flow]).groups("one->two", GroupsQuery(topic="other")))
        assert target.groups == {}
    assert [(each.group, each.topic, each.offset) for each in groups.positions] == [("g", "other", 4)]
    assert (found.flow, found.executed, found.all_good) == ("one->two", False, True)
    assert [(move.group, move.topic, move.to_topic, move.verdict) for move in found.moves] == [
        ("g", "other", None, Verdict.LEFT)
    ]
    assert seen == [Progress(0, 0)]
