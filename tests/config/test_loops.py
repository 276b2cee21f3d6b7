"""Circles of flows that keep topic names: refused unless it is certain that no topic goes round."""

import pytest

from heliograph.config.loops import Way, disjoint, find_growing_loop, find_loop, find_merging
from heliograph.config.model import Policy
from heliograph.errors import ConfigError


def way(name, topics=".*", exclude="", *, keeps_names=True, separator="."):
    source, target = name.split("->")
    items = tuple(filter(None, topics.split(",")))
    return Way(source, target, keeps_names, items, tuple(filter(None, exclude.split(","))), separator)


def blind(name, topics=".*", exclude=""):
    """A flow with the default policy and an empty separator."""
    return way(name, topics, exclude, keeps_names=False, separator="")


# topics and exclusions of one flow and of the other, whether no topic can be in both
PAIRS = [
    (("orders,items", ""), ("audit", ""), True),
    (("orders,items", ""), ("audit,items", ""), False),
    ((".*", ""), ("audit", ""), False),
    ((".*", "audit"), ("audit", ""), True),
    ((".*", "aud.*"), ("audit", ""), True),
    ((".*", ""), ("audit", "audit"), True),
    ((r"eu\..*", ""), (r"us\..*", ""), True),
    (("eu-.*", ""), ("us-.*", ""), True),
    (("eu.*", ""), ("eur.*", ""), False),
    ((".*", r"us\..*"), (r"us\..*", ""), True),
    ((".*", r"us\..*"), (r"us\.a.*", ""), False),
    ((r"a\.b", ""), ("a.b", ""), False),
    ((r"a\.b", ""), (r"a\.c", ""), True),
    (("ab*c", ""), ("acd", ""), True),
    (("ab*.*", ""), ("ac.*", ""), False),
    (("ab+.*", ""), ("ac.*", ""), False),
    (("a|b", ""), ("c.*", ""), False),
    (("a|b", ""), ("c", ""), True),
    (("(a,b)", ""), ("c", ""), False),
    (("(?i)eu.*,x", ""), ("X", ""), False),
    ((r"\Qa,b", ""), ("c", ""), False),
    (("", ""), (".*", ""), True),
]


@pytest.mark.parametrize(("one", "other", "apart"), PAIRS)
def test_what_is_certain(one, other, apart):
    assert disjoint(way("A->B", *one), way("B->A", *other)) is apart
    assert disjoint(way("B->A", *other), way("A->B", *one)) is apart


def names(ways):
    return [each.name for each in find_loop(ways)]


def test_circles():
    assert names([way("A->B"), way("B->A")]) == ["A->B", "B->A"]
    assert names([way("A->B"), way("B->C"), way("C->A")]) == ["A->B", "B->C", "C->A"]
    assert names([way("A->B"), way("B->C"), way("C->D"), way("D->B")]) == ["B->C", "C->D", "D->B"]
    assert names([way("A->B"), way("B->C"), way("A->C")]) == []
    assert names([way("A->B"), way("B->A", keeps_names=False)]) == []
    assert names([way("A->B"), way("B->C", "x"), way("C->A", "y")]) == ["A->B", "B->C", "C->A"]  # two are apart
    assert names([way("A->B", "z"), way("B->C", "x"), way("C->A", "y")]) == []


@pytest.mark.parametrize(
    ("ways", "loop"),
    [
        ([blind("A->B")], []),
        ([blind("A->B"), blind("B->C"), blind("A->C")], []),
        ([blind("A->B"), blind("B->A")], ["A->B", "B->A"]),
        ([way("B->A"), blind("A->B")], ["A->B", "B->A"]),
        ([way("B->A", keeps_names=False), blind("A->B")], ["A->B", "B->A"]),
        ([blind("A->B"), blind("B->C"), blind("C->A")], ["A->B", "B->C", "C->A"]),
        ([blind("A->B", "orders"), blind("B->A", "orders")], []),
        ([blind("A->B", "orders"), blind("B->A")], []),
        ([blind("A->B", "orders.*"), blind("B->A")], []),
        ([blind("A->B", "orders.*"), way("B->A")], []),
        ([blind("A->B", "A.*"), blind("B->A")], []),
        ([blind("A->B", "A.*"), way("B->A")], ["A->B", "B->A"]),
        ([blind("A->B", "BA.*"), blind("B->A")], ["A->B", "B->A"]),
        ([blind("A->B", "(?i)orders.*"), blind("B->A")], ["A->B", "B->A"]),
        ([blind("A->B"), blind("B->A", ".*", "A.*")], []),
        ([blind("A->B", ".*", "B.*"), blind("B->A")], []),
        ([blind("A->B", ".*", "Bo.*"), blind("B->A")], ["A->B", "B->A"]),
        ([way("A->B", keeps_names=False), way("B->A", keeps_names=False)], []),
    ],
)
def test_circles_in_which_names_would_grow(ways, loop):
    assert [each.name for each in find_growing_loop(ways)] == loop


@pytest.mark.parametrize(
    ("ways", "merging"),
    [
        ([way("A->C"), way("B->C")], {"A->C": "B->C", "B->C": "A->C"}),
        ([way("A->C", "x"), way("B->C", "y")], {}),
        ([blind("A->C"), blind("B->C")], {}),
        ([blind("A->C"), blind("AB->C")], {"A->C": "AB->C", "AB->C": "A->C"}),
        ([blind("A->C", "orders"), blind("AB->C")], {}),
        ([blind("A->C", "Borders"), blind("AB->C")], {"A->C": "AB->C", "AB->C": "A->C"}),
        ([way("B->C"), blind("A->C")], {"B->C": "A->C", "A->C": "B->C"}),
        ([way("B->C", "orders"), blind("A->C")], {}),
        ([way("A->C", keeps_names=False), blind("B->C")], {}),
    ],
)
def test_flows_whose_copies_may_have_one_name(ways, merging):
    assert {name: other.name for name, other in find_merging(ways).items()} == merging


UNSEPARATED = "B->A.enabled=true\nreplication.policy.separator=\n"


def test_without_a_separator_one_direction_runs_with_one_warning(load_text):
    config = load_text("replication.policy.separator=")
    (warning,) = config.warnings
    assert (warning.key, warning.line) == ("replication.policy.separator", 5)
    assert "orders is copied to Aorders" in warning.message
    assert "mm2-offset-syncsBinternal" in warning.message


def test_without_a_separator_both_directions_are_refused_where_they_would_go_round(load_text):
    with pytest.raises(ConfigError, match="A->B, B->A may copy each other's copies") as refused:
        load_text(UNSEPARATED)
    assert "topics.exclude=A.*" in refused.value.remedy
    assert len(load_text(UNSEPARATED + "topics=orders").flows) == 2
    assert len(load_text(UNSEPARATED + "B->A.topics.exclude=A.*").flows) == 2
    config = load_text(UNSEPARATED, only_targets=["B"])
    assert any("A->B, B->A must never run at the same time" in each.message for each in config.warnings)


def test_an_empty_alias_and_an_empty_separator_keep_names(load_text):
    text = "replication.policy.separator=\nsource.cluster.alias=\n"
    config = load_text(text)
    (warning,) = config.warnings
    assert "topics keep their names; heartbeats are not copied" in warning.message
    assert config.flows[0].policy is Policy.IDENTITY
    with pytest.raises(ConfigError, match="A->B, B->A keep topic names"):
        load_text(text + "B->A.enabled=true")
    with pytest.raises(ConfigError, match="names of copies would begin with the separator"):
        load_text("source.cluster.alias=")


def test_one_alias_for_two_sources_is_fan_in_to_the_same_topics(load_text):
    text = "clusters=A,B,C\nC.bootstrap.servers=c:3\nC->B.enabled=true\nsource.cluster.alias=x\n"
    assert [flow.merges for flow in load_text(text).flows] == [True, True]
    assert [flow.merges for flow in load_text(text + "C->B.topics=y\nA->B.topics=z").flows] == [False, False]


def test_without_a_separator_copies_are_not_deleted(load_text):
    with pytest.raises(ConfigError, match=r"heliograph\.delete\.topics cannot be used"):
        load_text("replication.policy.separator=\nheliograph.delete.topics=true")


IDENTITY = "B->A.enabled=true\nreplication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy\n"


def test_both_directions_are_refused(load_text):
    with pytest.raises(ConfigError, match="A->B, B->A keep topic names") as refused:
        load_text(IDENTITY)
    assert "default policy" in refused.value.remedy


def test_both_directions_with_topics_of_their_own(load_text):
    text = IDENTITY + "A->B.topics=orders, items\nB->A.topics=audit\n"
    config = load_text(text)
    assert [flow.name for flow in config.flows] == ["A->B", "B->A"]
    assert not [each for each in config.warnings if "round for ever" in each.message]


def test_one_direction_of_two_is_warned_of(load_text):
    config = load_text(IDENTITY, only_targets=["B"])
    assert [flow.name for flow in config.flows] == ["A->B"]
    (warning,) = [each for each in config.warnings if "must never run at the same time" in each.message]
    assert (warning.key, warning.line) == ("replication.policy.class", 6)
