"""The words of a proof: what is compared, what may be wrong with it, and what was found.

A *proof* has a *partition* for every partition of the flow, each with a verdict. Whatever differs is one of five kinds;
what could not be compared is not a difference but no proof either.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

DETAILS_MAX = 20
"""Differences of one partition that are described; all are counted."""
NEIGHBOURS = 2
"""Records shown before and behind a difference, on each side."""


class Side(IntEnum):
    """A stream of records that a comparison reads."""

    SOURCE = 0
    TARGET = 1
    PAST = 2
    """Another reader of the source, for records before or behind the place where the first one stands."""
    AHEAD = 3
    """Another reader of the target."""


class Kind(StrEnum):
    """How the target differs."""

    MISSING = "missing"
    """A record of the source is not there, although later ones are or although it was acknowledged."""
    EXTRA = "extra"
    """A record is there that the source does not have."""
    DOUBLED = "doubled"
    """A record of the source is there once more."""
    REORDERED = "reordered"
    """A record is there, but before or behind its place."""
    ALTERED = "altered"
    """In a record's place stands one that shares some of its fields."""


class Verdict(StrEnum):
    """What is known about a partition."""

    PROVEN = "proven"
    """All that was to be compared is the same."""
    DIFFERENT = "different"
    BEHIND = "behind"
    """What is on the target is the same, but it lacks the newest records."""
    UNPROVEN = "unproven"
    """It could not be compared, or only in part."""


class Mode(StrEnum):
    """How a partition is compared."""

    ALL = "every record"
    LATEST = "latest record of each key"
    """Compacted topics."""
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Shown:
    """A record, short enough to be read."""

    offset: int
    timestamp_ms: int | None
    """None where timestamps are not compared."""
    key: str | None
    """None: null. Text, or hexadecimal digits after ``0x``; cut where it is long."""
    value: str | None
    headers: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not as it should be."""

    kind: Kind
    fields: tuple[str, ...]
    """ALTERED: which of key, value, headers, timestamp."""
    source: Shown | None
    """None where the source has no such record here."""
    target: Shown | None
    source_offset: int
    """The record's place on the source, or that of the next record there."""
    target_offset: int
    source_before: tuple[Shown, ...] = ()
    source_after: tuple[Shown, ...] = ()
    target_before: tuple[Shown, ...] = ()
    target_after: tuple[Shown, ...] = ()

    def is_about(self, other: "Difference") -> bool:
        """Say whether both are about the same record, wherever it stands."""
        here, there = self.source or self.target, other.source or other.target
        return here is not None and there is not None and replace(here, offset=0) == replace(there, offset=0)

    def joined(self, later: "Difference") -> "Difference":
        """Make one difference of a record that first seemed to be on one side only, and then came on the other."""
        if self.source is None:
            return later.joined(self)
        return replace(
            self,
            kind=Kind.REORDERED,
            target=later.target,
            target_offset=later.target_offset,
            target_before=later.target_before,
            target_after=later.target_after,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets from ``first`` to before ``next``."""

    first: int
    next: int


@dataclass(slots=True)
class Tally:
    """What a comparison has found so far."""

    records: int = 0
    """Records of the source that are on the target as they should be; compacted topics: keys."""
    size_bytes: int = 0
    """Bytes of them as fetched from the source, or in canonical form where batches differ."""
    untouched: int = 0
    """Of the records, those compared as bytes, without being unpacked."""
    kinds: Counter[Kind] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    """The first DETAILS_MAX."""
    not_copied: int = 0
    """Records of the source that had not arrived when the wait was over."""
    source_outside: int = 0
    """Records at the source's start that the target's retention has removed, or where copying began later."""
    target_outside: int = 0
    """Records at the target's start that the source's retention has removed."""
    unread: str = ""
    """Why a part that is there could not be read; empty: it could."""
    superseded: int = 0
    """Compacted topics: keys left out because newer records for them came during the run."""
    notes: list[str] = field(default_factory=list)
    """What else the reader of the result should know; one phrase each."""

    def note(self, text: str) -> None:
        """Add a phrase, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class PartitionProof:
    """What is known of one partition."""

    topic: str
    partition: int
    copy: str
    """Name on the target."""
    copy_partition: int
    mode: Mode
    verdict: Verdict
    source: Span
    """Offsets that were compared."""
    target: Span
    tally: Tally
    timestamps: bool
    """Whether timestamps were compared."""
    source_sha256: str = ""
    """Over the compared records in canonical form; empty where none was asked for."""
    target_sha256: str = ""
    reason: str = ""
    """UNPROVEN: why."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What a report says of a cluster."""

    alias: str
    cluster_id: str
    """Empty where the brokers tell none."""
    bootstrap: str
    release: str
    """``Kafka 4.1 or newer``; empty where not known."""


@dataclass(frozen=True, slots=True)
class FlowProof:
    """What is known of one flow."""

    flow: str
    policy: str
    isolation: str
    """``read_committed`` or ``read_uncommitted``: what of the source is copied."""
    source: ClusterFacts
    target: ClusterFacts
    partitions: tuple[PartitionProof, ...]


def verdict_of(partitions: tuple[PartitionProof, ...]) -> Verdict:
    """Return the verdict on all; none at all prove nothing."""
    found = {each.verdict for each in partitions}
    for worst in (Verdict.DIFFERENT, Verdict.UNPROVEN, Verdict.BEHIND):
        if worst in found:
            return worst
    return Verdict.PROVEN if found else Verdict.UNPROVEN
