"""Who copies which lanes, as a group says."""

import pytest

from asking import ask
from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.observe.operations import Copier
from heliograph.offsets.claims import Claims, claims_on
from occupied import Occupied, shared

A, B = ("orders", 0), ("orders", 1)


def says(*lanes, steered=-1):
    return encode_member(MemberSays(frozenset(lanes), steered=steered))


def given(*lanes):
    return encode_leader(LeaderSays(frozenset(lanes)), "m-1")


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (FakeCluster, Claims(Copier.NOBODY)),
        (Occupied, Claims(Copier.MIRROR_MAKER, known=False)),
        (
            shared(given(A), given(), metadata=(says(steered=5), says(B, steered=4))),
            Claims(Copier.WORKERS, claimed=frozenset({A, B}), given=frozenset({A}), steered=4),
        ),
        (
            shared(
                given(A), given(), metadata=(encode_member(MemberSays(frozenset({A}), stopped=True)), says(steered=3))
            ),
            Claims(Copier.WORKERS, steered=3),
        ),
        (shared(given(A), state="PreparingRebalance"), Claims(Copier.WORKERS, known=False)),
        (shared(b"{", metadata=(says(),)), Claims(Copier.WORKERS, known=False)),
        (
            shared(b'{"owner":"m-1"}', metadata=(b'{"owner":true,"waiting_since_ms":1}',)),
            Claims(Copier.WORKERS, everything=True),
        ),
    ],
)
def test_it_is_told_who_has_what(kind, claims):
    with kind("two") as target:
        assert ask(target, lambda cluster: claims_on(flow_config("one", target.config), cluster)) == claims
