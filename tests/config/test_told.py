"""A flow's options, told by a worker and understood by whoever looks."""

from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import flow_config, sync_config
from heliograph.config.model import (
    ClusterConfig,
    FlowConfig,
    InternalTopic,
    LossKind,
    Policy,
    Sasl,
    Secret,
    SyncConfig,
    Tls,
    TransactionConfig,
)
from heliograph.config.schedules import parse_schedule
from heliograph.config.told import NOT_TOLD, tell, understand

PASSWORD = "pa55word-that-nobody-may-see"
SECURE = ClusterConfig(
    "A", (("broker", 9093),), Tls("trust", "certificate", Secret(PASSWORD)), Sasl("PLAIN", "user", Secret(PASSWORD))
)
CHANGED = {
    "topics": ("orders", "pay.*"),
    "policy": Policy.IDENTITY,
    "merges": True,
    "refresh_topics_interval_s": None,
    "stop_on_loss": frozenset({LossKind.RETENTION, LossKind.TRUNCATION}),
    "tasks_max": 7,
    "offsets_topic": InternalTopic("positions", 5, -1),
    "transactions": TransactionConfig(None, 60_000),
    "read_committed": False,
    "limit_bytes_per_s": 50_000_000,
    "limit_entries": parse_schedule("Mon-Fri 08:00-18:00 10MB; Sat,Sun none"),
    "limit_time_zone": "Europe/Berlin",
    "sync": sync_config(groups=("a", "b"), heartbeats_interval_s=0.5, acls_interval_s=None),
}


def through(flow: FlowConfig) -> dict[str, object]:
    """Return what is told, as it comes out on the other side."""
    return msgspec.json.decode(msgspec.json.encode(tell(flow)))


def test_what_differs_from_the_defaults_arrives():
    flow = flow_config(SECURE, **CHANGED)
    found = understand(through(flow), flow, flow.digest)
    assert found.whole
    assert found.flow == flow


def test_defaults_are_not_told():
    told = tell(flow_config("west", "east"))
    assert set(told) == {"source_name", "target_name", "group_id", "offsets_topic", "config_topic"}


def test_nothing_of_how_a_cluster_is_reached_is_told():
    text = msgspec.json.encode(tell(flow_config(SECURE, **CHANGED))).decode()
    assert not any(word in text for word in (PASSWORD, "broker", "user", "trust", "certificate", "9093"))


@pytest.mark.parametrize("name", [each.name for each in fields(FlowConfig) if each.name not in NOT_TOLD])
def test_every_field_is_told_when_it_is_another(name):
    flow = flow_config()
    assert name in tell(replace(flow, **{name: another(getattr(flow, name))}))


@pytest.mark.parametrize("name", [each.name for each in fields(SyncConfig)])
def test_every_field_of_what_is_kept_in_step_too(name):
    flow = flow_config()
    sync = replace(flow.sync, **{name: another(getattr(flow.sync, name))})
    assert f"sync.{name}" in tell(replace(flow, sync=sync))


def another(value):
    """Return something else than ``value`` that can be told."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case tuple() | frozenset():
            return (*value, "x")
    return 7


def test_what_each_process_has_for_itself_is_no_difference():
    flow = replace(flow_config(), worker_id="here:8083", instance_id="one")
    assert understand(through(flow), flow, flow.digest).flow == flow


def test_a_version_with_other_options_is_understood_as_far_as_it_goes():
    flow = flow_config(topics=("orders",))
    told = through(flow) | {"of.tomorrow": 1, "tasks_max": "many", "sync.groups": 5}
    found = understand(told, flow, "0a1b2c3d")
    assert not found.whole
    assert found.flow == flow


@given(
    st.dictionaries(
        st.sampled_from([*(each.name for each in fields(FlowConfig)), "sync.groups"]),
        st.none() | st.text() | st.integers() | st.lists(st.integers()),
        max_size=9,
    )
)
def test_whatever_a_stranger_tells_is_survived(told):
    like = flow_config(SECURE)
    found = understand(told, like, "")
    assert (found.flow.source, found.flow.target) == (like.source, like.target)
