"""Creating, growing and configuring topics as a rehearsal: brokers validate and change nothing (``validate_only``).

The answers are those of the real thing - a missing permission, too few brokers, a policy that forbids it - so they tell
beforehand what a start would run into.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.refused_configs import Configs, Sifted, sift
from heliograph.errors import HeliographError


async def create(cluster: Cluster, topics: Sequence[admin.NewTopic]) -> Sifted:
    """Return, by topic, why it could not be created, and which configs it would have to be created without."""
    by_name = {each.name: each for each in topics}

    async def attempt(proposals: Mapping[str, Configs]) -> dict[str, HeliographError | None]:
        wanted = [
            replace(by_name[name], configs={key: value for key, value in configs.items() if value is not None})
            for name, configs in proposals.items()
        ]
        return await admin.create_topics(cluster, wanted, validate_only=True)

    return await sift({name: each.configs for name, each in by_name.items()}, attempt)


async def configure(cluster: Cluster, changes: Mapping[str, Configs], own: Mapping[str, Mapping[str, str]]) -> Sifted:
    """Return, by topic, why its configs could not be changed, and which of them it would have to go without.

    ``own`` has all that each topic has of its own now, as ``admin.change_topic_configs`` wants it.
    """

    async def attempt(proposals: Mapping[str, Configs]) -> Mapping[str, HeliographError | None]:
        return await admin.change_topic_configs(cluster, proposals, own, validate_only=True)

    return await sift(changes, attempt)


async def grow(cluster: Cluster, totals: Mapping[str, int]) -> dict[str, HeliographError]:
    """Return, by topic, why it could not be given that many partitions; nothing for one that could."""
    if not totals:
        return {}
    answer = await admin.create_partitions(cluster, totals, validate_only=True)
    return {name: error for name, error in answer.items() if error is not None}
