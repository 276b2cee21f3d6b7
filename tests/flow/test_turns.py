"""Whose turn it is: round and round, with every other turn for those that have just fallen behind."""

from lane_world import new_lane

from heliograph.flow.turns import Turns


def take(turns, names, count):
    """Let so many turns pass; returns whose they were."""
    whose = []
    for _ in range(count):
        first = next(iter(turns))
        whose.append(names[first])
        turns.end(first)
    return "".join(whose)


def waiting(letters):
    """Lanes that are behind and were never at their end."""
    names = {new_lane(): letter for letter in letters}
    turns = Turns()
    for lane in names:
        turns.join(lane)
    return turns, names


def test_turns_go_round():
    turns, names = waiting("abcd")
    assert take(turns, names, 10) == "abcdabcdab"


def test_who_has_just_fallen_behind_has_every_other_turn_and_then_waits_like_the_others():
    turns, names = waiting("abcd")
    take(turns, names, 4)
    for name in "xy":
        lane = new_lane()
        names[lane] = name
        turns.reached_end(lane)
        turns.join(lane)
    assert take(turns, names, 12) == "xaybcdxaybcd"


def test_who_falls_behind_again_and_again_leaves_the_others_every_other_turn():
    turns, names = waiting("ab")
    take(turns, names, 4)
    burst, whose = new_lane(), ""
    names[burst] = "x"
    for _ in range(20):
        turns.reached_end(burst)
        turns.join(burst)
        whose += take(turns, names, 1)
        if whose[-1] == "x":
            turns.leave(burst)  # it has come to its end
    assert 9 <= whose.count("x") <= 11
    assert whose.count("a") == whose.count("b")


def test_who_waits_already_keeps_its_place():
    turns, names = waiting("abc")
    take(turns, names, 6)
    order = list(turns)
    for lane in order[::-1]:
        turns.join(lane)
    assert list(turns) == order
    assert len(turns) == 3


def test_who_leaves_in_its_turn_does_not_come_back_at_its_end():
    turns, _ = waiting("ab")
    first, second = turns
    turns.leave(first)
    turns.end(first)
    assert list(turns) == [second]
    assert first not in turns
