"""Exactly once: what a flow sends goes to the target in transactions, and its positions go with it (KIP-98, KIP-618).

::

            a lane has a batch                 due: nothing waits, or old enough, or large enough
    REST ──────────────────────> OPEN ───────────────────────────────────────────> CLOSING
      ^  partitions are added     │ more lanes join, batches go out as always          │ no new batch, all answered
      │                           │                                                    v
      ├──────────────── end ──────│─────────────────────────────── positions are written into the transaction
      │                           v
      └── new epoch <── ABORTING: something sent is in doubt; lanes go back to their last commit

One transaction holds all lanes of the flow, on whatever broker. While it is being closed, what is fetched waits in the
lanes. A commit is bounded by the slowest broker in it: one that does not answer for CLOSE_S makes the transaction
fail, and its lanes begin again where the last one ended.

Everything that decides is in :class:`Transaction` and the lanes; :class:`Transactions` asks the coordinator.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from heliograph.cluster.retry import until_answered
from heliograph.cluster.transactions import TopicPartition, TransactionalProducer, is_fenced
from heliograph.errors import BrokerError, DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.mirror.anchor import Anchor
from heliograph.wire import errors as codes
from heliograph.wire.errors import error_of, meaning

AGE_S = 0.1
"""A transaction is closed at this age, even if more waits."""
SIZE_BYTES = 64 << 20
"""And at this size."""
CLOSE_S = 10.0
"""How long answers are waited for before it is aborted; well below the coordinator's own limit."""
SETTLE_S = 1.0
"""How long what is in doubt may still be answered before it is aborted."""
RETRY_S = 0.5
UNKNOWN_S = 2.0
"""How long a partition may be unknown to the coordinator before its lane stands still for that."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a transaction is closed."""

    age_s: float = AGE_S
    size_bytes: int = SIZE_BYTES
    at_rest: bool = True
    """At once when nothing waits (``transaction.boundary=poll``); else only by age and size."""


class Store(Protocol):
    """How positions are stored: a topic on the target, and the records for it."""

    @property
    def topic(self) -> str:
        """Name on the target."""

    def partition(self, lane: Lane) -> int:
        """Partition of that topic in which the lane's position belongs."""

    def row(self, lane: Lane, anchor: Anchor) -> tuple[bytes, bytes]:
        """Key and value of the lane's position."""


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


@dataclass(slots=True)
class Transaction:
    """What one transaction holds so far; pure."""

    began_s: float
    """Loop time of its first batch."""
    lanes: dict[Lane, None] = field(default_factory=dict)
    busy: dict[Lane, None] = field(default_factory=dict)
    """Lanes in it that had something to send when last seen."""
    partitions: set[TopicPartition] = field(default_factory=set)
    """Partitions that were added to it, those of the positions included."""
    size_bytes: int = 0
    closing: bool = False

    def took(self, size_bytes: int) -> None:
        """Count a batch that goes out."""
        self.size_bytes += size_bytes

    def due(self, now: float, limits: Limits) -> bool:
        """Say whether it should be closed."""
        if now >= self.began_s + limits.age_s or self.size_bytes >= limits.size_bytes:
            return True
        return limits.at_rest and not self.busy

    def due_in_s(self, now: float, limits: Limits) -> float:
        """Seconds until it is due by age."""
        return max(0.0, self.began_s + limits.age_s - now)

    @property
    def answered(self) -> bool:
        """Whether everything that was sent is acknowledged."""
        return not any(lane.in_flight for lane in self.busy)

    @property
    def under_way(self) -> bool:
        """Whether answers are yet to come."""
        return any(lane.awaits_answer for lane in self.busy)


class Transactions:
    """All transactions of one flow, one after another. It is also the gate that senders ask (:meth:`admits`)."""

    def __init__(
        self, producer: TransactionalProducer, store: Store, limits: Limits, *, clock: Callable[[], float]
    ) -> None:
        """Nothing is asked before :meth:`fence`; ``clock`` tells the loop's time."""
        self._producer = producer
        self._store = store
        self._limits = limits
        self._current: Transaction | None = None
        self._wanted: dict[Lane, None] = {}
        """Lanes with something to send that are not part of the transaction."""
        self._joining: dict[TopicPartition, Lane] = {}
        """Lanes whose partitions are being added to it."""
        self._to_store: dict[Lane, Anchor] = {}
        self._numbered: dict[TopicPartition, tuple[Lane, int]] = {}
        """Whose sequence numbers a target partition knows in the present epoch: a lane, and its how manieth start."""
        self._spoiled: HeliographError | None = None
        """Why the present transaction must be aborted."""
        self._epoch_used_up = False
        self._changed = asyncio.Event()
        self._now = clock

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

    # ---- the gate -----------------------------------------------------------------------------------------------

    def admits(self, lane: Lane) -> bool:
        """Say whether ``lane`` may send now; if not, it is offered again when it may."""
        if lane.resending and self._spoiled is None:
            return True
        current = self._current
        if current is not None and lane in current.lanes and not (current.closing or self._spoiled):
            current.busy[lane] = None
            return True
        if lane not in self._wanted:
            self._wanted[lane] = None
            self._changed.set()
        return False

    def took(self, size_bytes: int) -> None:
        """Take note that a batch of the present transaction goes out."""
        if self._current is not None:
            self._current.took(size_bytes)

    # ---- what the flow tells ------------------------------------------------------------------------------------

    def settled(self, lane: Lane) -> None:
        """Take note that batches of ``lane`` were answered."""
        current = self._current
        if current is None:
            return
        if lane.idle:
            current.busy.pop(lane, None)
            self._changed.set()
        elif current.closing and not lane.in_flight:
            self._changed.set()

    def spoil(self, cause: HeliographError) -> None:
        """Have the present transaction aborted."""
        if self._current is not None and self._spoiled is None:
            self._spoiled = cause
            self._changed.set()

    def store(self, lanes: Iterable[Lane]) -> None:
        """Have the anchors of ``lanes`` stored, whether or not they send anything."""
        self._to_store.update((lane, lane.anchor) for lane in lanes if lane.anchor is not None)
        self._changed.set()

    def hurry(self) -> None:
        """Close transactions as soon as nothing waits from now on, whatever the limits were."""
        self._limits = Limits()
        self._changed.set()

    def remove(self, lane: Lane) -> None:
        """Forget a lane that is given up."""
        self._wanted.pop(lane, None)
        self._to_store.pop(lane, None)
        if self._joining.get(_target(lane)) is lane:
            del self._joining[_target(lane)]
        current = self._current
        if current is not None and lane in current.lanes:
            del current.lanes[lane]
            current.busy.pop(lane, None)
            self.spoil(BrokerError(f"{lane.source_topic}-{lane.partition} was given up", code=codes.NONE))

    @property
    def at_rest(self) -> bool:
        """Whether everything that was sent is committed."""
        return self._current is None and not self._to_store and not self._ready()

    # ---- life -------------------------------------------------------------------------------------------------

    async def run(self, listener: TransactionListener) -> None:
        """Make transactions until cancelled; raises what cannot pass by itself.

        That may be that somebody else has the transactional id by now: see ``is_fenced`` of cluster/transactions.py.
        """
        while True:
            self._changed.clear()
            ready = self._ready()
            self._wanted = dict.fromkeys(ready)
            if ready or self._to_store:
                await self._one(listener)
            else:
                listener.rested()
                await self._changed.wait()

    def _ready(self) -> list[Lane]:
        now = self._now()
        return [lane for lane in self._wanted if lane.can_send(now)]

    async def _one(self, listener: TransactionListener) -> None:
        """Make one transaction, from its first partition to its end."""
        if self._epoch_used_up or any(self._needs_epoch(lane) for lane in self._wanted):
            await self._new_epoch(listener)
        current = self._current = Transaction(self._now())
        try:
            await self._join(current, listener)
            current.began_s = self._now()
            while not (self._spoiled or current.due(self._now(), self._limits)):
                await self._wait(current.due_in_s(self._now(), self._limits))
                await self._join(current, listener)
            current.closing = True
            await self._until_answered(current)
            await self._finish(current, listener)
        finally:
            self._current = None
        if self._wanted:
            self._changed.set()

    async def _wait(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    def _needs_epoch(self, lane: Lane) -> bool:
        """Whether the target may take the lane's sequence numbers for those of another, or of the lane's own past."""
        now = (lane, lane.starts)
        return self._numbered.get(_target(lane), now) != now

    async def _new_epoch(self, listener: TransactionListener) -> None:
        await self._persist(self._producer.renew, listener)
        self._numbered.clear()
        self._epoch_used_up = False

    # ---- joining ------------------------------------------------------------------------------------------------

    async def _join(self, current: Transaction, listener: TransactionListener) -> None:
        """Make the lanes that want to send part of the transaction."""
        joining = [lane for lane in self._ready() if lane not in current.lanes and not self._shares(lane, listener)]
        again = [lane for lane in self._wanted if lane in current.lanes]
        self._wanted.clear()
        if any(self._needs_epoch(lane) for lane in joining):
            self._epoch_used_up = True
            self._wanted.update(dict.fromkeys(joining))
            joining = []
        wanted = self._joining = {_target(lane): lane for lane in joining}
        needed = {*wanted, *map(self._position_place, joining)}
        if not current.partitions:
            needed.update(map(self._position_place, self._to_store))
        try:
            await self._add(current, needed - current.partitions, wanted, listener)
        except BrokerError as error:
            if error.code not in _MAY_ABORT or is_fenced(error):
                raise
            self._wanted.update(dict.fromkeys(joining))
            self.spoil(error)
            return
        self._joining = {}
        entered = [lane for lane in wanted.values() if self._enter(current, lane)]
        if entered or again:
            listener.offer([*entered, *again])

    def _enter(self, current: Transaction, lane: Lane) -> bool:
        """Let a lane in whose partition was added, unless it was started anew meanwhile and needs another epoch."""
        if self._needs_epoch(lane):
            self._epoch_used_up = True
            self._wanted[lane] = None
            return False
        if lane.producer != self.producer:
            lane.renew(self.producer)
        lane.enter()
        self._numbered[_target(lane)] = (lane, lane.starts)
        current.lanes[lane] = current.busy[lane] = None
        return True

    async def _add(
        self,
        current: Transaction,
        needed: set[TopicPartition],
        wanted: dict[TopicPartition, Lane],
        listener: TransactionListener,
    ) -> None:
        """Add ``needed`` to the transaction; lanes that cannot be part of it are taken out of ``wanted``.

        A topic that was made a moment ago may not yet be known to the coordinator, and is given some time.
        """
        patient_until = self._now() + UNKNOWN_S
        while needed:
            refused = await self._persist(partial(self._producer.add, frozenset(needed)), listener)
            if not refused:
                current.partitions |= needed
                return
            final = {key for key, code in refused.items() if not meaning(code).retriable}
            if not final and self._now() < patient_until:
                await asyncio.sleep(UNKNOWN_S / 20)
                continue
            for key in final or set(refused):
                what = f"write to topic {key[0]} on {self._producer.alias} in a transaction"
                error = error_of(refused[key], what, f"topic {key[0]}", right="Write")
                lane = wanted.pop(key, None)
                if lane is not None:
                    needed.discard(key)
                    listener.failed(lane, error)
                elif final:
                    raise error
                else:
                    listener.trouble(error)
                    await asyncio.sleep(RETRY_S)

    def _position_place(self, lane: Lane) -> TopicPartition:
        return self._store.topic, self._store.partition(lane)

    @staticmethod
    def _shares(lane: Lane, listener: TransactionListener) -> bool:
        """Turn away a lane that is not alone on its target partition: a transaction has one order there, not two."""
        if lane.shared:
            place = f"{lane.target_topic}-{lane.target_partition}"
            error = DataError(
                f"Several partitions of {lane.source_topic} would be copied to {place}, which exactly-once cannot do",
                remedy=f"Give topic {lane.target_topic} as many partitions as {lane.source_topic} has",
            )
            listener.failed(lane, error)
        return lane.shared

    # ---- the end ------------------------------------------------------------------------------------------------

    async def _until_answered(self, current: Transaction) -> None:
        deadline = self._now() + CLOSE_S
        while not current.answered and self._spoiled is None:
            left_s = deadline - self._now()
            if left_s <= 0:
                self.spoil(_unanswered(current, self._producer.alias))
                return
            await self._wait(left_s)

    async def _finish(self, current: Transaction, listener: TransactionListener) -> None:
        """Commit, or abort what cannot be committed."""
        torn = next((lane for lane in current.lanes if lane.torn), None)
        if torn is not None:
            self.spoil(torn.cause or DataError(f"{torn.source_topic}-{torn.partition} was placed anew"))
        if self._spoiled is None and current.partitions:
            await self._commit(current, listener)
        if self._spoiled is not None:
            await self._abort(current, self._spoiled, listener)

    async def _commit(self, current: Transaction, listener: TransactionListener) -> None:
        lanes = list(current.lanes)
        places = current.partitions
        begun = {lane: at for lane, at in self._to_store.items() if self._position_place(lane) in places}
        moved = {lane: lane.uncommitted.anchor for lane in lanes if lane.uncommitted and lane.uncommitted.anchor}
        rows: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for lane, anchor in (begun | moved).items():
            rows.setdefault(self._store.partition(lane), []).append(self._store.row(lane, anchor))
        try:
            await self._persist(lambda: self._producer.append(self._store.topic, rows, _now_ms()), listener)
            await self._persist(lambda: self._producer.end(commit=True), listener)
        except BrokerError as error:
            if error.code not in _MAY_ABORT:
                raise
            self._spoiled = error
            return
        for lane in lanes:
            lane.commit()
        for lane, anchor in begun.items():
            if self._to_store.get(lane) is anchor:
                del self._to_store[lane]
        listener.committed(lanes)

    async def _abort(self, current: Transaction, cause: HeliographError, listener: TransactionListener) -> None:
        """Abort, and have every lane of the transaction begin again after its last commit."""
        deadline = self._now() + SETTLE_S
        while current.under_way and self._now() < deadline:
            await self._wait(deadline - self._now())
        await self._new_epoch(listener)
        for lane in current.lanes:
            lane.abort(self.producer)
        self._spoiled = None
        self._current = None
        listener.aborted(list(current.lanes), cause)

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


def _unanswered(current: Transaction, alias: str) -> HeliographError:
    lane = next(lane for lane in current.busy if lane.in_flight)
    return lane.cause or BrokerError(
        f"{alias} did not answer for {lane.target_topic}-{lane.target_partition} within {CLOSE_S:g} s",
        code=codes.REQUEST_TIMED_OUT,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _target(lane: Lane) -> TopicPartition:
    return lane.target_topic, lane.target_partition
