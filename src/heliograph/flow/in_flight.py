"""Batches of one lane that were sent and are not acknowledged, in the order of their sequence numbers.

Sequence numbers count records (KIP-98), so a batch may be divided without renumbering those after it. The queue ends in
one of three ways: its head is acknowledged, its head is given up with all behind it, or everything is dropped. A batch
that may have reached the broker is only ever sent again with its own number, and in order: none goes out while a later
one is under way.

A broker that holds nothing of a producer takes any sequence number for its first. So until one batch has been
acknowledged, only one is under way: if it were refused, those behind it would be written before it.

Each batch holds its bytes of the window from :meth:`add` until it leaves; nobody else counts them.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heliograph.flow.waiting import Ready
from heliograph.flow.window import Hold, Window
from heliograph.records import Parcel

IN_FLIGHT_MAX = 5
"""Batches of a partition that an idempotent producer may have unanswered (the broker remembers five)."""
SEQUENCE_END = 1 << 31


@dataclass(slots=True, eq=False)
class InFlightBatch:
    """A batch on its way, or waiting to be sent again."""

    parcel: Parcel
    hold: Hold
    charge_bytes: int
    base_sequence: int
    outstanding: bool = False
    """An answer to it has yet to come."""
    doubtful: bool = False
    """It may have been written although no acknowledgement came."""


class InFlight:
    """A queue: batches go in as they are sent, and leave from its head as they are acknowledged."""

    def __init__(self, window: Window) -> None:
        """Parts of divided batches take their bytes from ``window``."""
        self.size_bytes = 0
        """Fetched bytes that the batches stand for."""
        self.resending = False
        """A batch must be sent again before anything new."""
        self._window = window
        self._batches: deque[InFlightBatch] = deque()
        self._next_sequence = 0
        self._early = False
        """A batch was acknowledged before the head, which another broker has yet to answer."""
        self._known_to_broker = False
        """Whether the broker has taken a batch of this producer, and so watches its sequence numbers."""

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __contains__(self, sent: InFlightBatch) -> bool:
        """Whether ``sent`` has not left meanwhile."""
        return sent in self._batches

    # ---- sending ----------------------------------------------------------------------------------------------

    def renumber(self) -> None:
        """Begin with sequence number 0, as another producer."""
        self._next_sequence = 0
        self._known_to_broker = False

    @property
    def has_room(self) -> bool:
        """Whether one more batch may be under way."""
        return len(self._batches) < (IN_FLIGHT_MAX if self._known_to_broker else 1)

    def add(self, ready: Ready) -> InFlightBatch:
        """Assign a number to a new batch; its hold is the queue's from now on."""
        sent = InFlightBatch(ready.parcel, ready.hold, ready.charge_bytes, self._next_sequence)
        self._next_sequence = (self._next_sequence + ready.parcel.records) % SEQUENCE_END
        self._batches.append(sent)
        self.size_bytes += sent.charge_bytes
        return sent

    def resend(self) -> None:
        """Have what is not outstanding sent again before anything new."""
        self.resending = True

    def next_resend(self) -> InFlightBatch | None:
        """Return the first batch to be sent again; none while a later one is on its way, so that order is kept."""
        head = self._batches[0]
        if not self._known_to_broker:
            return None if head.outstanding else head
        if self._early and head.outstanding:
            return None
        first = None
        for sent in self._batches:
            if not sent.outstanding:
                first = first or sent
            elif first:
                return None
        return first

    def goes_out(self, sent: InFlightBatch) -> None:
        """Take note that ``sent`` is on its way from now on."""
        sent.outstanding = True
        if sent is self._batches[-1]:
            self.resending = False

    # ---- what is known of them --------------------------------------------------------------------------------

    def is_head(self, sent: InFlightBatch) -> bool:
        """Whether ``sent`` is the first of all."""
        return bool(self._batches) and self._batches[0] is sent

    @property
    def next_offset(self) -> int | None:
        """Source offset after the last batch; None where there is none."""
        return self._batches[-1].parcel.next_offset if self._batches else None

    @property
    def outstanding(self) -> bool:
        """Whether an answer has yet to come."""
        return any(sent.outstanding for sent in self._batches)

    @property
    def doubtful(self) -> bool:
        """Whether one of them may have been written although no acknowledgement came."""
        return any(sent.doubtful for sent in self._batches)

    # ---- answers ----------------------------------------------------------------------------------------------

    def acknowledged(self, sent: InFlightBatch) -> bool:
        """Take the head out once it is acknowledged; False where ``sent`` is not the head, and nothing leaves.

        Acknowledgements come in the order of sending, because a broker works through a connection in order. Only after
        the leader has moved may one come before the head's: that batch is sent once more when the head is acknowledged,
        and the broker then says that it has it.
        """
        sent.outstanding = False
        batches = self._batches
        if not batches or batches[0] is not sent:
            if sent in batches:  # else it was dropped meanwhile
                self.resending = self._early = True
            return False
        batches.popleft()
        self._known_to_broker, self._early = True, False
        if not batches:
            self.resending = False
        self.size_bytes -= sent.charge_bytes
        sent.hold.let_go()
        return True

    def refused(self, sent: InFlightBatch) -> bool:
        """Take note that ``sent`` was answered with an error; returns False where it was dropped meanwhile.

        Where it is not the head, it is sent again after it; what becomes of the head, the lane decides.
        """
        sent.outstanding = False
        if sent not in self._batches:
            return False
        if self._batches[0] is not sent:
            self.resending = True
        return True

    @staticmethod
    def doubt(sent: InFlightBatch) -> None:
        """Take note that ``sent`` may have been written although it was refused."""
        sent.doubtful = True

    def divide(self, parcels: Sequence[Parcel]) -> None:
        """Put the parts of the head in its place; its records keep their sequence numbers."""
        head = self._batches.popleft()
        sequence, charge = head.base_sequence, head.charge_bytes
        parts: list[InFlightBatch] = []
        for parcel in parcels:
            parts.append(InFlightBatch(parcel, Hold(self._window, parcel.size).keep(), charge, sequence))
            sequence, charge = (sequence + parcel.records) % SEQUENCE_END, 0
        self._batches.extendleft(reversed(parts))
        head.hold.let_go()
        self.resending = True

    def leader_moved(self) -> None:
        """Take note that what another broker has not answered is to be sent to the new leader."""
        self.unanswered([sent for sent in self._batches if sent.outstanding])

    def unanswered(self, lost: Iterable[InFlightBatch]) -> bool:
        """Take note that ``lost`` will get no answer; returns whether any of them must be sent again."""
        again = False
        for sent in lost:
            sent.outstanding, sent.doubtful = False, True
            again = again or sent in self._batches
        self.resending = self.resending or again
        return again

    def give_up(self) -> None:
        """Drop batches of which none can have been written: their numbers are free again."""
        self._next_sequence = self._batches[0].base_sequence
        self.drop()

    def drop(self) -> None:
        """Let go of everything; the numbers that were used stay used."""
        for sent in self._batches:
            sent.hold.let_go()
        self._batches.clear()
        self.size_bytes = 0
        self.resending = self._early = False
