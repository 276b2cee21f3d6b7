"""Bits become permissions, and versions of requests become a release."""

import asyncio

import pytest

from heliograph.config.model import ClusterConfig
from heliograph.preflight.check_cluster import Reached, reach
from heliograph.preflight.finding import Level
from heliograph.wire.messages import API_KEYS
from heliograph.wire.operations import NOT_TOLD, Operation, kafka_release, missing
from heliograph.wire.versions import Versions


def speaking(**versions: int) -> Versions:
    return Versions.of((API_KEYS[api], 0, highest) for api, highest in versions.items())


def test_missing_permissions_are_named_as_kafkas_tools_name_them() -> None:
    allowed = (1 << Operation.READ) | (1 << Operation.DESCRIBE)
    lacking = missing(allowed, [Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS])
    assert [each.right for each in lacking] == ["Write", "DescribeConfigs"]
    assert missing(NOT_TOLD, [Operation.READ]) == ()


@pytest.mark.parametrize(
    ("versions", "release"),
    [
        ({"produce": 13, "fetch": 18}, "Kafka 4.1 or newer"),
        ({"produce": 12, "fetch": 17}, "Kafka 4.0"),
        ({"produce": 11, "fetch": 17}, "Kafka 3.9"),
        ({"produce": 9, "fetch": 13}, "Kafka 3.1 to 3.4"),
        ({"produce": 9, "fetch": 12, "describe_cluster": 0}, "Kafka 2.8"),
        ({"produce": 7, "fetch": 10}, "Kafka 2.1 to 2.2"),
        ({"produce": 5, "fetch": 7}, "Kafka 1.1"),
        ({"produce": 3, "fetch": 5}, "Kafka before 1.0"),
    ],
)
def test_releases_are_told_by_their_requests(versions, release) -> None:
    assert kafka_release(speaking(**versions)) == release


async def _reach(config: ClusterConfig) -> Reached:
    reached = await reach(config)
    assert reached.cluster is not None
    await reached.cluster.close()
    return reached


@pytest.mark.versions
@pytest.mark.brokers
@pytest.mark.parametrize(
    ("version", "release"), [("1.1.1", "Kafka 1.1"), ("2.8.2", "Kafka 2.8"), ("3.9.1", "Kafka 3.9")]
)
def test_real_brokers_are_recognised(shared_kafka, version, release) -> None:
    host, _, port = shared_kafka(version, version).bootstrap().partition(":")
    reached = asyncio.run(_reach(ClusterConfig("old", ((host, int(port)),))))
    assert release in next(
        each.text for each in reached.findings if each.level is Level.OK and "cluster id" in each.text
    )
