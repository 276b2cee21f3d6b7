"""A document read again says the same."""

import json
from collections import Counter

import pytest
from test_document import DIFFERENT, EVIL, partition, proof_of

from heliograph.proof.document import document
from heliograph.proof.model import Kind, Verdict
from heliograph.proof.told import flow_proofs_of

UNPROVEN = partition(Verdict.UNPROVEN, unread="no leader", notes=["one"], superseded=2, kinds=Counter({Kind.EXTRA: 0}))


@pytest.mark.parametrize("partitions", [(), (DIFFERENT,), (DIFFERENT, partition(Verdict.PROVEN, records=3))])
def test_there_and_back(partitions):
    proof = proof_of(*partitions)
    found = flow_proofs_of(json.loads(json.dumps(document(proof))))
    assert found == proof.flows
    assert found[0].partitions == partitions


def test_why_it_is_not_proven():
    told = json.loads(json.dumps(document(proof_of(UNPROVEN))))
    told["flows"][0]["partitions"][0]["reason"] = "no leader"
    (found,) = flow_proofs_of(told)[0].partitions
    assert (found.topic, found.reason, found.tally.unread, found.tally.superseded) == (
        EVIL,
        "no leader",
        "no leader",
        2,
    )


@pytest.mark.parametrize(
    "told", [{}, {"flows": [{}]}, {"flows": 3}, {"flows": [{"flow": "A->B", "policy": "default"}]}]
)
def test_what_is_no_document(told):
    with pytest.raises(ValueError, match="lacks"):
        flow_proofs_of(told)
