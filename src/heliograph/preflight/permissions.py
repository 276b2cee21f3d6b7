"""What a cluster says of topics asked for by name: whether they are there, and what its client may do with them."""

from collections.abc import Sequence
from typing import Any

from heliograph.cluster.cluster import Cluster


async def describe(cluster: Cluster, topics: Sequence[str]) -> dict[str, Any]:
    """Describe topics by name, each with the bits of what is allowed (``topic_authorized_operations``, since 2.3)."""
    if not topics:
        return {}
    values = {
        "topics": [{"name": name, "topic_id": None} for name in topics],
        "allow_auto_topic_creation": False,
        "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": True,
    }
    return {str(row.name): row for row in (await cluster.call("metadata", values)).topics}
