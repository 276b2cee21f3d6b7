"""Pages of lanes, whatever the names of topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.api.flows.shapes import LanesQuery, flow_of, lanes_of, process_of
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, ProcessView


def view(places):
    return FlowView("A->B", FlowState.RUNNING, lanes=tuple(LaneView(*each, LaneState.RUNNING) for each in places))


@given(st.sets(st.tuples(st.text("a-1.", min_size=1, max_size=4), st.integers(0, 20))), st.integers(1, 7))
def test_pages_hold_every_lane_once_and_in_order(places, limit):
    whole = view([(topic, f"A.{topic}", number) for topic, number in places])
    found, after = [], None
    for _ in range(len(places) + 1):
        page = lanes_of(whole, LanesQuery(after=after, limit=limit))
        assert page.total == len(places)
        assert len(page.lanes) <= limit
        found += [(lane.topic, lane.partition) for lane in page.lanes]
        after = page.next
        if after is None:
            break
    assert found == sorted(places)


@pytest.mark.parametrize("after", ["", "orders", "orders-", "orders-x", "orders-²"])
def test_a_place_that_is_none(after):
    with pytest.raises(ValueError, match="no page has given"):
        lanes_of(view([]), LanesQuery(after=after))


def test_a_flow_is_shown_without_its_lanes():
    shown = flow_of(view([("t", "A.t", 0)]))
    assert (shown.name, shown.lanes, shown.lag) == ("A->B", 1, None)
    assert process_of(ProcessView("1", "compiled", 1.0, 0.5, 9)).rss_bytes == 9
