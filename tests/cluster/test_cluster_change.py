"""A cluster that is reached with other credentials: connections are replaced, and what is under way is answered."""

import asyncio
from dataclasses import replace

from fake_cluster import FakeCluster
from heliograph.cluster.cluster import Cluster


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


METADATA = {
    "topics": None,
    "allow_auto_topic_creation": False,
    "include_cluster_authorized_operations": False,
    "include_topic_authorized_operations": False,
}
