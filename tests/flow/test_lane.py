"""One lane, its stories: what is fetched, sent, refused, lost, split and found again, step by step."""

import pytest
from lane_world import NOW, SourceLog, TargetLog, new_lane, raw_count, send_all, settle, take

from heliograph import records
from heliograph.errors import BrokerError, DamagedBatch, NotAuthorized, TooLarge, Unreachable
from heliograph.flow.in_flight import IN_FLIGHT_MAX, SEQUENCE_END
from heliograph.flow.lane_model import Producer, State
from heliograph.flow.refusals import Consequence
from heliograph.flow.window import Hold
from heliograph.mirror.anchor import Anchor
from heliograph.records import Codec, Record
from heliograph.wire import errors as codes
from heliograph.wire.fetch import Fetched
from heliograph.wire.produce import Appended

NOT_ENOUGH_REPLICAS = 19
LATER = NOW + 3_600
LARGE = 20_000
"""A value that makes a batch too large to be worth merging."""


@pytest.fixture
def source():
    return SourceLog()


@pytest.fixture
def target():
    return TargetLog()


def offsets(target):
    return [int(value) for value in target.values]


def refused(code):
    return Appended("t", 0, code, -1, -1, -1)


def greeted(source, target, **attributes):
    """A lane whose producer the target knows: its first record is there."""
    lane = new_lane(**attributes)
    source.append(1)
    source.fetch(lane)
    send_all(lane, target)
    return lane


def at_rest(lane):
    assert lane.idle
    assert lane.pending_bytes == 0
    assert lane.window.used_bytes == 0


# ---- the good way -------------------------------------------------------------------------------------------------


def test_a_batch_goes_through(source, target):
    lane = new_lane()
    source.append(3)
    assert source.fetch(lane)
    assert (lane.position, lane.settled, lane.lag) == (3, 0, 3)
    assert lane.window.used_bytes > 0
    send_all(lane, target)
    assert offsets(target) == [0, 1, 2]
    assert (lane.settled, lane.lag, lane.records_copied) == (3, 0, 3)
    assert lane.anchor == Anchor(2, 2)
    at_rest(lane)


def test_an_empty_answer_is_nothing_to_send_and_tells_the_end(source):
    lane = new_lane()
    assert not source.fetch(lane)
    assert lane.lag == 0
    at_rest(lane)


def test_large_batches_are_forwarded_one_by_one_and_small_ones_merged(source, target):
    lane = greeted(source, target)
    for _ in range(4):
        source.append(2, size=LARGE)
    source.fetch(lane, limit=9)
    first = take(lane)
    assert raw_count(first.raw) == 2
    settle(lane, first, target.append(first.raw))
    send_all(lane, target)
    for _ in range(50):
        source.append(1)
    source.fetch(lane, limit=99)
    merged = take(lane)
    assert raw_count(merged.raw) == 50
    settle(lane, merged, target.append(merged.raw))
    assert offsets(target) == list(range(source.end))
    at_rest(lane)


def test_batches_of_different_codecs_are_not_mixed(source, target):
    lane = greeted(source, target)
    for codec in (Codec.LZ4, Codec.LZ4, Codec.ZSTD, Codec.NONE):
        source.append(1, codec=codec)
    source.fetch(lane, limit=9)
    codecs = []
    while lane.can_send(NOW):
        request = take(lane)
        codecs.append(request.sent.parcel.codec)
        settle(lane, request, target.append(request.raw))
    assert codecs == [Codec.LZ4, Codec.ZSTD, Codec.NONE]
    assert offsets(target) == list(range(5))


def test_at_most_five_are_under_way_and_in_order(source, target):
    lane = greeted(source, target)
    for _ in range(8):
        source.append(1, size=LARGE)
    source.fetch(lane, limit=9)
    requests = []
    while lane.can_send(NOW):
        requests.append(take(lane))
    assert len(requests) == IN_FLIGHT_MAX == lane.in_flight
    for request in requests:
        settle(lane, request, target.append(request.raw))
    send_all(lane, target)
    assert offsets(target) == list(range(9))
    at_rest(lane)


def test_until_the_target_knows_the_producer_only_one_is_under_way(source, target):
    """A broker takes any first sequence number: were the first batch refused, the second would come before it."""
    lane = new_lane()
    source.append(1, size=LARGE)
    source.append(1, size=LARGE)
    source.fetch(lane)
    first = take(lane)
    assert not lane.can_send(NOW)
    assert settle(lane, first, target.append(first.raw, failing=NOT_ENOUGH_REPLICAS)) is Consequence.RETRY
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1]
    at_rest(lane)


def test_the_beginning_of_a_batch_that_was_copied_already_is_left_out(source, target):
    source.append(5)
    lane = new_lane()
    lane.start(2, 0, Producer(7, 0))
    source.fetch(lane)
    send_all(lane, target)
    assert offsets(target) == [2, 3, 4]
    assert lane.anchor == Anchor(4, 2)
    at_rest(lane)


# ---- refusals that pass -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [codes.NOT_LEADER_OR_FOLLOWER, codes.REQUEST_TIMED_OUT, codes.NOT_ENOUGH_REPLICAS_AFTER_APPEND]
)
def test_a_refused_batch_and_those_behind_it_are_sent_again_in_order(source, target, code):
    lane = greeted(source, target)
    for _ in range(3):
        source.append(2, size=LARGE)
    source.fetch(lane)
    requests = [take(lane) for _ in range(3)]
    first = settle(lane, requests[0], target.append(requests[0].raw, failing=code))
    assert first is (Consequence.RETRY_METADATA if code == codes.NOT_LEADER_OR_FOLLOWER else Consequence.RETRY)
    for request in requests[1:]:
        assert settle(lane, request, target.append(request.raw)) is Consequence.RETRY
    assert not lane.can_send(NOW), "it waits a moment"
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(7))
    at_rest(lane)


def test_what_was_written_although_it_was_refused_is_not_written_twice(source, target):
    lane = greeted(source, target)
    for _ in range(3):
        source.append(2, size=LARGE)
    source.fetch(lane)
    requests = [take(lane) for _ in range(3)]
    rows = [target.append(request.raw) for request in requests]
    settle(lane, requests[0], refused(codes.REQUEST_TIMED_OUT))
    for request, row in zip(requests[1:], rows[1:], strict=True):
        settle(lane, request, row)
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(7))
    assert lane.expected_offset == 7
    at_rest(lane)


def test_a_lost_connection_before_and_after_the_writing(source, target):
    for written in (0, 1, 2):
        lane = greeted(source, target)
        lane.start(lane.settled, len(target.values), Producer(8 + written, 0))
        source.append(2, size=LARGE)
        source.fetch(lane)
        send_all(lane, target)
        for _ in range(2):
            source.append(2, size=LARGE)
        source.fetch(lane)
        requests = [take(lane), take(lane)]
        for request in requests[:written]:
            target.append(request.raw)
        lane.connection_lost([each.sent for each in requests], Unreachable("gone"))
        send_all(lane, target, LATER)
        assert offsets(target) == list(range(source.end))
        at_rest(lane)
        source, target = SourceLog(), TargetLog()


def test_a_resent_batch_keeps_its_bytes(source, target):
    lane = greeted(source, target)
    source.append(3)
    source.fetch(lane)
    first = take(lane)
    lane.connection_lost([first.sent], Unreachable("gone"))
    assert take(lane, LATER).raw == first.raw


# ---- refusals for good --------------------------------------------------------------------------------------------


def test_a_missing_right_stops_the_lane_and_it_goes_on_when_it_is_granted(source, target):
    lane = greeted(source, target)
    for _ in range(2):
        source.append(2, size=LARGE)
    source.fetch(lane)
    requests = [take(lane), take(lane)]
    consequence = settle(lane, requests[0], target.append(requests[0].raw, failing=codes.TOPIC_AUTHORIZATION_FAILED))
    assert consequence is Consequence.FAILED
    assert lane.state is State.FAILED
    assert isinstance(lane.cause, NotAuthorized)
    assert "topic one.t" in str(lane.cause)
    at_rest(lane)
    late = target.append(requests[1].raw, failing=codes.TOPIC_AUTHORIZATION_FAILED)
    assert settle(lane, requests[1], late) is Consequence.NOTHING
    lane.retry()
    assert (lane.state, lane.position) == (State.RUNNING, 1)
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(5))
    at_rest(lane)


def test_what_is_dropped_while_something_is_under_way_is_fetched_again(source, target):
    lane = greeted(source, target)
    for _ in range(3):
        source.append(1, size=LARGE)
    source.fetch(lane)
    request = take(lane)
    lane.fail(BrokerError("the next fetch was refused", code=29), NOW)
    settle(lane, request, target.append(request.raw))
    assert lane.settled == 2
    lane.retry()
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2, 3]


@pytest.mark.parametrize("when", ["while it stands still", "after it went on"])
def test_an_answer_that_was_under_way_when_the_lane_failed_is_of_no_use(source, target, when):
    lane = greeted(source, target)
    source.append(1, size=LARGE)
    source.fetch(lane)
    source.append(1, size=LARGE)
    asked = lane.position
    lane.fail(BrokerError("what was sent is refused", code=29), NOW)
    if when == "after it went on":
        lane.retry()
    assert not source.fetch(lane, asked=asked)
    if lane.state is State.FAILED:
        lane.retry()
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2]
    at_rest(lane)


def test_the_pause_between_tries_grows_and_has_a_limit(source, target):
    lane = greeted(source, target)
    pauses = []
    for _ in range(12):
        lane.fail(BrokerError("no", code=29), NOW)
        pauses.append(lane.retry_at - NOW)
        lane.retry()
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 30


def test_a_batch_that_may_have_been_written_is_looked_for_before_the_lane_goes_on(source, target):
    lane = greeted(source, target)
    source.append(2)
    source.fetch(lane)
    request = take(lane)
    target.append(request.raw)
    settle(lane, request, refused(codes.REQUEST_TIMED_OUT))
    again = take(lane, LATER)
    settle(lane, again, refused(codes.TOPIC_AUTHORIZATION_FAILED), LATER)
    lane.retry()
    assert lane.state is State.RESUMING
    assert lane.position == lane.settled == 1


@pytest.mark.parametrize(
    "code", [codes.OUT_OF_ORDER_SEQUENCE_NUMBER, codes.UNKNOWN_PRODUCER_ID, codes.INVALID_PRODUCER_EPOCH]
)
def test_a_producer_that_the_target_no_longer_knows_has_its_place_found_anew(source, target, code):
    lane = greeted(source, target)
    source.append(2, size=LARGE)
    source.append(2, size=LARGE)
    source.fetch(lane)
    requests = [take(lane), take(lane)]
    assert settle(lane, requests[0], refused(code)) is Consequence.RESUME
    assert lane.state is State.RESUMING
    assert not lane.can_send(LATER)
    assert lane.window.used_bytes == 0
    assert settle(lane, requests[1], refused(code)) is Consequence.NOTHING
    lane.start(1, 1, Producer(8, 0))
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(5))
    at_rest(lane)


def test_a_producer_forgotten_while_nothing_was_under_way_does_no_harm(source, target):
    """As after ``producer.id.expiration.ms`` without a record: the target takes the next number, whatever it is."""
    lane = greeted(source, target)
    target.forget_producer()
    source.append(2)
    source.fetch(lane)
    send_all(lane, target)
    assert offsets(target) == [0, 1, 2]


# ---- too large ----------------------------------------------------------------------------------------------------


def test_a_batch_that_is_too_large_is_split_and_those_behind_it_keep_their_numbers(source, target):
    lane = greeted(source, target)
    source.append(40, size=1_000)
    source.append(2, size=LARGE // 4)
    source.fetch(lane)
    target.limit_bytes = 12_000
    requests = [take(lane), take(lane)]
    for request in requests:
        assert settle(lane, request, target.append(request.raw)) is Consequence.RETRY
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(43))
    assert lane.anchor == Anchor(42, 42)
    at_rest(lane)


def test_one_large_record_among_small_ones_is_not_held_against_them(source, target):
    lane = new_lane()

    sizes = [10] * 20 + [9_000] + [10] * 20
    made = records.encode([Record(i, 1, b"k", b"%d " % i + b"x" * size) for i, size in enumerate(sizes)])
    source.batches.append((0, records.stamp(made, -1, -1, -1) + bytes(made.body)))
    source.end = len(sizes)
    target.limit_bytes = 9_200
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(41))
    at_rest(lane)


def test_a_record_that_is_too_large_stops_the_lane_until_the_limit_is_raised(source, target):
    lane = greeted(source, target)
    source.append(1, size=LARGE)
    source.append(1)
    source.fetch(lane)
    target.limit_bytes = 1_000
    requests = [take(lane), take(lane)]
    assert settle(lane, requests[0], target.append(requests[0].raw)) is Consequence.FAILED
    assert isinstance(lane.cause, TooLarge)
    assert "offset 1 of t-0" in str(lane.cause)
    assert "one.t" in str(lane.cause)
    settle(lane, requests[1], target.append(requests[1].raw))
    assert offsets(target) == [0]
    target.limit_bytes = 100_000
    lane.retry()
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2]
    at_rest(lane)


# ---- damage -------------------------------------------------------------------------------------------------------


def damaged_fetch(lane, raw, at):
    frame = bytearray(raw)
    frame[at] ^= 0xFF
    hold = Hold(lane.window, len(frame)).keep()
    try:
        return lane.fetched(
            Fetched("t", 0, 0, 99, 99, 0, (), -1, 0, len(frame)), frame, hold, asked=lane.position, read_committed=True
        )
    finally:
        hold.let_go()


def test_damage_in_a_forwarded_batch_is_the_targets_to_see_and_is_named(source, target):
    lane = greeted(source, target)
    source.append(2, size=LARGE)
    damaged_fetch(lane, source.batches[-1][1], -1)
    request = take(lane)
    assert settle(lane, request, refused(codes.CORRUPT_MESSAGE)) is Consequence.FAILED
    assert isinstance(lane.cause, DamagedBatch)
    assert "offset 1 of t-0" in str(lane.cause)
    lane.retry()
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2]
    at_rest(lane)


def test_damage_on_the_way_to_the_target_is_no_damage_of_the_source(source, target):
    lane = greeted(source, target)
    source.append(2, size=LARGE)
    source.fetch(lane)
    request = take(lane)
    assert settle(lane, request, refused(codes.CORRUPT_MESSAGE)) is Consequence.RETRY
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2]


def test_damage_in_a_batch_that_is_rewritten_is_seen_here_and_named(source, target):
    lane = greeted(source, target)
    source.append(1)
    source.append(1)
    damaged_fetch(lane, b"".join(raw for _, raw in source.batches[-2:]), -1)
    assert lane.can_send(NOW)
    with pytest.raises(DamagedBatch, match="t-0"):
        lane.take()
    lane.fail(DamagedBatch("as the flow does"), NOW)
    at_rest(lane)
    lane.retry()
    source.fetch(lane)
    send_all(lane, target, LATER)
    assert offsets(target) == [0, 1, 2]


def test_lengths_that_contradict_each_other_are_refused_at_once(source, target):
    lane = greeted(source, target)
    source.append(2)
    with pytest.raises(DamagedBatch, match="t-0"):
        damaged_fetch(lane, source.batches[-1][1], 57)
    assert lane.window.used_bytes == 0


def test_a_batch_larger_than_what_is_asked_for_makes_it_ask_for_more(source):
    lane = new_lane()
    source.append(1, size=50_000)
    raw = source.batches[0][1]
    hold = Hold(lane.window, 1_000).keep()
    assert not lane.fetched(
        Fetched("t", 0, 0, 1, 1, 0, (), -1, 0, 1_000), raw[:1_000], hold, asked=0, read_committed=True
    )
    hold.let_go()
    assert lane.fetch_bytes >= len(raw)
    assert lane.position == 0


# ---- life ---------------------------------------------------------------------------------------------------------


def test_sequence_numbers_wrap(source, target):
    lane = new_lane()
    lane._in_flight._next_sequence = SEQUENCE_END - 4
    for _ in range(5):
        source.append(3, size=LARGE)
    source.fetch(lane, limit=9)
    numbers = []
    while lane.can_send(NOW):
        request = take(lane)
        numbers.append(request.sent.base_sequence)
        settle(lane, request, target.append(request.raw))
    assert numbers == [SEQUENCE_END - 4, SEQUENCE_END - 1, 2, 5, 8]
    assert offsets(target) == list(range(15))


def test_a_split_batch_over_the_end_of_the_numbers(source, target):
    lane = new_lane()
    lane._in_flight._next_sequence = SEQUENCE_END - 3
    source.append(10, size=1_000)
    source.fetch(lane)
    target.limit_bytes = 2_500
    send_all(lane, target, LATER)
    assert offsets(target) == list(range(10))
    at_rest(lane)


def test_another_writer_is_noticed_at_the_first_acknowledgement(source, target):
    lane = greeted(source, target)
    target.values += [b"-1", b"-2"]
    source.append(1)
    source.fetch(lane)
    request = take(lane)
    row = target.append(request.raw)
    foreign = lane.acknowledged(request.sent, row.base_offset)
    assert (foreign.expected_offset, foreign.got_offset) == (1, 3)
    assert lane.expected_offset == 4


def test_closing_and_stopping_give_the_window_back(source, target):
    for end in ("close", "stop_reading"):
        lane = greeted(source, target)
        for _ in range(8):
            source.append(1, size=LARGE)
        source.fetch(lane, limit=4)
        request = take(lane)
        getattr(lane, end)()
        if end == "stop_reading":
            assert lane.in_flight == 1
            settle(lane, request, target.append(request.raw))
            assert lane.settled == 2
        at_rest(lane)
        source, target = SourceLog(), TargetLog()


def test_records_that_are_gone_from_the_source_are_stepped_over(source, target):
    lane = greeted(source, target)
    source.append(4)
    source.append(2)
    lane.skip_to(5)
    assert (lane.position, lane.settled) == (5, 5)
    source.fetch(lane)
    send_all(lane, target)
    assert offsets(target) == [0, 5, 6]


def test_a_full_lane_asks_for_no_more(source):
    lane = new_lane()
    source.append(1, size=LARGE)
    assert lane.has_room(1_000)
    source.fetch(lane)
    assert not lane.has_room(1_000)


# ---- a leader that moves ------------------------------------------------------------------------------------------


def three_large(source, target):
    """A lane with three batches under way."""
    lane = greeted(source, target)
    for _ in range(3):
        source.append(2, size=LARGE)
    source.fetch(lane, limit=9)
    return lane, [take(lane) for _ in range(3)]


def test_what_is_acknowledged_before_the_head_is_not_forgotten(source, target):
    """The old leader has written the first batch and its answer is late; the new one takes the others meanwhile."""
    lane, (first, second, third) = three_large(source, target)
    base = target.append(first.raw)
    for request in (second, third):
        settle(lane, request, target.append(request.raw))
    assert not lane.can_send(LATER), "nothing can be said before the first is settled"
    settle(lane, first, base)
    send_all(lane, target)
    assert offsets(target) == list(range(source.end))
    assert lane.settled == source.end
    at_rest(lane)


def test_a_new_leader_is_sent_what_the_old_one_did_not_answer(source, target):
    lane, requests = three_large(source, target)
    target.append(requests[0].raw)
    lane.leader_moved()
    assert lane.can_send(LATER)
    send_all(lane, target)
    assert offsets(target) == list(range(source.end))
    assert lane.settled == source.end
    at_rest(lane)


def test_an_answer_of_the_old_leader_may_still_come(source, target):
    lane, (first, *_) = three_large(source, target)
    lane.leader_moved()
    again = take(lane)
    settle(lane, first, target.append(first.raw))
    settle(lane, again, target.append(again.raw))
    send_all(lane, target)
    assert offsets(target) == list(range(source.end))
    at_rest(lane)
