"""What differs between two configurations of a flow, in values that a person writes."""

from dataclasses import fields, replace

import pytest

from configs import flow_config, sync_config
from heliograph.config.changes import Extent
from heliograph.config.differences import OptionDifference, option_differences
from heliograph.config.model import ClusterConfig, FlowConfig, LossKind, Sasl, Secret
from heliograph.config.schedules import parse_schedule


def test_the_same_differs_in_nothing():
    assert option_differences(flow_config(), flow_config()) == ()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"topics": ("a", "b")}, {"topics": ("b", "c")}, ("topics", ("a", "b"), ("b", "c"), Extent.IN_PLACE)),
        (
            {"refresh_topics_interval_s": 600.0},
            {"refresh_topics_interval_s": None},
            ("refresh.topics.interval.seconds", "600", "off", Extent.IN_PLACE),
        ),
        (
            {"start_at_latest": False},
            {"start_at_latest": True},
            ("auto.offset.reset", "earliest", "latest", Extent.FLOW),
        ),
        ({"tasks_max": None}, {"tasks_max": 3}, ("tasks.max", "not set", "3", Extent.IN_PLACE)),
        (
            {"delete_topics": False},
            {"delete_topics": True},
            ("heliograph.delete.topics", "false", "true", Extent.IN_PLACE),
        ),
        (
            {"stop_on_loss": frozenset()},
            {"stop_on_loss": frozenset({LossKind.TRUNCATION, LossKind.RETENTION})},
            ("heliograph.stop.on.loss", (), ("retention", "truncation"), Extent.IN_PLACE),
        ),
        (
            {"limit_entries": parse_schedule("Mon-Wed,Sun 08:00-18:30 10MB")},
            {"limit_entries": parse_schedule("Mon-Sun none")},
            (
                "heliograph.limit.schedule",
                ("Mon,Tue,Wed,Sun 08:00-18:30 10000000B",),
                ("Mon,Tue,Wed,Thu,Fri,Sat,Sun 00:00-24:00 none",),
                Extent.IN_PLACE,
            ),
        ),
        (
            {"limit_bytes_per_s": None},
            {"limit_bytes_per_s": 1_000},
            ("heliograph.limit.bytes.per.second", "not set", "1000", Extent.IN_PLACE),
        ),
        (
            {"separator": ".", "internal_separator": "."},
            {"separator": "", "internal_separator": ""},
            ("replication.policy.separator", ".", "empty", Extent.FLOW),
        ),
    ],
)
def test_old_and_new(before, after, told):
    assert option_differences(flow_config(**before), flow_config(**after)) == (OptionDifference(*told),)


def test_what_is_kept_in_step():
    before, after = (flow_config(sync=sync_config(groups=groups)) for groups in (("a",), ("b",)))
    assert option_differences(before, after) == (OptionDifference("groups", ("a",), ("b",), Extent.IN_PLACE),)


def test_a_secret_is_said_to_be_another_and_not_shown():
    before, after = (
        flow_config(ClusterConfig("A", (("h", 1),), sasl=Sasl("PLAIN", "token", Secret(password))))
        for password in ("one-secret", "two-secret")
    )
    (found,) = option_differences(before, after)
    assert found.option == "A.sasl.*"
    assert "secret" not in f"{found.before}{found.after}"


def test_how_a_cluster_is_reached():
    before, after = (flow_config(target=ClusterConfig("B", (("h", port),))) for port in (1, 2))
    assert option_differences(before, after) == (
        OptionDifference("B.bootstrap.servers", ("h:1",), ("h:2",), Extent.IN_PLACE),
    )


@pytest.mark.parametrize("name", [each.name for each in fields(FlowConfig)])
def test_every_field_can_be_shown_when_it_is_not_set(name):
    if name not in ("source", "target", "sync", "merges", "offsets_topic"):
        option_differences(flow_config(), replace(flow_config(), **{name: None}))
