"""Whether a broker really serves: it is asked for the cluster's metadata over its inner listener.

An open port is not enough, for a broker binds its ports before it answers on them. The question is Metadata version
1, which every broker from 0.10 to 4.x understands, after a SASL PLAIN exchange (SaslHandshake 1, SaslAuthenticate 0)
where the listener asks for one. It is spoken here by hand, so that the testbed needs neither Heliograph's own client,
which it is there to test, nor another one. Formats: https://kafka.apache.org/protocol.
"""

import socket
import struct
from dataclasses import dataclass

from heliograph.testbed.layout import SUPER_USER
from heliograph.testbed.ports import LOOPBACK

METADATA, SASL_HANDSHAKE, SASL_AUTHENTICATE = 3, 17, 36
"""API keys."""

ANSWER_LIMIT_BYTES = 1 << 20
"""The largest answer that is read; that of a cluster of the testbed has a few hundred bytes."""

ATTEMPT_LIMIT_S = 5.0
"""The longest wait for one answer."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a broker knows of its cluster."""

    node_ids: frozenset[int]
    """The brokers that are up."""
    controller_id: int
    """The broker that answers for the controller, or -1."""


def ask(port: int, password: str | None) -> Membership | None:
    """Ask the broker behind ``port``; None when it does not answer yet.

    ``password`` is the super user's, when the listener wants one.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ATTEMPT_LIMIT_S) as connection:
            if password is not None:
                _authenticate(connection, password)
            # An empty list of topics: version 1 takes it for none, not for all.
            return _read_membership(_call(connection, METADATA, 1, struct.pack(">i", 0)))
    except (OSError, EOFError, struct.error, ValueError):
        # Refused, reset, silent or half up: all mean "not yet", and the caller has a deadline.
        return None


def accepts(port: int) -> bool:
    """Whether something listens on a port of the loopback address."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ATTEMPT_LIMIT_S):
            return True
    except OSError:
        return False


def is_registered(zookeeper_port: int | None, node_id: int) -> bool:
    """Whether a broker counts as alive in ZooKeeper; never without ZooKeeper.

    Asks with the four-letter word ``dump``, which lists the nodes that last as long as a session (ZooKeeper
    Administrator's Guide).
    """
    if zookeeper_port is None:
        return False
    with socket.create_connection((LOOPBACK, zookeeper_port), timeout=ATTEMPT_LIMIT_S) as connection:
        connection.sendall(b"dump")
        listed = bytearray()
        while len(listed) < ANSWER_LIMIT_BYTES and (piece := connection.recv(ANSWER_LIMIT_BYTES)):
            listed += piece
    return f"/brokers/ids/{node_id}" in listed.decode(errors="replace").split()


def _text(value: str) -> bytes:
    """Encode a string with a length of 16 bits."""
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def _call(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Send one request and return the body of its answer."""
    head = struct.pack(">hhi", key, version, 1) + _text("heliograph-testbed")
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    (length,) = struct.unpack(">i", _read_exactly(connection, 4))
    if not 4 <= length <= ANSWER_LIMIT_BYTES:
        raise ValueError(f"an answer of {length} bytes")
    return _read_exactly(connection, length)[4:]


def _read_exactly(connection: socket.socket, count: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < count:
        piece = connection.recv(count - len(pieces))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)


def _authenticate(connection: socket.socket, password: str) -> None:
    """Do SASL PLAIN (RFC 4616) as the super user; a refusal raises ValueError."""
    for key, version, body in (
        (SASL_HANDSHAKE, 1, _text("PLAIN")),
        (SASL_AUTHENTICATE, 0, _sized(f"\0{SUPER_USER}\0{password}".encode())),
    ):
        (code,) = struct.unpack_from(">h", _call(connection, key, version, body))
        if code:
            raise ValueError(f"error {code}")


def _sized(raw: bytes) -> bytes:
    """Encode bytes with a length of 32 bits."""
    return struct.pack(">i", len(raw)) + raw


def _read_membership(body: bytes) -> Membership:
    """Read Metadata version 1: brokers of (node id, host, port, rack or null), then the controller's id."""
    (count,) = struct.unpack_from(">i", body)
    place, node_ids = 4, []
    for _ in range(count):
        node_id, host_bytes = struct.unpack_from(">ih", body, place)
        place += 6 + host_bytes + 4
        (rack_bytes,) = struct.unpack_from(">h", body, place)
        place += 2 + max(rack_bytes, 0)
        node_ids.append(node_id)
    (controller_id,) = struct.unpack_from(">i", body, place)
    return Membership(frozenset(node_ids), controller_id)
