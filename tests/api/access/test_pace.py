"""Whoever asks too fast must wait; others do not notice."""

import pytest

from heliograph.api.access.attempts import CLIENTS_MAX
from heliograph.api.access.pace import BURST, REQUESTS_PER_S, Pace
from heliograph.api.access.user import User

ALICE = User("alice", address="10.0.0.1")
T = 1_000.0


def used_up() -> Pace:
    pace = Pace()
    assert [pace.wait_s(ALICE, T) for _ in range(BURST)] == [0.0] * BURST
    return pace


def test_a_burst_and_no_more():
    assert used_up().wait_s(ALICE, T) == pytest.approx(1 / REQUESTS_PER_S)


def test_what_is_refused_does_not_count():
    pace = used_up()
    for _ in range(50):
        assert pace.wait_s(ALICE, T) == pytest.approx(1 / REQUESTS_PER_S)


def test_over_ten_seconds_it_is_the_rate_and_a_burst():
    pace = Pace()
    answered = sum(pace.wait_s(ALICE, T + number / 1_000) == 0.0 for number in range(10_000))
    assert answered == pytest.approx(BURST + 10 * REQUESTS_PER_S, abs=2)


def test_after_a_pause_there_is_a_whole_burst_again():
    pace = used_up()
    later = T + BURST / REQUESTS_PER_S
    assert [pace.wait_s(ALICE, later) for _ in range(BURST)] == [0.0] * BURST
    assert pace.wait_s(ALICE, later) > 0


@pytest.mark.parametrize("other", [User("bob", address="10.0.0.1"), User("alice", address="10.0.0.2")])
def test_others_do_not_notice(other):
    assert used_up().wait_s(other, T) == 0.0


def test_an_ipv6_network_is_one_client():
    pace = Pace()
    for number in range(BURST):
        pace.wait_s(User("eve", address=f"2001:db8::{number:x}"), T)
    assert pace.wait_s(User("eve", address="2001:db8::ffff:1"), T) > 0


def test_only_so_many_are_remembered():
    pace = used_up()
    for number in range(CLIENTS_MAX):
        pace.wait_s(User(f"u{number}"), T)
    assert pace.wait_s(ALICE, T) == 0.0
