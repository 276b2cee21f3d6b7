"""Where copies end, and what a group would pass over; the whole way home is shown by scenarios."""

import pytest

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog
from heliograph.config.model import ClusterConfig
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.homecoming import Boundary, Partition
from heliograph.mirror.moves import Position
from heliograph.mirror.offset_map import OffsetMap
from heliograph.offsets.failback import _end_of, _last_pair, _meet, _passed_over, _Sides
from heliograph.records import Record

CLUSTER = Cluster(ClusterConfig("a", (("127.0.0.1", 1),)))
LOG = PartitionLog(CLUSTER, "t", 0)


CASES = [
    ("as stored", (100, 90), Ends(0, 105), Ends(0, 120), Boundary(99, 89)),
    ("nothing written since", (100, 90), Ends(0, 100), Ends(0, 90), Boundary(99, 89)),
    ("home emptied by retention", (100, 90), Ends(100, 100), Ends(40, 95), Boundary(99, 89)),
    ("home lost", (100, 90), Ends(0, 0), Ends(40, 95), Boundary(-1, 39)),
    ("home new, no flow yet", None, Ends(0, 0), Ends(0, 95), Boundary(-1, -1)),
    ("nothing away yet", None, Ends(5, 20), Ends(0, 0), Boundary(19, -1)),
]


@pytest.mark.parametrize(
    ("pairs", "home", "away", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_last_pair(pairs, home, away, wanted):
    assert _last_pair(_Sides(LOG, LOG, home, away), pairs) == wanted


@pytest.mark.parametrize(
    ("pairs", "home", "away", "problem"),
    [
        (None, Ends(0, 20), Ends(0, 20), "no pair of offsets"),
        ((100, 90), Ends(0, 50), Ends(0, 90), "are gone there"),
        ((100, 90), Ends(0, 100), Ends(0, 40), "are gone there"),
    ],
)
def test_no_pair_that_makes_sense(pairs, home, away, problem):
    assert problem in _last_pair(_Sides(LOG, LOG, home, away), pairs).problem


def test_the_stored_position_counts_more_than_syncs():
    syncs = OffsetMap()
    syncs.synced(120, 110)
    assert _end_of(Anchor(99, 89), syncs) == (100, 90)
    assert _end_of(Anchor(99, None), syncs) == (121, 111)
    assert _end_of(None, None) is None


def test_records_that_stand_on_both_sides():
    ours = [Record(10, 1_000, b"k", b"v"), Record(11, 2_000, b"k", b"v")]
    assert _meet(ours, [Record(70, 1_000, b"k", b"v")])
    assert not _meet(ours, [Record(70, 3_000, b"k", b"v"), Record(71, 1_000, b"k", b"w")])
    assert _meet(ours, [Record(70, 3_000, b"k", b"v", appended=True)]), "a broker's own time tells nothing"
    assert not _meet([], ours)


@pytest.mark.parametrize(
    ("offset", "held", "passed"),
    [
        (80, 10, None),
        (90, 10, None),
        (91, 10, (100, 105)),
        (91, None, (100, 105)),
        (91, 102, (102, 105)),
        (91, 105, None),
    ],
)
def test_what_a_group_would_pass_over(offset, held, passed):
    place = Partition("t", 0, Boundary(99, 89), 105, 120, written=30, reverse=None, left=30, stranded=(100, 105))
    position = Position("g", "t", 0, offset, to_topic="t", to_offset=offset + 15, exact=True, held=held)
    assert _passed_over(position, (place,)).passed_over == passed
    assert _passed_over(position, ()).passed_over is None
