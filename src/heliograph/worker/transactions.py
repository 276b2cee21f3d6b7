"""How a flow comes to its transactions, and what may end them."""

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import TransactionalProducer
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.transactions import Limits, Store, Transactions


def transactions_for(config: FlowConfig, target: Cluster, store: Store) -> Transactions | None:
    """Make what makes the flow's transactions; None where it is not told to be exactly once."""
    wanted = config.transactions
    if wanted is None:
        return None
    limits = Limits() if wanted.interval_ms is None else Limits(wanted.interval_ms / 1000, at_rest=False)
    return Transactions(TransactionalProducer(target, config.transactional_id, wanted.timeout_ms), store, limits)


def first_cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the one error for a person among what ended a group of tasks; the group itself where there is none."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            inner = first_cause(error)
            if isinstance(inner, HeliographError):
                return inner
        if isinstance(error, HeliographError):
            return error
    return errors
