"""Reading for a comparison: fetches one ahead of what is compared, no faster than allowed, and drives the comparison.

A reader fetches outside any session and on connections of its own, so that it does not disturb a replicator that runs
meanwhile. Its pace is either a rate for the whole proof or a *share* of the time: after each fetch it rests, so that
it keeps its broker and its link busy for that share at most.
"""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from heliograph import records
from heliograph.cluster.log import PartitionLog, fetch_once
from heliograph.cluster.pace import Pace
from heliograph.concurrency import cancel_all
from heliograph.proof.comparison import Jump, More
from heliograph.proof.model import Side
from heliograph.proof.strand import Chunk
from heliograph.records import Kind

FETCH_BYTES = 2 << 20
SMALL_BATCH_BYTES = 2 << 10
"""Batches below this size are looked at together: unpacking them costs less than a look at each."""
SMALL_RUN_BYTES = 64 << 10
BATCH_BYTES_MAX = 256 << 20
EMPTY_FETCHES_MAX = 3
"""Fetches without any batch after which a partition is believed to hold none up to the end that was told."""
NEWER_S = 10.0
"""How long to read, beside the comparison, what came after the proof began."""
NEWER_IDLE_S = 0.1
"""One fetch without an answer is longer than this."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a partition is to be read, and how."""

    log: PartitionLog
    first: int
    """Offset of its first record, as told when the proof began."""
    end: int
    """Offset up to which there is something to read, as told then."""
    slot: int
    """Readers of different slots do not share connections."""
    fetch_bytes: int = FETCH_BYTES
    absent: bool = False
    """There is no such partition."""


@dataclass(slots=True)
class Reader:
    """Reads one partition from an offset on."""

    part: Part
    offset: int
    pace: Pace
    wait_until: float | None = None
    """Loop's time until which records behind ``part.end`` are waited for; None: nothing is read there."""
    idle_s: float = 0.0
    """How long to wait there while nothing comes."""
    on_bytes: Callable[[int], None] | None = None
    in_advance: bool = True
    """Whether to fetch what comes next while this is compared."""
    _max_bytes: int = 0
    """For the next fetch, where a batch needs more than usual; else 0."""
    _ahead: "asyncio.Task[Chunk | None] | None" = None
    _idle_since: float | None = None
    """Since when nothing came behind ``part.end``; None: it is not yet reached."""
    _last_end: int | None = None
    """Where the partition ended when the wait was over: up to there it is still read."""
    _empty: int = 0

    async def next(self) -> Chunk | None:
        """Return the next batches; None if there are no more, or none came in time. Raises ClusterError, DataError."""
        if self._ahead is not None:
            task, self._ahead = self._ahead, None
            chunk = await task
        else:
            chunk = await self._fetch()
        if self.in_advance and chunk is not None and self.offset < self.part.end:
            self._ahead = asyncio.create_task(self._fetch())
        return chunk

    async def close(self) -> None:
        """Abandon the fetch in flight."""
        if self._ahead is not None:
            task, self._ahead = self._ahead, None
            await cancel_all(task)

    async def _fetch(self) -> Chunk | None:
        """Fetch until something comes or nothing will."""
        loop = asyncio.get_running_loop()
        while self._worth_asking(loop.time()):
            begun = loop.time()
            part = self.part
            row, frame = await fetch_once(
                part.log,
                self.offset,
                max_bytes=self._max_bytes or part.fetch_bytes,
                purpose=f"proof-{part.slot}",
            )
            now = loop.time()
            size = row.end - row.start
            if self.wait_until is not None and begun >= self.wait_until and self.offset >= self.part.end:
                self._last_end = self._last_end or row.high_watermark
            if self.on_bytes is not None:
                self.on_bytes(size)
            chunk = self._chunk(frame, row.start, row.end, row.aborted)
            if chunk is not None:
                self._idle_since, self._empty = None, 0
                await asyncio.sleep(self.pace.rest_s(now, size, now - begun))
                return chunk
            self._empty += 1
        return None

    def _worth_asking(self, now: float) -> bool:
        """Say whether another fetch may bring something."""
        if self.part.absent:
            return False
        if self.offset < self.part.end:
            return self._empty < EMPTY_FETCHES_MAX
        if self.wait_until is None:
            return False
        if self._last_end is not None:
            return self.offset < self._last_end and self._empty < EMPTY_FETCHES_MAX
        if self._idle_since is None:
            self._idle_since = now
        return now >= self.wait_until or now - self._idle_since < self.idle_s

    def _chunk(self, frame: bytearray, start: int, end: int, aborted: tuple[tuple[int, int], ...]) -> Chunk | None:
        listed = aborted if self.part.log.read_committed else ()
        found = records.scan(
            frame, start, end, self.offset, aborted=listed, small_bytes=SMALL_BATCH_BYTES, limit_bytes=SMALL_RUN_BYTES
        )
        if found.next_offset > self.part.end and any(run.kind is Kind.MERGE for run in found.runs):
            found = records.scan(frame, start, end, self.offset, aborted=listed, small_bytes=0)
        if not found.runs:
            self._max_bytes = min(found.needed, BATCH_BYTES_MAX)
            return None
        self._max_bytes = 0
        self.offset = found.next_offset
        return Chunk(frame, found.runs, found.next_offset)


@dataclass(slots=True)
class Driver:
    """Feeds a comparison what it asks for."""

    source: Part
    target: Part
    pace: Pace
    wait_until: float
    """Loop's time until which the target may take to get what the source had when the proof began."""
    idle_s: float
    on_bytes: Callable[[int], None] | None = None
    on_position: Callable[[int], None] | None = None
    """Is told how far the source was read."""
    _readers: dict[Side, Reader] = field(default_factory=dict)

    async def drive(self, asked: Generator[More | Jump, Chunk | None, None], begins: dict[Side, int]) -> None:
        """Run a comparison to its end; ``begins`` says where each side is read first."""
        for side, offset in begins.items():
            self._readers[side] = self._reader(side, offset)
        answer: Chunk | None = None
        try:
            while True:
                try:
                    want = asked.send(answer)
                except StopIteration:
                    return
                answer = await self._answer(want)
        finally:
            for reader in self._readers.values():
                await reader.close()

    async def _answer(self, want: More | Jump) -> Chunk | None:
        if isinstance(want, Jump):
            if (former := self._readers.pop(want.side, None)) is not None:
                await former.close()
            self._readers[want.side] = self._reader(want.side, want.offset)
            return None
        reader = self._readers[want.side]
        chunk = await reader.next()
        if want.side is Side.SOURCE and chunk is not None and self.on_position is not None:
            self.on_position(chunk.next_offset)
        return chunk

    def _reader(self, side: Side, offset: int) -> Reader:
        part = self.source if side in (Side.SOURCE, Side.PAST) else self.target
        now = asyncio.get_running_loop().time()
        wait_until, idle_s = {
            Side.TARGET: (self.wait_until, self.idle_s),
            Side.PAST: (now + NEWER_S, NEWER_IDLE_S),
            Side.AHEAD: (now + NEWER_S, NEWER_IDLE_S),
        }.get(side, (None, 0.0))
        return Reader(part, max(offset, part.first), self.pace, wait_until, idle_s, self.on_bytes)
