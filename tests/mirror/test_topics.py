from dataclasses import replace
from types import SimpleNamespace

import pytest

from configs import flow_config
from heliograph.config.model import Policy
from heliograph.mirror.topics import (
    LIMITS,
    AddPartitions,
    ConfigChange,
    ConfigEntry,
    ConfigSource,
    CreateTopic,
    LanePlan,
    Note,
    TopicShape,
    fold,
    partition_counts,
    shapes_of,
    topic_rules_of,
)

FLOW = flow_config(
    replication_factor=3,
    config_properties_exclude=("min\\.insync\\.replicas", "follower\\..*"),
)
CONFIGS = {
    "cleanup.policy": ConfigEntry("compact"),
    "retention.ms": ConfigEntry("604800000", ConfigSource.DEFAULT),
    "segment.bytes": ConfigEntry("1048576", ConfigSource.DYNAMIC_DEFAULT_BROKER),
    "flush.ms": ConfigEntry("1", ConfigSource.STATIC_BROKER),
    "read.only": ConfigEntry("x", read_only=True),
    "secret": ConfigEntry("x", sensitive=True),
    "hidden": ConfigEntry(None),
    "min.insync.replicas": ConfigEntry("2"),
    "follower.replication.throttled.replicas": ConfigEntry("*"),
    "min.insync.replicas.extra": ConfigEntry("kept"),
}


def lanes(source, target, count):
    return tuple(LanePlan(source, partition, target, partition) for partition in range(count))


def test_what_is_missing_is_created_and_grown():
    plan = topic_rules_of(FLOW).plan(
        {
            "new": TopicShape(2, CONFIGS),
            "grown": TopicShape(4),
            "same": TopicShape(1),
            "shrunk": TopicShape(1),
            "__internal": TopicShape(50),
            "B.back": TopicShape(1),
        },
        {"A.grown": 3, "A.same": 1, "A.shrunk": 6, "unrelated": 9},
    )
    assert plan.actions == (
        AddPartitions("A.grown", 4),
        CreateTopic(
            "A.new",
            2,
            3,
            (("cleanup.policy", "compact"), ("min.insync.replicas.extra", "kept"), ("segment.bytes", "1048576")),
        ),
    )
    assert plan.lanes == (
        lanes("grown", "A.grown", 4)
        + lanes("new", "A.new", 2)
        + lanes("same", "A.same", 1)
        + lanes("shrunk", "A.shrunk", 1)
    )
    assert plan.notes == (
        Note("B.back", "cycle: its name says that it came from the target B"),
        Note("__internal", "internal topic, never mirrored"),
        Note("shrunk", "A.shrunk has 6 partitions, the source 1: kept"),
    )


def test_identity_uses_what_is_there():
    plan = topic_rules_of(replace(FLOW, policy=Policy.IDENTITY)).plan(
        {"orders": TopicShape(2), "heartbeats": TopicShape(1)}, {"orders": 2}
    )
    assert plan.actions == (CreateTopic("A.heartbeats", 1, 3),)
    assert plan.lanes == lanes("heartbeats", "A.heartbeats", 1) + lanes("orders", "orders", 2)
    assert plan.notes == ()


@pytest.mark.parametrize(("length", "created"), [(247, True), (248, False)])
def test_a_name_that_gets_too_long_is_noted(length, created):
    plan = topic_rules_of(FLOW).plan({"x" * length: TopicShape(1)}, {})
    assert bool(plan.actions) is bool(plan.lanes) is created
    assert plan.notes == (
        () if created else (Note("x" * length, "its name on the target would have more than 249 characters"),)
    )


def test_defaults_are_copied_where_asked():
    rules = topic_rules_of(replace(FLOW, use_defaults_from="source"))
    assert ("retention.ms", "604800000") in rules.creation_configs(CONFIGS)
    assert ("retention.ms", "604800000") not in topic_rules_of(FLOW).creation_configs(CONFIGS)


def test_settings_are_brought_into_line():
    source = {
        "equal": ConfigEntry("1"),
        "other": ConfigEntry("2"),
        "set.here.default.there": ConfigEntry("3"),
        "default.here.set.there": ConfigEntry("4", ConfigSource.DEFAULT),
        "default.both": ConfigEntry("5", ConfigSource.DEFAULT),
        "unknown.there": ConfigEntry("6"),
        "min.insync.replicas": ConfigEntry("7"),
    }
    target = {
        "equal": ConfigEntry("1"),
        "other": ConfigEntry("1"),
        "set.here.default.there": ConfigEntry("3", ConfigSource.DEFAULT),
        "default.here.set.there": ConfigEntry("9"),
        "default.both": ConfigEntry("9", ConfigSource.DEFAULT),
        "min.insync.replicas": ConfigEntry("1"),
        "only.there": ConfigEntry("8"),
    }
    assert topic_rules_of(FLOW).config_changes("A.t", source, target) == (
        ConfigChange("A.t", "default.here.set.there", None),
        ConfigChange("A.t", "other", "2"),
        ConfigChange("A.t", "set.here.default.there", "3"),
    )
    copying = topic_rules_of(replace(FLOW, use_defaults_from="source"))
    assert copying.config_changes("A.t", source, target) == (
        ConfigChange("A.t", "default.both", "5"),
        ConfigChange("A.t", "default.here.set.there", "4"),
        ConfigChange("A.t", "other", "2"),
        ConfigChange("A.t", "set.here.default.there", "3"),
    )


@pytest.mark.parametrize(
    ("there", "here", "change"),
    [
        (ConfigEntry("5"), ConfigEntry("9"), None),
        (ConfigEntry("9", ConfigSource.DEFAULT), ConfigEntry("5"), None),
        (ConfigEntry("9"), ConfigEntry("5"), "9"),
        (ConfigEntry("5"), ConfigEntry("9", ConfigSource.DEFAULT), "5"),
        (ConfigEntry("5"), ConfigEntry("5"), None),
    ],
    ids=["raised by hand", "default there, set here", "raised there", "set there, default here", "equal"],
)
@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit_of_the_copy_is_never_made_stricter(name, there, here, change):
    wanted = () if change is None else (ConfigChange("A.t", name, change),)
    for rules in (topic_rules_of(FLOW), topic_rules_of(replace(FLOW, use_defaults_from="source"))):
        found = rules.config_changes("A.t", {name: there}, {name: here})
        assert found == wanted


def test_shapes_and_counts_of_topics_in_metadata():
    topics = {
        "a": SimpleNamespace(partitions=(0, 1), topic_id=None),
        "gone": SimpleNamespace(partitions=(), topic_id=1),
    }
    assert shapes_of(topics, {"a": CONFIGS}) == {"a": TopicShape(2, CONFIGS, "")}
    assert shapes_of({"a": SimpleNamespace(partitions=(0,), topic_id="id")}) == {"a": TopicShape(1, {}, "id")}
    assert partition_counts(topics) == {"a": 2}


def placed(source, count, partitions, before=()):
    """Where the lanes of a source topic go, and which are shared, on a target topic that stays too small."""
    found = fold(lanes(source, "A.t", count), {"A.t": partitions}, dict(before))
    assert [lane.partition for lane in found] == list(range(count))
    return [lane.target_partition for lane in found], [lane.partition for lane in found if lane.shared]


@pytest.mark.parametrize(
    ("count", "partitions", "places", "shared"),
    [
        (10, 5, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], list(range(10))),
        (7, 5, [0, 1, 2, 3, 4, 0, 1], [0, 1, 5, 6]),
        (3, 1, [0, 0, 0], [0, 1, 2]),
    ],
)
def test_source_partitions_share_what_there_is(count, partitions, places, shared):
    assert placed("t", count, partitions) == (places, shared)


def test_a_lane_stays_where_its_records_went():
    before = {("t", 5): 0, ("t", 6): 1, ("t", 3): 3, ("other", 4): 9}
    assert placed("t", 8, 7, before) == ([0, 1, 2, 3, 4, 0, 1, 0], [0, 1, 5, 6, 7])
    assert placed("t", 4, 2, {("t", 3): 3}) == ([0, 1, 0, 1], [0, 1, 2, 3]), "what is no longer there is no place"


def test_a_lane_alone_on_another_number_is_not_on_its_own():
    """Offset syncs and checkpoints know one partition number for both sides."""
    assert placed("t", 3, 2, {("t", 2): 1, ("t", 1): 0}) == ([0, 0, 1], [0, 1, 2])


def test_other_topics_stay_as_they_are():
    plans = lanes("t", "A.t", 3)
    assert fold(plans, {"A.other": 1}, {("t", 2): 1}) == plans
