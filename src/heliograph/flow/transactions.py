"""Exactly once: what a flow sends goes to the target in transactions, and its positions go with it (KIP-98, KIP-618).

One transaction holds all lanes of the flow, on whatever broker. While it is being closed, what is fetched waits in the
lanes. A commit is bounded by the slowest broker in it: one that does not answer in time makes the transaction fail, and
its lanes begin again where the last one ended.

Everything is decided in :mod:`heliograph.flow.transaction_gate`; this asks the coordinator for what it says, and tells.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from heliograph.cluster.retry import until_answered
from heliograph.cluster.transactions import TransactionalProducer, is_fenced
from heliograph.errors import BrokerError, HeliographError
from heliograph.flow import transaction_model as model
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.transaction_gate import RETRY_S, TransactionGate
from heliograph.flow.transaction_model import Limits, Store
from heliograph.wire import errors as codes

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TransactionListener:
    """Whom transactions tell."""

    offer: Callable[[list[Lane]], None]
    """These may send."""
    committed: Callable[[list[Lane]], None]
    aborted: Callable[[list[Lane], HeliographError], None]
    """These have gone back to their last commit."""
    failed: Callable[[Lane, HeliographError], None]
    """This lane cannot be part of a transaction."""
    trouble: Callable[[HeliographError], None]
    """The coordinator cannot be asked at the moment; it is tried again."""
    fine: Callable[[], None]
    rested: Callable[[], None]
    """Everything that was sent is committed (:attr:`Transactions.at_rest`)."""


class Transactions:
    """All transactions of one flow, one after another. It is also the gate that senders ask (:meth:`admits`)."""

    def __init__(
        self, producer: TransactionalProducer, store: Store, limits: Limits, *, clock: Callable[[], float]
    ) -> None:
        """Nothing is asked before :meth:`fence`; ``clock`` tells the loop's time."""
        self._producer = producer
        self._store = store
        self._now = clock
        self._changed = asyncio.Event()
        self._gate = TransactionGate(
            store, limits, alias=producer.alias, producer=lambda: self.producer, changed=self._changed.set
        )
        self.admits = self._gate.admits
        """Say whether a lane may send now; if not, it is offered again when it may."""
        self.took = self._gate.took
        """Take note that a batch of the present transaction goes out, of so many bytes."""

    async def fence(self) -> None:
        """Take the transactional id; whoever had it can write nothing from then on. Before positions are read."""
        await self._producer.initialise()

    @property
    def transactional_id(self) -> str:
        """What the broker must be told with each batch."""
        return self._producer.transactional_id

    @property
    def producer(self) -> Producer:
        """Who the lanes are at present."""
        return Producer(self._producer.producer_id, self._producer.epoch)

    # ---- what the flow tells ------------------------------------------------------------------------------------

    def settled(self, lane: Lane) -> None:
        """Take note that batches of ``lane`` were answered."""
        self._gate.settled(lane)

    def spoil(self, cause: HeliographError) -> None:
        """Have the present transaction aborted."""
        self._gate.spoil(cause)

    def store(self, lanes: Iterable[Lane]) -> None:
        """Have the anchors of ``lanes`` stored, whether or not they send anything."""
        self._gate.store(lanes)

    def hurry(self) -> None:
        """Close transactions as soon as nothing waits from now on, whatever the limits were."""
        self._gate.hurry()

    def remove(self, lane: Lane) -> None:
        """Forget a lane that is given up."""
        self._gate.remove(lane)

    @property
    def at_rest(self) -> bool:
        """Whether everything that was sent is committed."""
        return self._gate.at_rest(self._now())

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self, listener: TransactionListener) -> None:
        """Make transactions until cancelled; raises what cannot pass by itself.

        That may be that somebody else has the transactional id by now: see ``is_fenced`` of cluster/transactions.py.
        """
        try:
            while True:
                act = self._gate.next_act(self._now())
                if not self._tell(act, listener):
                    await self._do(act, listener)
        finally:
            self._gate.stop()

    @staticmethod
    def _tell(act: model.Act, listener: TransactionListener) -> bool:
        """Tell what is only to be told; returns whether that was all."""
        match act:
            case model.Offer(lanes):
                listener.offer(lanes)
            case model.Committed(lanes):
                listener.committed(lanes)
            case model.Aborted(lanes, cause):
                listener.aborted(lanes, cause)
            case model.Failed(lane, cause):
                listener.failed(lane, cause)
            case model.Trouble(cause):
                listener.trouble(cause)
            case _:
                return False
        return True

    async def _do(self, act: model.Act, listener: TransactionListener) -> None:
        match act:
            case model.Rest():
                listener.rested()
                await self._wait(None)
            case model.Wait(until):
                await self._wait(until)
            case model.Pause(for_s):
                await asyncio.sleep(for_s)
            case model.Renew():
                await self._persist(self._producer.renew, listener)
                self._gate.renewed()
            case model.Add():
                await self._add(act, listener)
            case model.Commit():
                await self._commit(act, listener)

    async def _wait(self, until: float | None) -> None:
        """Wait for a change, but no longer than until loop time ``until``."""
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - self._now())):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _add(self, act: model.Add, listener: TransactionListener) -> None:
        try:
            refused = await self._persist(partial(self._producer.add, act.partitions), listener)
        except BrokerError as error:
            if error.code not in _MAY_ABORT or is_fenced(error):
                raise
            self._gate.lost(error, self._now())
        else:
            self._gate.added(refused, self._now())

    async def _commit(self, act: model.Commit, listener: TransactionListener) -> None:
        try:
            await self._persist(lambda: self._producer.append(self._store.topic, act.rows, _now_ms()), listener)
            await self._persist(lambda: self._producer.end(commit=True), listener)
        except BrokerError as error:
            if error.code not in _MAY_ABORT:
                raise
            self._gate.lost(error, self._now())
        else:
            self._gate.committed()

    async def _persist(self, ask: Callable[[], Awaitable[Result]], listener: TransactionListener) -> Result:
        """Ask until it is answered; raises what cannot pass by itself."""
        told = False

        def trouble(error: HeliographError) -> None:
            nonlocal told
            told = True
            listener.trouble(error)

        answer = await until_answered(ask, pause_s=lambda _: RETRY_S, trouble=trouble)
        if told:
            listener.fine()
        return answer


_MAY_ABORT = (
    codes.TRANSACTION_COORDINATOR_FENCED,
    codes.INVALID_TXN_STATE,
    codes.INVALID_PRODUCER_ID_MAPPING,
    codes.OUT_OF_ORDER_SEQUENCE_NUMBER,
    codes.UNKNOWN_PRODUCER_ID,
    codes.TRANSACTION_ABORTABLE,
    codes.INVALID_PRODUCER_EPOCH,
)
"""Codes after which a transaction is lost, but not the right to begin another. The last may mean that too: if it does,
aborting will be refused. INVALID_PRODUCER_ID_MAPPING comes after a week without a transaction
(``transactional.id.expiration.ms``)."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
