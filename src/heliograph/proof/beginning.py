"""Where to begin on both sides, found out with a few small fetches; the arithmetic is that of ``places``."""

from collections.abc import Callable
from dataclasses import dataclass

from heliograph.cluster import admin
from heliograph.cluster.log import PartitionLog
from heliograph.cluster.pace import Pace
from heliograph.errors import HeliographError
from heliograph.proof.entries import Entry, fields_of
from heliograph.proof.model import Side
from heliograph.proof.reading import FETCH_BYTES, Part, Reader
from heliograph.proof.strand import Strand
from heliograph.proof.survey import Clusters, Lane

PEEK_BYTES = 64 << 10
"""For a look at one record."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition and its copy, open for reading. Every method may raise ClusterError and DataError."""

    clusters: Clusters
    lane: Lane
    pace: Pace
    slot: int
    on_bytes: Callable[[int], None]

    def part(self, side: Side, fetch_bytes: int = FETCH_BYTES) -> Part:
        """Return what is to be read of one side."""
        lane, ends = self.lane, self.lane.ends
        if side is Side.SOURCE:
            log = PartitionLog(self.clusters.source, lane.topic, lane.partition, self.clusters.flow.read_committed)
            return Part(log, ends.source.first, ends.source.next, self.slot, fetch_bytes)
        # Of transactions on the target, whoever writes them there, readers see what was committed.
        copy = PartitionLog(self.clusters.target, lane.copy, lane.copy_partition)
        return Part(copy, ends.target.first, ends.target.next, self.slot, fetch_bytes, lane.absent)

    async def begin(self) -> tuple[int, int, frozenset[Side]]:
        """Return the places where a comparison of everything begins, and the sides that may lack first records."""
        ends = self.lane.ends
        lacking = ends.heads_that_may_lack(begins_late=self.clusters.flow.start_at_latest)
        if not lacking:
            return ends.source.first, ends.target.first, lacking
        if ends.target.first == ends.target.next:
            copied = ends.acknowledged + 1
            return min(max(ends.source.first, copied), ends.source.next), ends.target.next, frozenset()
        guess = ends.guess()
        if guess != (ends.source.first, ends.target.first) and await self._same(*guess):
            return *guess, lacking
        return *(await self._begin_by_time(lacking)), lacking

    async def _begin_by_time(self, lacking: frozenset[Side]) -> tuple[int, int]:
        """Look for the later side's first record on the other side, by its time."""
        ends = self.lane.ends
        here, there = await self._first_time(Side.SOURCE), await self._first_time(Side.TARGET)
        if here is None or there is None:
            return ends.source.first, ends.target.first
        if Side.SOURCE in lacking and (there > here or Side.TARGET not in lacking):
            return await self.at_time(Side.SOURCE, there), ends.target.first
        return ends.source.first, await self.at_time(Side.TARGET, here)

    async def begin_at(self, since_ms: int) -> tuple[int, int, frozenset[Side]]:
        """Return the same for records from a time on."""
        ends = self.lane.ends
        source = await self.at_time(Side.SOURCE, since_ms)
        if self.lane.appended:  # its times are its brokers' own
            return source, await self.on_target(source), frozenset({Side.TARGET})
        target = await self.at_time(Side.TARGET, since_ms)
        lacking = set()
        if target == ends.target.first > 0:
            lacking.add(Side.SOURCE)
        if source == ends.source.first > 0:
            lacking.add(Side.TARGET)
        return source, target, frozenset(lacking)

    async def begin_both(self) -> tuple[int, int]:
        """Return places before which one side holds nothing any more, for a comparison that needs no exact ones."""
        ends = self.lane.ends
        if ends.source.first == ends.target.first == 0:
            return 0, 0
        here, there = await self._first_time(Side.SOURCE), await self._first_time(Side.TARGET)
        if here is None or there is None:
            return ends.source.first, ends.target.first
        later = max(here, there)
        return await self.at_time(Side.SOURCE, later), await self.at_time(Side.TARGET, later)

    async def on_target(self, source_offset: int) -> int:
        """Return a place on the target from which the record at ``source_offset`` or its successor will be found."""
        ends = self.lane.ends
        guess = ends.on_target(source_offset)
        if guess > ends.target.first and await self._same(source_offset, guess):
            return guess
        when = await self._first_time(Side.SOURCE, source_offset)
        return ends.target.first if when is None else await self.at_time(Side.TARGET, when)

    async def at_time(self, side: Side, time_ms: int) -> int:
        """Return the offset of the first record at or after a time; the end where there is none."""
        part = self.part(side)
        if part.first == part.end:
            return part.first
        key = part.log.topic, part.log.partition
        found = (await admin.list_offsets(part.log.cluster, [key], time_ms))[key]
        if isinstance(found, HeliographError):
            raise found
        return part.end if found < 0 else min(max(found, part.first), part.end)

    async def _same(self, source: int, target: int) -> bool:
        """Say whether the first records at or after both offsets are the same."""
        ours, theirs = await self._first(Side.SOURCE, source), await self._first(Side.TARGET, target)
        return ours is not None and theirs is not None and ours.content == theirs.content

    async def _first_time(self, side: Side, offset: int | None = None) -> int | None:
        """Return the time of the first record at or after ``offset``; None if there is none or times mean nothing."""
        if self.lane.appended:
            return None
        found = await self._first(side, self.part(side).first if offset is None else offset)
        return None if found is None else fields_of(found.content, timestamps=True).timestamp_ms

    async def _first(self, side: Side, offset: int) -> Entry | None:
        """Read the first record at or after ``offset``."""
        part = self.part(side, PEEK_BYTES)
        reader = Reader(part, offset, self.pace, on_bytes=self.on_bytes, in_advance=False)
        strand = Strand(offset, part.end, timestamps=not self.lane.appended)
        while not strand.ended:
            if (chunk := await reader.next()) is None:
                return None
            strand.feed(chunk)
            if found := strand.ahead(1).entries:
                return found[0]
        return None
