"""The comparison of a compacted topic with its copy: the latest record of each key, and their order.

Compaction may remove, on either side and at any time, a record that a later one with the same key supersedes, and a
tombstone once it is old. So neither side is held to have every record of the other. Both are held to have the same
latest record for every key, in the same order; a key whose latest record is a tombstone may be gone altogether.

Both sides are read into tables of digests. A table has a limit: when it is full, half of the keys (by a bit of their
digest) are left for a later pass, and both sides are read once more for those. A record that came after the comparison
began may have superseded one within it; so the keys that differ are looked for among the source's newer records, and
those that are found there are left out, and counted.
"""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

from heliograph.proof.comparison import AHEAD_RECORDS, Asked, Jump, More, Task
from heliograph.proof.entries import Entry, altered_fields, is_tombstone, key_of, shown
from heliograph.proof.matching import in_order
from heliograph.proof.model import DETAILS_MAX, Difference, Kind, Side, Tally
from heliograph.proof.strand import Chunk, Strand

TABLE_KEYS_MAX = 200_000
"""Keys of one side in memory at a time; each takes some 300 bytes."""
SUSPECTS_MAX = 20_000
"""Keys that differ and are looked for among newer records; the others are counted as they are."""
_MODULUS = 1 << 256


class Latest(NamedTuple):
    """The latest record of a key."""

    offset: int
    digest: bytes
    """SHA-256 of its canonical form."""
    tombstone: bool


class Part(NamedTuple):
    """Keys whose digest, as a number, leaves ``rest`` when it is divided by ``divisor``."""

    divisor: int
    rest: int

    def has(self, key_digest: bytes) -> bool:
        """Say whether a key belongs to the part."""
        return int.from_bytes(key_digest[:8], "big") % self.divisor == self.rest


Table = dict[bytes, Latest]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A key whose latest records are not the same."""

    kind: Kind
    source: Latest | None
    target: Latest | None


@dataclass(slots=True)
class CompactedComparison:
    """Compares, once: drive :meth:`run`, then read the fields."""

    task: Task
    tally: Tally = field(default_factory=Tally)
    records: list[int] = field(default_factory=lambda: [0, 0])
    """Records read on the source and on the target, in the first pass."""
    source_first: int = field(init=False)
    target_first: int = field(init=False)
    source_position: int = field(init=False)
    target_position: int = field(init=False)
    table_keys_max: int = TABLE_KEYS_MAX
    _todo: list[Part] = field(default_factory=lambda: [Part(1, 0)])
    _suspects: dict[bytes, Suspect] = field(default_factory=dict)
    _sums: list[int] = field(default_factory=lambda: [0, 0])
    _last: bytes = b""
    """Digest of the source's last record, whose arrival tells that the target has all."""
    _arrived: bool = False
    _copied: int = -1
    """Source offset of the last record that was seen on the target: what differs before it was not merely late."""

    def __post_init__(self) -> None:
        """Stand before the first record of each side."""
        self.source_first = self.source_position = self.task.source_first
        self.target_first = self.target_position = self.task.target_first

    @property
    def timestamps(self) -> bool:
        """Whether timestamps are compared."""
        return self.task.timestamps

    @property
    def digests(self) -> tuple[str, str]:
        """Sum, modulo 2^256, of the SHA-256 of each key's latest record but for tombstones, on both sides."""
        if not self.task.digest:
            return "", ""
        return f"{self._sums[0]:064x}", f"{self._sums[1]:064x}"

    def run(self) -> Asked:
        """Compare to the end."""
        first_pass = True
        while self._todo:
            part = self._todo.pop()
            tables: tuple[Table, Table] = ({}, {})
            part = yield from self._read_source(part, tables, first_pass=first_pass)
            part = yield from self._read_target(part, tables, first_pass=first_pass)
            self._compare(*tables)
            first_pass = False
        if self._suspects:
            yield from self._forgive()
        yield from self._describe()

    # ---- reading ----------------------------------------------------------------------------------------------------

    def _read_source(
        self, part: Part, tables: tuple[Table, Table], *, first_pass: bool
    ) -> Generator[More | Jump, Chunk | None, Part]:
        strand = Strand(self.task.source_first, self.task.source_next, timestamps=self.timestamps)
        yield Jump(Side.SOURCE, strand.position)
        last = None
        while (entries := (yield from _more(strand, Side.SOURCE))) is not None:
            for entry in entries:
                part = self._note(entry, part, tables, Side.SOURCE)
            last = entries[-1]
            if first_pass:
                self.records[0] += len(entries)
        if strand.reached < self.task.source_next:
            self.tally.unread = f"the source gives no records from {strand.reached} to {self.task.source_next - 1}"
        if first_pass:
            self.source_position = self.task.source_next
            if last is not None:
                self._last = hashlib.sha256(last.content).digest()
            else:
                self._arrived = True
        return part

    def _read_target(
        self, part: Part, tables: tuple[Table, Table], *, first_pass: bool
    ) -> Generator[More | Jump, Chunk | None, Part]:
        """Read up to where the comparison ends, and in the first pass beyond, until the source's last record comes."""
        until = self.task.target_next if first_pass else self.target_position
        strand = Strand(self.task.target_first, None, timestamps=self.timestamps)
        yield Jump(Side.TARGET, strand.position)
        while strand.reached < until or (first_pass and not self._arrived):
            entries = yield from _more(strand, Side.TARGET)
            if entries is None:
                break
            for entry in entries:
                if entry.offset >= until and (self._arrived or not first_pass):
                    break
                part = self._note(entry, part, tables, Side.TARGET)
                self.records[1] += first_pass
                if first_pass:
                    self.target_position = max(until, entry.offset + 1)
                    self._arrived = self._arrived or hashlib.sha256(entry.content).digest() == self._last
        if strand.reached < self.task.target_next:
            self.tally.unread = f"the target gives no records from {strand.reached} to {self.task.target_next - 1}"
        return part

    def _note(self, entry: Entry, part: Part, tables: tuple[Table, Table], side: Side) -> Part:
        """Enter a record; gives the part of the keys that is left when the table would be too full."""
        key = key_of(entry.content, timestamps=self.timestamps)
        if key is None:
            return part
        name = hashlib.sha256(key).digest()[:16]
        if not part.has(name):
            return part
        table = tables[side]
        table[name] = Latest(
            entry.offset,
            hashlib.sha256(entry.content).digest(),
            is_tombstone(entry.content, timestamps=self.timestamps),
        )
        if len(table) <= self.table_keys_max:
            return part
        self._todo.append(Part(part.divisor * 2, part.rest + part.divisor))
        part = Part(part.divisor * 2, part.rest)
        for each in tables:
            for gone in [name for name in each if not part.has(name)]:
                del each[gone]
        return part

    # ---- comparing --------------------------------------------------------------------------------------------------

    def _compare(self, source: Table, target: Table) -> None:
        """Compare what both sides have of one part of the keys."""
        same = sorted(
            (ours.offset, target[name].offset)
            for name, ours in source.items()
            if name in target and target[name].digest == ours.digest
        )
        if same:
            self._copied = max(self._copied, same[-1][0])
        for name, ours in source.items():
            theirs = target.get(name)
            if theirs is not None and theirs.digest == ours.digest:
                continue
            if theirs is None and ours.tombstone:
                self.tally.records += 1
            elif not self._arrived and ours.offset > max(self._copied, self.task.acknowledged):
                self.tally.not_copied += 1
            else:
                self._suspect(name, Suspect(Kind.MISSING if theirs is None else Kind.ALTERED, ours, theirs))
        for name, theirs in target.items():
            if name not in source and not theirs.tombstone:
                self._suspect(name, Suspect(Kind.EXTRA, None, theirs))
        out_of_order = len(same) - len(in_order([there for _, there in same]))
        self.tally.records += len(same) - out_of_order
        if out_of_order:
            self.tally.kinds[Kind.REORDERED] += out_of_order
        for number, table in enumerate((source, target)):
            for latest in table.values():
                if not latest.tombstone:
                    self._sums[number] = (self._sums[number] + int.from_bytes(latest.digest, "big")) % _MODULUS

    def _suspect(self, name: bytes, suspect: Suspect) -> None:
        if len(self._suspects) < SUSPECTS_MAX:
            self._suspects[name] = suspect
        else:
            self.tally.kinds[suspect.kind] += 1

    def _forgive(self) -> Asked:
        """Leave out suspects that newer records of the source have superseded."""
        strand = Strand(self.task.source_next, None, timestamps=self.timestamps)
        yield Jump(Side.PAST, strand.position)
        while self._suspects and (entries := (yield from _more(strand, Side.PAST))) is not None:
            for entry in entries:
                key = key_of(entry.content, timestamps=self.timestamps)
                gone = None if key is None else self._suspects.pop(hashlib.sha256(key).digest()[:16], None)
                if gone is None:
                    continue
                self.tally.superseded += 1
                for number, latest in enumerate((gone.source, gone.target)):
                    if latest is not None and not latest.tombstone:
                        self._sums[number] = (self._sums[number] - int.from_bytes(latest.digest, "big")) % _MODULUS

    def _describe(self) -> Asked:
        """Count the suspects that are left, and read the first of them again to show them."""
        for number, suspect in enumerate(self._suspects.values()):
            self.tally.kinds[suspect.kind] += 1
            if number >= DETAILS_MAX:
                continue
            source = yield from self._again(Side.PAST, suspect.source)
            target = yield from self._again(Side.AHEAD, suspect.target)
            fields: tuple[str, ...] = ()
            if source is not None and target is not None:
                fields = altered_fields(source.content, target.content, timestamps=self.timestamps)
            self.tally.differences.append(
                Difference(
                    suspect.kind,
                    fields,
                    None if source is None else shown(source, timestamps=self.timestamps),
                    None if target is None else shown(target, timestamps=self.timestamps),
                    -1 if suspect.source is None else suspect.source.offset,
                    -1 if suspect.target is None else suspect.target.offset,
                )
            )

    def _again(self, side: Side, latest: Latest | None) -> Generator[More | Jump, Chunk | None, Entry | None]:
        """Read one record again; None where there is none, or where it has gone meanwhile."""
        if latest is None:
            return None
        strand = Strand(latest.offset, latest.offset + 1, timestamps=self.timestamps)
        yield Jump(side, latest.offset)
        entries = yield from _more(strand, side)
        found = entries[0] if entries else None
        return found if found is not None and found.offset == latest.offset else None


def _more(strand: Strand, side: Side) -> Generator[More | Jump, Chunk | None, list[Entry] | None]:
    """Return the next records of a strand, at least one, and step over them; None at its end."""
    while True:
        ahead = strand.ahead(AHEAD_RECORDS)
        strand.drop(len(ahead))
        if ahead.entries:
            return list(ahead.entries)
        if strand.ended:
            return None
        chunk = yield More(side)
        if chunk is None:
            strand.ended = True
        else:
            strand.feed(chunk)
