"""A flow comes to its transactions as the file says."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.config.model import TransactionConfig
from heliograph.flow.transaction_model import Limits
from heliograph.offsets.stored import Offsets, ensure_topic
from heliograph.worker.transactions import transactions_for


def made(wanted):
    """Make the flow's transactions and let them fence who was there before; return them with what was asked."""
    with FakeCluster("one") as source, FakeCluster("two") as target:

        async def work(flow):
            await ensure_topic(flow.target, flow.config)
            transactions = transactions_for(flow.config, flow.target, Offsets(flow.target, flow.config), 0)
            target.forget_requests()
            if transactions is not None:
                await transactions.fence()
            return transactions

        return between(source, target, work, transactions=wanted), target.asked


def test_at_least_once_needs_none():
    assert made(None) == (None, [])


@pytest.mark.parametrize(
    ("interval_ms", "limits"), [(None, Limits()), (250, Limits(age_s=0.25, at_rest=False))], ids=["poll", "interval"]
)
def test_the_interval_says_when_a_transaction_is_closed(interval_ms, limits):
    transactions, asked = made(TransactionConfig(interval_ms, 60_000))
    assert transactions._gate._limits == limits
    assert "init_producer_id" in asked
    assert transactions.transactional_id == "one-mm2-MirrorSourceConnector-0", (
        "MirrorMaker 2's own, so each fences the other"
    )
