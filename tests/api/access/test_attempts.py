"""Failed logins of a client: some are free, then each costs longer, and only those of that client count."""

from heliograph.api.access.attempts import CLIENTS_MAX, FORGOTTEN_S, FREE, WAIT_MAX_S, Attempts, client_of


def failed(attempts: Attempts, times: int, address: str = "10.0.0.1", now_s: float = 0.0) -> float:
    for _ in range(times):
        attempts.fail(address, now_s)
    return attempts.wait_s(address, now_s)


def test_some_failures_are_free_then_each_doubles_the_wait():
    attempts = Attempts()
    assert failed(attempts, FREE - 1) == 0
    assert [failed(attempts, 1) for _ in range(3)] == [1.0, 2.0, 4.0]
    assert failed(attempts, 50) == WAIT_MAX_S
    assert attempts.wait_s("10.0.0.1", WAIT_MAX_S) == 0
    assert attempts.wait_s("10.0.0.2", 0.0) == 0


def test_failures_are_forgotten():
    attempts = Attempts()
    failed(attempts, 50)
    later_s = FORGOTTEN_S + 1
    assert attempts.wait_s("10.0.0.1", later_s) == 0
    assert attempts.fail("10.0.0.1", later_s) == 1


def test_not_more_clients_are_remembered_than_there_is_room_for():
    attempts = Attempts()
    failed(attempts, 50, "10.0.0.1")
    for number in range(CLIENTS_MAX):
        attempts.fail(f"client {number}", 1.0)
    assert attempts.wait_s("10.0.0.1", 1.0) == 0
    failed(attempts, 50, f"client {CLIENTS_MAX - 1}", 1.0)
    assert attempts.wait_s(f"client {CLIENTS_MAX - 1}", 1.0) > 0


def test_a_network_of_ipv6_is_one_client():
    assert client_of("2001:db8::1") == client_of("2001:db8::2:0:0:1")
    assert client_of("2001:db8::1") != client_of("2001:db8:0:1::1")
    assert client_of("fe80::1%eth0") == client_of("fe80::1")
    assert client_of("10.0.0.1") != client_of("10.0.0.2")
