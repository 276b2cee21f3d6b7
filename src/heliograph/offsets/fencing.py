"""An exactly-once MirrorMaker 2 is fenced before its positions are read (KIP-618).

Such an MM2 writes in transactions, one transactional id for each task. One that was killed may have left a transaction
open, behind which no reader of committed records sees anything for a minute; one that is merely frozen may wake up and
write on. Whoever initialises the same transactional id ends both: the open transaction is aborted, and the former owner
is refused from then on.

Which ids there are the brokers tell (KIP-664, Kafka 3.0). Older brokers are asked for nothing; what a killed task left
open there ends by itself, after ``transaction.timeout.ms`` (a minute).
"""

from collections.abc import Collection
from functools import partial

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.cluster.transactions import TransactionalProducer
from heliograph.concurrency import each_of
from heliograph.config.model import FlowConfig

LIST_TRANSACTIONS = "list_transactions"
FENCED_MAX = 1_000
"""Ids that are fenced at most: MM2 has one for each task, and hardly more tasks than that."""
LEADER_PREFIX = "connect-cluster-"
"""Of the id with which the leader of a group of Connect workers writes its configuration."""
AT_ONCE = 8


def is_task_of(transactional_id: str, config: FlowConfig) -> bool:
    """Say whether an id belongs to MM2's workers of this flow: ``<group>-<connector>-<task>``, or their leader's."""
    if transactional_id == f"{LEADER_PREFIX}{config.group_id}":
        return True
    prefix = config.transactional_prefix
    return transactional_id.startswith(prefix) and transactional_id[len(prefix) :].isdecimal()


async def transactional_ids(cluster: Cluster, config: FlowConfig) -> list[str]:
    """Return the transactional ids of MM2's workers of this flow that ``cluster`` knows; empty where it tells none.

    A broker lists those ids that the client may describe. Raises HeliographError.
    """
    told = await cluster.ask_brokers(partial(_ids_of_broker, cluster))
    return sorted({each for ids in told for each in ids if is_task_of(each, config)})[:FENCED_MAX]


async def _ids_of_broker(cluster: Cluster, node: int) -> list[str]:
    connection = await cluster.connection(node)
    if not connection.versions.knows(LIST_TRANSACTIONS):
        return []
    answer = await connection.call(
        LIST_TRANSACTIONS, {"state_filters": (), "producer_id_filters": (), "duration_filter": -1}
    )
    raise_for(int(answer.error_code), f"list the transactions of {cluster.alias}", "the cluster", right="Describe")
    return [str(row.transactional_id) for row in answer.transaction_states]


async def fence(cluster: Cluster, config: FlowConfig, slots: Collection[int] = ()) -> list[str]:
    """Fence every MM2 task, and every worker, of this flow that has written transactions to ``cluster``; gives the ids.

    Those of the workers with the numbers ``slots`` are left alone: they are alive. Raises HeliographError;
    NotAuthorized where Write on a transactional id is missing.
    """
    alive = {config.transactional_id(slot) for slot in slots}
    ids = [each for each in await transactional_ids(cluster, config) if each not in alive]

    async def one(transactional_id: str) -> None:
        await TransactionalProducer(cluster, transactional_id).initialise()

    for outcome in (await each_of(ids, one, AT_ONCE)).values():
        if outcome is not None:
            raise outcome
    return ids
