"""A line is long when even its shortest round trip is."""

from heliograph.flow.pace import LONG_S, RoundTrip


def test_nothing_is_known_at_first():
    assert not RoundTrip().is_long


def test_the_shortest_counts():
    trip = RoundTrip()
    for took_s in (0.1, 0.002, 0.1, 0.1):
        trip.note(took_s)
    assert not trip.is_long
    far = RoundTrip()
    for took_s in (0.1, 0.12, 0.3):
        far.note(took_s)
    assert far.is_long


def test_a_line_that_became_longer_is_noticed_in_time():
    trip = RoundTrip()
    trip.note(0.001)
    answers = 0
    while not trip.is_long:
        trip.note(10 * LONG_S)
        answers += 1
    assert 5 < answers < 50
