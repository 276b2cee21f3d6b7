"""A group that is not there is told as dead, however the coordinator says so."""

import asyncio

from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Described
from heliograph.config.model import ClusterConfig


async def described(fake: FakeCluster, names: list[str]) -> dict[str, Described]:
    cluster = Cluster(ClusterConfig("lab", (("127.0.0.1", fake.port),)))
    await cluster.start()
    try:
        return await groups.describe(cluster, names)
    finally:
        await cluster.close()


def test_a_group_that_is_not_found_is_dead_and_has_no_members():
    with FakeCluster("lab") as fake:
        fake.groups["there"] = {}
        fake.always["describe_groups"] = Fault(0, with_code(("groups", 0, "error_code"), ErrorCode.group_id_not_found))
        found = asyncio.run(described(fake, ["gone", "there"]))
    assert {name: (each.state, each.members, each.active) for name, each in found.items()} == {
        "gone": ("Dead", (), False),
        "there": ("Empty", (), False),
    }
