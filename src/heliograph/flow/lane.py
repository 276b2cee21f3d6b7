"""A lane: one source partition on its way to one target partition, as a state machine without I/O or clock.

::

    fetched ──> pending pieces ──take──> in flight (at most five, in order) ──acknowledged──> position
                     ^                        │
                     └──── fail (dropped) <───┘ refused for good        resend: same bytes, same sequence numbers

Positions are source offsets. ``position`` is what to fetch next; ``settled`` is the position after the last
acknowledged record, where everything begins again when what is in between must be dropped.

Sequence numbers count records (KIP-98), so a batch may be split without renumbering those after it. A batch that may
have reached the broker is only ever sent again with the same producer id and sequence, so the broker can tell it from
a new one. When the broker has forgotten the producer, the lane asks to be *resumed* from what the target really holds.

A broker that holds nothing of a producer takes any sequence number for its first. So until one batch has been
acknowledged, only one is under way: if it were refused, those behind it would be written before it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from heliograph import records
from heliograph.errors import DamagedBatch, HeliographError, TooLarge
from heliograph.flow import refusals
from heliograph.flow.refusals import Verdict
from heliograph.flow.uncommitted import RUNS_KEPT, Uncommitted
from heliograph.flow.waiting import Piece, Waiting
from heliograph.flow.window import Hold, Window
from heliograph.mirror.anchor import Anchor
from heliograph.records import Buffer, Kind, Parcel
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning
from heliograph.wire.fetch import Fetched
from heliograph.wire.produce import Appended

IN_FLIGHT_MAX = 5
"""Batches of a partition that an idempotent producer may have unanswered (the broker remembers five)."""
COPY_BELOW_BYTES = 32 << 10
"""A partition's part of a frame that is smaller than this, in a frame many times larger, is copied out of it, so that
a slow lane does not hold the whole frame."""
SEQUENCE_END = 1 << 31
RETRY_S_MIN = 0.1
RETRY_S_MAX = 30.0
RESEND_S_MAX = 1.0
GIVE_UP_FAILURES = 10
"""Refusals in a row after which a batch is no longer kept to be sent again: what it holds of the window others need."""
GIVEN_UP_RETRY_S = 2.0
TOO_LARGE_RETRY_S = 5.0
"""The limit is raised by a person; a large record is sent again and again until then."""


class State(StrEnum):
    """What a lane is doing."""

    STARTING = "starting"
    RUNNING = "running"
    RESUMING = "resuming"
    """Its position is being found from what the target holds."""
    FAILED = "failed"
    """It stands still with a cause, and tries again by itself."""
    HALTED = "halted"
    """It stands still until a person decides: something was lost, and the flow is told to stop then."""


@dataclass(slots=True, eq=False)
class Sent:
    """A batch on its way, or waiting to be sent again."""

    parcel: Parcel
    hold: Hold
    charge_bytes: int
    base_sequence: int
    outstanding: bool = False
    """An answer to it has yet to come."""
    doubtful: bool = False
    """It may have been written although no acknowledgement came."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who a lane is for the broker (KIP-98)."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """An acknowledgement came at another offset than the only writer's would."""

    expected_offset: int
    got_offset: int
    anchor: Anchor | None
    """The lane's before this acknowledgement, when all was as it should be."""


class Lane:
    """One source partition and its target partition."""

    def __init__(  # noqa: PLR0915 - one line a field, half of them what it means
        self,
        source_topic: str,
        target_topic: str,
        partition: int,
        window: Window,
        *,
        target_partition: int | None = None,
        shared: bool = False,
    ) -> None:
        """Nothing moves before :meth:`start`. ``target_partition`` is ``partition`` where nothing else is said."""
        self.source_topic = source_topic
        self.target_topic = target_topic
        self.partition = partition
        """Of the source topic."""
        self.target_partition = partition if target_partition is None else target_partition
        self.shared = shared
        """Other lanes write to the target partition too, so offsets there tell nothing about this lane."""
        self.topic_id = ""
        """Of the source topic, where brokers tell it (KIP-516)."""
        self.leader_epoch = -1
        """Of the source partition's leader: the one that is read, and whose log is known to hold what was read before
        (KIP-320)."""
        self.target_id = ""
        """Of the target topic, where brokers tell it."""
        self.target_kept: int | None = None
        """Where the target was seen to end, short of what was acknowledged; None: nothing of the kind was seen."""
        self.anchor_kept = False
        """The anchor stays where it is: what is acknowledged now is no proof of what came before it."""
        self.window = window
        self.state = State.STARTING
        self.cause: HeliographError | None = None
        self.retry_at = 0.0
        self.failures = 0
        self.position = 0
        self.settled = 0
        self.anchor: Anchor | None = None
        self.new_runs: deque[tuple[int, int]] = deque(maxlen=RUNS_KEPT)
        """Source and target offset of each record at which their difference changed, for whoever takes them away."""
        self.expected_offset: int | None = None
        self.end_offset: int | None = None
        """Where the source partition ends (its high watermark), whether or not all of it may be read."""
        self.stable_offset: int | None = None
        """The last stable offset, behind which nothing is read; None: everything is read, or it is not known."""
        self.limit_bytes = records.LIMIT_BYTES
        self.small_bytes = records.SMALL_BYTES
        """Good batches below this size are made into one where neighbours wait."""
        self.fetch_bytes = 0
        """Least number of bytes to ask for: grows when a batch is larger than what is usually asked."""
        self.producer: Producer | None = None
        self.records = 0
        self.bytes = 0
        self.max_timestamp = -1
        self.source_node = -1
        self.target_node = -1
        self.nearby_node = -1
        """Follower that the leader told us to read from (KIP-392); -1: read from the leader."""
        self.transactional = False
        """Its batches belong to transactions: ``anchor``, ``new_runs`` and the counts move when one is committed."""
        self.uncommitted: Uncommitted | None = None
        """Its part of the open transaction; None while it has none."""
        self.starts = 0
        """How often it was started; its sequence numbers begin with 0 each time."""
        self._delta: int | None = None
        self._next_sequence = 0
        self._waiting = Waiting(window)
        self._in_flight: deque[Sent] = deque()
        self._in_flight_bytes = 0
        """Fetched bytes that the batches in flight stand for."""
        self._resend = False
        self._early = False
        """A batch was acknowledged before the head, which another broker has yet to answer."""
        self._resume_on_retry = False
        self._known_to_broker = False
        """Whether the broker has taken a batch of this producer, and so watches its sequence numbers."""

    def __repr__(self) -> str:
        """Name the lane in logs."""
        return f"<Lane {self.source_topic}-{self.partition} {self.state} at {self.position}>"

    # ---- life -------------------------------------------------------------------------------------------------

    def start(self, position: int, expected_offset: int | None, producer: Producer) -> None:
        """Begin at source offset ``position``; the target's next record is expected at ``expected_offset``."""
        self._waiting.clear()
        self._drop_in_flight()
        self.position = self.settled = position
        self.stable_offset = None
        self.expected_offset = expected_offset
        self.starts += 1
        self.renew(producer)
        if self.uncommitted is not None:
            self.uncommitted = Uncommitted(position, self._delta, torn=True)
        self.target_kept = None
        self.anchor_kept = False
        self.state = State.RUNNING

    def renew(self, producer: Producer) -> None:
        """Be another producer from now on, whose sequence numbers begin with 0; nothing may be in flight."""
        self.producer = producer
        self._next_sequence = 0
        self._resume_on_retry = False
        self._known_to_broker = False

    def fail(self, cause: HeliographError, now: float, *, retry_s: float | None = None) -> float:
        """Stand still: no more is fetched or sent until :meth:`retry`. Gives the seconds until then.

        What waits is dropped, to be fetched again. What is in flight stays: its acknowledgements still count.
        """
        self.failures += 1
        pause = retry_s if retry_s is not None else min(RETRY_S_MIN * 2 ** min(self.failures, 16), RETRY_S_MAX)
        self._waiting.clear()
        self.position = self.next_position  # an acknowledgement that comes now must not cover what was dropped
        if self.state is not State.RESUMING:
            self.state = State.FAILED
        self.cause, self.retry_at = cause, now + pause
        return pause

    def retry(self) -> None:
        """Try again after a failure: run, or have the position found anew where that is needed."""
        assert self.state is State.FAILED, "only a failed lane tries again"
        if self._resume_on_retry:
            if not any(sent.outstanding for sent in self._in_flight):
                self._tear()
                self._drop_in_flight()
                self.position = self.settled
                self.state = State.RESUMING
            return
        self.state = State.RUNNING
        self.position = self.next_position

    def resume_needed(self, cause: HeliographError) -> None:
        """Ask for the position to be found anew: the broker no longer knows what this producer has sent."""
        self._tear()
        self._waiting.clear()
        self._drop_in_flight()
        self.position = self.settled
        self.state, self.cause = State.RESUMING, cause

    def doubt(self, cause: HeliographError, now: float) -> None:
        """Take note that one of the partitions is not what it was.

        Nothing more is read or sent; what is under way is waited for, then the position is found anew.
        """
        if self.state in (State.RUNNING, State.FAILED):
            self.fail(cause, now, retry_s=0.0)
            self._resume_on_retry = True

    def halt(self, cause: HeliographError) -> None:
        """Stand still until a person decides; what is under way still counts."""
        self._waiting.clear()
        self.position = self.next_position
        self.state, self.cause = State.HALTED, cause

    @property
    def next_position(self) -> int:
        """Source offset to read next once everything in flight is acknowledged."""
        return self._in_flight[-1].parcel.next_offset if self._in_flight else self.settled

    def skip_to(self, position: int) -> None:
        """Go on at ``position``, because what lies before it is gone from the source."""
        self._waiting.clear()
        self.position = position
        if not self._in_flight:
            self.settled = position

    def stop_reading(self) -> None:
        """Take no more; what is in flight is still waited for."""
        self._waiting.clear()
        self.position = self.next_position

    def close(self) -> None:
        """Let go of everything; what is in flight may still be written, but no longer counts."""
        self._waiting.clear()
        self._drop_in_flight()

    def _drop_in_flight(self) -> None:
        for sent in self._in_flight:
            sent.hold.let_go()
        self._in_flight.clear()
        self._in_flight_bytes = 0
        self._resend = self._early = False

    # ---- transactions -----------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Become part of a transaction, before anything is sent in it."""
        assert not self._in_flight, "a lane enters a transaction with nothing in flight"
        self.uncommitted = Uncommitted(self.settled, self._delta)

    def commit(self) -> None:
        """Take that the transaction is committed; its marker takes one offset of the target partition."""
        done, self.uncommitted = self.uncommitted, None
        assert done is not None, "only a lane in a transaction is committed"
        self.anchor = done.anchor or self.anchor
        self.records += done.records
        self.bytes += done.bytes
        self.new_runs.extend(done.runs)
        if self.expected_offset is not None:
            self.expected_offset += 1

    def abort(self, producer: Producer) -> None:
        """Go back to where the aborted transaction began, and on from there as another producer."""
        undone, self.uncommitted = self.uncommitted, None
        assert undone is not None, "only a lane in a transaction is aborted"
        self._waiting.clear()
        self._drop_in_flight()
        self.position = self.settled = undone.position
        self.expected_offset = None
        self._delta = undone.delta
        self.renew(producer)

    @property
    def torn(self) -> bool:
        """Whether the transaction that it is part of must not be committed."""
        return self.uncommitted is not None and self.uncommitted.torn

    def _tear(self) -> None:
        """Take note that what was sent in the open transaction no longer counts."""
        if self.uncommitted is not None:
            self.uncommitted.torn = True

    # ---- reading ----------------------------------------------------------------------------------------------

    def has_room(self, limit_bytes: int) -> bool:
        """Whether it may be given more bytes."""
        return self.state is State.RUNNING and self.pending_bytes < limit_bytes and not self._resend

    @property
    def pending_bytes(self) -> int:
        """Fetched bytes that are not acknowledged."""
        return self._waiting.size_bytes + self._in_flight_bytes

    @property
    def lag(self) -> int | None:
        """Source offsets yet to be acknowledged; None before the first answer."""
        return None if self.end_offset is None else max(0, self.end_offset - self.settled)

    @property
    def held_at(self) -> int | None:
        """Return the offset of the open transaction behind which nothing may be read; None while nothing waits there.

        A transaction that takes its usual milliseconds counts too: only time tells them apart.
        """
        stable, end = self.stable_offset, self.end_offset
        if stable is None or end is None or stable >= end or self.state is not State.RUNNING or not self.idle:
            return None
        return stable

    def fetched(self, row: Fetched, frame: Buffer, frame_hold: Hold, *, asked: int, read_committed: bool) -> bool:
        """Take what came for this lane; gives whether there is something to send. Raises DamagedBatch.

        ``asked`` is the position that the broker was told. An answer that was under way while the lane failed or was
        given another position is of no use: taken, it would leave a gap.
        """
        if self.state is not State.RUNNING or asked != self.position:
            return False
        self.end_offset = row.high_watermark
        self.stable_offset = row.last_stable_offset if read_committed and row.last_stable_offset >= 0 else None
        if row.start == row.end:
            return False
        buffer, start, end, hold = frame, row.start, row.end, frame_hold
        size = end - start
        if size < COPY_BELOW_BYTES and frame_hold.size_bytes > 8 * size:
            buffer, start, end, hold = bytes(memoryview(frame)[start:end]), 0, size, Hold(self.window, size)
        try:
            found = records.scan(
                buffer,
                start,
                end,
                self.position,
                aborted=row.aborted if read_committed else (),
                limit_bytes=self.limit_bytes,
            )
        except DamagedBatch as error:
            raise self._named(error) from error
        for run in found.runs:
            if run.kind is Kind.DROP:
                continue
            self._waiting.add(Piece(buffer, run, hold.keep(), self.position))
        self.position = max(self.position, found.next_offset)
        if not found.runs and found.needed > self.fetch_bytes:
            self.fetch_bytes = found.needed
        if self.idle:
            self.settled = self.position  # only records that are not copied: nothing to acknowledge
        return bool(self._waiting)

    # ---- sending ----------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Batches sent and not acknowledged."""
        return len(self._in_flight)

    @property
    def awaits_answer(self) -> bool:
        """Whether an answer to a batch has yet to come."""
        return any(sent.outstanding for sent in self._in_flight)

    @property
    def resending(self) -> bool:
        """Whether a batch must be sent again before anything new."""
        return self._resend

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not (self._waiting or self._in_flight)

    def can_send(self, now: float) -> bool:
        """Whether :meth:`take` would give a batch."""
        if self.state is not State.RUNNING or now < self.retry_at:
            return False
        if self._resend:
            return self._next_resend() is not None
        in_flight_max = IN_FLIGHT_MAX if self._known_to_broker else 1
        return len(self._in_flight) < in_flight_max and bool(self._waiting)

    def _next_resend(self) -> Sent | None:
        """Give the first batch to be sent again; none while a later one is on its way, so that order is kept."""
        if not self._known_to_broker:
            return None if self._in_flight[0].outstanding else self._in_flight[0]
        if self._early and self._in_flight[0].outstanding:
            return None
        first = None
        for sent in self._in_flight:
            if not sent.outstanding:
                first = first or sent
            elif first:
                return None
        return first

    def take(self) -> tuple[Sent, bytes]:
        """Give the next batch and its stamped header; only after :meth:`can_send`. Raises DataError."""
        assert self.producer is not None, "a running lane has a producer"
        sent = self._next_resend() if self._resend else self._next_new()
        assert sent is not None, "take follows can_send"
        if sent is self._in_flight[-1]:
            self._resend = False
        sent.outstanding = True
        who = self.producer
        header = records.stamp(
            sent.parcel, who.producer_id, who.epoch, sent.base_sequence, transactional=self.transactional
        )
        return sent, header

    def _next_new(self) -> Sent:
        try:
            ready = self._waiting.take(self.limit_bytes, self.small_bytes)
        except DamagedBatch as error:
            raise self._named(error) from error
        sent = Sent(ready.parcel, ready.hold, ready.charge_bytes, self._next_sequence)
        self._next_sequence = (self._next_sequence + ready.parcel.records) % SEQUENCE_END
        self._in_flight.append(sent)
        self._in_flight_bytes += sent.charge_bytes
        return sent

    def _named(self, error: DamagedBatch) -> DamagedBatch:
        """Say whose batch it is: the records room knows offsets only."""
        return DamagedBatch(f"{self.source_topic}-{self.partition} on the source: {error.message}", remedy=error.remedy)

    # ---- answers ----------------------------------------------------------------------------------------------

    def acknowledged(self, sent: Sent, base_offset: int) -> Foreign | None:
        """Take the acknowledgement of a batch; gives what it reveals about other writers.

        Acknowledgements come in the order of sending, because a broker works through a connection in order. Only after
        the leader has moved may one come before the head's: that batch is sent once more when the head is settled, and
        the broker then says that it has it.
        """
        if not self._in_flight or self._in_flight[0] is not sent:
            if sent in self._in_flight:  # else it was dropped meanwhile
                self._resend = self._early = True
            return None
        self._in_flight.popleft()
        self._known_to_broker, self._early = True, False
        if not self._in_flight:
            self._resend = False
        parcel = sent.parcel
        self._in_flight_bytes -= sent.charge_bytes
        sent.hold.let_go()
        foreign = None
        expected = self.expected_offset
        if base_offset < 0:  # a duplicate whose offset the broker no longer knows
            base_offset = expected if expected is not None else -1
        if expected is not None and base_offset != expected and not self.shared:
            foreign = Foreign(expected, base_offset, self.anchor)
        self.expected_offset = base_offset + parcel.records if base_offset >= 0 else None
        first, count = parcel.segments[-1]
        if foreign and base_offset < foreign.expected_offset:
            self.target_kept, self.anchor_kept = base_offset, True
        anchor = self.anchor_at(first + count - 1, base_offset + parcel.records - 1 if base_offset >= 0 else None)
        if self.uncommitted is None:
            self.anchor = self.anchor if self.anchor_kept else anchor
            self.records += parcel.records
            self.bytes += parcel.size
        else:
            self.uncommitted.add(None if self.anchor_kept else anchor, parcel.records, parcel.size)
        self._note_runs(parcel, base_offset)
        self.settled = max(parcel.next_offset, self.position) if self.idle else parcel.next_offset
        self.max_timestamp = parcel.max_timestamp
        self.failures = 0
        return foreign

    def anchor_at(self, source_offset: int, target_offset: int | None) -> Anchor:
        """Give the anchor for a record of this lane; offsets of a shared partition anchor nothing."""
        return Anchor(
            source_offset,
            None if self.shared else target_offset,
            self.topic_id,
            self.leader_epoch,
            self.target_partition if self.shared else -1,
            self.target_id,
        )

    def share(self, *, shared: bool) -> None:
        """Take note that others write to the target partition from now on, or no longer."""
        if self.shared and not shared:
            self.expected_offset = None  # the others were the last to write there, perhaps
        self.shared = shared

    def _note_runs(self, parcel: Parcel, base_offset: int) -> None:
        """Keep where the difference between both sides' offsets changes: the map of offsets is made of that."""
        if base_offset < 0 or self.shared:
            return
        runs = self.new_runs if self.uncommitted is None else self.uncommitted.runs
        target = base_offset
        for source, count in parcel.segments:
            if target - source != self._delta:
                self._delta = target - source
                runs.append((source, target))
            target += count

    def refused(self, sent: Sent, row: Appended, now: float) -> Verdict:
        """Take a produce error for ``sent``; says what must follow."""
        sent.outstanding = False
        if sent not in self._in_flight:
            return Verdict.NOTHING  # dropped meanwhile
        if self._in_flight[0] is not sent:
            self._resend = True  # its turn comes after the head's
            return Verdict.RETRY
        if row.error == codes.DUPLICATE_SEQUENCE_NUMBER:
            self.acknowledged(sent, row.base_offset)
            return Verdict.NOTHING
        return self._head_refused(sent, row, now)

    def _head_refused(self, sent: Sent, row: Appended, now: float) -> Verdict:
        code = row.error
        error = self._error(code, row.message)
        if code in (codes.MESSAGE_TOO_LARGE, codes.RECORD_LIST_TOO_LARGE):
            return self._split_head(sent, now)
        if code == codes.CORRUPT_MESSAGE:
            return self._head_damaged(sent, error, now)
        if self.transactional and code in refusals.TRANSACTION_LOST:
            self.cause = error
            return Verdict.ABORT
        if code in refusals.PRODUCER_UNKNOWN:
            self.resume_needed(error)
            return Verdict.RESUME
        found = meaning(code)
        if found.retriable:
            sent.doubtful = sent.doubtful or code in refusals.PERHAPS_WRITTEN
            return self._send_again(error, now, Verdict.RETRY_METADATA if found.after else Verdict.RETRY)
        return self._head_lost(error, now)

    def _send_again(self, error: HeliographError, now: float, verdict: Verdict) -> Verdict:
        if self.failures >= GIVE_UP_FAILURES:
            return self._head_lost(error, now, retry_s=GIVEN_UP_RETRY_S)
        self.cause = error
        self._resend = True
        self.failures += 1
        self.retry_at = now + min(RETRY_S_MIN * 2 ** min(self.failures - 1, 16), RESEND_S_MAX)
        return verdict

    def _head_lost(self, error: HeliographError, now: float, *, retry_s: float | None = None) -> Verdict:
        """Give up the head, which the target refuses for good, and with it all that followed it."""
        verdict = Verdict.FAILED
        if any(sent.doubtful for sent in self._in_flight):
            self._resume_on_retry = True
            verdict = Verdict.ABORT if self.transactional else verdict
        else:
            self._next_sequence = self._in_flight[0].base_sequence  # never written: the numbers are free again
        self._drop_in_flight()
        self.position = self.settled
        self.fail(error, now, retry_s=retry_s)
        return verdict

    def _split_head(self, sent: Sent, now: float) -> Verdict:
        """Part the batch that the target finds too large; its records keep their sequence numbers."""
        limit = max(records.HEADER_BYTES + 1, min(self.limit_bytes, sent.parcel.size) // 2)
        parcels = refusals.divided(sent.parcel, limit)
        if len(parcels) < 2:
            offset = sent.parcel.segments[0][0]
            error = TooLarge(
                f"The record at offset {offset} of {self.source_topic}-{self.partition} takes {sent.parcel.size} bytes,"
                f" more than topic {self.target_topic} takes",
                remedy=f"Raise max.message.bytes of topic {self.target_topic}",
            )
            return self._head_lost(error, now, retry_s=TOO_LARGE_RETRY_S)
        self._in_flight.popleft()
        sequence, charge = sent.base_sequence, sent.charge_bytes
        parts: list[Sent] = []
        for parcel in parcels:
            parts.append(Sent(parcel, Hold(self.window, parcel.size).keep(), charge, sequence))
            sequence, charge = (sequence + parcel.records) % SEQUENCE_END, 0
        self._in_flight.extendleft(reversed(parts))
        sent.hold.let_go()
        self._resend = True
        return Verdict.RETRY

    def _head_damaged(self, sent: Sent, error: HeliographError, now: float) -> Verdict:
        """Tell damage at the source, which must never be passed on, from damage on the way to the target."""
        if refusals.is_damaged(sent.parcel):
            damage = DamagedBatch(
                f"The batch at offset {sent.parcel.segments[0][0]} of {self.source_topic}-{self.partition} on the "
                "source is damaged: its checksum does not match its bytes; the target refused it",
                remedy="It is fetched again; if it stays so, check the source broker's log with kafka-dump-log",
            )
            return self._head_lost(damage, now)
        return self._send_again(error, now, Verdict.RETRY)

    def leader_moved(self) -> None:
        """Take that the target partition has another leader: what the old one has not answered is sent to the new."""
        for sent in self._in_flight:
            if sent.outstanding:
                sent.outstanding, sent.doubtful = False, True
                self._resend = True

    def connection_lost(self, lost: Sequence[Sent], cause: HeliographError) -> None:
        """Take that ``lost`` will get no answer: they may or may not have been written, so they are sent again."""
        for sent in lost:
            sent.outstanding = False
            sent.doubtful = True
            if sent in self._in_flight:
                self._resend = True
                if self.state is not State.HALTED:
                    self.cause = cause

    def _error(self, code: int, said: str) -> HeliographError:
        return refusals.error_of(code, said, self.target_topic, self.target_partition)
