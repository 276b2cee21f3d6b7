"""Gaps between known pairs; that counting in them is exact is shown by scenarios, with every third offset of a topic."""

from heliograph.mirror.offset_map import OffsetMap
from heliograph.offsets.gaps import gap_of


def pairs(*all_pairs):
    known = OffsetMap()
    for pair in all_pairs:
        known.synced(*pair)
    return known


def test_gaps_in_both_directions():
    known = pairs((10, 5), (20, 12))
    forward = known.translate(15)
    assert forward is not None
    assert not forward.exact
    gap = gap_of(known, forward, backwards=False)
    assert (gap.here_first, gap.there_first, gap.here_next, gap.there_next) == (11, 6, 20, 12)
    backward = known.inverse(8)
    assert backward is not None
    gap = gap_of(known, backward, backwards=True)
    assert (gap.here_first, gap.there_first, gap.here_next, gap.there_next) == (6, 11, 12, 20)
    beyond = known.translate(30)
    assert beyond is not None
    gap = gap_of(known, beyond, backwards=False)
    assert (gap.here_first, gap.there_first, gap.here_next) == (21, 13, None)
