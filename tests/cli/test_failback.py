"""What ``heliograph failback`` must be told; what it does is shown by the scenarios."""

import pytest

from heliograph.cli.failback import failback
from heliograph.errors import ConfigError, Unreachable


@pytest.mark.parametrize("flow", ["source->nowhere", "source->source", "source", ""])
def test_it_wants_a_flow_of_the_file(flow, write):
    with pytest.raises(ConfigError, match="has no flow"):
        failback(write("127.0.0.1:1", "127.0.0.1:1"), flow=flow)


def test_both_flows_have_one_policy(write):
    policy = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
    file = write("127.0.0.1:1", "127.0.0.1:1", f"source->target.replication.policy.class={policy}")
    with pytest.raises(ConfigError, match="different replication policies"):
        failback(file, flow="source->target")


def test_home_must_answer(write):
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        failback(write("127.0.0.1:1", "127.0.0.1:1"), flow="source->target")
