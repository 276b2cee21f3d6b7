"""When a transaction is due."""

from heliograph.flow.transaction_model import Limits, Transaction


def test_when_a_transaction_is_due():
    limits = Limits(age_s=1.0, size_bytes=100)
    lane = object()
    assert Transaction(5.0).due(5.0, limits), "nothing waits"
    assert not Transaction(5.0).due(5.0, Limits(age_s=1.0, at_rest=False))
    assert not Transaction(5.0, busy={lane: None}).due(5.9, limits)
    assert Transaction(5.0, busy={lane: None}).due(6.0, limits)
    assert Transaction(5.0, busy={lane: None}, size_bytes=100).due(5.0, limits)
