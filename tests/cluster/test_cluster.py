"""A cluster that changes: other credentials, for which connections are replaced, and brokers that leave."""

import asyncio
from dataclasses import replace

from fake_cluster import FakeCluster
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.metadata import Broker, Metadata, Partition, Topic
from heliograph.errors import Unreachable


def test_connections_are_replaced_and_the_old_ones_end_when_all_is_answered() -> None:
    async def main() -> None:
        with FakeCluster("one") as fake:
            cluster = Cluster(fake.config)
            await cluster.start()
            (node,) = cluster.metadata.brokers
            old, other = await cluster.connection(node), await cluster.connection(node, "other")
            assert await cluster.connection(node) is old
            asked = asyncio.create_task(old.call("metadata", METADATA))
            cluster.change(replace(fake.config, client_id="changed"))
            assert cluster.is_outdated(old)
            new = await cluster.connection(node)
            assert new is not old
            assert not cluster.is_outdated(new)
            assert await asked  # nothing that was under way is lost
            assert other.error is None, "nobody has asked for that one yet"
            async with asyncio.timeout(10):
                while old.error is None:
                    await asyncio.sleep(0.02)
            assert await cluster.connection(node) is new
            await cluster.refresh()  # not by the first connection, which is outdated too
            await cluster.close()

    asyncio.run(main())


def test_a_broker_that_leaves_while_all_are_asked_is_left_out_and_the_others_are_asked_again() -> None:
    async def main() -> None:
        with FakeCluster("one") as fake:
            cluster = Cluster(fake.config)
            await cluster.start()
            (node,) = cluster.metadata.brokers
            cluster.metadata = replace(
                cluster.metadata, brokers={**cluster.metadata.brokers, 99: Broker(99, "gone", 1)}
            )
            asked: list[int] = []

            async def ask(of: int) -> str:
                asked.append(of)
                if of == 99:  # what it had is with the other by now, who was asked before
                    raise Unreachable("Connection refused")
                return f"{of} says {len(asked)}"

            assert await cluster.ask_brokers(ask) == [f"{node} says 3"]
            assert asked == [node, 99, node]
            await cluster.close()

    asyncio.run(main())


def test_a_leader_or_a_coordinator_that_is_gone_is_not_known() -> None:
    partitions = {0: Partition(1, 5, 0), 1: Partition(2, 5, 0)}
    known = Metadata({1: Broker(1, "here", 1)}, {"orders": Topic("orders", partitions)})
    assert [known.leader("orders", number) for number in (0, 1, 2)] == [1, -1, -1]

    async def main() -> None:
        with FakeCluster("one") as fake:
            cluster = Cluster(fake.config)
            await cluster.start()
            (node,) = cluster.metadata.brokers
            cluster._coordinators["readers"] = 99
            assert await cluster.coordinator("readers") == node
            await cluster.close()

    asyncio.run(main())


METADATA = {
    "topics": None,
    "allow_auto_topic_creation": False,
    "include_cluster_authorized_operations": False,
    "include_topic_authorized_operations": False,
}
