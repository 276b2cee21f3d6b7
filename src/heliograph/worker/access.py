"""Whether clusters let us in: asked before another configuration is taken on, so that a wrong one never is."""

from collections.abc import Iterable

from heliograph.cluster.retry import retriable
from heliograph.concurrency import all_of
from heliograph.config.model import ClusterConfig
from heliograph.errors import HeliographError
from heliograph.observe.log import Log
from heliograph.offsets.endpoints import reach


async def probe(clusters: Iterable[ClusterConfig]) -> dict[str, str | None]:
    """Connect to each of ``clusters`` and return their ids by alias; None where one does not answer.

    Raises what cannot pass by itself: refused credentials, a certificate that is not trusted.
    """
    asked = tuple(clusters)
    return dict(zip((each.alias for each in asked), await all_of(map(_probe, asked)), strict=True))


async def _probe(config: ClusterConfig) -> str | None:
    try:
        cluster = await reach(config)
    except HeliographError as error:
        if retriable(error) is None:
            raise
        Log().warning("a cluster does not answer with its new configuration", cluster=config.alias, cause=error)
        return None
    await cluster.close()
    return cluster.metadata.cluster_id
