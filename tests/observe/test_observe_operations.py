"""Orders and answers go over a line and come back the same."""

import msgspec
import pytest

from heliograph.config.model import Part
from heliograph.mirror.rewind import Goal, Kind
from heliograph.observe.operations import Copier, RewindOrder, Rewound, RewoundPartition, Steered, SteerOrder


@pytest.mark.parametrize(
    "thing",
    [
        SteerOrder(topics=("t",), partitions=(0, 2), timeout_s=1.5),
        RewindOrder(topic="t", goal=Goal(Kind.TIME, 1_700_000_000_000), execute=True),
        Steered("A->B", "pause", None, tuple(Part), True, Copier.MIRROR_MAKER, True, {"t": (1,)}, ("n",)),
        Rewound(
            "A->B",
            "t",
            Goal(Kind.BEGINNING),
            Copier.OTHER,
            False,
            (RewoundPartition(0, "A.t", 0, 9, 5, 0, 5, 0, counted=True),),
            {},
            (),
        ),
    ],
)
def test_over_a_line_and_back(thing):
    assert msgspec.json.decode(msgspec.json.encode(thing), type=type(thing)) == thing
