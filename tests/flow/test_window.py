import pytest

from heliograph.flow.window import Hold, Window


def test_a_hold_counts_once_and_is_given_back_by_the_last_holder():
    freed = []
    window = Window(100, freed=lambda: freed.append(window.free_bytes))
    hold = Hold(window, 60)
    assert window.free_bytes == 100
    hold.keep().keep()
    assert window.used_bytes == 60
    hold.let_go()
    assert (window.used_bytes, freed) == (60, [])
    hold.let_go()
    assert (window.used_bytes, freed) == (0, [100])


def test_more_than_the_limit_may_be_taken_but_nothing_is_then_free():
    window = Window(100)
    window.take(150)
    assert window.free_bytes == 0


def test_what_was_not_taken_cannot_be_given_back():
    window = Window(100)
    with pytest.raises(AssertionError, match="never gives back more"):
        window.give_back(1)
    window = Window(100)
    hold = Hold(window, 5).keep()
    hold.let_go()
    with pytest.raises(AssertionError):
        hold.let_go()
