"""A transactional producer: the requests of KIP-98, each tried again as its error allows, and no policy.

::

    initialise ──> add ──> (batches, sent by whoever has them) ──> append ──> end ──> add ...
                                                                             anything in doubt ──> renew ──> add ...

``initialise`` fences: whoever used the transactional id before is refused from then on, and what it had not committed
is aborted. ``renew`` aborts what is open and takes a fresh epoch, so that sequence numbers begin with 0 again, but only
while the id is still ours.

The versions spoken are those before KIP-890's second part, in which partitions are added by a request of their own and
the epoch stays the same from transaction to transaction; every broker from 1.1 to 4.x serves them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.concurrency import each_of
from heliograph.errors import BrokerError, ClusterError, HeliographError
from heliograph.records import Parcel, Record, encode, stamp
from heliograph.wire import errors as codes
from heliograph.wire import produce
from heliograph.wire.versions import PRODUCE

TRANSACTION = "transaction"
TIMEOUT_MS = 60_000
"""How long the coordinator lets a transaction stay open before it aborts it (Kafka's ``transaction.timeout.ms``)."""
BUSY_S_MIN = 0.002
BUSY_S_MAX = 0.1
"""Pauses while the coordinator still writes the last transaction's markers; that is a matter of milliseconds."""
BUSY_S = 30.0
"""How long that is waited for before it is an error."""
KEY_TYPE_TRANSACTION = 1
RENEW_VERSION = 3
"""InitProducerId from this version on (Kafka 2.5, KIP-360) names the present producer; earlier ones fence any other."""
_EACH_ITS_OWN = (
    codes.NONE,
    codes.UNKNOWN_TOPIC_OR_PARTITION,
    codes.TOPIC_AUTHORIZATION_FAILED,
    codes.OPERATION_NOT_ATTEMPTED,
)
"""What an answer to AddPartitionsToTxn says of one partition; everything else is said of the whole request."""
_FENCED = (codes.PRODUCER_FENCED, codes.INVALID_PRODUCER_EPOCH)

TopicPartition = tuple[str, int]
Rows = Mapping[int, Sequence[tuple[bytes, bytes | None]]]


def is_fenced(error: HeliographError) -> bool:
    """Say whether the coordinator told that another producer has the transactional id by now."""
    return isinstance(error, BrokerError) and error.code in _FENCED


class TransactionalProducer:
    """One transactional id on one cluster. Every method raises ClusterError; see :func:`is_fenced`."""

    def __init__(self, cluster: Cluster, transactional_id: str, timeout_ms: int = TIMEOUT_MS) -> None:
        """Nothing is asked before :meth:`initialise`."""
        self.transactional_id = transactional_id
        self.producer_id = -1
        self.epoch = -1
        self._cluster = cluster
        self._timeout_ms = timeout_ms
        self._coordinator: int | None = None
        self._sequences: dict[TopicPartition, int] = {}
        """Next sequence number of what :meth:`append` writes."""

    @property
    def alias(self) -> str:
        """The cluster's."""
        return self._cluster.alias

    async def initialise(self) -> None:
        """Take the transactional id: fence its former user, and wait until what it left open is aborted."""
        await self._take_id(-1, -1)

    async def renew(self) -> None:
        """Abort what is open and take a new epoch; fails as fenced when somebody else has the id by now.

        That is found out by the abort. InitProducerId alone would, before it looks at the epoch, abort the transaction
        of the one that has fenced us (seen in Kafka 4.3.1).
        """
        await self.end(commit=False)
        await self._take_id(self.producer_id, self.epoch)

    async def _take_id(self, producer_id: int, epoch: int) -> None:
        what = f"begin transactions of {self.transactional_id} on {self._cluster.alias}"

        async def once() -> Any:
            values = {
                "transactional_id": self.transactional_id,
                "transaction_timeout": self._timeout_ms,
                "producer_id": producer_id,
                "producer_epoch": epoch,
            }
            answer = await self._call("init_producer_id", values, least=RENEW_VERSION if producer_id >= 0 else 0)
            self._raise(int(answer.error_code), what)
            return answer

        answer = await self._cluster.retrying(once)
        self.producer_id, self.epoch = int(answer.producer_id), int(answer.producer_epoch)
        self._sequences.clear()

    async def add(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Make ``partitions`` part of the transaction, which begins with the first. All are added, or none.

        Returns the code of each that cannot be; the others may be tried without these.
        """
        what = f"add partitions to a transaction of {self.transactional_id} on {self._cluster.alias}"
        topics: dict[str, list[int]] = defaultdict(list)
        for topic, partition in partitions:
            topics[topic].append(partition)

        async def once() -> dict[TopicPartition, int]:
            values = {
                **self._who("v3_and_below_"),
                "v3_and_below_topics": [{"name": name, "partitions": rows} for name, rows in topics.items()],
            }
            answer = await self._call("add_partitions_to_txn", values)
            return {
                (str(topic.name), row.partition_index): int(row.partition_error_code)
                for topic in answer.results_by_topic_v3_and_below
                for row in topic.results_by_partition
            }

        found = await self._while_busy(once, what)
        return {key: code for key, code in found.items() if code not in (codes.NONE, codes.OPERATION_NOT_ATTEMPTED)}

    async def _while_busy(self, once: Any, what: str) -> dict[TopicPartition, int]:
        """Ask until the markers of the last transaction are written."""

        async def judged() -> dict[TopicPartition, int]:
            found: dict[TopicPartition, int] = await once()
            for code in found.values():
                if code not in (*_EACH_ITS_OWN, codes.CONCURRENT_TRANSACTIONS):
                    self._raise(code, what)
            return found

        deadline = asyncio.get_running_loop().time() + BUSY_S
        pause_s = BUSY_S_MIN
        while True:
            found: dict[TopicPartition, int] = await self._cluster.retrying(judged)
            if codes.CONCURRENT_TRANSACTIONS not in found.values():
                return found
            if asyncio.get_running_loop().time() >= deadline:
                self._raise(codes.CONCURRENT_TRANSACTIONS, what)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BUSY_S_MAX)

    async def append(self, topic: str, rows: Rows, now_ms: int) -> None:
        """Write key-value pairs to partitions of ``topic`` as part of the transaction; they must have been added.

        An INVALID_PRODUCER_EPOCH from here does not yet prove that we are fenced: the coordinator decides.
        """
        left = {
            partition: encode([Record(i, now_ms, key, value) for i, (key, value) in enumerate(pairs)])
            for partition, pairs in rows.items()
        }
        await self._cluster.retrying(lambda: self._append_once(topic, left))

    async def _append_once(self, topic: str, left: dict[int, Parcel]) -> None:
        cluster = self._cluster
        if any(cluster.metadata.leader(topic, partition) < 0 for partition in left):
            await cluster.refresh([topic])
        by_leader: dict[int, list[int]] = defaultdict(list)
        for partition in left:
            by_leader[cluster.metadata.leader(topic, partition)].append(partition)
        if -1 in by_leader:
            raise BrokerError(f"{topic} on {cluster.alias} has no leader", code=codes.NOT_LEADER_OR_FOLLOWER)

        async def ask(node: int) -> list[produce.Appended]:
            return await self._produce(node, topic, {partition: left[partition] for partition in by_leader[node]})

        for answer in (await each_of(by_leader, ask, len(by_leader))).values():
            if isinstance(answer, HeliographError):
                raise answer
            for row in answer:
                if row.error == codes.NOT_LEADER_OR_FOLLOWER:
                    await cluster.refresh([topic])
                if row.error != codes.DUPLICATE_SEQUENCE_NUMBER:
                    raise_for(row.error, f"write to topic {topic} on {cluster.alias}", f"topic {topic}", right="Write")
                parcel = left.pop(row.partition)
                self._sequences[topic, row.partition] = self._sequence(topic, row.partition) + parcel.records

    async def _produce(self, node: int, topic: str, parcels: Mapping[int, Parcel]) -> list[produce.Appended]:
        config = self._cluster.config
        connection = await self._cluster.connection(node, TRANSACTION)
        version = connection.versions.choose(PRODUCE)
        correlation_id = connection.next_correlation_id()
        batches = [
            (partition, self._stamped(topic, partition, parcel), parcel.body) for partition, parcel in parcels.items()
        ]
        buffers = produce.encode(
            version,
            correlation_id=correlation_id,
            client_id=config.client_id,
            batches={topic: batches},
            timeout_ms=config.request_timeout_ms,
            transactional_id=self.transactional_id,
        )
        waiting = await connection.send(
            correlation_id, buffers, timeout_ms=config.request_timeout_ms + 5_000, what="produce"
        )
        rows, throttle_ms = produce.decode(version, await waiting)
        connection.throttle(throttle_ms)
        return [row for row in rows if row.topic == topic and row.partition in parcels]

    def _stamped(self, topic: str, partition: int, parcel: Parcel) -> bytes:
        sequence = self._sequence(topic, partition)
        return stamp(parcel, self.producer_id, self.epoch, sequence, transactional=True)

    def _sequence(self, topic: str, partition: int) -> int:
        return self._sequences.get((topic, partition), 0) % (1 << 31)

    async def end(self, *, commit: bool) -> None:
        """Commit or abort the transaction; returns when the outcome is certain, before all markers are written.

        Aborting what was never begun, or has been aborted already, is fine.
        """
        what = f"{'commit' if commit else 'abort'} a transaction of {self.transactional_id} on {self._cluster.alias}"

        async def once() -> None:
            answer = await self._call("end_txn", {**self._who(), "committed": commit})
            code = int(answer.error_code)
            if not commit and code in (codes.INVALID_TXN_STATE, codes.INVALID_PRODUCER_ID_MAPPING):
                return
            self._raise(code, what)

        await self._cluster.retrying(once)

    # ---- the coordinator --------------------------------------------------------------------------------------------

    def _who(self, prefix: str = "") -> dict[str, Any]:
        return {
            f"{prefix}transactional_id": self.transactional_id,
            f"{prefix}producer_id": self.producer_id,
            f"{prefix}producer_epoch": self.epoch,
        }

    async def _call(self, api: str, values: Mapping[str, Any], *, least: int = 0) -> Any:
        """Ask the coordinator; after any failure of the connection it is looked up again."""
        try:
            if self._coordinator is None:
                self._coordinator = await find_coordinator(self._cluster, self.transactional_id)
            connection = await self._cluster.connection(self._coordinator, TRANSACTION)
            if not connection.versions.knows(api, least):
                raise BrokerError(
                    f"{connection.where} is too old to go on after an aborted transaction (Kafka 2.5 can)",
                    code=codes.INVALID_PRODUCER_EPOCH,
                )
            return await connection.call(api, values)
        except ClusterError:
            self._coordinator = None
            raise

    def _raise(self, code: int, what: str) -> None:
        if code in (codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE):
            self._coordinator = None
        raise_for(code, what, f"transactional id {self.transactional_id}", right="Write")


async def find_coordinator(cluster: Cluster, transactional_id: str) -> int:
    """Return the node id of the broker that coordinates the transactions of ``transactional_id``, once."""
    connection = await cluster.any_connection()
    values = {"key": transactional_id, "key_type": KEY_TYPE_TRANSACTION}
    answer = await connection.call("find_coordinator", values)
    raise_for(
        int(answer.error_code),
        f"find the coordinator of transactional id {transactional_id} on {cluster.alias}",
        f"transactional id {transactional_id}",
        right="Describe",
    )
    if answer.node_id not in cluster.metadata.brokers:
        await cluster.refresh([])
    return int(answer.node_id)
