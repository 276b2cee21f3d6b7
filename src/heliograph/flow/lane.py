"""A lane: one source partition on its way to one target partition, as a state machine without I/O or clock.

::

    fetched ──> intake (what waits) ──take──> in flight (at most five, in order) ──acknowledged──> progress
                     ^                           │
                     └──── fail (dropped) <──────┘ refused for good        resend: same bytes, same sequence numbers

Positions are source offsets. ``position`` is what to fetch next; ``settled`` is the position after the last
acknowledged record, where everything begins again when what is in between must be dropped.

Each of the three is a part of its own (:mod:`heliograph.flow.intake`, :mod:`~heliograph.flow.in_flight`,
:mod:`~heliograph.flow.progress`). What is in flight keeps its sequence numbers. When the broker has forgotten the
producer, the lane asks to be *resumed* from what the target really holds. Nobody but the lane assigns its attributes:
whoever wants it otherwise calls a method that says what happened.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from heliograph import records
from heliograph.errors import HeliographError
from heliograph.flow import refusals
from heliograph.flow.in_flight import IN_FLIGHT_MAX, InFlight, InFlightBatch
from heliograph.flow.intake import Intake
from heliograph.flow.lane_model import Foreign, Identity, Producer, State, retry_pause_s
from heliograph.flow.progress import Progress, Uncommitted
from heliograph.flow.refusals import Consequence
from heliograph.flow.window import Hold, Window
from heliograph.mirror.anchor import Anchor
from heliograph.records import Buffer
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning
from heliograph.wire.fetch import Fetched
from heliograph.wire.produce import Appended


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
        source: str = "source",
        target: str = "target",
        limit_bytes: int = records.LIMIT_BYTES,
        end_offset: int | None = None,
        moved: dict["Lane", None] | None = None,
        begins: Callable[["Lane", int, int], None] | None = None,
    ) -> None:
        """Nothing moves before :meth:`start`. ``target_partition`` is ``partition`` where nothing else is said.

        ``source`` and ``target`` are the clusters' aliases, for errors. The lane puts itself into ``moved`` whenever
        its anchor moves; whoever stores anchors takes it out. ``begins`` is told the position and the expected target
        offset of each start, while the anchor still is what it was.
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
        self.settled = 0
        self.expected_offset: int | None = None
        self.limit_bytes = limit_bytes
        self.producer: Producer | None = None
        self.max_timestamp = -1
        self.transactional = transactional
        """Its batches belong to transactions: ``anchor``, ``new_runs`` and the counts move when one is committed."""
        self.starts = 0
        """How often it was started; its sequence numbers begin with 0 each time."""
        self._moved = {} if moved is None else moved
        self._begins = begins
        self._names = refusals.Names(source, f"{source_topic}-{partition}", target, target_topic, self.target_partition)
        self._progress = Progress()
        self._intake = Intake(f"{source_topic}-{partition} on {source}", window, end_offset)
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
        placed: bool = False,
    ) -> None:
        """Begin at source offset ``position``; the target's next record is expected at ``expected_offset``.

        ``target_before``: where the record before it is there, or (``placed``) another one; the anchor is there then.
        """
        if self._begins is not None and expected_offset is not None:
            self._begins(self, position, expected_offset)
        self._in_flight.drop()
        self._intake.begin(position)
        self.settled = position
        self.expected_offset = expected_offset
        self.identity = identity or self.identity
        self.starts += 1
        self.renew(producer)
        self._progress.begin(position)
        if target_before is not None:
            self._progress.anchor = replace(self.anchor_at(position - 1, target_before), placed=placed)
            self._moved[self] = None
        self.target_kept = None
        self.state = State.RUNNING

    def renew(self, producer: Producer) -> None:
        """Be another producer from now on, whose sequence numbers begin with 0; nothing may be in flight."""
        self.producer = producer
        self._in_flight.renumber()
        self._resume_on_retry = False

    def fail(self, cause: HeliographError, now: float, *, retry_s: float | None = None) -> None:
        """Stand still: no more is fetched or sent until :meth:`retry`, in ``retry_s`` or as failures in a row ask for.

        What waits is dropped, to be fetched again. What is in flight stays: its acknowledgements still count.
        """
        self.failures += 1
        self._intake.rewind(self.next_position)  # an acknowledgement that comes now must not cover what was dropped
        if self.state is not State.RESUMING:
            self.state = State.FAILED
        self.cause, self.retry_at = cause, now + (retry_pause_s(self.failures) if retry_s is None else retry_s)

    def retry(self) -> None:
        """Try again after a failure: run, or have the position determined again where that is needed."""
        assert self.state is State.FAILED, "only a failed lane tries again"
        if self._resume_on_retry:
            if not self._in_flight.outstanding:
                self._progress.tear()
                self._in_flight.drop()
                self._intake.rewind(self.settled)
                self.state = State.RESUMING
            return
        self.state = State.RUNNING
        self._intake.rewind(self.next_position)

    def resume_needed(self, cause: HeliographError) -> None:
        """Ask for the position to be determined again: the broker no longer knows what this producer has sent."""
        self._progress.tear()
        self._in_flight.drop()
        self._intake.rewind(self.settled)
        self.state, self.cause = State.RESUMING, cause

    def doubt(self, cause: HeliographError, now: float) -> None:
        """Take note that one of the partitions is not what it was.

        Nothing more is read or sent; what is under way is waited for, then the position is determined again.
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
        self._intake.rewind(self.next_position)
        self.state, self.cause = State.HALTED, cause

    @property
    def next_position(self) -> int:
        """Source offset to read next once everything in flight is acknowledged."""
        after = self._in_flight.next_offset
        return self.settled if after is None else after

    def skip_to(self, position: int) -> None:
        """Go on at ``position``, because what lies before it is gone from the source."""
        self._intake.rewind(position)
        if not self._in_flight:
            self.settled = position

    def stop_reading(self) -> None:
        """Take no more; what is in flight is still waited for."""
        self._intake.rewind(self.next_position)

    def close(self) -> None:
        """Let go of everything; what is in flight may still be written, but no longer counts."""
        self._intake.rewind(self.position)
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
        self._in_flight.drop()
        self.settled = self._progress.abort()
        self._intake.rewind(self.settled)
        self.expected_offset = None
        self.renew(producer)

    @property
    def torn(self) -> bool:
        """Whether the transaction that it is part of must not be committed."""
        return self._progress.torn

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

    @property
    def position(self) -> int:
        """Source offset to fetch next."""
        return self._intake.position

    @property
    def fetch_bytes(self) -> int:
        """Least number of bytes to ask for; 0: as many as usual."""
        return self._intake.fetch_bytes

    @property
    def end_offset(self) -> int | None:
        """Where the source partition ends (its high watermark); None: not known."""
        return self._intake.end_offset

    def turn_bytes(self, most_bytes: int) -> int:
        """See :meth:`Intake.turn_bytes`."""
        return self._intake.turn_bytes(most_bytes)

    def has_room(self, limit_bytes: int) -> bool:
        """Whether it may be given more bytes."""
        return self.state is State.RUNNING and self.pending_bytes < limit_bytes and not self._in_flight.resending

    @property
    def pending_bytes(self) -> int:
        """Fetched bytes that are not acknowledged."""
        return self._intake.size_bytes + self._in_flight.size_bytes

    @property
    def growth_bytes(self) -> int:
        """Most bytes that batches yet to be made take while what they are made of is still held."""
        return min(self._intake.size_bytes, max(0, IN_FLIGHT_MAX - self.in_flight) * self.limit_bytes)

    @property
    def lag(self) -> int | None:
        """Source offsets yet to be acknowledged; None before the first answer."""
        return None if self.end_offset is None else max(0, self.end_offset - self.settled)

    @property
    def held_at(self) -> int | None:
        """Return the offset of the open transaction behind which nothing may be read; None while nothing waits there.

        A transaction that takes its usual milliseconds counts too: only time tells them apart.
        """
        return self._intake.held_at if self.idle and self.state is State.RUNNING else None

    def fetched(self, row: Fetched, frame: Buffer, hold: Hold, *, asked: int, read_committed: bool) -> bool:
        """Take what came for this lane; gives whether there is something to send. Raises DamagedBatch.

        ``asked`` is the position that the broker was told. An answer that was under way while the lane failed or was
        given another position is of no use: taken, it would leave a gap.
        """
        if self.state is not State.RUNNING or asked != self.position:
            return False
        taken = self._intake.fetched(row, frame, hold, limit_bytes=self.limit_bytes, read_committed=read_committed)
        self.settled = self.position if taken and self.idle else self.settled  # only records that are not copied came
        return taken and bool(self._intake)

    def ask_for(self, fetch_bytes: int) -> None:
        """Ask for at least ``fetch_bytes`` at a time from now on."""
        self._intake.ask_for(fetch_bytes)

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
        return not (self._intake or self._in_flight)

    def can_send(self, now: float) -> bool:
        """Whether :meth:`take` would give a batch."""
        if self.state is not State.RUNNING or now < self.retry_at:
            return False
        in_flight = self._in_flight
        if in_flight.resending:
            return in_flight.next_resend() is not None
        return in_flight.has_room and bool(self._intake)

    def take(self, *, full: bool = False) -> tuple[InFlightBatch, bytes]:
        """Return the next batch (``full``: see Waiting) and its stamped header, after can_send. Raises DataError."""
        who, in_flight = self.producer, self._in_flight
        assert who is not None, "a running lane has a producer"
        again = in_flight.resending
        sent = in_flight.next_resend() if again else in_flight.add(self._intake.take(self.limit_bytes, full=full))
        assert sent is not None, "take follows can_send"
        in_flight.goes_out(sent)
        header = records.stamp(
            sent.parcel, who.producer_id, who.epoch, sent.base_sequence, transactional=self.transactional
        )
        return sent, header

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
        """Return the anchor for a record of this lane; offsets of a shared partition anchor nothing."""
        if self.shared:
            return self.identity.anchor(source_offset, None, self.target_partition)
        return self.identity.anchor(source_offset, target_offset, -1)

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
        code, error = row.error, self._names.refused(row.error, row.message)
        if code in (codes.MESSAGE_TOO_LARGE, codes.RECORD_LIST_TOO_LARGE):
            return self._split_head(sent, now)
        if code == codes.CORRUPT_MESSAGE and refusals.is_damaged(sent.parcel):  # else on the way to the target
            return self._head_lost(self._names.damaged(sent.parcel), now)
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
        if self.failures >= refusals.GIVE_UP_FAILURES:
            return self._head_lost(error, now, retry_s=refusals.GIVEN_UP_RETRY_S)
        self.cause = error
        self._in_flight.resend()
        self.failures += 1
        self.retry_at = now + refusals.resend_pause_s(self.failures)
        return consequence

    def _head_lost(self, error: HeliographError, now: float, *, retry_s: float | None = None) -> Consequence:
        """Drop the head, which the target refuses for good, and with it all that followed it."""
        consequence = Consequence.ABORT if self.transactional and self._in_flight.doubtful else Consequence.FAILED
        if self._in_flight.doubtful:
            self._resume_on_retry = True
            self._in_flight.drop()
        else:
            self._in_flight.give_up()
        self._intake.rewind(self.settled)
        self.fail(error, now, retry_s=retry_s)
        return consequence

    def _split_head(self, sent: InFlightBatch, now: float) -> Consequence:
        """Part the batch that the target finds too large; its records keep their sequence numbers."""
        limit = max(records.HEADER_BYTES + 1, min(self.limit_bytes, sent.parcel.size) // 2)
        parcels = refusals.divided(sent.parcel, limit)
        if len(parcels) < 2:
            return self._head_lost(self._names.too_large(sent.parcel), now, retry_s=refusals.TOO_LARGE_RETRY_S)
        self._in_flight.divide(parcels)
        return Consequence.RETRY

    def leader_moved(self) -> None:
        """Take that the target partition has another leader: what the old one has not answered is sent to the new."""
        self._in_flight.leader_moved()

    def connection_lost(self, lost: Sequence[InFlightBatch], cause: HeliographError) -> None:
        """Take that ``lost`` will get no answer: they may or may not have been written, so they are sent again."""
        if self._in_flight.unanswered(lost) and self.state is not State.HALTED:
            self.cause = cause
