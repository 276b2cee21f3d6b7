"""Circles of flows that keep topic names: refused unless it is certain that no topic goes round."""

import pytest

from heliograph.config.loops import Way, disjoint, find_loop
from heliograph.errors import ConfigError


def way(name, topics=".*", exclude="", *, keeps_names=True):
    source, target = name.split("->")
    items = tuple(filter(None, topics.split(",")))
    return Way(source, target, keeps_names, items, tuple(filter(None, exclude.split(","))))


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
