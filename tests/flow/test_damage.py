"""What was lost beside a lane, named with its offsets, and where the lane goes on."""

from dataclasses import dataclass

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.config.model import LossKind
from heliograph.errors import ClusterError
from heliograph.flow.damage import find_loss
from heliograph.flow.lane import Lane
from heliograph.flow.partition_state import PartitionState
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor

ID, OTHER = "id-of-the-topic", "id-of-another"


@dataclass
class Found:
    """The losses, each as kind, source offsets and target offsets, and where the lane goes on."""

    losses: list
    position: int
    twice: bool


@pytest.fixture
def judge():
    """Judge a lane that had copied four records: what the source and the target have now, and what they tell."""

    def run(ours, theirs, stored=None, *, topic_id="", target_id="", cut=None, whole=False, shared=False):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            target.create("one.orders")
            for name, fake, values in (("orders", source, ours), ("one.orders", target, theirs)):
                for value in values:
                    fake.write(name, [value.encode()])
            end, kept = len(ours), len(theirs)
            state = PartitionState(0, end, kept, kept, topic_id, target_id, 0, cut, whole)

            async def work(flow):
                lane = Lane("orders", "one.orders", 0, Window(1 << 20), shared=shared)
                sides = flow.source, flow.target
                return await find_loss(*sides, lane, stored or Anchor(3, 3), state, read_committed=True)

            found = between(source, target, work)
        if found is None:
            return None
        losses = [(each.kind, each.source_offsets, each.target_offsets) for each in found.losses]
        assert all(each.goes_on_at == found.position for each in found.losses)
        return Found(losses, found.position, found.twice)

    return run


def test_nothing_is_lost(judge):
    assert judge("abcdef", "abcd") is None
    assert judge("abcd", "abcdxy") is None, "others' records are no loss of ours"


def test_a_recreated_topic_is_begun_at_its_first_record(judge):
    found = judge("xy", "abcd", Anchor(3, 3, topic_id=ID), topic_id=OTHER)
    assert (found.losses, found.position) == ([(LossKind.RECREATION, (4, 4), (0, 0))], 0)


def test_a_source_that_was_cut_goes_on_at_the_cut(judge):
    found = judge("ab", "abcd", Anchor(3, 3, topic_id=ID), topic_id=ID, cut=2)
    assert (found.losses, found.position) == ([(LossKind.TRUNCATION, (2, 4), (0, 0))], 2)


def test_without_ids_the_records_tell_a_cut_from_another_topic(judge):
    assert judge("ab", "abcd").losses == [(LossKind.TRUNCATION, (2, 4), (0, 0))]
    assert judge("xy", "abcd").losses == [(LossKind.RECREATION, (4, 4), (0, 0))]


def test_an_end_that_follows_soon_is_no_cut(judge):
    with pytest.raises(ClusterError, match="shows its records up to 2 only, and was read up to 4"):
        judge("ab", "abcd", whole=True)


def test_what_the_target_lost_is_copied_again_from_there(judge):
    found = judge("abcdef", "ab")
    assert (found.losses, found.position, found.twice) == ([(LossKind.TARGET_TRUNCATION, (2, 4), (2, 4))], 2, False)
    assert judge("abcdef", "ab", shared=True) is None, "nothing can be counted where others write"


def test_a_target_that_ends_with_another_record_is_filled_from_the_beginning(judge):
    found = judge("abcdef", "ax")
    assert (found.losses, found.position, found.twice) == ([(LossKind.TARGET_TRUNCATION, (0, 4), (2, 4))], 0, True)


def test_a_recreated_copy_is_filled_whole(judge):
    found = judge("abcdef", "", Anchor(3, 3, target_id=ID), target_id=OTHER)
    assert (found.losses, found.position, found.twice) == ([(LossKind.TARGET_DELETION, (0, 4), (0, 4))], 0, False)
