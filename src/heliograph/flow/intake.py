"""What a lane reads: where it is on the source, what came and waits to be sent, and where the partition ends.

The reading half of a lane, as :mod:`heliograph.flow.in_flight` is the sending half. Whatever must be read again is
dropped by :meth:`Intake.rewind`, together with the position that it came from.
"""

from heliograph import records
from heliograph.errors import DamagedBatch
from heliograph.flow.waiting import Piece, Ready, Waiting
from heliograph.flow.window import Hold, Window
from heliograph.records import Buffer, Kind
from heliograph.wire.fetch import Fetched

COPY_BELOW_BYTES = 32 << 10
"""A partition's part of a frame that is smaller than this, in a frame many times larger, is copied out of it, so that
a slow lane does not hold the whole frame."""
ALIGNED_BATCHES_MAX = 64
"""Where more fit into what is asked for, a batch that is cut in two costs little."""
SLACK_PARTS = 16
"""One part in so many of a batch is asked for beside them, as batches are not all of one size."""


class Intake:
    """Fetched bytes go in, batches come out, in the source's order."""

    def __init__(self, name: str, window: Window, end_offset: int | None) -> None:
        """``name`` says in errors which partition of which cluster this is."""
        self.position = 0
        """Source offset to fetch next."""
        self.fetch_bytes = 0
        """Least number of bytes to ask for: grows when a batch is larger than what is usually asked."""
        self.end_offset = end_offset
        """Where the source partition ends (its high watermark), whether or not all of it may be read."""
        self.stable_offset: int | None = None
        """The last stable offset, behind which nothing is read; None: everything is read, or it is not known."""
        self.cut_bytes = 0
        """Size of the last batch of which an answer had only a part; 0: there was none."""
        self._name = name
        self._window = window
        self._waiting = Waiting(window)

    def __bool__(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._waiting)

    @property
    def size_bytes(self) -> int:
        """Fetched bytes that wait."""
        return self._waiting.size_bytes

    @property
    def held_at(self) -> int | None:
        """Offset of the open transaction behind which nothing may be read; None where there is none."""
        stable, end = self.stable_offset, self.end_offset
        return None if stable is None or end is None or stable >= end else stable

    @property
    def is_behind(self) -> bool:
        """Whether the last answer left something that may be read."""
        end = self.end_offset if self.stable_offset is None else self.stable_offset
        return end is not None and self.position < end

    def turn_bytes(self, most_bytes: int) -> int:
        """Return how many of ``most_bytes`` to ask for at a time, while it is behind; 0: it is not.

        Brokers cut the last batch in two, and the part that was sent is sent again. Where batches are large compared
        with what is asked for, that is for as many as fit.
        """
        if not self.is_behind:
            return 0
        fit = most_bytes // self.cut_bytes if self.cut_bytes else ALIGNED_BATCHES_MAX
        if fit >= ALIGNED_BATCHES_MAX:
            return most_bytes
        return self.cut_bytes if fit < 2 else min(most_bytes, fit * self.cut_bytes + self.cut_bytes // SLACK_PARTS)

    def begin(self, position: int) -> None:
        """Begin at ``position``; what was known of open transactions before is forgotten."""
        self.rewind(position)
        self.stable_offset = None

    def rewind(self, position: int) -> None:
        """Drop what waits, and read from ``position`` on."""
        self._waiting.clear()
        self.position = position

    def ask_for(self, fetch_bytes: int) -> None:
        """Ask for at least ``fetch_bytes`` at a time from now on."""
        self.fetch_bytes = fetch_bytes

    def fetched(self, row: Fetched, frame: Buffer, frame_hold: Hold, *, limit_bytes: int, read_committed: bool) -> bool:
        """Take what came for the present position; says whether there was anything. Raises DamagedBatch."""
        self.end_offset = row.high_watermark
        self.stable_offset = row.last_stable_offset if read_committed and row.last_stable_offset >= 0 else None
        if row.start == row.end:
            return False
        buffer, start, end, hold = frame, row.start, row.end, frame_hold
        size = end - start
        if size < COPY_BELOW_BYTES and frame_hold.size_bytes > 8 * size:
            buffer, start, end, hold = bytes(memoryview(frame)[start:end]), 0, size, Hold(self._window, size)
        aborted = row.aborted if read_committed else ()
        try:
            found = records.scan(buffer, start, end, self.position, aborted=aborted, limit_bytes=limit_bytes)
        except DamagedBatch as error:
            raise self._named(error) from error
        for run in found.runs:
            if run.kind is not Kind.DROP:
                self._waiting.add(Piece(buffer, run, hold, self.position))
        self.position = max(self.position, found.next_offset)
        if found.needed > records.HEADER_BYTES:
            self.cut_bytes = found.needed
        if not found.runs and found.needed > self.fetch_bytes:
            self.fetch_bytes = found.needed
        return True

    def take(self, limit_bytes: int, *, full: bool) -> Ready:
        """Return the next batch; see :meth:`Waiting.take`. Raises DamagedBatch."""
        try:
            return self._waiting.take(limit_bytes, full=full)
        except DamagedBatch as error:
            raise self._named(error) from error

    def _named(self, error: DamagedBatch) -> DamagedBatch:
        """Say whose batch it is: the records room knows offsets only."""
        return DamagedBatch(f"{self._name}: {error.message}", remedy=error.remedy)
