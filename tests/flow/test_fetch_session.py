"""What a fetch session remembers, and how its epochs go on."""

import pytest
from lane_world import new_lane

from heliograph.flow.fetch_session import FetchSession


def test_a_new_session_begins_with_the_id_that_the_broker_gave():
    session = FetchSession()
    session.advance(7)
    assert (session.session_id, session.epoch) == (7, 1)
    session.advance(7)
    assert (session.session_id, session.epoch) == (7, 2)


def test_a_broker_that_keeps_no_session_is_told_everything_again():
    session, lane = FetchSession(), new_lane()
    session.lanes[lane] = 5
    session.advance(0)
    assert (session.session_id, session.epoch, list(session.changed)) == (0, 0, [lane])


def test_a_session_that_begins_again_has_the_same_lanes_and_nothing_to_forget():
    session, lane, left = FetchSession(), new_lane(), new_lane()
    session.advance(7)
    session.lanes[lane], session.left[left] = 5, None
    session.reset()
    assert (session.session_id, session.epoch) == (0, 0)
    assert (list(session.lanes), list(session.changed), session.left) == ([lane], [lane], {})


@pytest.mark.parametrize(("epoch", "after"), [(1, 2), (2**31 - 2, 2**31 - 1), (2**31 - 1, 1)])
def test_epochs_go_round_without_the_one_that_asks_for_everything(epoch, after):
    session = FetchSession(7, epoch)
    session.advance(7)
    assert session.epoch == after
