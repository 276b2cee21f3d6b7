"""Positions of groups as they are told: what is not known is null, and an order says which groups it means."""

import json

import msgspec
import pytest

from heliograph.mirror.moves import Move, Position, Verdict
from heliograph.observe.group_positions import FailoverOrder, told_moves, told_position


def test_what_is_not_known_is_null():
    row = told_position(Position("", "t", 0, -1))
    assert (row.group, row.offset, row.to_topic, row.to_offset, row.verdict) == (None, None, None, None, None)


def test_a_move_says_what_becomes_of_it():
    (row,) = told_moves([Move(Position("g", "t", 0, 5, reason="exact"), Verdict.REFUSED, "because")])
    assert (row.group, row.offset, row.verdict, row.reason) == ("g", 5, Verdict.REFUSED, "because")
    assert json.loads(msgspec.json.encode(row))["verdict"] == "refused"


@pytest.mark.parametrize("body", [{}, {"groups": ["g"], "all_groups": True}, {"groups": [], "execute": True}])
def test_an_order_says_which_groups_it_means(body):
    with pytest.raises(msgspec.ValidationError, match="needs to know which groups"):
        msgspec.convert(body, FailoverOrder)
