"""A lane: one source partition on its way to one target partition, as a state machine without I/O or clock.

::

    fetched ──> pending pieces ──take──> in flight (at most five, in order) ──acknowledged──> position
                     ^                        │
                     └──── fail (dropped) <───┘ refused for good        resend: same bytes, same sequence numbers

Positions are source offsets. ``position`` is what to fetch next; ``settled`` is the position after the last
acknowledged record, where everything begins again when what is in between must be dropped.

What is in flight keeps its sequence numbers (:mod:`heliograph.flow.in_flight`). When the broker has forgotten the
producer, the lane asks to be *resumed* from what the target really holds.

Nobody but the lane assigns its attributes: whoever wants it otherwise calls a method that says what happened.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from heliograph import records
from heliograph.errors import DamagedBatch, HeliographError, TooLarge
from heliograph.flow import refusals
from heliograph.flow.in_flight import InFlight, InFlightBatch
from heliograph.flow.progress import Progress, Uncommitted
from heliograph.flow.refusals import Consequence
from heliograph.flow.waiting import Piece, Waiting
from heliograph.flow.window import Hold, Window
from heliograph.mirror.anchor import Anchor
from heliograph.records import Buffer, Kind
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning
from heliograph.wire.fetch import Fetched
from heliograph.wire.produce import Appended

COPY_BELOW_BYTES = 32 << 10
"""A partition's part of a frame that is smaller than this, in a frame many times larger, is copied out of it, so that
a slow lane does not hold the whole frame."""
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

    RUNNING = "running"
    RESUMING = "resuming"
    """Its position is being found from what the target holds."""
    FAILED = "failed"
    """It stands still with a cause, and tries again by itself."""
    HALTED = "halted"
    """It stands still until a person decides: something was lost, and the flow is told to stop then."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who a lane is for the broker (KIP-98)."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Of which topics, and under which leader, a lane's position is true."""

    topic_id: str = ""
    """Of the source topic, where brokers tell it (KIP-516)."""
    target_id: str = ""
    """Of the target topic, where brokers tell it."""
    leader_epoch: int = -1
    """Of the source partition's leader: the one that is read, and whose log is known to hold what was read before
    (KIP-320)."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An acknowledgement came at another offset than the only writer's would."""

    expected_offset: int
    got_offset: int
    anchor: Anchor | None
    """The lane's before this acknowledgement, when all was as it should be."""


class Lane:
    """One source partition and its target partition."""

    def __init__(
        self,
        source_topic: str,
        target_topic: str,
        partition: int,
        window: Window,
        *,
        target_partition: int | None = None,
        shared: bool = False,
        transactional: bool = False,
        limit_bytes: int = records.LIMIT_BYTES,
        end_offset: int | None = None,
        moved: dict["Lane", None] | None = None,
        begins: Callable[["Lane", int, int], None] | None = None,
    ) -> None:
        """Nothing moves before :meth:`start`. ``target_partition`` is ``partition`` where nothing else is said.

        The lane puts itself into ``moved`` whenever its anchor moves; whoever stores anchors takes it out. ``begins``
        is told the position and the expected target offset of each start, while the anchor still is what it was.
        """
        self.source_topic = source_topic
        self.target_topic = target_topic
        self.partition = partition
        """Of the source topic."""
        self.target_partition = partition if target_partition is None else target_partition
        self.shared = shared
        """Other lanes write to the target partition too, so offsets there tell nothing about this lane."""
        self.identity = Identity()
        self.target_kept: int | None = None
        """Where the target was seen to end, short of what was acknowledged; None: nothing of the kind was seen."""
        self.window = window
        self.state = State.RESUMING
        self.cause: HeliographError | None = None
        self.retry_at = 0.0
        self.failures = 0
        self.position = 0
        self.settled = 0
        self.expected_offset: int | None = None
        self.end_offset = end_offset
        """Where the source partition ends (its high watermark), whether or not all of it may be read."""
        self.stable_offset: int | None = None
        """The last stable offset, behind which nothing is read; None: everything is read, or it is not known."""
        self.limit_bytes = limit_bytes
        self.fetch_bytes = 0
        """Least number of bytes to ask for: grows when a batch is larger than what is usually asked."""
        self.producer: Producer | None = None
        self.max_timestamp = -1
        self.transactional = transactional
        """Its batches belong to transactions: ``anchor``, ``new_runs`` and the counts move when one is committed."""
        self.starts = 0
        """How often it was started; its sequence numbers begin with 0 each time."""
        self._moved = {} if moved is None else moved
        self._begins = begins
        self._progress = Progress()
        self._waiting = Waiting(window)
        self._in_flight = InFlight(window)
        self._resume_on_retry = False

    def __repr__(self) -> str:
        """Name the lane in logs."""
        return f"<Lane {self.source_topic}-{self.partition} {self.state} at {self.position}>"

    # ---- life -------------------------------------------------------------------------------------------------

    def start(
        self,
        position: int,
        expected_offset: int | None,
        producer: Producer,
        *,
        identity: Identity | None = None,
        target_before: int | None = None,
    ) -> None:
        """Begin at source offset ``position``; the target's next record is expected at ``expected_offset``.

        Where ``target_before`` is given, it is the target offset of the record before ``position``, and the anchor is
        there from now on.
        """
        if self._begins is not None and expected_offset is not None:
            self._begins(self, position, expected_offset)
        self._waiting.clear()
        self._in_flight.drop()
        self.position = self.settled = position
        self.stable_offset = None
        self.expected_offset = expected_offset
        self.identity = identity or self.identity
        self.starts += 1
        self.renew(producer)
        self._progress.begin(position)
        if target_before is not None:
            self._progress.anchor = self.anchor_at(position - 1, target_before)
            self._moved[self] = None
        self.target_kept = None
        self.state = State.RUNNING

    def renew(self, producer: Producer) -> None:
        """Be another producer from now on, whose sequence numbers begin with 0; nothing may be in flight."""
        self.producer = producer
        self._in_flight.renumber()
        self._resume_on_retry = False

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
            if not self._in_flight.outstanding:
                self._progress.tear()
                self._in_flight.drop()
                self.position = self.settled
                self.state = State.RESUMING
            return
        self.state = State.RUNNING
        self.position = self.next_position

    def resume_needed(self, cause: HeliographError) -> None:
        """Ask for the position to be found anew: the broker no longer knows what this producer has sent."""
        self._progress.tear()
        self._waiting.clear()
        self._in_flight.drop()
        self.position = self.settled
        self.state, self.cause = State.RESUMING, cause

    def doubt(self, cause: HeliographError, now: float) -> None:
        """Take note that one of the partitions is not what it was.

        Nothing more is read or sent; what is under way is waited for, then the position is found anew.
        """
        if self.state in (State.RUNNING, State.FAILED):
            self.fail(cause, now, retry_s=0.0)
            self._resume_on_retry = True

    def wait_until(self, retry_at: float) -> None:
        """Try again at loop time ``retry_at``."""
        self.retry_at = retry_at

    def recovered(self) -> None:
        """Forget what was wrong: records move again."""
        self.cause = None
        self.failures = 0

    def halt(self, cause: HeliographError) -> None:
        """Stand still until a person decides; what is under way still counts."""
        self._waiting.clear()
        self.position = self.next_position
        self.state, self.cause = State.HALTED, cause

    @property
    def next_position(self) -> int:
        """Source offset to read next once everything in flight is acknowledged."""
        after = self._in_flight.next_offset
        return self.settled if after is None else after

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
        self._in_flight.drop()

    # ---- transactions -----------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Become part of a transaction, before anything is sent in it."""
        assert not self._in_flight, "a lane enters a transaction with nothing in flight"
        self._progress.enter(self.settled)

    def commit(self) -> None:
        """Take that the transaction is committed; its marker takes one offset of the target partition."""
        self._progress.commit()
        self._moved[self] = None
        if self.expected_offset is not None:
            self.expected_offset += 1

    def abort(self, producer: Producer) -> None:
        """Go back to where the aborted transaction began, and on from there as another producer."""
        self._waiting.clear()
        self._in_flight.drop()
        self.position = self.settled = self._progress.abort()
        self.expected_offset = None
        self.renew(producer)

    @property
    def torn(self) -> bool:
        """Whether the transaction that it is part of must not be committed."""
        part = self._progress.uncommitted
        return part is not None and part.torn

    # ---- progress ---------------------------------------------------------------------------------------------

    @property
    def anchor(self) -> Anchor | None:
        """The last record that was acknowledged and, where the lane is transactional, committed."""
        return self._progress.anchor

    @property
    def uncommitted(self) -> Uncommitted | None:
        """Its part of the open transaction; None while it has none."""
        return self._progress.uncommitted

    @property
    def records_copied(self) -> int:
        """Records that are acknowledged (committed) since the lane was opened."""
        return self._progress.records

    @property
    def bytes_copied(self) -> int:
        """Bytes of their batches on the target."""
        return self._progress.bytes

    @property
    def new_runs(self) -> deque[tuple[int, int]]:
        """Source and target offset of each record at which their difference changed; whoever takes them clears it."""
        return self._progress.new_runs

    def keep_anchor(self, anchor: Anchor | None) -> None:
        """Go back to ``anchor`` and leave it there until the lane begins again, so that a restart sees it too."""
        self._progress.keep(anchor)
        self._moved[self] = None

    def led_by(self, leader_epoch: int) -> None:
        """Read under this epoch of the source's leader from now on: its log holds what was read before."""
        self.identity = replace(self.identity, leader_epoch=leader_epoch)

    def limit(self, limit_bytes: int) -> None:
        """Make batches of at most ``limit_bytes`` from now on, where they have to be made."""
        self.limit_bytes = limit_bytes

    # ---- reading ----------------------------------------------------------------------------------------------

    def has_room(self, limit_bytes: int) -> bool:
        """Whether it may be given more bytes."""
        return self.state is State.RUNNING and self.pending_bytes < limit_bytes and not self._in_flight.resending

    @property
    def pending_bytes(self) -> int:
        """Fetched bytes that are not acknowledged."""
        return self._waiting.size_bytes + self._in_flight.size_bytes

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
            self._waiting.add(Piece(buffer, run, hold, self.position))
        self.position = max(self.position, found.next_offset)
        if not found.runs and found.needed > self.fetch_bytes:
            self.fetch_bytes = found.needed
        if self.idle:
            self.settled = self.position  # only records that are not copied: nothing to acknowledge
        return bool(self._waiting)

    def ask_for(self, fetch_bytes: int) -> None:
        """Ask for at least ``fetch_bytes`` at a time from now on."""
        self.fetch_bytes = fetch_bytes

    # ---- sending ----------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Batches sent and not acknowledged."""
        return len(self._in_flight)

    @property
    def awaits_answer(self) -> bool:
        """Whether an answer to a batch has yet to come."""
        return self._in_flight.outstanding

    @property
    def resending(self) -> bool:
        """Whether a batch must be sent again before anything new."""
        return self._in_flight.resending

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not (self._waiting or self._in_flight)

    def can_send(self, now: float) -> bool:
        """Whether :meth:`take` would give a batch."""
        if self.state is not State.RUNNING or now < self.retry_at:
            return False
        in_flight = self._in_flight
        if in_flight.resending:
            return in_flight.next_resend() is not None
        return in_flight.has_room and bool(self._waiting)

    def take(self, small_bytes: int = records.SMALL_BYTES) -> tuple[InFlightBatch, bytes]:
        """Return the next batch and its stamped header; only after :meth:`can_send`. Raises DataError.

        Good batches below ``small_bytes`` are made into one where neighbours wait.
        """
        who, in_flight = self.producer, self._in_flight
        assert who is not None, "a running lane has a producer"
        sent = in_flight.next_resend() if in_flight.resending else self._next_new(small_bytes)
        assert sent is not None, "take follows can_send"
        in_flight.goes_out(sent)
        header = records.stamp(
            sent.parcel, who.producer_id, who.epoch, sent.base_sequence, transactional=self.transactional
        )
        return sent, header

    def _next_new(self, small_bytes: int) -> InFlightBatch:
        try:
            ready = self._waiting.take(self.limit_bytes, small_bytes)
        except DamagedBatch as error:
            raise self._named(error) from error
        return self._in_flight.add(ready)

    def _named(self, error: DamagedBatch) -> DamagedBatch:
        """Say whose batch it is: the records room knows offsets only."""
        return DamagedBatch(f"{self.source_topic}-{self.partition} on the source: {error.message}", remedy=error.remedy)

    # ---- answers ----------------------------------------------------------------------------------------------

    def acknowledged(self, sent: InFlightBatch, base_offset: int) -> Foreign | None:
        """Take the acknowledgement of a batch; returns what it reveals about other writers.

        One that comes before the head's counts for nothing: see :meth:`InFlight.acknowledged`.
        """
        if not self._in_flight.acknowledged(sent):
            return None
        parcel, expected = sent.parcel, self.expected_offset
        if base_offset < 0:  # a duplicate whose offset the broker no longer knows
            base_offset = expected if expected is not None else -1
        foreign = None
        if expected is not None and base_offset != expected and not self.shared:
            foreign = Foreign(expected, base_offset, self.anchor)
            if base_offset < expected:
                self.target_kept = base_offset
                self._progress.keep(self.anchor)
        known = base_offset >= 0
        self.expected_offset = base_offset + parcel.records if known else None
        first, count = parcel.segments[-1]
        anchor = self.anchor_at(first + count - 1, base_offset + parcel.records - 1 if known else None)
        if self._progress.add(parcel, anchor):
            self._moved[self] = None
        if known and not self.shared:
            self._progress.note_runs(parcel.segments, base_offset)
        self.settled = max(parcel.next_offset, self.position) if self.idle else parcel.next_offset
        self.max_timestamp = parcel.max_timestamp
        self.failures = 0
        return foreign

    def anchor_at(self, source_offset: int, target_offset: int | None) -> Anchor:
        """Give the anchor for a record of this lane; offsets of a shared partition anchor nothing."""
        return Anchor(
            source_offset,
            None if self.shared else target_offset,
            self.identity.topic_id,
            self.identity.leader_epoch,
            self.target_partition if self.shared else -1,
            self.identity.target_id,
        )

    def share(self, *, shared: bool) -> None:
        """Take note that others write to the target partition from now on, or no longer."""
        if self.shared and not shared:
            self.expected_offset = None  # the others were the last to write there, perhaps
        self.shared = shared

    def refused(self, sent: InFlightBatch, row: Appended, now: float) -> Consequence:
        """Take a produce error for ``sent``; says what must follow."""
        if not self._in_flight.refused(sent):
            return Consequence.NOTHING  # dropped meanwhile
        if not self._in_flight.is_head(sent):
            return Consequence.RETRY
        if row.error == codes.DUPLICATE_SEQUENCE_NUMBER:
            self.acknowledged(sent, row.base_offset)
            return Consequence.NOTHING
        return self._head_refused(sent, row, now)

    def _head_refused(self, sent: InFlightBatch, row: Appended, now: float) -> Consequence:
        code = row.error
        error = self._error(code, row.message)
        if code in (codes.MESSAGE_TOO_LARGE, codes.RECORD_LIST_TOO_LARGE):
            return self._split_head(sent, now)
        if code == codes.CORRUPT_MESSAGE:
            return self._head_damaged(sent, error, now)
        if self.transactional and code in refusals.TRANSACTION_LOST:
            self.cause = error
            return Consequence.ABORT
        if code in refusals.PRODUCER_UNKNOWN:
            self.resume_needed(error)
            return Consequence.RESUME
        found = meaning(code)
        if found.retriable:
            if code in refusals.PERHAPS_WRITTEN:
                self._in_flight.doubt(sent)
            return self._send_again(error, now, Consequence.RETRY_METADATA if found.after else Consequence.RETRY)
        return self._head_lost(error, now)

    def _send_again(self, error: HeliographError, now: float, consequence: Consequence) -> Consequence:
        if self.failures >= GIVE_UP_FAILURES:
            return self._head_lost(error, now, retry_s=GIVEN_UP_RETRY_S)
        self.cause = error
        self._in_flight.resend()
        self.failures += 1
        self.retry_at = now + min(RETRY_S_MIN * 2 ** min(self.failures - 1, 16), RESEND_S_MAX)
        return consequence

    def _head_lost(self, error: HeliographError, now: float, *, retry_s: float | None = None) -> Consequence:
        """Give up the head, which the target refuses for good, and with it all that followed it."""
        consequence = Consequence.FAILED
        if self._in_flight.doubtful:
            self._resume_on_retry = True
            consequence = Consequence.ABORT if self.transactional else consequence
            self._in_flight.drop()
        else:
            self._in_flight.give_up()
        self.position = self.settled
        self.fail(error, now, retry_s=retry_s)
        return consequence

    def _split_head(self, sent: InFlightBatch, now: float) -> Consequence:
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
        self._in_flight.divide(parcels)
        return Consequence.RETRY

    def _head_damaged(self, sent: InFlightBatch, error: HeliographError, now: float) -> Consequence:
        """Tell damage at the source, which must never be passed on, from damage on the way to the target."""
        if refusals.is_damaged(sent.parcel):
            damage = DamagedBatch(
                f"The batch at offset {sent.parcel.segments[0][0]} of {self.source_topic}-{self.partition} on the "
                "source is damaged: its checksum does not match its bytes; the target refused it",
                remedy="It is fetched again; if it stays so, check the source broker's log with kafka-dump-log",
            )
            return self._head_lost(damage, now)
        return self._send_again(error, now, Consequence.RETRY)

    def leader_moved(self) -> None:
        """Take that the target partition has another leader: what the old one has not answered is sent to the new."""
        self._in_flight.leader_moved()

    def connection_lost(self, lost: Sequence[InFlightBatch], cause: HeliographError) -> None:
        """Take that ``lost`` will get no answer: they may or may not have been written, so they are sent again."""
        if self._in_flight.unanswered(lost) and self.state is not State.HALTED:
            self.cause = cause

    def _error(self, code: int, said: str) -> HeliographError:
        return refusals.error_of(code, said, self.target_topic, self.target_partition)
