"""Which neighbouring batches share a run, and which transactions were aborted: a scan's rules, free of byte layout.

A batch that can go out whole opens a run. Small neighbours with the same codec join it and make it a merge, as long as
together they stay below the limit. Control and empty batches in between do not part them, for a rewrite knows these by
their headers; an aborted batch does, because only the scan knows that it was aborted.
"""

from collections.abc import Sequence

from heliograph.records.model import HEADER_BYTES, Codec, Kind, Run

RECORD_GROWTH_BYTES = 4
"""By so much a record's deltas grow, as a rule, when its batch is merged into a large one."""


class Aborts:
    """Follows the aborted transactions of a Fetch answer, as every read_committed consumer does (KIP-98)."""

    __slots__ = ("_active", "_waiting", "listed")

    def __init__(self, aborted: Sequence[tuple[int, int]]) -> None:
        """``aborted`` holds (producer id, first offset) in any order."""
        self.listed = bool(aborted)
        self._waiting = sorted(aborted, key=lambda pair: pair[1], reverse=True)
        self._active: set[int] = set()

    def advance(self, last_offset: int) -> None:
        """Begin all transactions that began at or before ``last_offset``."""
        while self._waiting and self._waiting[-1][1] <= last_offset:
            self._active.add(self._waiting.pop()[0])

    def covers(self, producer_id: int) -> bool:
        """Say if an aborted transaction of this producer is open now."""
        return producer_id in self._active

    def end(self, producer_id: int) -> None:
        """Take note of the producer's abort marker."""
        self._active.discard(producer_id)


class Grouping:
    """Takes runs of one batch each, in order, and joins neighbours."""

    __slots__ = ("_gap", "_gap_is_skippable", "_limit_bytes", "_open", "_runs", "_small_bytes", "_weight_bytes")

    def __init__(self, small_bytes: int, limit_bytes: int) -> None:
        """Batches below ``small_bytes`` are merged, as long as together they take at most ``limit_bytes``."""
        self._small_bytes = small_bytes
        self._limit_bytes = limit_bytes
        self._runs: list[Run] = []
        self._open: Run | None = None
        self._weight_bytes = 0
        self._gap: Run | None = None
        self._gap_is_skippable = True

    def add(self, run: Run, *, skippable: bool = False) -> None:
        """Add the next batch; ``skippable`` if a rewrite knows by its header that it is to be left out."""
        if run.kind is Kind.DROP:
            self._drop(run, skippable=skippable)
            return
        weight_bytes = _merged_bytes(run)
        if self._joins(run, weight_bytes):
            self._join(run, weight_bytes)
            return
        self._flush()
        self._open = run
        self._weight_bytes = weight_bytes

    def finish(self) -> list[Run]:
        """Return all runs."""
        self._flush()
        return self._runs

    def _drop(self, run: Run, *, skippable: bool) -> None:
        """Lay a batch aside that will not be copied."""
        if self._gap is None:
            self._gap = run
            self._gap_is_skippable = skippable
        else:
            _extend(self._gap, run)
            self._gap_is_skippable &= skippable

    def _joins(self, run: Run, weight_bytes: int) -> bool:
        """Decide whether a batch belongs to the open run."""
        held = self._open
        if held is None or held.codec != run.codec or self._weight_bytes + weight_bytes > self._limit_bytes:
            return False
        if run.kind is Kind.LEGACY:
            return held.kind is Kind.LEGACY and self._gap is None
        if run.kind is not Kind.FORWARD or (self._gap is not None and not self._gap_is_skippable):
            return False
        small = run.end - run.start < self._small_bytes
        return small and (
            held.kind is Kind.MERGE or (held.kind is Kind.FORWARD and held.end - held.start < self._small_bytes)
        )

    def _join(self, run: Run, weight_bytes: int) -> None:
        """Make the batch, and the gap before it, part of the open run."""
        assert self._open is not None, "only an open run is joined"
        _extend(self._open, run)
        if run.kind is Kind.FORWARD:
            self._open.kind = Kind.MERGE
        self._weight_bytes += weight_bytes
        self._gap = None

    def _flush(self) -> None:
        """Close the open run and the gap after it."""
        self._runs += [run for run in (self._open, self._gap) if run is not None]
        self._open = self._gap = None


def _merged_bytes(run: Run) -> int:
    """Bytes that a batch adds to a merged one, guessed on the high side."""
    size = run.end - run.start
    if run.codec is Codec.NONE:
        return max(size, size - HEADER_BYTES + RECORD_GROWTH_BYTES * run.records)
    return size


def _extend(run: Run, by: Run) -> None:
    """Make ``run`` reach to the end of ``by``."""
    run.end = by.end
    run.batches += by.batches
    run.records += by.records
    run.next_offset = by.next_offset
    run.max_timestamp = max(run.max_timestamp, by.max_timestamp)
