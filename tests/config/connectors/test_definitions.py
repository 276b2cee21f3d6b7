"""The connectors' keys: what our tables of options say of them, and where a form shows them.

That all of it is what a real Connect worker answers is tested with one, in tests/connect_api.
"""

import pytest

from heliograph.config.connectors.checks import shown
from heliograph.config.connectors.definitions import Definition, definitions_of, validated_of
from heliograph.config.load import OPTIONS
from heliograph.config.model import Part
from heliograph.config.typed import Kind, parse


def keys(part: Part) -> dict[str, Definition]:
    return {definition.name: definition for definition in definitions_of(part)}


@pytest.mark.parametrize("part", Part)
def test_each_key_has_one_plain_sentence(part):
    for key in definitions_of(part):
        assert key.documentation.endswith("."), key.name
        assert len(key.documentation) < 200, key.name


@pytest.mark.parametrize("part", Part)
def test_defaults_are_values_of_their_kind_and_pass_their_checks(part):
    for key in definitions_of(part):
        value = None if key.default is None else parse(key.kind, key.default)
        assert shown(value) == key.default, key.name
        assert key.required or key.check(key.name, value) == "", key.name


def test_both_orders_hold_the_same_keys():
    for part in Part:
        assert set(definitions_of(part)) == set(validated_of(part))
        assert len(set(definitions_of(part))) == len(definitions_of(part))
    assert [key.name for key in validated_of(Part.HEARTBEAT)][19:25] == [
        "topic.creation.groups",
        "exactly.once.support",
        "transaction.boundary",
        "transaction.boundary.interval.ms",
        "offsets.storage.topic",
        "enabled",
    ]


def test_groups_count_from_one():
    source = keys(Part.SOURCE)
    assert (source["name"].group, source["name"].order) == ("Common", 1)
    assert (source["transforms"].group, source["transforms"].order) == ("Transforms", 12)
    assert (source["config.action.reload"].group, source["config.action.reload"].order) == ("Common", 14)
    assert (source["errors.tolerance"].group, source["errors.tolerance"].order) == ("Error Handling", 3)
    assert (source["topics"].group, source["topics"].order) == (None, -1)


def test_kinds_and_defaults_are_those_of_our_options():
    source = keys(Part.SOURCE)
    lag = source["offset.lag.max"]
    assert (lag.kind, lag.default) == (Kind.LONG, OPTIONS.named("offset.lag.max")[0].default)
    assert source["refresh.topics.interval.seconds"].default == "600", "MirrorMaker 2's where ours is another"
    assert source["topics.exclude"].default == r"mm2.*\.internal,.*\.replica,__.*", "without the blanks of ours"
    assert source["topic.filter.class"].classes == ("org.apache.kafka.connect.mirror.defaulttopicfilter",)
    assert source["sasl.login.class"].classes is None
