"""SASL exchanges as generators: they yield the bytes to send and are sent the broker's answer.

PLAIN is RFC 4616; SCRAM is RFC 5802 (KIP-84), whose arithmetic `scramp` does. A mechanism ends by returning.
"""

from collections.abc import Generator

from heliograph.config.model import Sasl
from heliograph.errors import AuthenticationFailed, ConfigError

ITERATIONS_MAX = 200_000
"""Most hash iterations that a broker may ask for: less than a second of work. Kafka's own brokers allow 16,384."""

Exchange = Generator[bytes, bytes, None]


def exchange(sasl: Sasl) -> Exchange:
    """Begin the exchange of ``sasl.mechanism``."""
    if sasl.mechanism == "PLAIN":
        return _plain(sasl)
    if sasl.mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        return _scram(sasl)
    raise ConfigError(
        f"The SASL mechanism {sasl.mechanism} is not supported",
        remedy="Use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )


def _plain(sasl: Sasl) -> Exchange:
    yield b"\0".join((b"", sasl.username.encode(), sasl.password.reveal().encode()))


def _scram(sasl: Sasl) -> Exchange:
    from scramp import ScramClient, ScramException  # noqa: PLC0415 - 4 MB that only SCRAM's users need in memory

    client = ScramClient([sasl.mechanism], sasl.username, sasl.password.reveal())
    server_first = yield client.get_client_first().encode()
    try:
        client.set_server_first(server_first.decode())
        if int(client.iterations) > ITERATIONS_MAX:
            raise AuthenticationFailed(
                f"{sasl.mechanism}: the broker asks for {client.iterations} hash iterations, "
                f"and at most {ITERATIONS_MAX} are done",
                remedy="Create the user's SCRAM credentials with fewer iterations (Kafka's default is 4096)",
            )
        server_final = yield client.get_client_final().encode()
        client.set_server_final(server_final.decode())
    except (ScramException, UnicodeDecodeError) as error:
        raise AuthenticationFailed(
            f"{sasl.mechanism}: the broker's side of the exchange is not right for user {sasl.username}",
            remedy="Check the password; if it is right, the broker may not be the one it claims to be",
        ) from error
