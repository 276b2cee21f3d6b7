"""Many places of a partition told by one walk over it.

Counting the records before a place means reading every batch header up to it, and for a thousand places in one stretch
these would be the same headers a thousand times. So the places are sorted and the stretch is walked once: of each place
it is told how many records lie before it, which one is the last before it, and which one comes next. A batch is
unpacked only where a place lies in it or just behind it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from heliograph.cluster.log import PartitionLog, last_record, runs_between
from heliograph.records import Kind, Record, Run, decode


@dataclass(frozen=True, slots=True)
class Trace:
    """What tells a record from others, without its content."""

    offset: int
    digest: bytes
    """Of key, value and headers."""
    timestamp: int
    appended: bool
    """Whether a broker stamped ``timestamp``, which then tells nothing."""


def trace_of(record: Record) -> Trace:
    """Return the trace that ``record`` leaves."""
    digest = hashlib.blake2b(digest_size=16)
    for name, content in (("", record.key), ("", record.value), *record.headers):
        raw = name.encode("utf-8", "surrogateescape")
        length = -1 if content is None else len(content)
        digest.update(b"%d %d " % (len(raw), length) + raw)
        digest.update(content or b"")
    return Trace(record.offset, digest.digest(), record.timestamp, record.appended)


def same(one: Trace | None, other: Trace | None) -> bool:
    """Say whether two records hold the same, as :func:`heliograph.cluster.log.same` does."""
    if one is None or other is None:
        return False
    return one.digest == other.digest and (one.appended or other.appended or one.timestamp == other.timestamp)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is walked over."""

    log: PartitionLog
    begin: int
    """Where the partition begins."""
    first: int
    """Records are counted from here on."""
    end: int
    """Where the partition ends for this reader."""
    budget_bytes: int
    """Most that is fetched."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One place on the way."""

    offset: int
    """As asked for; of a place asked for by number, that of its next record."""
    records: int
    """How many lie before it, from the beginning of the walk on."""
    last: Trace | None
    """The record before it; None: there is none within reach."""
    next: Trace | None
    """The record at it or, where that is none, the first one behind it; None: there is none yet."""


class Walk:
    """Places that are looked for, and what was seen so far; pure."""

    def __init__(self, first: int, offsets: Iterable[int] = (), numbers: Iterable[int] = ()) -> None:
        """Look for places by their ``offsets``, not before ``first``, and by the ``numbers`` of records before them.

        Where there are offsets, numbers are looked for up to the last of these only.
        """
        self.by_offset: dict[int, Mark] = {}
        self.by_number: dict[int, Mark] = {}
        self.reached = first
        """Everything before it was seen."""
        self._first = first
        self._offsets = sorted(set(offsets), reverse=True)
        self._bounded = bool(self._offsets)
        self._numbers = sorted(set(numbers), reverse=True)
        self._records = 0
        self._last: Record | None = None
        self._skipped: tuple[Run, bytearray] | None = None
        """The last batch with records that was not unpacked."""

    def is_done(self) -> bool:
        """Say whether every place was found that can be."""
        return not self._offsets and (self._bounded or not self._numbers)

    def see(self, run: Run, frame: bytearray) -> None:
        """Take note of the next batch. Raises DamagedBatch."""
        self.reached = run.next_offset
        if run.kind is Kind.DROP:
            return
        whole = run.first_offset >= self._first and run.kind is not Kind.LEGACY
        if whole and not self._lies_in(run):
            self._records += run.records
            self._skipped = run, frame
            return
        for record in decode(frame, run.start, run.end):
            if record.offset >= self._first:
                self._mark_until(record)
                self._records += 1
                self._last, self._skipped = record, None

    def _lies_in(self, run: Run) -> bool:
        """Say whether a place may lie before one of the batch's records."""
        by_offset = bool(self._offsets) and self._offsets[-1] < run.next_offset
        return by_offset or (bool(self._numbers) and self._numbers[-1] < self._records + run.records)

    def _mark_until(self, record: Record) -> None:
        """Note the places whose next record is ``record``."""
        while self._offsets and self._offsets[-1] <= record.offset:
            offset = self._offsets.pop()
            self.by_offset[offset] = Mark(offset, self._records, self._last_trace(), trace_of(record))
        while self._numbers and self._numbers[-1] <= self._records:
            self.by_number[self._numbers.pop()] = Mark(
                record.offset, self._records, self._last_trace(), trace_of(record)
            )

    def finish(self, end: int) -> None:
        """Note the places behind the last record, when the walk has come to the partition's ``end``."""
        while self._offsets and self._offsets[-1] <= end:
            offset = self._offsets.pop()
            self.by_offset[offset] = Mark(offset, self._records, self._last_trace(), None)
        while self._numbers and self._numbers[-1] <= self._records:
            self.by_number[self._numbers.pop()] = Mark(end, self._records, self._last_trace(), None)

    def _last_trace(self) -> Trace | None:
        if self._skipped is not None:
            run, frame = self._skipped
            for record in decode(frame, run.start, run.end):
                self._last = record
            self._skipped = None
        return None if self._last is None else trace_of(self._last)


@dataclass(frozen=True, slots=True)
class Places:
    """What a walk found; a place that is missing lies further than it could go."""

    by_offset: Mapping[int, Mark]
    by_number: Mapping[int, Mark]


async def walked(stretch: Stretch, *, offsets: Iterable[int] = (), numbers: Iterable[int] = ()) -> Places:
    """Find places by their offsets and by how many records lie before them. Raises ClusterError or DataError.

    Where ``offsets`` are given, ``numbers`` are looked for up to the last of these only.
    """
    walk = Walk(stretch.first, offsets, numbers)
    if not walk.is_done():
        async with aclosing(runs_between(stretch.log, stretch.first, stretch.end, stretch.budget_bytes)) as runs:
            async for run, frame in runs:
                walk.see(run, frame)
                if walk.is_done():
                    break
        if walk.reached >= stretch.end:
            walk.finish(stretch.end)
    found = Places(walk.by_offset, walk.by_number)
    marks = [*found.by_offset.values(), *found.by_number.values()]
    if stretch.first <= stretch.begin or all(mark.last is not None for mark in marks):
        return found
    last = await last_record(stretch.log, stretch.first, stretch.begin)
    before = None if last is None else trace_of(last)
    return Places(_completed(found.by_offset, before), _completed(found.by_number, before))


def _completed(marks: Mapping[int, Mark], before: Trace | None) -> dict[int, Mark]:
    """Put the record before the walk's beginning where none was met on the way."""
    return {key: mark if mark.last is not None else replace(mark, last=before) for key, mark in marks.items()}
