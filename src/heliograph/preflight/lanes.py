"""What a flow is to copy, and how far it is, as both clusters tell it to whoever only looks."""

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.mirror.topics import LanePlan, partition_counts, shapes_of, topic_rules_of


async def plans_of(flow: FlowConfig, source: Cluster, target: Cluster) -> tuple[LanePlan, ...]:
    """Return every partition that ``flow`` is to copy at this moment. Raises HeliographError."""
    here, there = (await source.refresh(None)).topics, (await target.refresh(None)).topics
    return topic_rules_of(flow).plan(shapes_of(here), partition_counts(there)).lanes


def lag_of(reached: int, begin: int | HeliographError, end: int | HeliographError) -> int | None:
    """Return the offsets of a partition that are yet to be copied; None where its ends are not known.

    ``reached`` is the offset up to which it is copied. What lies before its ``begin`` is gone and not counted.
    """
    if isinstance(begin, HeliographError) or isinstance(end, HeliographError):
        return None
    return max(0, end - max(begin, reached))
