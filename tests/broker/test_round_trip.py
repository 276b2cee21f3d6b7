"""A line is long when even its shortest round trip is."""

from heliograph.broker.round_trip import LONG_S, RoundTrip


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


def test_a_busy_broker_makes_no_line_long():
    trip = RoundTrip()
    trip.note(0.001)
    for _ in range(1_000):
        trip.note(10 * LONG_S)
    assert not trip.is_long
