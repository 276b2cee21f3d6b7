"""SASL exchanges against servers that are not ours: PLAIN read by hand, SCRAM against scramp's server."""

import pytest
from scramp import ScramMechanism

from heliograph.broker.sasl import exchange
from heliograph.config.model import Sasl, Secret
from heliograph.errors import AuthenticationFailed, ConfigError

MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512"]


def sasl(mechanism, password="pencil", user="user"):
    return Sasl(mechanism, user, Secret(password))


def scram_server(mechanism, password="pencil"):
    made = ScramMechanism(mechanism)
    known = made.make_auth_info(password, iteration_count=4096)
    return made.make_server(lambda _user: known)


def run(steps, server):
    """Carry the messages to and fro until either side is content; gives what the server thinks."""
    server.set_client_first(next(steps).decode())
    server.set_client_final(steps.send(server.get_server_first().encode()).decode())
    with pytest.raises(StopIteration):
        steps.send(server.get_server_final().encode())


def test_plain_is_rfc_4616():
    steps = exchange(sasl("PLAIN", "pässword", "üser"))
    assert next(steps) == b"\0" + "üser".encode() + b"\0" + "pässword".encode()
    with pytest.raises(StopIteration):
        steps.send(b"")


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("password", ["pencil", 'with space, comma = and \\ "', "pässwörd"])
def test_scram_against_a_server(mechanism, password):
    run(exchange(sasl(mechanism, password)), scram_server(mechanism, password))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scram_refuses_a_server_that_does_not_know_the_password(mechanism):
    server = scram_server(mechanism)
    steps = exchange(sasl(mechanism))
    server.set_client_first(next(steps).decode())
    steps.send(server.get_server_first().encode())
    with pytest.raises(AuthenticationFailed) as caught:
        steps.send(b"v=" + b"A" * 43 + b"=")
    assert "pencil" not in str(caught.value)
    assert "user" in str(caught.value)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense", b"\xff\xfe", b"r=x,s=QSXCR+Q6sek8bf92,i=4096", b"r=,s=,i=", b"e=other-error"]
)
def test_scram_refuses_a_first_answer_that_makes_no_sense(answer):
    steps = exchange(sasl("SCRAM-SHA-256"))
    next(steps)
    with pytest.raises(AuthenticationFailed):
        steps.send(answer)


@pytest.mark.parametrize(
    "salt_and_count", ["s=!!!,i=4096", "s=QSXCR+Q6sek8bf92,i=many", "s=QSXCR+Q6sek8bf92,i=-1", "s=QSXCR+Q6sek8bf92,i=0"]
)
def test_scram_refuses_a_salt_or_a_count_that_makes_no_sense(salt_and_count):
    steps = exchange(sasl("SCRAM-SHA-256"))
    nonce = next(steps).decode().split("r=")[1]
    with pytest.raises(AuthenticationFailed):
        steps.send(f"r={nonce}more,{salt_and_count}".encode())


def test_scram_does_not_work_for_hours_because_a_server_asks_for_it():
    steps = exchange(sasl("SCRAM-SHA-256"))
    nonce = next(steps).decode().split("r=")[1]
    with pytest.raises(AuthenticationFailed):
        steps.send(f"r={nonce}more,s=QSXCR+Q6sek8bf92,i=2147483647".encode())


def test_other_mechanisms_are_refused_in_words():
    with pytest.raises(ConfigError, match="GSSAPI"):
        exchange(sasl("GSSAPI"))
