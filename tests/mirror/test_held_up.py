"""Waits that last, told from a busy producer's."""

from heliograph.mirror.held_up import HELD_UP_AFTER_S, HeldUpWatch, Wait

ONE, OTHER = ("t", 0), ("t", 1)


def test_an_offset_that_stands_for_long_is_held_up():
    watch = HeldUpWatch()
    assert watch.look({ONE: 20}, 100.0) == ()
    assert watch.look({ONE: 20}, 100.0 + HELD_UP_AFTER_S - 0.1) == ()
    assert watch.look({ONE: 20}, 100.0 + HELD_UP_AFTER_S) == (ONE,)
    assert watch.held == {}, "not before it is confirmed"
    assert watch.look({ONE: 20}, 101.0 + HELD_UP_AFTER_S) == (ONE,), "until it is"
    assert watch.confirm(ONE) == Wait(20, 100.0)
    assert watch.held == {ONE: Wait(20, 100.0)}
    assert watch.look({ONE: 20}, 500.0) == (), "told once"
    assert watch.end() == ()


def test_a_busy_producer_is_not():
    watch = HeldUpWatch()
    for second in range(100):
        assert watch.look({ONE: 3 * second}, float(second)) == ()


def test_a_wait_that_was_over_in_between_begins_again():
    watch = HeldUpWatch()
    watch.look({ONE: 20}, 0.0)
    watch.look({}, 9.0)
    assert watch.look({ONE: 20}, 11.0) == ()
    assert watch.look({ONE: 20}, 21.0) == (ONE,)


def test_each_partition_ends_by_itself():
    watch = HeldUpWatch()
    watch.look({ONE: 20, OTHER: 5}, 0.0)
    for each in watch.look({ONE: 20, OTHER: 5}, 10.0):
        watch.confirm(each)
    watch.look({OTHER: 5}, 11.0)
    assert watch.end() == (ONE,)
    assert watch.end() == ()
    assert set(watch.held) == {OTHER}


def test_the_next_transaction_is_another_wait():
    watch = HeldUpWatch()
    watch.look({ONE: 20}, 0.0)
    watch.look({ONE: 20}, 10.0)
    watch.confirm(ONE)
    assert watch.look({ONE: 30}, 11.0) == ()
    assert watch.end() == (ONE,)
    assert watch.look({ONE: 30}, 21.0) == (ONE,)
