"""Both clusters of a flow, opened for one command; one that is down may be done without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig, FlowConfig
from heliograph.errors import Unreachable

REACH_S_MAX = 20.0
"""The longest that a cluster may take to answer at all."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What could be reached."""

    source: Cluster | None
    target: Cluster | None
    missing: tuple[str, ...] = ()
    """For each that could not: who, and why."""


async def reach(config: ClusterConfig) -> Cluster:
    """Connect to a cluster; raises the ClusterError that says why that is not possible."""
    cluster = Cluster(config)
    try:
        async with asyncio.timeout(REACH_S_MAX):
            await cluster.start()
    except TimeoutError:
        await cluster.close()
        raise Unreachable(f"{config.alias} does not answer within {REACH_S_MAX:g} s") from None
    except BaseException:
        await cluster.close()
        raise
    return cluster


@asynccontextmanager
async def both(
    flow: FlowConfig, *, without_source: bool = False, need_source: bool = False, need_target: bool = True
) -> AsyncIterator[Endpoints]:
    """Open both clusters of ``flow``; one that does not answer and is not needed is left out.

    ``without_source`` does not even ask the source. Raises a ClusterError: wrong credentials are no disaster.
    """
    opened: list[Cluster] = []
    missing: list[str] = []

    async def open_one(config: ClusterConfig, *, needed: bool) -> Cluster | None:
        try:
            cluster = await reach(config)
        except Unreachable as error:
            if needed:
                raise
            missing.append(f"{config.alias} cannot be asked: {error.message}")
            return None
        opened.append(cluster)
        return cluster

    try:
        target = await open_one(flow.target, needed=need_target)
        source = None
        if without_source:
            missing.append(f"{flow.source.alias} is not asked")
        else:
            source = await open_one(flow.source, needed=need_source or target is None)
        yield Endpoints(source, target, tuple(missing))
    finally:
        for cluster in opened:
            await cluster.close()
