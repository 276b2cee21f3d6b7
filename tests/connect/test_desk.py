"""What is known of a flow on a connection of the API's own."""

import asyncio

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.connect import desk as desks
from heliograph.connect.desk import Desk
from heliograph.errors import HeliographError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import offset_key, offset_value
from heliograph.mirror.steering import TargetState, state_row

LIMIT_S = 20.0


def at_desk(work, before=lambda _: None):
    async def main():
        with FakeCluster("B") as target:
            before(target)
            desk = Desk(flow_config("A", target.config))
            running = asyncio.create_task(desk.run())
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await work(desk, target)
            finally:
                running.cancel()
                await asyncio.wait([running])

    return asyncio.run(main())


async def told(desk, *rows):
    while True:
        try:
            await desk.tell(rows)
        except HeliographError:
            await asyncio.sleep(0.01)
        else:
            return


def test_what_the_flow_is_told_is_seen():
    async def work(desk, _):
        await told(desk, state_row(Part.SOURCE, TargetState.STOPPED))
        while desk.steering.runs(Part.SOURCE):
            await asyncio.sleep(0.01)
        assert desk.cluster_id
        return desk.steering.states

    assert at_desk(work) == {Part.SOURCE: TargetState.STOPPED}


def test_positions_are_stored_and_read():
    async def work(desk, target):
        target.create("A.orders", 2)
        target.write("A.orders", [b"a", b"b"], 1)
        await told(desk, state_row(Part.SOURCE, TargetState.STOPPED))
        target.create(desk.flow.offsets_topic.name, 3)
        key = offset_key(desk.flow.connector_name, "A", "orders", 1)
        await desk.store([(key, offset_value(Anchor(41, 1)))])
        positions = await desk.positions()
        ends = await desk.ends([("A.orders", 1), ("A.nothing", 0)])
        await desk.store([(key, None)])
        return positions, ends, await desk.positions()

    assert at_desk(work) == ({("orders", 1): 41}, {("A.orders", 1): 2}, {})


def test_who_asks_at_once_waits_for_the_connection():
    async def work(desk, target):
        target.create(desk.flow.offsets_topic.name, 3)
        return await desk.positions()

    assert at_desk(work) == {}


def test_a_cluster_that_is_away_is_waited_for(monkeypatch):
    monkeypatch.setattr(desks, "RETRY_S", 0.01)
    monkeypatch.setattr(desks, "READY_S", 0.01)

    async def work():
        with FakeCluster("B") as target:
            config = target.config
        desk = Desk(flow_config("A", config))
        running = asyncio.create_task(desk.run())
        await asyncio.sleep(0.1)
        assert not running.done()
        try:
            await desk.tell([])
        except HeliographError as error:
            words = str(error)
        running.cancel()
        await asyncio.wait([running])
        return words

    assert asyncio.run(work()) == "B cannot be asked at the moment. Try it again"
