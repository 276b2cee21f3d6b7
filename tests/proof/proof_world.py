"""Two logs made of records, and a driver that gives a comparison the bytes it asks for."""

import random
import struct
from dataclasses import dataclass

from heliograph.proof.model import Side
from heliograph.proof.strand import Chunk
from heliograph.records import Codec, Record, encode, scan

APPENDED = 0x08


def record(number: int, *, key=None, value=None, timestamp=None, headers=()) -> Record:
    """A record that tells its number."""
    return Record(
        0,
        1_700_000_000_000 + number if timestamp is None else timestamp,
        b"k%d" % number if key is None else key,
        b"v%d" % number if value is None else value,
        headers,
    )


def log_of(records, chance: random.Random | None = None, *, first: int = 0, codec=None, batch_max: int = 40) -> bytes:
    """Write records as batches of any size and codec, with ever higher offsets."""
    chance = chance or random.Random(0)
    out = []
    at = 0
    while at < len(records):
        count = min(len(records) - at, chance.randint(1, batch_max))
        part = [
            Record(i, each.timestamp, each.key, each.value, each.headers)
            for i, each in enumerate(records[at : at + count])
        ]
        parcel = encode(part, codec=chance.choice(list(Codec)) if codec is None else codec)
        out.append(struct.pack(">q", first + at) + parcel.header[8:] + bytes(parcel.body))
        at += count
    return b"".join(out)


@dataclass
class Log:
    """One side's bytes, of which a reader gets some batches at a time."""

    content: bytes
    aborted: tuple = ()
    piece_bytes: int = 3_000

    def starts(self) -> list[tuple[int, int, int]]:
        """First offset, offset behind, and byte position of every batch."""
        found = []
        at = 0
        while at < len(self.content):
            base, size = struct.unpack_from(">qi", self.content, at)
            (last_delta,) = struct.unpack_from(">i", self.content, at + 23)
            found.append((base, base + last_delta + 1, at))
            at += 12 + size
        return found

    @property
    def end(self) -> int:
        rows = self.starts()
        return rows[-1][1] if rows else 0


class Reader:
    """Reads a log from an offset on."""

    def __init__(self, log: Log, offset: int) -> None:
        self.log, self.offset = log, offset
        self.rows = log.starts()

    def next(self) -> Chunk | None:
        here = [row for row in self.rows if row[1] > self.offset]
        if not here:
            return None
        start = here[0][2]
        end = start
        for _, _, at in [*here[1:], (0, 0, len(self.log.content))]:
            end = at
            if end - start >= self.log.piece_bytes:
                break
        found = scan(
            self.log.content, start, end, self.offset, aborted=self.log.aborted, small_bytes=400, limit_bytes=4_000
        )
        self.offset = found.next_offset
        return Chunk(self.log.content, found.runs, found.next_offset)


def drive(comparison, source: Log, target: Log) -> None:
    """Run a comparison to its end; it must not ask for ever."""
    logs = {Side.SOURCE: source, Side.TARGET: target, Side.PAST: source, Side.AHEAD: target}
    task = comparison.task
    readers = {
        Side.SOURCE: Reader(source, task.source_first),
        Side.TARGET: Reader(target, task.target_first),
    }
    running = comparison.run()
    answer = None
    for _ in range(1_000_000):
        try:
            asked = running.send(answer)
        except StopIteration:
            return
        if hasattr(asked, "offset"):
            readers[asked.side] = Reader(logs[asked.side], asked.offset)
            answer = None
        else:
            answer = readers[asked.side].next()
    raise AssertionError("it asks for ever")
