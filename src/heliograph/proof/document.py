"""A proof as a document for programs: plain values, names that stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from heliograph.proof.model import (
    ClusterFacts,
    Difference,
    FlowProof,
    Kind,
    PartitionProof,
    Shown,
    Verdict,
    verdict_of,
)

SHAPE = 1
"""Number of the document's shape; a later shape may have more members, and a higher number where one changes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was asked, and what was found."""

    version: str
    """Heliograph's."""
    command: str
    began: datetime
    ended: datetime
    topics: tuple[str, ...]
    """Expressions that narrowed the choice; none: all topics of the flows."""
    sample: str
    """As it was written; empty: everything was compared."""
    seed: int
    since: datetime | None
    flows: tuple[FlowProof, ...]

    @property
    def partitions(self) -> tuple[PartitionProof, ...]:
        """Those of all flows."""
        return tuple(each for flow in self.flows for each in flow.partitions)

    @property
    def verdict(self) -> Verdict:
        """The verdict on all."""
        return verdict_of(self.partitions)

    @property
    def records(self) -> int:
        """Records found to be the same."""
        return sum(each.tally.records for each in self.partitions)

    @property
    def size_bytes(self) -> int:
        """Bytes of them."""
        return sum(each.tally.size_bytes for each in self.partitions)


def moment(when: datetime) -> str:
    """Return a time as ISO 8601 in UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def document(proof: Proof) -> dict[str, object]:
    """Return the proof as values for JSON."""
    return {
        "shape": SHAPE,
        "heliograph": proof.version,
        "command": proof.command,
        "began": moment(proof.began),
        "ended": moment(proof.ended),
        "seconds": round((proof.ended - proof.began).total_seconds(), 3),
        "topics": list(proof.topics),
        "sample": proof.sample or None,
        "seed": proof.seed if proof.sample else None,
        "since": moment(proof.since) if proof.since else None,
        "verdict": proof.verdict.value,
        "proven": proof.verdict is Verdict.PROVEN,
        "records": proof.records,
        "size_bytes": proof.size_bytes,
        "differences": {kind.value: sum(each.tally.kinds[kind] for each in proof.partitions) for kind in Kind},
        "flows": [_flow(each) for each in proof.flows],
    }


def _flow(flow: FlowProof) -> dict[str, object]:
    return {
        "flow": flow.flow,
        "policy": flow.policy,
        "isolation": flow.isolation,
        "source": _cluster(flow.source),
        "target": _cluster(flow.target),
        "verdict": verdict_of(flow.partitions).value,
        "partitions": [_partition(each) for each in flow.partitions],
    }


def _cluster(facts: ClusterFacts) -> dict[str, object]:
    return {
        "alias": facts.alias,
        "cluster_id": facts.cluster_id or None,
        "bootstrap": facts.bootstrap,
        "release": facts.release or None,
    }


def _partition(proof: PartitionProof) -> dict[str, object]:
    tally = proof.tally
    return {
        "topic": proof.topic,
        "partition": proof.partition,
        "copy": proof.copy,
        "copy_partition": proof.copy_partition,
        "mode": proof.mode.value,
        "verdict": proof.verdict.value,
        "reason": proof.reason or None,
        "source": {"first": proof.source.first, "next": proof.source.next},
        "target": {"first": proof.target.first, "next": proof.target.next},
        "records": tally.records,
        "untouched": tally.untouched,
        "size_bytes": tally.size_bytes,
        "timestamps": proof.timestamps,
        **{kind.value: tally.kinds[kind] for kind in Kind},
        "not_copied": tally.not_copied,
        "source_outside": tally.source_outside,
        "target_outside": tally.target_outside,
        "superseded": tally.superseded,
        "source_sha256": proof.source_sha256 or None,
        "target_sha256": proof.target_sha256 or None,
        "notes": list(tally.notes),
        "differences": [_difference(each) for each in tally.differences],
    }


def _difference(each: Difference) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "fields": list(each.fields),
        "source_offset": each.source_offset,
        "target_offset": each.target_offset,
        "source": None if each.source is None else _shown(each.source),
        "target": None if each.target is None else _shown(each.target),
        "source_before": _all(each.source_before),
        "source_after": _all(each.source_after),
        "target_before": _all(each.target_before),
        "target_after": _all(each.target_after),
    }


def _all(records: Sequence[Shown]) -> list[dict[str, object]]:
    return [_shown(each) for each in records]


def _shown(record: Shown) -> dict[str, object]:
    return {
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": record.key,
        "value": record.value,
        "headers": [list(pair) for pair in record.headers],
    }
