"""Java classes that stand for one of MM2's two replication policies."""

import pytest

from heliograph.config.model import Policy
from heliograph.errors import ConfigError

MIRROR = "org.apache.kafka.connect.mirror"
KNOWN = (
    "com.amazonaws.kafka.samples.CustomMM2ReplicationPolicy",
    "ch.ithings.strimzi.mm2.IdentityReplicationPolicy",
    "io.strimzi.kafka.connect.mirror.IdentityReplicationPolicy",
    "com.kafka.mirror.PrefixlessReplicationPolicy",
)


@pytest.mark.parametrize("name", KNOWN)
def test_public_classes_that_keep_names_are_the_identity_policy_with_one_warning(load_text, name):
    config = load_text(f"replication.policy.class={name}")
    assert config.flows[0].policy is Policy.IDENTITY
    (warning,) = config.warnings
    assert f"names {name}, which is taken for the identity policy" in warning.message
    assert load_text(f"replication.policy.class={name}\nheliograph.replication.policy=identity").warnings == ()


@pytest.mark.parametrize(
    "name", ["com.acme.Mine", "CustomMM2ReplicationPolicy", "com.acme.MyIdentityReplicationPolicy", ""]
)
def test_any_other_class_needs_one_line_that_says_what_it_means(load_text, name):
    with pytest.raises(ConfigError, match="Java code that cannot run here") as refused:
        load_text(f"replication.policy.class={name}")
    assert "add heliograph.replication.policy=identity" in refused.value.remedy
    for policy in Policy:
        text = f"replication.policy.class={name}\nheliograph.replication.policy={policy.upper()}"
        assert load_text(text).flows[0].policy is policy


def test_each_flow_may_have_its_own(load_text):
    text = "clusters=A,B,C\nC.bootstrap.servers=c:3\nA->C.enabled=true\nreplication.policy.class=com.acme.Mine\n"
    text += "heliograph.replication.policy=default\nA->B.heliograph.replication.policy=identity\n"
    assert [flow.policy for flow in load_text(text).flows] == [Policy.IDENTITY, Policy.DEFAULT]


def test_a_contradiction_is_refused(load_text):
    text = f"heliograph.replication.policy=identity\nreplication.policy.class={MIRROR}.DefaultReplicationPolicy"
    with pytest.raises(ConfigError, match=r"policy=identity contradicts replication\.policy\.class.*\(line 6\)"):
        load_text(text)
    assert load_text("heliograph.replication.policy=identity").flows[0].policy is Policy.IDENTITY
