import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from heliograph.testbed.ports import LOOPBACK, Ports
from heliograph.testbed.readiness import Membership, accepts, ask

BROKERS = struct.pack(">i", 2) + b"".join(
    struct.pack(">i", number) + struct.pack(">h", 4) + b"host" + struct.pack(">i", 9092) + rack
    for number, rack in ((1, struct.pack(">h", -1)), (5, struct.pack(">h", 2) + b"r1"))
)
TOPICS = struct.pack(">i", 0)


def framed(body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, 1) + body


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A peer that gives one answer to each request on one connection, then hangs up."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            for answer in answers:
                if not connection.recv(4096):
                    return
                connection.sendall(answer)

    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def test_reads_who_is_there() -> None:
    with answering(framed(BROKERS + struct.pack(">i", 5) + TOPICS)) as port:
        assert ask(port, None) == Membership(frozenset({1, 5}), 5)


def test_logs_in_first_when_it_has_a_password() -> None:
    taken = framed(struct.pack(">hi", 0, 0)), framed(struct.pack(">hhi", 0, -1, 0))
    with answering(*taken, framed(BROKERS + struct.pack(">i", -1) + TOPICS)) as port:
        assert ask(port, "s3cret") == Membership(frozenset({1, 5}), -1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack(">i", 1 << 30),
        struct.pack(">i", -1),
        framed(BROKERS[:9]),
        framed(struct.pack(">i", 1 << 30)),
    ],
)
def test_anything_else_is_not_ready(answer: bytes) -> None:
    with answering(answer) as port:
        assert ask(port, None) is None


def test_a_refused_login_is_not_ready() -> None:
    with answering(framed(struct.pack(">h", 33))) as port:
        assert ask(port, "wrong") is None


def test_nobody_there() -> None:
    with Ports() as ports:
        port = ports.take()
        assert ask(port, None) is None
        assert not accepts(port)
