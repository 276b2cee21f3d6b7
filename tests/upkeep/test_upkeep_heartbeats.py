"""Heartbeats to the source: one refusal that may pass does not end them, a missing permission does."""

import asyncio
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.cluster import Cluster
from heliograph.config.load import load
from heliograph.errors import BrokerError
from heliograph.observe.log import Log
from heliograph.upkeep.heartbeats import Heartbeats
from heliograph.upkeep.instances import Instances


@pytest.fixture
def beats(tmp_path: Path):
    """Run the job that writes to the source with a fault at its write, then without one; give the records there."""

    async def write(source: FakeCluster, target: FakeCluster, code: ErrorCode) -> tuple[int, type | None]:
        path = tmp_path / "mm2.properties"
        path.write_text(
            "clusters=one,two\none->two.enabled=true\nheartbeats.topic.replication.factor=1\n"
            f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
        )
        (flow,) = load(path, environ={}).flows
        clusters = [Cluster(flow.source), Cluster(flow.target)]
        try:
            instances = Instances(flow, clusters[1], Log("test"))
            heartbeats = Heartbeats(flow, *clusters, instances, Log("test"))
            (job,) = [each for each in heartbeats.jobs() if each.name.endswith("to one")]
            await job.run()
            source.forget_requests()
            source.faults[0] = Fault(0, with_code(("responses", 0, "partition_responses", 0, "error_code"), code))
            raised: type | None = None
            try:
                await job.run()
            except BrokerError as error:
                raised = type(error)
            await job.run()
        finally:
            for cluster in clusters:
                await cluster.close()
        return source.asked.count("produce"), raised

    def run(code: ErrorCode) -> tuple[int, type | None]:
        with FakeCluster("one") as source, FakeCluster("two") as target:
            return asyncio.run(write(source, target, code))

    return run


def test_a_fault_of_the_source_is_told_and_the_next_heartbeat_is_written(beats):
    assert beats(ErrorCode.policy_violation) == (2, BrokerError)


def test_without_the_permission_to_write_none_is_tried_again(beats):
    assert beats(ErrorCode.topic_authorization_failed) == (1, None)
