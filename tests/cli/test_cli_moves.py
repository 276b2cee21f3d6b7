"""What the commands about offsets share: which flow is meant, tables in columns, JSON without guesses."""

from types import SimpleNamespace

import pytest

from heliograph.cli.moves import columns, flow_of, number, reverse_of
from heliograph.errors import ConfigError


def flow(source, target):
    return SimpleNamespace(
        name=f"{source}->{target}", source=SimpleNamespace(alias=source), target=SimpleNamespace(alias=target)
    )


def config(*flows):
    return SimpleNamespace(path="mm2.properties", flows=flows)


def test_the_only_flow_needs_no_name():
    only = flow("A", "B")
    assert flow_of(config(only), None) is only
    assert flow_of(config(only), "A->B") is only


def test_one_of_several_must_be_named():
    both = config(flow("A", "B"), flow("B", "A"))
    assert flow_of(both, "B->A").name == "B->A"
    with pytest.raises(ConfigError, match=r"has several flows: A->B, B->A\. Choose one with --flow 'A->B'"):
        flow_of(both, None)
    with pytest.raises(ConfigError, match=r"enables no flow 'A->C'\. Choose from A->B, B->A"):
        flow_of(both, "A->C")


def test_the_flow_back():
    forth, back, other = flow("A", "B"), flow("B", "A"), flow("A", "C")
    assert reverse_of(config(forth, other, back), forth) is back
    assert reverse_of(config(forth, other), forth) is None


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [("GROUP", "LAG", ""), ("a", "10", "why"), ("longer one", "7", "")]
    assert columns(rows, frozenset({1})) == ["GROUP       LAG", "a            10  why", "longer one    7"]


def test_what_is_not_known_is_a_dash():
    assert (number(None), number(0)) == ("-", "0")
