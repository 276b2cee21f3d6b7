"""Where a comparison begins on both sides, found with a few small fetches."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.cluster.pace import Pace
from heliograph.proof.beginning import Place
from heliograph.proof.model import Side, Span
from heliograph.proof.places import Spans
from heliograph.proof.survey import Clusters, Lane

BEGAN_MS = 1_700_000_000_000
RECORDS = 8
SHIFT = 2
"""The target's offsets are so many lower: copying began at the third record."""


@pytest.fixture
def ask():
    """Ask a place about eight records, one a second, of which all but the first two were copied."""

    def run(question, *, source_first=0, target_first=0, anchor=(), appended=False, **changes):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            target.create("one.orders")
            for number in range(RECORDS):
                now_ms = BEGAN_MS + number * 1000
                source.write("orders", [b"%d" % number], now_ms=now_ms)
                if number >= SHIFT:
                    target.write("one.orders", [b"%d" % number], now_ms=now_ms)
            source.topics["orders"].delete_before(0, source_first)
            target.topics["one.orders"].delete_before(0, target_first)
            ends = Spans(Span(source_first, RECORDS), Span(target_first, RECORDS - SHIFT), *anchor)
            lane = Lane("orders", 0, "one.orders", 0, ends, compacted=False, appended=appended)

            async def work(flow):
                clusters = Clusters(flow.config, flow.source, flow.target)
                return await question(Place(clusters, lane, Pace(), 0, lambda _size: None))

            return between(source, target, work, **changes)

    return run


def test_where_nothing_was_deleted_it_is_the_beginning(ask):
    assert ask(Place.begin) == (0, 0, frozenset())


def test_where_the_source_was_cut_the_anchor_tells_the_place(ask):
    anchor = (RECORDS - 1, RECORDS - 1 - SHIFT)
    assert ask(Place.begin, source_first=5, anchor=anchor) == (5, 3, frozenset({Side.TARGET}))


@pytest.mark.parametrize("anchor", [(), (RECORDS - 1, 1)], ids=["none is known", "it misleads"])
def test_without_a_good_anchor_the_time_tells_it(ask, anchor):
    assert ask(Place.begin, source_first=5, anchor=anchor) == (5, 3, frozenset({Side.TARGET}))
    assert ask(Place.begin, target_first=3, anchor=anchor) == (5, 3, frozenset({Side.SOURCE}))


def test_a_copy_that_began_late_may_lack_the_first_records(ask):
    assert ask(Place.begin, start_at_latest=True) == (SHIFT, 0, frozenset({Side.SOURCE}))


def test_an_empty_copy_is_compared_from_what_was_acknowledged(ask):
    empty = RECORDS - SHIFT
    assert ask(Place.begin, target_first=empty, anchor=(5, 3)) == (6, empty, frozenset())


def test_from_a_time_on_both_sides_begin_at_it(ask):
    assert ask(lambda place: place.begin_at(BEGAN_MS + 4_500)) == (5, 3, frozenset())
    assert ask(lambda place: place.begin_at(BEGAN_MS + 99_000)) == (RECORDS, RECORDS - SHIFT, frozenset())


def test_where_the_target_stamps_its_records_only_the_source_has_times(ask):
    anchor = (RECORDS - 1, RECORDS - 1 - SHIFT)
    found = ask(lambda place: place.begin_at(BEGAN_MS + 4_500), appended=True, anchor=anchor)
    assert found == (5, 3, frozenset({Side.TARGET}))


def test_a_comparison_without_order_begins_where_both_sides_hold_records(ask):
    assert ask(Place.begin_both) == (0, 0)
    assert ask(Place.begin_both, source_first=5) == (5, 3)


def test_the_place_of_a_record_on_the_other_side(ask):
    anchor = (RECORDS - 1, RECORDS - 1 - SHIFT)
    assert ask(lambda place: place.on_target(6), anchor=anchor) == 4
    assert ask(lambda place: place.on_target(6)) == 4, "by its time"


def test_what_is_read_of_each_side(ask):
    async def parts(place):
        return [place.part(side) for side in (Side.SOURCE, Side.TARGET)]

    source, target = ask(parts, source_first=1)
    assert (source.log.topic, source.first, source.end) == ("orders", 1, RECORDS)
    assert (target.log.topic, target.first, target.end) == ("one.orders", 0, RECORDS - SHIFT)
