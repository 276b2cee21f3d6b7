"""What a flow's transactions decide: who may send, when a transaction begins and ends, and what an abort undoes.

A state machine without I/O or clock. Whoever drives it asks :meth:`TransactionGate.next_act` what to do next, does it,
and reports how it went (:mod:`heliograph.flow.transactions`)::

            a lane has a batch                 due: nothing waits, or old enough, or large enough
    REST ──────────────────────> OPEN ───────────────────────────────────────────> CLOSING
      ^  partitions are added     │ more lanes join, batches go out as always          │ no new batch, all answered
      │                           │                                                    v
      ├──────────────── end ──────│─────────────────────────────── positions are written into the transaction
      │                           v
      └── new epoch <── ABORTING: something sent is in doubt; lanes go back to their last commit
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto

from heliograph.errors import BrokerError, DataError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.transaction_model import (
    Aborted,
    Act,
    Add,
    Commit,
    Committed,
    Failed,
    Limits,
    Offer,
    Pause,
    Renew,
    Rest,
    Store,
    TopicPartition,
    Transaction,
    Trouble,
    Wait,
)
from heliograph.mirror.anchor import Anchor
from heliograph.wire import errors as codes
from heliograph.wire.errors import error_of, meaning

CLOSE_S = 10.0
"""How long answers are waited for before it is aborted; well below the coordinator's own limit."""
SETTLE_S = 1.0
"""How long what is in doubt may still be answered before it is aborted."""
RETRY_S = 0.5
UNKNOWN_S = 2.0
"""How long a partition may be unknown to the coordinator before its lane stands still for that."""


class _Phase(Enum):
    REST = auto()
    JOINING = auto()
    """Lanes that want to send are looked at next."""
    ADDING = auto()
    OPEN = auto()
    CLOSING = auto()
    ABORTING = auto()


class TransactionGate:
    """All transactions of one flow, one after another."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        *,
        alias: str,
        producer: Callable[[], Producer],
        changed: Callable[[], None],
    ) -> None:
        """``alias`` is the target's; ``producer`` tells who the lanes are at present.

        ``changed`` is called when something happened that whoever waits must look at.
        """
        self._store = store
        self._limits = limits
        self._alias = alias
        self._producer = producer
        self._changed = changed
        self._phase = _Phase.REST
        self._acts: deque[Act] = deque()
        self._current: Transaction | None = None
        self._wanted: dict[Lane, None] = {}
        """Lanes with something to send that are not part of the transaction."""
        self._joining: dict[TopicPartition, Lane] = {}
        """Lanes whose partitions are being added to it."""
        self._again: list[Lane] = []
        """Lanes of it that are to be offered once more."""
        self._needed: set[TopicPartition] = set()
        """Partitions that are being added to it."""
        self._until = 0.0
        """When the patience of the present phase ends."""
        self._to_store: dict[Lane, Anchor] = {}
        self._begun: dict[Lane, Anchor] = {}
        """Of those, what the transaction that is being committed holds."""
        self._numbered: dict[TopicPartition, tuple[Lane, int]] = {}
        """Whose sequence numbers a target partition knows in the present epoch: a lane, and which of its starts."""
        self._spoiled: HeliographError | None = None
        """Why the present transaction must be aborted."""
        self._epoch_used_up = False

    # ---- what senders and the flow tell -------------------------------------------------------------------------

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
            self._changed()
        return False

    def took(self, size_bytes: int) -> None:
        """Take note that a batch of the present transaction goes out."""
        if self._current is not None:
            self._current.took(size_bytes)

    def settled(self, lane: Lane) -> None:
        """Take note that batches of ``lane`` were answered."""
        current = self._current
        if current is None:
            return
        if lane.idle:
            current.busy.pop(lane, None)
            self._changed()
        elif current.closing and not lane.in_flight:
            self._changed()

    def spoil(self, cause: HeliographError) -> None:
        """Have the present transaction aborted."""
        if self._current is not None and self._spoiled is None:
            self._spoiled = cause
            self._changed()

    def store(self, lanes: Iterable[Lane]) -> None:
        """Have the anchors of ``lanes`` stored, whether or not they send anything."""
        self._to_store.update((lane, lane.anchor) for lane in lanes if lane.anchor is not None)
        self._changed()

    def hurry(self) -> None:
        """Close transactions as soon as nothing waits from now on, whatever the limits were."""
        self._limits = Limits()
        self._changed()

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

    def at_rest(self, now: float) -> bool:
        """Say whether everything that was sent is committed."""
        return self._current is None and not self._to_store and not self._ready(now)

    # ---- what is to be done -------------------------------------------------------------------------------------

    def next_act(self, now: float) -> Act:
        """Return what is to be done now. Raises what ends transactions for good."""
        while not self._acts:
            act = self._step(now)
            if act is not None:
                self._acts.append(act)
        return self._acts.popleft()

    def _step(self, now: float) -> Act | None:
        """Go on as far as can be; what is to be done first is in the queue already."""
        match self._phase:
            case _Phase.REST:
                return self._begin(now)
            case _Phase.JOINING:
                return self._join(now)
            case _Phase.ADDING:
                return self._add(now)
            case _Phase.OPEN:
                return self._look(now)
            case _Phase.CLOSING:
                return self._close(now)
            case _Phase.ABORTING:
                return self._abort(now)

    def stop(self) -> None:
        """Forget the present transaction: nobody goes on with it."""
        self._end()
        self._joining, self._needed = {}, set()
        self._acts.clear()

    # ---- rest ---------------------------------------------------------------------------------------------------

    def _ready(self, now: float) -> list[Lane]:
        return [lane for lane in self._wanted if lane.can_send(now)]

    def _needs_epoch(self, lane: Lane) -> bool:
        """Whether the target may take the lane's sequence numbers for those of another, or of the lane's own past."""
        now = (lane, lane.starts)
        return self._numbered.get(_target(lane), now) != now

    def _begin(self, now: float) -> Act | None:
        self._wanted = dict.fromkeys(self._ready(now))
        if not self._wanted and not self._to_store:
            return Rest()
        if self._epoch_used_up or any(map(self._needs_epoch, self._wanted)):
            return Renew()
        self._current = Transaction(now)
        self._phase = _Phase.JOINING
        return None

    def renewed(self) -> None:
        """Take that what was open is aborted, and that the producer has a new epoch."""
        self._numbered.clear()
        self._epoch_used_up = False
        if self._phase is not _Phase.ABORTING:
            return
        current, cause = self._open_one(), self._spoiled
        assert cause is not None, "a transaction is aborted for a cause"
        for lane in current.lanes:
            lane.abort(self._producer())
        self._end()
        self._acts.append(Aborted(list(current.lanes), cause))

    # ---- joining ------------------------------------------------------------------------------------------------

    def _join(self, now: float) -> Act | None:
        """Have the lanes that want to send made part of the transaction."""
        current = self._open_one()
        joining = [lane for lane in self._ready(now) if lane not in current.lanes and not self._shares(lane)]
        self._again = [lane for lane in self._wanted if lane in current.lanes]
        self._wanted.clear()
        if any(map(self._needs_epoch, joining)):
            self._epoch_used_up = True
            self._wanted.update(dict.fromkeys(joining))
            joining = []
        self._joining = {_target(lane): lane for lane in joining}
        needed = {*self._joining, *map(self._position_place, joining)}
        if not current.partitions:
            needed.update(map(self._position_place, self._to_store))
        self._needed = needed - current.partitions
        self._until = now + UNKNOWN_S
        self._phase = _Phase.ADDING
        return None

    def _add(self, now: float) -> Act | None:
        if self._needed:
            return Add(frozenset(self._needed))
        current = self._open_one()
        joining, self._joining = self._joining, {}
        entered = [lane for lane in joining.values() if self._enter(current, lane)]
        if entered or self._again:
            self._acts.append(Offer([*entered, *self._again]))
        if not current.joined:
            current.joined, current.began_s = True, now
        self._phase = _Phase.OPEN
        return None

    def added(self, refused: Mapping[TopicPartition, int], now: float) -> None:
        """Take the answer to :class:`Add`. Raises what lets there be no transaction at all.

        Lanes that cannot be part of it are told. A topic that was created a moment ago may not yet be known to the
        coordinator, and is given some time.
        """
        if not refused:
            self._open_one().partitions.update(self._needed)
            self._needed = set()
            return
        final = {key for key, code in refused.items() if not meaning(code).retriable}
        if not final and now < self._until:
            self._acts.append(Pause(UNKNOWN_S / 20))
            return
        for key in final or set(refused):
            what = f"write to topic {key[0]} on {self._alias} in a transaction"
            error = error_of(refused[key], what, f"topic {key[0]}", right="Write")
            lane = self._joining.pop(key, None)
            if lane is not None:
                self._needed.discard(key)
                self._acts.append(Failed(lane, error))
            elif key[0] != self._store.topic:
                self._needed.discard(key)  # its lane was given up meanwhile
            elif final:
                raise error
            else:
                self._acts += (Trouble(error), Pause(RETRY_S))

    def _enter(self, current: Transaction, lane: Lane) -> bool:
        """Let a lane in whose partition was added, unless it was started again meanwhile and needs another epoch."""
        if self._needs_epoch(lane):
            self._epoch_used_up = True
            self._wanted[lane] = None
            return False
        if lane.producer != self._producer():
            lane.renew(self._producer())
        lane.enter()
        self._numbered[_target(lane)] = (lane, lane.starts)
        current.lanes[lane] = current.busy[lane] = None
        return True

    def _position_place(self, lane: Lane) -> TopicPartition:
        return self._store.topic, self._store.partition(lane)

    def _shares(self, lane: Lane) -> bool:
        """Turn away a lane that is not alone on its target partition: a transaction has one order there, not two."""
        if lane.shared:
            place = f"{lane.target_topic}-{lane.target_partition} on {self._alias}"
            error = DataError(
                f"Several partitions of {lane.source_topic} would be copied to {place}, which exactly-once cannot do",
                remedy=f"Give topic {lane.target_topic} as many partitions as {lane.source_topic} has",
            )
            self._acts.append(Failed(lane, error))
        return lane.shared

    # ---- the end ------------------------------------------------------------------------------------------------

    def _open_one(self) -> Transaction:
        assert self._current is not None, "only an open transaction goes on"
        return self._current

    def _look(self, now: float) -> Act | None:
        """Wait for lanes that want to join, until the transaction is due."""
        current = self._open_one()
        if self._spoiled is None and not current.due(now, self._limits):
            self._phase = _Phase.JOINING
            return Wait(current.began_s + self._limits.age_s)
        current.closing = True
        self._phase, self._until = _Phase.CLOSING, now + CLOSE_S
        return None

    def _close(self, now: float) -> Act | None:
        """Commit once all is answered, or abort what cannot be committed."""
        current = self._open_one()
        if self._spoiled is None and not current.answered:
            if now < self._until:
                return Wait(self._until)
            self.spoil(_unanswered(current, self._alias))
        torn = next((lane for lane in current.lanes if lane.torn), None)
        if torn is not None:
            self.spoil(torn.cause or DataError(f"{torn.source_topic}-{torn.partition} was placed again"))
        if self._spoiled is not None:
            self._phase, self._until = _Phase.ABORTING, now + SETTLE_S
            return None
        if not current.partitions:
            self._end()
            return None
        return self._commit(current)

    def _commit(self, current: Transaction) -> Commit:
        places = current.partitions
        self._begun = {lane: at for lane, at in self._to_store.items() if self._position_place(lane) in places}
        moved = {
            lane: lane.uncommitted.anchor for lane in current.lanes if lane.uncommitted and lane.uncommitted.anchor
        }
        rows: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for lane, anchor in (self._begun | moved).items():
            rows.setdefault(self._store.partition(lane), []).append(self._store.row(lane, anchor))
        return Commit(rows)

    def committed(self) -> None:
        """Take that the transaction is committed."""
        lanes = list(self._open_one().lanes)
        for lane in lanes:
            lane.commit()
        for lane, anchor in self._begun.items():
            if self._to_store.get(lane) is anchor:
                del self._to_store[lane]
        self._end()
        self._acts.append(Committed(lanes))

    def lost(self, cause: HeliographError, now: float) -> None:
        """Take that the coordinator has refused what was asked, and that the transaction must be aborted."""
        if self._phase is _Phase.ADDING:
            self._wanted.update(dict.fromkeys(self._joining.values()))
            self._joining, self._needed, self._again = {}, set(), []
        self._spoiled = self._spoiled or cause
        self._phase, self._until = _Phase.ABORTING, now + SETTLE_S

    def _abort(self, now: float) -> Act:
        """Return what is in doubt a moment to be answered, then abort."""
        if self._open_one().under_way and now < self._until:
            return Wait(self._until)
        return Renew()

    def _end(self) -> None:
        self._phase, self._current = _Phase.REST, None
        self._spoiled, self._begun = None, {}


def _unanswered(current: Transaction, alias: str) -> HeliographError:
    lane = next(lane for lane in current.busy if lane.in_flight)
    return lane.cause or BrokerError(
        f"{alias} did not answer for {lane.target_topic}-{lane.target_partition} within {CLOSE_S:g} s",
        code=codes.REQUEST_TIMED_OUT,
    )


def _target(lane: Lane) -> TopicPartition:
    return lane.target_topic, lane.target_partition
