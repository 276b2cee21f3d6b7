"""Positions in Connect's format, on the offsets topic of a fake cluster."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fake_flow import connected, lane_of
from fault_injection import with_code
from heliograph.cluster import table
from heliograph.errors import BrokerError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import offset_key
from heliograph.offsets.stored import Offsets, ensure_topic

TOPIC = "mm2-offsets.A.internal"


def on_a_target(steps):
    with FakeCluster("A") as source, FakeCluster("B") as target:

        async def scenario():
            async with connected(source, target) as ends:
                return await steps(ends, Offsets(ends.target, ends.flow), target)

        return asyncio.run(scenario())


def test_positions_come_back_as_they_were_stored():
    anchors = {
        ("t", 0): Anchor(5, 4, "source-id", 3, target_id="target-id"),
        ("t", 1): Anchor(7, None),
        ("größe", 0): Anchor(-1, -1, target_partition=2),
    }

    async def steps(ends, offsets, target):
        assert await ensure_topic(ends.target, ends.flow) is None
        assert target.topics[TOPIC].configs == {"cleanup.policy": "compact"}
        lanes = {key: lane_of(*key) for key in anchors}
        await offsets.write([(lane, anchors[key]) for key, lane in lanes.items()], 1234)
        assert await offsets.read() == anchors
        assert offsets.written_ms == dict.fromkeys(anchors, 1234)
        for lane in lanes.values():
            key, _ = offsets.row(lane, anchors["t", 0])
            held = [raw for _, _, raw in target.topics[TOPIC].logs[offsets.partition(lane)]]
            assert any(key in raw for raw in held), "each lies where Connect looks for it"

        await offsets.forget([("t", 0)], 2000)
        assert await offsets.read() == {key: each for key, each in anchors.items() if key != ("t", 0)}
        assert offsets.written_ms["t", 0] == 2000, "when it was forgotten is known"

    on_a_target(steps)


def test_what_others_keep_there_is_left_alone():
    async def steps(ends, offsets, _target):
        assert await ensure_topic(ends.target, ends.flow) is None
        name, alias = ends.flow.connector_name, ends.flow.source_name
        rows = [
            (offset_key("another", alias, "t", 0), b'{"offset":1}'),
            (offset_key(name, "another", "t", 0), b'{"offset":1}'),
            (b"no key", b'{"offset":1}'),
            (offset_key(name, alias, "t", 0), b'{"offset":9}'),
            (offset_key(name, alias, "t", 1), b"no value"),
        ]
        await table.write(ends.target, TOPIC, {0: rows}, 1)
        assert await offsets.read() == {("t", 0): Anchor(9, None)}
        assert offsets.unreadable == 1

    on_a_target(steps)


def test_nothing_is_written_where_there_is_nothing_to_write():
    async def steps(ends, offsets, target):
        assert await ensure_topic(ends.target, ends.flow) is None
        assert await ensure_topic(ends.target, ends.flow) is None, "it is there"
        target.forget_requests()
        await offsets.write([], 1)
        await offsets.forget([], 1)
        assert target.asked == []

    on_a_target(steps)


def test_a_topic_that_cannot_be_made():
    async def steps(ends, _offsets, target):
        target.always["create_topics"] = Fault(0, with_code(("topics", 0, "error_code"), ErrorCode.policy_violation))
        problem = await ensure_topic(ends.target, ends.flow)
        assert isinstance(problem, BrokerError)
        assert TOPIC in str(problem)

    on_a_target(steps)


@pytest.mark.parametrize("is_open", [False, True])
def test_an_open_transaction_is_waited_for(is_open):
    async def steps(ends, offsets, target):
        assert await ensure_topic(ends.target, ends.flow) is None
        asked = []

        def last_stable(values):
            """The second question is about committed records only."""
            asked.append(values)
            if len(asked) == 2 and is_open:
                values["topics"][0]["partitions"][0]["offset"] -= 1
            return values

        await offsets.write([(lane_of("t"), Anchor(5, 5))], 1)
        target.always["list_offsets"] = Fault(0, last_stable)
        if not is_open:
            await offsets.settle()
            return
        with pytest.raises(BrokerError, match=r"A transaction is open on mm2-offsets\.A\.internal-"):
            await offsets.settle()

    on_a_target(steps)
