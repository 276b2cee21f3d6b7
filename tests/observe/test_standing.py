"""How long partitions stand still."""

from heliograph.observe.standing import WELL_S, Standing

KEY = ("t", 0)


def test_what_is_well_does_not_stand():
    standing = Standing()
    assert standing.look(KEY, 5, "", 0.0) == ("", 0.0)
    assert KEY not in standing


def test_it_stands_from_the_first_error_on_and_the_last_one_is_the_cause():
    standing = Standing()
    assert standing.look(KEY, 5, "one", 100.0) == ("one", 0.0)
    assert standing.look(KEY, 5, "two", 107.0) == ("two", 7.0)
    assert KEY in standing


def test_a_try_without_an_error_yet_does_not_make_it_well():
    standing = Standing()
    standing.look(KEY, 5, "refused", 100.0)
    assert standing.look(KEY, 5, "", 100.0 + WELL_S - 1) == ("refused", WELL_S - 1)
    assert standing.look(KEY, 5, "refused", 101.0 + WELL_S) == ("refused", WELL_S + 1)


def test_it_is_well_when_nothing_was_wrong_for_long():
    standing = Standing()
    standing.look(KEY, 5, "refused", 100.0)
    assert standing.look(KEY, 5, "", 100.0 + WELL_S) == ("", 0.0)
    assert KEY not in standing
    assert standing.look(KEY, 5, "refused", 200.0) == ("refused", 0.0), "counted from now on"


def test_it_is_well_as_soon_as_it_has_moved():
    standing = Standing()
    standing.look(KEY, 5, "refused", 100.0)
    assert standing.look(KEY, 6, "", 101.0) == ("", 0.0)


def test_what_moves_between_errors_does_not_stand_still():
    standing = Standing()
    for second in range(60):
        assert standing.look(KEY, second, "too few replicas", float(second)) == ("too few replicas", 0.0)


def test_going_back_is_not_moving():
    standing = Standing()
    standing.look(KEY, 5, "refused", 100.0)
    assert standing.look(KEY, 3, "refused", 120.0) == ("refused", 20.0)


def test_partitions_that_are_no_longer_copied_are_forgotten():
    standing = Standing()
    standing.look(KEY, 5, "refused", 100.0)
    standing.look(("t", 1), 5, "refused", 100.0)
    standing.forget_others([("t", 1)])
    assert KEY not in standing
    assert ("t", 1) in standing
