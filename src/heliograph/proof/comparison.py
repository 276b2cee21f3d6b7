"""The comparison of one partition with its copy, record by record, while batches are compared as bytes where they can.

A comparison does no I/O. It is a generator that says what it needs and is given it (:class:`More`, :class:`Jump`), so
that a test can feed it bytes and a driver can feed it fetches. Its loop has three ways on, the cheapest first:

1. Both sides stand at a whole batch, and the batches have the same body: step over both.
2. Both sides' next records have the same canonical form, up to where the shorter piece ends: step over those.
3. They differ. Look ahead on both sides for the place where they meet again, name what lies before it
   (:mod:`heliograph.proof.matching`), and go on there. Where they do not meet near by, two scouts look further.

What the source has beyond the target's end is *not copied yet*, unless it was acknowledged. What the target has beyond
the source's end is newer than the comparison, unless it was there when the comparison began.
"""

import hashlib
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

from heliograph.proof.entries import Entry, ends, shown
from heliograph.proof.matching import ROW, Finding, Ledger, Surroundings, explain, meeting
from heliograph.proof.model import DETAILS_MAX, NEIGHBOURS, Difference, Kind, Shown, Side, Tally
from heliograph.proof.strand import Ahead, Chunk, Strand, same_bytes

NEAR_RECORDS = 256
"""Records of each side in which the two are first expected to meet again."""
AHEAD_RECORDS = 10_000
"""Records of each side that are looked through before scouts are sent."""
AHEAD_BYTES = 8 << 20
"""Bytes as fetched of each side that are held at most while looking ahead."""
PAST_RECORDS = 300_000
"""Records of the source before a difference that are searched for what the target has too often."""
PAST_LOOKS_MAX = 20
SCOUT_RECORDS = 1_000_000
"""Records that a scout looks through."""
SCOUTS_MAX = 5
"""How often scouts may come back with nothing."""


@dataclass(frozen=True, slots=True)
class More:
    """Wants the next bytes of a side; the answer is a Chunk, or None when there are no more."""

    side: Side


@dataclass(frozen=True, slots=True)
class Jump:
    """Wants that a side is read from ``offset`` on; the answer is None."""

    side: Side
    offset: int


Asked = Generator[More | Jump, Chunk | None, None]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be compared."""

    source_first: int
    """Offset from which on the source counts."""
    source_next: int
    """Offset from which on it does not."""
    target_first: int
    target_next: int
    """Offset before which everything on the target must be the source's; later records may be newer."""
    acknowledged: int = -1
    """Source offset of the last record known to have been acknowledged by the target; -1: none is known."""
    head_may_lack: frozenset[Side] = frozenset()
    """Sides whose first records the other one may lack, because it was cut by retention or begins later."""
    timestamps: bool = True
    """False where the target stamps records itself (LogAppendTime)."""
    digest: bool = False
    """Whether to make a digest over all records that were compared."""


@dataclass(slots=True)
class Comparison:
    """Compares, once: drive :meth:`run`, then read the fields."""

    task: Task
    tally: Tally = field(default_factory=Tally)
    source: Strand = field(init=False)
    target: Strand = field(init=False)
    source_first: int = field(init=False)
    """Where the compared records begin, once that is known."""
    target_first: int = field(init=False)
    _ledger: Ledger = field(default_factory=Ledger)
    _past: set[int] = field(default_factory=set)
    _past_span: tuple[int, int] = (0, 0)
    _past_looks: int = 0
    _scouts_lost: int = 0
    _digests: "list[hashlib._Hash]" = field(default_factory=list)
    """One while both sides are the same, two from the first difference on; none where none is wanted."""

    def __post_init__(self) -> None:
        """Stand before the first record of each side."""
        task = self.task
        self.source = Strand(task.source_first, task.source_next, timestamps=task.timestamps)
        self.target = Strand(task.target_first, None, timestamps=task.timestamps)
        self.source_first, self.target_first = task.source_first, task.target_first
        if task.digest:
            self._digests.append(hashlib.sha256())

    @property
    def timestamps(self) -> bool:
        """Whether timestamps are compared."""
        return self.target.timestamps

    @property
    def source_position(self) -> int:
        """Offset up to which the source was compared."""
        done = self.source.ended and not self.source.pieces and not self.tally.unread
        return self.task.source_next if done else self.source.position

    @property
    def target_position(self) -> int:
        """Offset up to which the target was compared."""
        return self.target.position

    @property
    def digests(self) -> tuple[str, str]:
        """SHA-256 of both sides' compared records; empty where none was wanted."""
        if not self._digests:
            return "", ""
        return self._digests[0].hexdigest(), self._digests[-1].hexdigest()

    # ---- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> Asked:
        """Compare to the end."""
        if self.task.head_may_lack:
            yield from self._align()
        while True:
            yield from self._reach(self.source, Side.SOURCE, 1)
            if not self.source.pieces:
                break
            yield from self._reach(self.target, Side.TARGET, 1)
            if not self.target.pieces:
                break
            if not (self._pass_batches() or self._pass_records()):
                yield from self._differ()
        yield from self._finish()

    def _reach(self, strand: Strand, side: Side, records: int) -> Asked:
        """Read until ``strand`` holds ``records`` records, or all there are, or as many as its memory allows."""
        while not strand.holds(records) and not strand.ended and strand.held_bytes < AHEAD_BYTES:
            chunk = yield More(side)
            if chunk is None:
                strand.ended = True
                self._note_unread(strand, side)
                return
            strand.feed(chunk)
            if side is Side.TARGET and self.timestamps and any(piece.appended for piece in strand.pieces):
                self._leave_timestamps_out()

    def _note_unread(self, strand: Strand, side: Side) -> None:
        """Note what a side does not give although it said that it is there: that has not been compared."""
        expected = {Side.SOURCE: self.task.source_next, Side.TARGET: self.task.target_next}.get(side, 0)
        if strand.reached < expected:
            self.tally.unread = f"the {side.name.lower()} gives no records from {strand.reached} to {expected - 1}"

    def _leave_timestamps_out(self) -> None:
        """Go on without timestamps: the target's own brokers stamp its records."""
        self.tally.note(f"timestamps are not compared from target offset {self.target.position} on (LogAppendTime)")
        self.source.leave_timestamps_out()
        self.target.leave_timestamps_out()
        self._ledger = Ledger()
        self._past.clear()
        self._past_span = (0, 0)

    def _pass_batches(self) -> bool:
        """Step over batches with the same bytes; says whether there were any."""
        passed = False
        ours, theirs, tally = self.source.pieces, self.target.pieces, self.tally
        while ours and theirs and same_bytes(ours[0], theirs[0], timestamps=self.timestamps):
            piece = self.source.pass_piece()
            self.target.pass_piece()
            if self._digests:
                self._digest(piece.unpack(piece.run.first_offset, timestamps=self.timestamps))
            tally.records += piece.run.records
            tally.untouched += piece.run.records
            tally.size_bytes += piece.size_bytes
            passed = True
        return passed

    def _pass_records(self) -> bool:
        """Step over the same records of both first pieces; False when not even the first ones are the same."""
        ours, here = self.source.head()
        theirs, there = self.target.head()
        size = min(len(ours) - here, len(theirs) - there)
        if not size:
            (self.source if len(ours) == here else self.target).pass_piece()
            return True
        if ours.startswith(memoryview(theirs)[there : there + size], here):
            count = min(_left(self.source), _left(self.target))
        else:
            size, count = _common(ours, here, theirs, there, timestamps=self.timestamps)
            if not count:
                return False
        if self._digests:
            self._digest(memoryview(ours)[here : here + size])
        self.source.pass_records(count, here + size)
        self.target.pass_records(count, there + size)
        self.tally.records += count
        self.tally.size_bytes += size
        return True

    def _digest(self, content: bytes | memoryview) -> None:
        for each in self._digests:
            each.update(content)

    # ---- differences ------------------------------------------------------------------------------------------------

    def _differ(self) -> Asked:
        """Find where both sides meet again, and account for what lies before."""
        for records in (NEAR_RECORDS, AHEAD_RECORDS):
            ours, theirs = yield from self._look_ahead(records)
            met = _meeting(ours, theirs)
            if met is not None:
                yield from self._account(*met, ours, theirs)
                return
            if ours.whole and theirs.whole:
                yield from self._account(len(ours), len(theirs), ours, theirs)
                return
        seen = yield from self._scout(ours, theirs)
        if seen is None:
            yield from self._account(len(ours), len(theirs), ours, theirs)
        elif seen.side is Side.SOURCE:
            yield from self._account(len(ours), seen.place, ours, theirs)
            yield from self._leave(self.source, Side.SOURCE, seen.offset)
        else:
            yield from self._account(seen.place, len(theirs), ours, theirs)
            yield from self._leave(self.target, Side.TARGET, seen.offset)

    def _look_ahead(self, records: int) -> Generator[More | Jump, Chunk | None, tuple[Ahead, Ahead]]:
        yield from self._reach(self.source, Side.SOURCE, records)
        yield from self._reach(self.target, Side.TARGET, records)
        return self.source.ahead(records), self.target.ahead(records)

    def _account(self, here: int, there: int, ours: Ahead, theirs: Ahead) -> Asked:
        """Step over the first records of both lists, and say what the fate of each is."""
        ahead = there
        if here == len(ours) and ours.whole:
            there = self._without_newer(there, ours, theirs)
        source_part, target_part = ours.contents[:here], theirs.contents[:there]
        if set(target_part).difference(source_part):
            yield from self._look_back()
        around = Surroundings(
            Counter(ours.contents[here:]), Counter(theirs.contents[there:]), self._is_past, timestamps=self.timestamps
        )
        findings = explain(source_part, target_part, around, self._ledger)
        if ahead == there == len(theirs) and theirs.whole:  # nothing follows on the target, so they may still come
            late = self._not_copied(findings, ours.entries[:here])
            here -= late
            del source_part[here:]
            findings = [each for each in findings if each.source is None or each.source < here]
        for finding in findings:
            self._count(finding, ours.entries, theirs.entries, (here, there))
        self.tally.records += len(source_part) - sum(each.source is not None for each in findings)
        self._digest_apart(source_part, target_part)
        self.source.drop(here)
        self.target.drop(there)

    def _without_newer(self, there: int, ours: Ahead, theirs: Ahead) -> int:
        """Leave out the target's records at the end that are newer than the comparison and match nothing."""
        matched = set(ours.contents)
        while there:
            entry = theirs.entries[there - 1]
            if entry.offset < self.task.target_next or entry.content in matched:
                break
            there -= 1
        return there

    def _not_copied(self, findings: Sequence[Finding], source_part: Sequence[Entry]) -> int:
        """Count the records at the end of ``source_part`` that may still arrive: missing, and not acknowledged."""
        missing = {each.source for each in findings if each.kind is Kind.MISSING}
        late = 0
        for number in range(len(source_part) - 1, -1, -1):
            if number not in missing or source_part[number].offset <= self.task.acknowledged:
                break
            late += 1
        return late

    def _digest_apart(self, source_part: Iterable[bytes], target_part: Iterable[bytes]) -> None:
        """Go on with a digest for each side."""
        if not self._digests:
            return
        if len(self._digests) == 1:
            self._digests.append(self._digests[0].copy())
        for digest, part in zip(self._digests, (source_part, target_part), strict=True):
            for content in part:
                digest.update(content)

    def _count(
        self, finding: Finding, ours: Sequence[Entry], theirs: Sequence[Entry], block: tuple[int, int] = (0, 0)
    ) -> None:
        """Count a difference; describe it while there is room. ``block``: how many records of each side are in it."""
        self.tally.kinds[finding.kind] += 1
        described = self.tally.differences
        if finding.instead_of is not None:
            self.tally.kinds[finding.instead_of] -= 1
            difference = self._describe(finding, ours, theirs, block)
            for number, earlier in enumerate(described):
                if earlier.kind is finding.instead_of and earlier.is_about(difference):
                    described[number] = earlier.joined(difference)
                    return
        elif len(described) < DETAILS_MAX:
            described.append(self._describe(finding, ours, theirs, block))

    def _describe(
        self, finding: Finding, ours: Sequence[Entry], theirs: Sequence[Entry], block: tuple[int, int]
    ) -> Difference:
        here = min(finding.target or 0, block[0]) if finding.source is None else finding.source
        there = min(finding.source or 0, block[1]) if finding.target is None else finding.target
        source, source_offset, *around_source = self._at(self.source, ours, here, held=finding.source is not None)
        target, target_offset, *around_target = self._at(self.target, theirs, there, held=finding.target is not None)
        return Difference(
            finding.kind, finding.fields, source, target, source_offset, target_offset, *around_source, *around_target
        )

    def _at(
        self, strand: Strand, entries: Sequence[Entry], number: int, *, held: bool
    ) -> tuple[Shown | None, int, tuple[Shown, ...], tuple[Shown, ...]]:
        """Return the record at a place, its offset, and its neighbours; only its neighbours if it is not ``held``."""
        number = min(number, len(entries))
        before = entries[max(0, number - NEIGHBOURS) : number]
        if len(before) < NEIGHBOURS:
            before = [*strand.behind(NEIGHBOURS), *before][-NEIGHBOURS:]
        behind = number + held
        after = entries[behind : behind + NEIGHBOURS]
        parts = (tuple(shown(each, timestamps=self.timestamps) for each in part) for part in (before, after))
        offset = entries[number].offset if number < len(entries) else strand.position
        return (shown(entries[number], timestamps=self.timestamps) if held else None, offset, *parts)  # type: ignore[return-value]

    def _leave(
        self, strand: Strand, side: Side, until: int, *, count: bool = True
    ) -> Generator[More | Jump, Chunk | None, int]:
        """Step over records before offset ``until`` which the other side does not have; gives how many they were."""
        left = 0
        while True:
            if not strand.pieces and strand.reached >= until:
                return left
            yield from self._reach(strand, side, 1)
            if not strand.pieces:
                return left
            entries = strand.ahead(AHEAD_RECORDS).entries
            leaving = [entry for entry in entries if entry.offset < until]
            if entries and not leaving:
                return left
            for number, entry in enumerate(leaving):
                if count:
                    self._count_alone(side, number, entry, entries)
            strand.drop(len(leaving))
            left += len(leaving)

    def _count_alone(self, side: Side, number: int, entry: Entry, entries: Sequence[Entry]) -> None:
        """Count a record that only one side has."""
        ledger = self._ledger
        if side is Side.SOURCE:
            self._digest_apart((entry.content,), ())
            if ledger.settle(ledger.early, entry.content):
                return
            instead_of = Kind.EXTRA if ledger.settle(ledger.extra, entry.content) else None
            kind = Kind.REORDERED if instead_of else Kind.MISSING
            if kind is Kind.MISSING:
                ledger.add(ledger.missing, entry.content)
            self._count(Finding(kind, number, None, instead_of=instead_of), entries, ())
            return
        self._digest_apart((), (entry.content,))
        if ledger.settle(ledger.late, entry.content):
            return
        instead_of = Kind.MISSING if ledger.settle(ledger.missing, entry.content) else None
        kind = Kind.REORDERED if instead_of else Kind.DOUBLED if self._is_past(entry.content) else Kind.EXTRA
        if kind is Kind.EXTRA:
            ledger.add(ledger.extra, entry.content)
        self._count(Finding(kind, None, number, instead_of=instead_of), (), entries)

    # ---- other readers ----------------------------------------------------------------------------------------------

    def _is_past(self, content: bytes) -> bool:
        return hash(content) in self._past

    def _look_back(self) -> Asked:
        """Read the source's records before the present place again, to tell what is doubled from what is extra."""
        position = self.source.position
        first, known = self._past_span
        if known == position:
            return
        if self._past_looks == PAST_LOOKS_MAX:
            self.tally.note(f"from source offset {position} on, doubled records may be called extra")
            return
        self._past_looks += 1
        begin = max(0, position - PAST_RECORDS)
        if begin <= known and len(self._past) <= PAST_RECORDS:
            begin = known
        else:
            self._past.clear()
            first = begin
        strand = Strand(begin, position, timestamps=self.timestamps)
        yield Jump(Side.PAST, begin)
        while True:
            yield from self._reach(strand, Side.PAST, 1)
            if not strand.pieces:
                break
            ahead = strand.ahead(AHEAD_RECORDS)
            self._past.update(hash(entry.content) for entry in ahead.entries)
            strand.drop(len(ahead))
        self._past_span = first, position

    def _scout(self, ours: Ahead, theirs: Ahead) -> Generator[More | Jump, Chunk | None, "_Seen | None"]:
        """Look further on both sides by turns, for a place that continues what lies ahead on the other side."""
        if self._scouts_lost == SCOUTS_MAX:
            return None
        sides: list[tuple[Side, Strand, Side, Ahead]] = []
        if not ours.whole and theirs.entries:
            strand = Strand(ours.entries[-1].offset + 1, self.task.source_next, timestamps=self.timestamps)
            sides.append((Side.SOURCE, strand, Side.PAST, theirs))
        if not theirs.whole and ours.entries:
            strand = Strand(theirs.entries[-1].offset + 1, None, timestamps=self.timestamps)
            sides.append((Side.TARGET, strand, Side.AHEAD, ours))
        for _, strand, reader, _ in sides:
            yield Jump(reader, strand.position)
        overlap: dict[Side, list[Entry]] = {side: [] for side, *_ in sides}
        for _ in range(SCOUT_RECORDS // AHEAD_RECORDS):
            for row in list(sides):
                side, strand, reader, wanted = row
                yield from self._reach(strand, reader, AHEAD_RECORDS)
                ahead = strand.ahead(AHEAD_RECORDS)
                window = Ahead([*overlap[side], *ahead.entries], whole=ahead.whole)
                met = _meeting(window, wanted)
                if met is not None:
                    return _Seen(side, window.entries[met[0]].offset, met[1])
                if ahead.whole:
                    sides.remove(row)
                overlap[side] = list(window.entries[-ROW:])
                strand.drop(len(ahead))
        self._scouts_lost += 1
        return None

    # ---- both ends --------------------------------------------------------------------------------------------------

    def _align(self) -> Asked:
        """Find the first record that both sides have, where one of them may lack the other's first ones."""
        for records in (NEAR_RECORDS, AHEAD_RECORDS):
            ours, theirs = yield from self._look_ahead(records)
            met = _meeting(ours, theirs)
            if met is not None or (ours.whole and theirs.whole):
                break
        skips = {Side.SOURCE: -1, Side.TARGET: -1}
        if met is not None:
            skips = dict(zip(skips, (_offset(ours, met[0]), _offset(theirs, met[1])), strict=True))
        elif (seen := (yield from self._scout(ours, theirs))) is not None:
            other = theirs if seen.side is Side.SOURCE else ours
            skips = {
                side: seen.offset if side is seen.side else _offset(other, seen.place)
                for side in (Side.SOURCE, Side.TARGET)
            }
        elif not ours.entries and ours.whole:  # retention has left nothing to compare with
            skips[Side.TARGET] = self.task.target_next
        elif ours.entries and theirs.entries:
            self.tally.note("the two sides have no record in common near their beginnings")
        if Side.SOURCE in self.task.head_may_lack:
            self.tally.source_outside = yield from self._leave(
                self.source, Side.SOURCE, skips[Side.SOURCE], count=False
            )
        if Side.TARGET in self.task.head_may_lack:
            self.tally.target_outside = yield from self._leave(
                self.target, Side.TARGET, skips[Side.TARGET], count=False
            )
        self.source_first = _offset(self.source.ahead(1), 0, self.source.position)
        self.target_first = _offset(self.target.ahead(1), 0, self.target.position)

    def _finish(self) -> Asked:
        """Account for what one side still has when the other one has ended."""
        if self.source.pieces:
            yield from self._leave(self.source, Side.SOURCE, self.task.acknowledged + 1)
            yield from self._reach(self.source, Side.SOURCE, AHEAD_RECORDS)
            ahead = self.source.ahead(AHEAD_RECORDS)
            self.tally.not_copied += len(ahead) if ahead.whole else self.task.source_next - self.source.position
            return
        if self.target.pieces or self.target.reached < self.task.target_next:
            yield from self._look_back()
            yield from self._leave(self.target, Side.TARGET, self.task.target_next)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where a scout found what it was sent for."""

    side: Side
    """The side it went along."""
    offset: int
    """The place there."""
    place: int
    """Number of the record on the other side, among those ahead, that stands at the same place."""


def _meeting(ours: Ahead, theirs: Ahead) -> tuple[int, int] | None:
    return meeting(ours.contents, theirs.contents, source_whole=ours.whole, target_whole=theirs.whole)


def _offset(ahead: Ahead, number: int, otherwise: int = -1) -> int:
    return ahead.entries[number].offset if number < len(ahead) else otherwise


def _common(ours: bytes, here: int, theirs: bytes, there: int, *, timestamps: bool) -> tuple[int, int]:
    """Return size and number of the records at the beginning that are the same."""
    start, count, size = here, 0, 0
    for end in ends(ours, here, timestamps=timestamps):
        length = end - start
        if ours[start:end] != theirs[there + size : there + size + length]:
            break
        start, count, size = end, count + 1, size + length
    return size, count


def _left(strand: Strand) -> int:
    """How many records of the first piece are not passed."""
    piece = strand.pieces[0]
    return sum(count for _, count in piece.offsets) - piece.passed
