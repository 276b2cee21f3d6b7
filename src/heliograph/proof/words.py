"""A proof in words: phrases that the terminal and the report share. Pure."""

from collections.abc import Iterator, Sequence

from heliograph.observe.text import plural
from heliograph.proof.document import Proof
from heliograph.proof.model import Difference, Kind, Mode, PartitionProof, Shown, Verdict

BY_KIND = {
    Kind.MISSING: "is missing on the target",
    Kind.EXTRA: "is on the target only",
    Kind.DOUBLED: "is on the target once more",
    Kind.REORDERED: "is not in its place",
    Kind.ALTERED: "is altered",
}


def conclusion(proof: Proof) -> str:
    """Say in a sentence what is proven."""
    partitions = proof.partitions
    what = f"{plural(len(partitions), 'partition')}, {plural(proof.records, 'record')}"
    match proof.verdict:
        case Verdict.PROVEN if proof.sample:
            return f"Sample proven: what was compared is the same ({what})"
        case Verdict.PROVEN:
            return f"Proven: both sides hold the same ({what})"
        case Verdict.DIFFERENT:
            found = ", ".join(counts(partitions))
            return f"Different: {found} ({what} the same)"
        case Verdict.BEHIND:
            late = sum(each.tally.not_copied for each in partitions)
            return f"Not proven: nothing differs, but {plural(late, 'record')} had not arrived ({what} the same)"
        case Verdict.UNPROVEN if not partitions:
            return "Not proven: no topic was selected"
        case Verdict.UNPROVEN:
            failed = sum(each.verdict is Verdict.UNPROVEN for each in partitions)
            return f"Not proven: {plural(failed, 'partition')} could not be compared ({what} the same)"


def counts(partitions: Sequence[PartitionProof]) -> Iterator[str]:
    """Yield the number of differences of each kind that there is, such as ``2 missing``."""
    for kind in Kind:
        number = sum(each.tally.kinds[kind] for each in partitions)
        if number:
            yield f"{number:,} {kind.value}"


def remarks(proof: PartitionProof) -> Iterator[str]:
    """Yield what else there is to say about a partition, a phrase each."""
    tally = proof.tally
    if proof.reason:
        yield proof.reason
    if tally.not_copied:
        yield f"{plural(tally.not_copied, 'record')} at most had not arrived yet"
    if tally.source_outside:
        yield f"{plural(tally.source_outside, 'record')} at most at the source's start have no counterpart any more"
    if tally.target_outside:
        yield f"{plural(tally.target_outside, 'record')} at most at the target's start are gone from the source"
    if tally.superseded:
        yield f"{plural(tally.superseded, 'key')} got newer records during the run and were left out"
    if not proof.timestamps:
        yield "timestamps are not compared: the target's brokers stamp records themselves"
    if proof.mode is Mode.LATEST:
        yield "compacted: the latest record of each key was compared"
    yield from tally.notes


def headline(difference: Difference) -> str:
    """Say what is wrong with a record, in one line."""
    record = difference.source or difference.target
    name = f"key {record.key}" if record is not None and record.key is not None else "a record without a key"
    fields = f" ({', '.join(difference.fields)})" if difference.fields else ""
    places = []
    if difference.source_offset >= 0:
        places.append(f"source offset {difference.source_offset}")
    if difference.target_offset >= 0:
        places.append(f"target offset {difference.target_offset}")
    return f"{name} {BY_KIND[difference.kind]}{fields}, at {', '.join(places)}"


def context(difference: Difference) -> Iterator[tuple[str, str, Shown]]:
    """Yield the record and its neighbours on both sides: side, mark (``>`` the record itself), record."""
    for side, before, record, after in (
        ("source", difference.source_before, difference.source, difference.source_after),
        ("target", difference.target_before, difference.target, difference.target_after),
    ):
        yield from ((side, " ", each) for each in before)
        if record is not None:
            yield side, ">", record
        yield from ((side, " ", each) for each in after)


def record_line(record: Shown) -> str:
    """Return a record in one line."""
    parts = [f"{record.offset}"]
    if record.timestamp_ms is not None:
        parts.append(f"at {record.timestamp_ms}")
    parts.append("key null" if record.key is None else f"key {record.key}")
    parts.append("value null" if record.value is None else f"value {record.value}")
    if record.headers:
        parts.append(
            "headers " + ", ".join(f"{name}={'null' if held is None else held}" for name, held in record.headers)
        )
    return "  ".join(parts)
