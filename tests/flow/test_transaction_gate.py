"""The gate of transactions, act by act, without a coordinator or a clock."""

import pytest
from lane_world import SourceLog, TargetLog, settle, take
from transaction_world import POSITIONS, Store

from heliograph.errors import BrokerError, NotAuthorized, Unreachable
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.transaction_gate import CLOSE_S, RETRY_S, SETTLE_S, UNKNOWN_S, TransactionGate
from heliograph.flow.transaction_model import (
    Aborted,
    Add,
    Commit,
    Committed,
    Failed,
    Limits,
    Offer,
    Pause,
    Renew,
    Rest,
    Trouble,
    Wait,
)
from heliograph.flow.window import Window
from heliograph.wire import errors as codes

NOW = 1_000.0
AGE_S = 0.5
LATER = NOW + AGE_S
CAUSE = BrokerError("lost", code=codes.TRANSACTION_ABORTABLE)


class World:
    """Two lanes with something to send, and their gate."""

    def __init__(self):
        self.epoch = 0
        self.changes = 0
        self.gate = TransactionGate(
            Store(), Limits(age_s=AGE_S), alias="two", producer=lambda: Producer(9, self.epoch), changed=self._changed
        )
        self.window = Window(1 << 20)
        self.targets = {}
        self.one, self.other = self.lane(0), self.lane(1)

    def _changed(self):
        self.changes += 1

    def lane(self, partition, *, shared=False):
        lane = Lane("t", "one.t", partition, self.window, transactional=True, shared=shared)
        lane.start(0, 0, Producer(9, self.epoch))
        source = SourceLog()
        source.append(3)
        source.fetch(lane)
        self.targets[lane] = TargetLog()
        return lane

    def next(self, now=NOW):
        return self.gate.next_act(now)

    def open(self, *lanes):
        """Let ``lanes`` into a transaction."""
        for lane in lanes:
            assert not self.gate.admits(lane)
        added = self.next()
        assert added == Add(frozenset({*(("one.t", lane.partition) for lane in lanes), (POSITIONS, 0)}))
        self.gate.added({}, NOW)
        assert self.next() == Offer(list(lanes))

    def send(self, lane):
        assert self.gate.admits(lane)
        self.gate.took(100)
        return take(lane)

    def answer(self, lane, request):
        settle(lane, request, self.targets[lane].append(request.raw))
        self.gate.settled(lane)

    def copy(self, lane):
        self.answer(lane, self.send(lane))

    def renew(self):
        self.epoch += 1
        self.gate.renewed()


@pytest.fixture
def world():
    return World()


def test_a_transaction_from_its_first_lane_to_its_commit(world):
    assert world.next() == Rest()
    assert not world.gate.admits(world.one)
    assert world.changes == 1
    assert not world.gate.at_rest(NOW)
    assert world.next() == Add(frozenset({("one.t", 0), (POSITIONS, 0)}))
    world.gate.added({}, NOW)
    assert world.next() == Offer([world.one])
    request = world.send(world.one)
    assert world.next() == Wait(NOW + AGE_S)
    world.answer(world.one, request)
    assert world.one.records_copied == 0, "nothing counts before the commit"
    assert world.next() == Commit({0: [(0, 2)]})
    assert not world.gate.at_rest(NOW)
    world.gate.committed()
    assert world.next() == Committed([world.one])
    assert world.one.records_copied == 3
    assert world.next() == Rest()
    assert world.gate.at_rest(NOW)


def test_more_lanes_join_while_it_is_open_but_none_while_it_closes(world):
    world.open(world.one)
    first = world.send(world.one)
    assert world.next() == Wait(LATER)
    assert not world.gate.admits(world.other)
    assert world.next() == Add(frozenset({("one.t", 1)})), "the positions' partition is in it already"
    world.gate.added({}, NOW)
    assert world.next() == Offer([world.other])
    second = world.send(world.other)
    assert world.next() == Wait(LATER)
    assert world.next(LATER) == Wait(LATER + CLOSE_S)
    assert not world.gate.admits(world.one)
    world.answer(world.one, first)
    world.answer(world.other, second)
    assert world.next(LATER) == Commit({0: [(0, 2), (1, 2)]})


def test_positions_are_stored_without_anything_to_send(world):
    world.open(world.one)
    world.copy(world.one)
    world.next()
    world.gate.committed()
    world.next()
    world.gate.store([world.one, world.other])
    assert not world.gate.at_rest(NOW)
    assert world.next() == Add(frozenset({(POSITIONS, 0)}))
    world.gate.added({}, NOW)
    assert world.next() == Commit({0: [(0, 2)]}), "the other has none yet"
    world.gate.committed()
    assert world.next() == Committed([])
    assert world.next() == Rest()


def test_what_cannot_be_committed_is_aborted_and_its_lanes_go_back(world):
    world.open(world.one)
    world.copy(world.one)
    assert isinstance(world.next(), Commit)
    world.gate.lost(CAUSE, NOW)
    assert world.next() == Renew()
    world.renew()
    assert world.next() == Aborted([world.one], CAUSE)
    assert (world.one.position, world.one.producer) == (0, Producer(9, 1))
    assert world.next() == Rest()


def test_what_is_in_doubt_may_still_be_answered_before_it_is_aborted(world):
    world.open(world.one)
    request = world.send(world.one)
    world.gate.spoil(CAUSE)
    assert world.next() == Wait(NOW + SETTLE_S)
    assert world.next(NOW + SETTLE_S - 0.001) == Wait(NOW + SETTLE_S)
    world.answer(world.one, request)
    assert world.next() == Renew()


def test_answers_are_not_waited_for_without_end(world):
    world.open(world.one)
    world.send(world.one)
    closing = world.next(LATER)
    assert closing == Wait(LATER + CLOSE_S)
    assert world.next(closing.until) == Wait(closing.until + SETTLE_S)
    assert world.next(closing.until + SETTLE_S) == Renew()
    world.renew()
    aborted = world.next(closing.until + SETTLE_S)
    assert aborted.lanes == [world.one]
    assert "two did not answer for one.t-0 within 10 s" in str(aborted.cause)


def test_a_coordinator_that_refuses_to_add_has_the_lanes_asked_again_after_the_abort(world):
    world.gate.admits(world.one)
    assert isinstance(world.next(), Add)
    world.gate.lost(CAUSE, NOW)
    assert world.next() == Renew()
    world.renew()
    assert world.next() == Aborted([], CAUSE)
    assert world.next() == Add(frozenset({("one.t", 0), (POSITIONS, 0)}))


def test_a_new_topic_is_given_time_and_then_its_lane_stands_still_alone(world):
    unknown = {("one.t", 1): codes.UNKNOWN_TOPIC_OR_PARTITION}
    world.gate.admits(world.one)
    world.gate.admits(world.other)
    every = world.next()
    world.gate.added(unknown, NOW)
    assert world.next() == Pause(UNKNOWN_S / 20)
    assert world.next() == every
    world.gate.added(unknown, NOW + UNKNOWN_S)
    failed = world.next()
    assert isinstance(failed, Failed)
    assert failed.lane is world.other
    assert "Cannot write to topic one.t on two in a transaction" in str(failed.cause)
    assert world.next() == Add(every.partitions - {("one.t", 1)})
    world.gate.added({}, NOW + UNKNOWN_S)
    assert world.next() == Offer([world.one])


def test_without_the_topic_of_the_positions_one_waits_or_gives_up(world):
    world.gate.admits(world.one)
    world.next()
    world.gate.added({(POSITIONS, 0): codes.UNKNOWN_TOPIC_OR_PARTITION}, NOW + UNKNOWN_S)
    assert isinstance(world.next(), Trouble)
    assert world.next() == Pause(RETRY_S)
    assert isinstance(world.next(), Add)
    with pytest.raises(NotAuthorized, match="Write on topic positions"):
        world.gate.added({(POSITIONS, 0): codes.TOPIC_AUTHORIZATION_FAILED}, NOW)


def test_a_partition_that_is_refused_after_its_lane_was_given_up_is_nobodys_business(world):
    world.gate.admits(world.one)
    world.gate.admits(world.other)
    every = world.next()
    world.gate.remove(world.other)
    world.gate.added({("one.t", 1): codes.TOPIC_AUTHORIZATION_FAILED}, NOW)
    assert world.next() == Add(every.partitions - {("one.t", 1)})
    world.gate.added({}, NOW)
    assert world.next() == Offer([world.one])


def test_a_lane_that_shares_its_target_partition_is_turned_away_and_the_others_go_on(world):
    shared = world.lane(2, shared=True)
    world.gate.admits(shared)
    world.gate.admits(world.one)
    failed = world.next()
    assert (failed.lane, "exactly-once cannot do" in str(failed.cause)) == (shared, True)
    assert world.next() == Add(frozenset({("one.t", 0), (POSITIONS, 0)}))


def test_a_lane_that_was_started_again_needs_an_epoch_of_its_own(world):
    world.open(world.one)
    world.copy(world.one)
    world.next()
    world.gate.committed()
    world.next()
    world.one.start(3, 3, Producer(9, 0))
    source = SourceLog()
    source.append(5)
    source.fetch(world.one)
    world.gate.admits(world.one)
    assert world.next() == Renew()
    world.renew()
    assert isinstance(world.next(), Add)
    world.gate.added({}, NOW)
    assert world.next() == Offer([world.one])
    assert world.one.producer == Producer(9, 1)


def test_a_lane_whose_place_was_lost_in_it_has_it_aborted(world):
    world.open(world.one)
    world.copy(world.one)
    world.one.resume_needed(Unreachable("forgotten"))
    assert world.next() == Renew()
    world.renew()
    assert world.next() == Aborted([world.one], world.one.cause)


def test_a_lane_that_is_given_up_takes_the_transaction_with_it(world):
    world.open(world.one, world.other)
    world.copy(world.one)
    world.gate.remove(world.one)
    assert world.next() == Renew()
    world.renew()
    aborted = world.next()
    assert aborted.lanes == [world.other]
    assert "t-0 was given up" in str(aborted.cause)


def test_what_is_being_committed_stays_so_though_a_lane_is_given_up(world):
    world.open(world.one, world.other)
    world.copy(world.one)
    world.copy(world.other)
    assert isinstance(world.next(), Commit)
    world.gate.remove(world.one)
    world.gate.committed()
    assert world.next() == Committed([world.other])
    assert world.other.records_copied == 3
    assert world.next() == Rest()


def test_in_a_hurry_it_is_closed_as_soon_as_nothing_waits():
    world = World()
    world.gate = TransactionGate(
        Store(), Limits(age_s=60, at_rest=False), alias="two", producer=lambda: Producer(9, 0), changed=world._changed
    )
    world.open(world.one)
    world.copy(world.one)
    assert world.next() == Wait(NOW + 60)
    world.gate.hurry()
    assert isinstance(world.next(), Commit)


def test_whoever_stops_in_the_middle_can_begin_again(world):
    world.open(world.one)
    world.gate.stop()
    assert world.next() == Rest()
    assert world.gate.at_rest(NOW)
