"""How a flow comes to its transactions."""

import asyncio

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import TransactionalProducer
from heliograph.config.model import FlowConfig
from heliograph.flow.transaction_model import Limits, Store
from heliograph.flow.transactions import Transactions


def transactions_for(config: FlowConfig, target: Cluster, store: Store, slot: int) -> Transactions | None:
    """Make what makes a worker's transactions; None where the flow is not told to be exactly once.

    ``slot`` is the worker's number among those of the flow.
    """
    wanted = config.transactions
    if wanted is None:
        return None
    limits = Limits() if wanted.interval_ms is None else Limits(wanted.interval_ms / 1000, at_rest=False)
    producer = TransactionalProducer(target, config.transactional_id(slot), wanted.timeout_ms)
    return Transactions(producer, store, limits, clock=asyncio.get_running_loop().time)
