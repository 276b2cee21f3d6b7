"""What ``heliograph failover`` must be told; what it does is shown by the scenarios."""

import pytest

from heliograph.cli.failover import failover
from heliograph.cli.moves import columns
from heliograph.errors import ConfigError, Unreachable


def test_it_wants_groups(write):
    file = write("127.0.0.1:1", "127.0.0.1:1")
    with pytest.raises(ConfigError, match="which groups"):
        failover(file)
    with pytest.raises(ConfigError, match="which groups"):
        failover(file, groups=["g"], everything=True)


def test_it_wants_one_flow(write):
    file = write("127.0.0.1:1", "127.0.0.1:1", "target->source.enabled=true")
    with pytest.raises(ConfigError, match="several flows: source->target, target->source"):
        failover(file, everything=True)
    with pytest.raises(ConfigError, match="has no flow 'a->b'"):
        failover(file, everything=True, flow="a->b")
    one_way = write("127.0.0.1:1", "127.0.0.1:1")
    with pytest.raises(ConfigError, match="enables no flow 'target->source'"):
        failover(one_way, everything=True, flow="target->source")


def test_a_dead_target(write):
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        failover(write("127.0.0.1:1", "127.0.0.1:1"), everything=True)


def test_columns_are_as_wide_as_they_must_be():
    rows = [("A", "B", ""), ("long", "1", "x"), ("s", "1000", "a longer text")]
    assert columns(rows, frozenset({1})) == ["A        B", "long     1  x", "s     1000  a longer text"]
