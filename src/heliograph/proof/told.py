"""Proofs read from a document again: :mod:`heliograph.proof.document` the other way round."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from heliograph.proof.model import ClusterFacts, Difference, FlowProof, Kind, Mode, PartitionProof, Span, Tally, Verdict


def flow_proofs_of(document: Mapping[str, Any]) -> tuple[FlowProof, ...]:
    """Return the proofs of the document's flows. Raises ValueError where it is none."""
    try:
        return tuple(map(_flow, document["flows"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"the document of a proof lacks {error}") from error


def _flow(told: Mapping[str, Any]) -> FlowProof:
    return FlowProof(
        told["flow"],
        told["policy"],
        told["isolation"],
        _cluster(told["source"]),
        _cluster(told["target"]),
        tuple(map(_partition, told["partitions"])),
    )


def _cluster(told: Mapping[str, Any]) -> ClusterFacts:
    return ClusterFacts(told["alias"], told["cluster_id"] or "", told["bootstrap"], told["release"] or "")


def _partition(told: Mapping[str, Any]) -> PartitionProof:
    reason = told["reason"] or ""
    tally = Tally(
        records=told["records"],
        size_bytes=told["size_bytes"],
        untouched=told["untouched"],
        kinds=Counter({kind: told[kind.value] for kind in Kind if told[kind.value]}),
        differences=msgspec.convert(told["differences"], list[Difference]),
        not_copied=told["not_copied"],
        source_outside=told["source_outside"],
        target_outside=told["target_outside"],
        unread=reason,
        superseded=told["superseded"],
        notes=list(told["notes"]),
    )
    return PartitionProof(
        told["topic"],
        told["partition"],
        told["copy"],
        told["copy_partition"],
        Mode(told["mode"]),
        Verdict(told["verdict"]),
        msgspec.convert(told["source"], Span),
        msgspec.convert(told["target"], Span),
        tally,
        told["timestamps"],
        told["source_sha256"] or "",
        told["target_sha256"] or "",
        reason,
    )
