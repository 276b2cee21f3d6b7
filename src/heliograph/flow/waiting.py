"""What a lane has fetched and not yet sent: pieces of frames, and the batches that are made of them.

A good batch goes out as it is. Small neighbours are merged when they wait together anyway, and what the target would
not take (holes, cropped fronts, broker time, old formats) is re-encoded; both are made only when their turn comes, so
a lane that is stopped has wasted nothing.
"""

from collections import deque
from dataclasses import dataclass

from heliograph import records
from heliograph.errors import DamagedBatch
from heliograph.flow.window import Hold, Window
from heliograph.records import Buffer, Codec, Kind, Parcel, Run


@dataclass(slots=True)
class Piece:
    """A run of fetched batches."""

    buffer: Buffer
    run: Run
    hold: Hold
    position: int
    """The lane's position when the piece was fetched: records before it are not the lane's."""

    @property
    def size(self) -> int:
        """Bytes of its batches."""
        return self.run.end - self.run.start


@dataclass(slots=True)
class Ready:
    """A batch that may go out."""

    parcel: Parcel
    hold: Hold
    charge_bytes: int
    """Fetched bytes that it stands for."""


class Waiting:
    """A queue: pieces go in, batches come out, in the same order."""

    def __init__(self, window: Window) -> None:
        """Batches that are packed again take their bytes from ``window``."""
        self.size_bytes = 0
        """Fetched bytes that wait."""
        self._window = window
        self._pieces: deque[Piece] = deque()
        self._ready: deque[Ready] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._ready or self._pieces)

    def add(self, piece: Piece) -> None:
        """Put a piece at the end, and hold its bytes until it is taken or dropped."""
        piece.hold.keep()
        self._pieces.append(piece)
        self.size_bytes += piece.size

    def take(self, limit_bytes: int, *, full: bool = False) -> Ready:
        """Return the next batch with its hold, of at most ``limit_bytes`` where it has to be made. Raises DamagedBatch.

        Small good batches are made into one where neighbours wait; ``full``: into one as large as may be, whatever work
        that takes.
        """
        if not self._ready:
            self._make_ready(limit_bytes, full=full)
        ready = self._ready.popleft()
        self.size_bytes -= ready.charge_bytes
        return ready

    def clear(self) -> None:
        """Drop everything."""
        for hold in [*(piece.hold for piece in self._pieces), *(ready.hold for ready in self._ready)]:
            hold.let_go()
        self._pieces.clear()
        self._ready.clear()
        self.size_bytes = 0

    def _make_ready(self, limit_bytes: int, *, full: bool) -> None:
        small_bytes = limit_bytes // 2 if full else records.SMALL_BYTES
        first = self._pieces[0]
        if first.run.kind is Kind.FORWARD and not self._worth_merging(small_bytes):
            self._pieces.popleft()
            self._ready.append(Ready(records.forward(first.buffer, first.run), first.hold, first.size))
            return
        pieces = self._gather(limit_bytes, small_bytes)
        if full:
            pieces += self._fill(limit_bytes - sum(piece.size for piece in pieces), pieces[0].run.codec, len(pieces))
        parcels = records.rewrite(
            [(piece.buffer, piece.run) for piece in pieces], position=first.position, limit_bytes=limit_bytes
        )
        if not parcels:
            raise DamagedBatch(f"The batches at offset {first.run.first_offset} hold no record")
        charge = sum(piece.size for piece in pieces)
        for parcel in parcels:
            self._ready.append(Ready(parcel, Hold(self._window, parcel.size).keep(), charge))
            charge = 0
        for piece in pieces:
            self._pieces.popleft()
            piece.hold.let_go()

    def _worth_merging(self, small_bytes: int) -> bool:
        """Whether the first piece is small and a neighbour it could be merged with waits behind it."""
        if len(self._pieces) < 2:
            return False
        first, second = self._pieces[0].run, self._pieces[1].run
        fits = second.kind is not Kind.FORWARD or _size(second) < small_bytes
        return _size(first) < small_bytes and first.codec == second.codec and fits

    def _gather(self, limit_bytes: int, small_bytes: int) -> list[Piece]:
        """Return the first pieces that make one batch: same codec, together within the limit."""
        pieces: list[Piece] = []
        size = 0
        for piece in self._pieces:
            run = piece.run
            if pieces and (
                run.codec != pieces[0].run.codec
                or size + piece.size > limit_bytes
                or (run.kind is Kind.FORWARD and _size(run) >= small_bytes)
            ):
                break
            pieces.append(piece)
            size += piece.size
        return pieces

    def _fill(self, room_bytes: int, codec: Codec, at: int) -> list[Piece]:
        """Part the piece at index ``at`` so that its first batches fill ``room_bytes``; returns these, if any."""
        if at >= len(self._pieces):
            return []
        piece = self._pieces[at]
        if piece.run.kind is not Kind.MERGE or piece.run.codec != codec:
            return []
        runs = records.part(piece.buffer, piece.run, piece.position, room_bytes)
        if len(runs) < 2:
            return []
        del self._pieces[at]
        self.size_bytes -= piece.size
        for index, run in enumerate(runs, at):
            part = Piece(piece.buffer, run, piece.hold.keep(), piece.position)
            self._pieces.insert(index, part)
            self.size_bytes += part.size
        piece.hold.let_go()
        return [self._pieces[at]]


def _size(run: Run) -> int:
    return run.end - run.start
