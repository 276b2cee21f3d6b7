"""What both clusters say of a lane that is about to begin."""

from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import admin
from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.partition_state import alike, gather, source_batches
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.records import Record

RECORD = Record(0, 5, b"key", b"value")


@pytest.fixture
def gathered():
    """Ask about two partitions, of which the first was copied up to its anchor."""

    def run(anchor, *, fault=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            made = source.create("orders", 2), target.create("one.orders", 2)
            source.write("orders", [b"a", b"b", b"c"])
            target.write("one.orders", [b"a", b"b"])

            async def work(flow):
                source.always.update(fault or {})
                lanes = [Lane("orders", "one.orders", number, Window(1 << 20)) for number in (0, 1)]
                found = await gather(flow.source, flow.target, lanes, {lanes[0]: anchor})
                return [found[lane] for lane in lanes]

            return between(source, target, work), [str(each.topic_id) for each in made]

    return run


def test_ends_ids_and_epochs_of_both_sides(gathered):
    (first, second), (topic_id, target_id) = gathered(Anchor(1, 1, leader_epoch=0))
    assert (first.begin, first.end, first.target_end, first.target_kept) == (0, 3, 2, 2)
    assert (first.topic_id, first.target_id, first.leader_epoch) == (topic_id, target_id, 0)
    assert (first.cut, first.whole) == (None, True)
    assert (second.end, second.target_end, second.cut, second.whole) == (0, 0, None, False)


def test_a_position_behind_the_end_of_its_epoch_shows_the_cut(gathered):
    (first, _), _ = gathered(Anchor(7, 7, leader_epoch=0))
    assert (first.cut, first.whole) == (3, False)


def test_an_error_of_one_partition_leaves_the_other(gathered, monkeypatch):
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.02)
    place = ("topics", 0, "partitions", 0, "error_code")
    fault = {"list_offsets": Fault(0, with_code(place, ErrorCode.topic_authorization_failed))}
    (first, second), _ = gathered(Anchor(1, 1), fault=fault)
    kinds = sorted(isinstance(each, HeliographError) for each in (first, second))
    assert kinds == [False, True]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [({}, True), ({"timestamp": 6}, False), ({"timestamp": 6, "appended": True}, True), ({"value": b"x"}, False)],
)
def test_a_time_that_a_broker_stamped_tells_nothing(changes, wanted):
    assert alike(RECORD, replace(RECORD, **changes)) is wanted
    assert alike(RECORD, replace(RECORD, offset=9)), "a copy may have another offset"


def test_the_source_is_read_as_batches_whose_records_are_decoded_when_asked_for():
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders")
        source.write("orders", [b"a", b"b"])
        source.write("orders", [b"c"])

        async def work(flow):
            lane = Lane("orders", "one.orders", 0, Window(1 << 20))
            found = await source_batches(flow.source, lane, 0, read_committed=True)
            rest = await source_batches(flow.source, lane, 3, read_committed=True)
            return [(each.first_offset, each.next_offset, each.records) for each, _ in found], found, rest

        spans, found, rest = between(source, target, work)
    assert sum(records for *_, records in spans) == 3
    assert (spans[0][0], spans[-1][1]) == (0, 3)
    assert [record.value for _, held in found for record in held()] == [b"a", b"b", b"c"]
    assert rest == []
