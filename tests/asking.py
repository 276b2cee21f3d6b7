"""Questions to a cluster in memory, for tests of what asks them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fake_cluster import FakeCluster
from heliograph.cluster.cluster import Cluster

Answer = TypeVar("Answer")


def ask(fake: FakeCluster, question: Callable[[Cluster], Awaitable[Answer]]) -> Answer:
    """Connect to ``fake``, ask, and return the answer."""

    async def asked() -> Answer:
        cluster = Cluster(fake.config)
        await cluster.start()
        await cluster.refresh()
        try:
            return await question(cluster)
        finally:
            await cluster.close()

    return asyncio.run(asked())
