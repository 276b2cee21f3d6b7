"""Positions in a gap between known pairs, counted on two fake clusters.

That counting is exact with transactions and compaction is shown by scenarios, with every third offset of a topic.
"""

import asyncio

import pytest

from fake_cluster import FakeCluster
from fake_flow import connected
from heliograph.cluster.log import Ends, PartitionLog
from heliograph.mirror.offset_map import OffsetMap, Translation
from heliograph.offsets import gaps
from heliograph.offsets.gaps import BothLogs, Gap, GapCount, counted_gap, gap_of

END = 60


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
    assert gap_of(known, forward, backwards=False) == Gap(11, 6, 20, 12)
    backward = known.inverse(8)
    assert backward is not None
    assert gap_of(known, backward, backwards=True) == Gap(6, 11, 12, 20)
    beyond = known.translate(30)
    assert beyond is not None
    assert gap_of(known, beyond, backwards=False) == Gap(21, 13, None, None)


def test_all_positions_before_the_first_pair_are_in_one_gap():
    known = pairs((30, 25))
    logs = BothLogs(PartitionLog(None, "t", 0), PartitionLog(None, "A.t", 0), Ends(4, 60), Ends(2, 50))
    found = {counted_gap(known, known.translate(offset), offset, logs, backwards=False) for offset in range(4, 30)}
    assert found == {Gap(4, 2, 30, 25)}
    found = {counted_gap(known, known.inverse(offset), offset, logs, backwards=True) for offset in range(2, 25)}
    assert found == {Gap(4, 2, 25, 30)}


def counted(here, there, gap, offsets, *, begins=(0, 0), reason="a hole"):
    """Count in two logs of these values, ten in a batch, as if a map had answered each position with 0."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name, values, begin in ((source, "t", here, begins[0]), (target, "A.t", there, begins[1])):
            topic = fake.create(name)
            for first in range(0, len(values), 10):
                fake.write(name, [b"%d" % value for value in values[first : first + 10]])
            topic.delete_before(0, begin)

        async def scenario():
            async with connected(source, target) as ends:
                logs = BothLogs(
                    PartitionLog(ends.source, "t", 0),
                    PartitionLog(ends.target, "A.t", 0),
                    Ends(begins[0], len(here)),
                    Ends(begins[1], len(there)),
                )
                rough = {offset: Translation(0, exact=False, reason=reason) for offset in offsets}
                return await GapCount(gap, logs, rough).translated()

        return asyncio.run(scenario())


ALL = list(range(END))


def exact(found):
    return {offset: each.offset for offset, each in found.items() if each.exact}


def test_whole_copies_are_found_by_counting():
    found = counted(ALL, ALL, Gap(0, 0, 50, 50), range(50))
    assert exact(found) == {offset: offset for offset in range(50)}
    assert {found[offset].reason for offset in range(1, 50)} == {"found by counting records"}


def test_a_copy_that_began_late():
    found = counted(ALL, ALL[15:], Gap(0, 0, 50, 35), range(50))
    assert exact(found) == {offset: max(0, offset - 15) for offset in range(50)}
    assert found[15].reason == "it lies before the first record there"
    assert found[16].reason == "found by counting records"


def test_a_copy_whose_first_records_were_deleted():
    found = counted(ALL, ALL[15:], Gap(0, 0, 50, 35), range(50), begins=(0, 7))
    assert exact(found) == {offset: max(7, offset - 15) for offset in range(50)}


def test_a_source_whose_first_records_were_deleted():
    found = counted(ALL, ALL, Gap(0, 0, 50, 50), range(20, 50), begins=(20, 0))
    assert exact(found) == {offset: offset for offset in range(20, 50)}, "counted from the pair behind"


def test_records_that_are_missing_there_make_no_wrong_answer():
    """Record 20 is nowhere there: before it counting from the front is right, behind it from the end."""
    there = [value for value in ALL if value != 20]
    found = counted(ALL, there, Gap(0, 0, 50, 49), range(50))
    right = {offset: offset - (offset > 20) for offset in range(50) if offset not in (20, 21)}
    assert exact(found) == right, "beside the hole the next record or the last one differs"
    strange = [1000 + value for value in ALL]
    found = counted(ALL, strange, Gap(0, 0, 50, 50), range(50))
    assert exact(found) == {}, "nothing is proven by the number alone"
    assert {(each.offset, each.reason) for each in found.values()} == {(0, "a hole")}


def test_behind_the_last_pair():
    found = counted(ALL, ALL[:40], Gap(30, 30, None, None), [30, 35, 40, 45, 60, 61])
    assert exact(found) == {30: 30, 35: 35, 40: 40}
    assert found[30].reason == "everything before it is copied"
    assert (found[35].at_end, found[40].at_end) == (False, True)
    assert (found[45].offset, found[45].behind, found[45].at_end) == (40, 5, True)
    assert found[60].reason == "20 records before it are not copied yet"
    assert found[61].reason == "t-0 on A ends at 60, before it"


def test_what_is_too_far(monkeypatch):
    monkeypatch.setattr(gaps, "WALK_BYTES_MAX", 1)
    found = counted(ALL, ALL, Gap(0, 0, 50, 50), [25])
    assert exact(found) == {25: 25}, "the fake answers with all that it has"
    monkeypatch.setattr(gaps, "WALK_BYTES_MAX", 0)
    found = counted(ALL, ALL, Gap(0, 0, 50, 50), [25])
    assert "too far from the nearest known pair" in found[25].reason


@pytest.mark.parametrize("answer", ["lower", "higher"])
def test_an_inexact_answer_lies_on_the_partition(answer):
    begins = (0, 5) if answer == "lower" else (0, 0)
    found = counted(ALL, [1000 + value for value in ALL], Gap(0, 0, 50, 50), [25], begins=begins)
    assert found[25].offset == begins[1]
