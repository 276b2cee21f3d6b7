"""Creating and growing topics as a rehearsal: the broker validates and changes nothing (``validate_only``).

The answers are those of the real thing - a missing right, too few brokers, a policy that forbids it - so they tell
beforehand what a start would run into.
"""

from collections.abc import Mapping, Sequence

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.errors import HeliographError


async def create(cluster: Cluster, topics: Sequence[admin.NewTopic]) -> dict[str, HeliographError]:
    """Give, by topic, why it could not be created; nothing for one that could."""
    problems: dict[str, HeliographError] = {}
    for start in range(0, len(topics), admin.CREATE_AT_ONCE):
        answer = await admin.create_topics(cluster, topics[start : start + admin.CREATE_AT_ONCE], validate_only=True)
        problems.update({name: error for name, error in answer.items() if error is not None})
    return problems


async def grow(cluster: Cluster, totals: Mapping[str, int]) -> dict[str, HeliographError]:
    """Give, by topic, why it could not be given that many partitions; nothing for one that could."""
    if not totals:
        return {}
    answer = await admin.create_partitions(cluster, totals, validate_only=True)
    return {name: error for name, error in answer.items() if error is not None}
