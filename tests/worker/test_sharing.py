"""What a worker is given of a flow."""

import pytest

from heliograph.worker.sharing import Share

ORDERS = ("orders", 0)


def test_a_share_is_what_was_granted_or_everything():
    assert not Share().has(ORDERS)
    assert Share(frozenset({ORDERS})).has(ORDERS)
    assert not Share(frozenset({ORDERS})).has(("orders", 1))
    assert Share(None).has(("payments", 7))


@pytest.mark.parametrize(("slots", "part"), [(set(), 1), ({0}, 1), ({0, 1, 4}, 1 / 3)])
def test_of_a_limit_each_would_have_the_same(slots, part):
    assert Share(slots=frozenset(slots)).even_part == pytest.approx(part)
