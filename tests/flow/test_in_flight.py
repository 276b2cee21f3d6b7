"""The queue of batches in flight: order, sequence numbers, and bytes of the window, each let go once."""

from itertools import pairwise

import pytest
from lane_world import batch

from heliograph.flow.in_flight import IN_FLIGHT_MAX, SEQUENCE_END, InFlight
from heliograph.flow.waiting import Ready
from heliograph.flow.window import Hold, Window
from heliograph.records import forward, scan, split


@pytest.fixture
def window():
    return Window(1 << 20)


@pytest.fixture
def queue(window):
    return InFlight(window)


def ready(window, first, count, *, size=10):
    raw = batch(first, count, size=size)
    parcel = forward(raw, scan(raw, 0, len(raw), first).runs[0])
    return Ready(parcel, Hold(window, len(raw)).keep(), len(raw))


def send(queue, window, first, count=2, **how):
    sent = queue.add(ready(window, first, count, **how))
    queue.goes_out(sent)
    return sent


def filled(queue, window, batches=IN_FLIGHT_MAX):
    """Have one batch acknowledged, and then several on their way."""
    first = send(queue, window, 0)
    assert queue.acknowledged(first)
    return [send(queue, window, 2 * number) for number in range(1, batches + 1)]


def test_one_is_under_way_until_the_broker_knows_the_producer(queue, window):
    assert queue.has_room
    sent = send(queue, window, 0)
    assert not queue.has_room
    assert queue.acknowledged(sent)
    for number in range(IN_FLIGHT_MAX):
        assert queue.has_room
        send(queue, window, 2 + 2 * number)
    assert not queue.has_room
    queue.drop()
    queue.renumber()
    send(queue, window, 0)
    assert not queue.has_room


def test_numbers_count_records_and_wrap(queue, window):
    queue._next_sequence = SEQUENCE_END - 3
    assert [send(queue, window, 0, 2).base_sequence for _ in range(3)] == [SEQUENCE_END - 3, SEQUENCE_END - 1, 1]


def test_bytes_are_counted_until_the_head_leaves(queue, window):
    sent = filled(queue, window)
    assert queue.size_bytes == window.used_bytes == sum(each.charge_bytes for each in sent)
    for each in sent:
        assert queue.acknowledged(each)
    assert (queue.size_bytes, window.used_bytes, len(queue)) == (0, 0, 0)


def test_what_is_dropped_is_acknowledged_for_nothing(queue, window):
    sent = filled(queue, window)
    queue.drop()
    assert window.used_bytes == 0
    assert not queue.acknowledged(sent[0])
    assert not queue.unanswered(sent)
    assert not queue.resending
    assert window.used_bytes == 0


def test_numbers_of_what_was_never_written_are_free_again(queue, window):
    sent = filled(queue, window)
    queue.give_up()
    assert send(queue, window, 2).base_sequence == sent[0].base_sequence


def test_numbers_of_what_is_only_dropped_are_not(queue, window):
    sent = filled(queue, window)
    queue.drop()
    assert send(queue, window, 2).base_sequence == sent[-1].base_sequence + 2


def test_lost_batches_go_out_again_in_order_and_before_new_ones(queue, window):
    sent = filled(queue, window)
    assert queue.unanswered(sent[1:])
    assert queue.doubtful
    assert queue.resending
    again = []
    while queue.resending:
        each = queue.next_resend()
        queue.goes_out(each)
        again.append(each)
    assert again == sent[1:]


def test_none_goes_out_again_while_a_later_one_is_under_way(queue, window):
    sent = filled(queue, window)
    queue.unanswered(sent[:2])
    assert queue.next_resend() is None
    queue.unanswered(sent[2:])
    assert queue.next_resend() is sent[0]


def test_an_acknowledgement_before_the_heads_is_asked_for_again(queue, window):
    head, second, *_ = filled(queue, window, 2)
    assert not queue.acknowledged(second)
    assert len(queue) == 2
    assert queue.resending
    assert queue.next_resend() is None, "the head may yet be answered"
    assert queue.acknowledged(head)
    assert queue.next_resend() is second


def test_parts_of_a_batch_keep_its_numbers(queue, window):
    first = send(queue, window, 0)
    queue.acknowledged(first)
    whole = send(queue, window, 2, 10, size=500)
    after = send(queue, window, 12)
    charge = queue.size_bytes
    parcels = split(whole.parcel, 1_500)
    queue.divide(parcels)
    assert len(parcels) > 1
    assert queue.resending
    assert queue.size_bytes == charge
    numbers = []
    while len(queue):
        numbers.append((queue._batches[0].base_sequence, queue._batches[0].parcel.records))
        queue.acknowledged(queue._batches[0])
    assert numbers[0][0] == whole.base_sequence
    assert all(a + count == b for (a, count), (b, _) in pairwise(numbers))
    assert numbers[-1][0] == after.base_sequence
    assert (queue.size_bytes, window.used_bytes) == (0, 0)


def test_a_new_leader_is_sent_what_the_old_one_has_not_answered(queue, window):
    sent = filled(queue, window, 2)
    sent[0].outstanding = False
    queue.leader_moved()
    assert [each.doubtful for each in sent] == [False, True]
    assert queue.resending
    assert not queue.outstanding


def test_an_empty_queue_has_no_end(queue, window):
    assert queue.next_offset is None
    assert send(queue, window, 5, 4) in queue
    assert queue.next_offset == 9
