import socket
import threading
import time
from collections.abc import Iterator

import pytest

from heliograph.testbed.ports import LOOPBACK, Ports
from heliograph.testbed.proxy import HEALTHY, Faults, Proxy
from heliograph.testbed.servers import wait_for

TIMEOUT_S = 20


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets, then ends each connection in order."""

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65536):
                    connection.sendall(piece)
            except ConnectionResetError:
                return

    def serve() -> None:
        with server:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    server = socket.create_server((LOOPBACK, 0))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    thread.join(TIMEOUT_S)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as it:
        yield it


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), TIMEOUT_S)


def exchange(connection: socket.socket, content: bytes = b"ping") -> bytes:
    connection.sendall(content)
    received = bytearray()
    while len(received) < len(content):
        piece = connection.recv(65536)
        assert piece, "the connection ended early"
        received += piece
    return bytes(received)


def test_passes_bytes_and_an_orderly_end(proxy: Proxy) -> None:
    content = bytes(range(256)) * 4096
    with connect(proxy) as connection:
        assert exchange(connection, content) == content
        connection.sendall(b"last")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4) == b"last"
        assert connection.recv(1) == b""
    wait_for(lambda: proxy.connections == 0, time.monotonic() + TIMEOUT_S, "the connection to be forgotten")


def test_cut_resets_old_and_new_connections_until_it_heals(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        exchange(connection)
        proxy.faults = Faults(cut=True)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionError), connect(proxy) as connection:
        exchange(connection)
    proxy.faults = HEALTHY
    with connect(proxy) as connection:
        assert exchange(connection) == b"ping"


def test_reset_spares_new_connections(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        exchange(connection)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect(proxy) as connection:
        assert exchange(connection) == b"ping"


def test_stalled_connections_stay_open_and_silent_and_then_go_on(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        exchange(connection)
        proxy.faults = Faults(stalled=True)
        connection.sendall(b"late")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(TIMEOUT_S)
        proxy.faults = HEALTHY
        assert connection.recv(4) == b"late"


def test_delay_counts_in_both_directions(proxy: Proxy) -> None:
    proxy.faults = Faults(delay_ms=100)
    with connect(proxy) as connection:
        started = time.monotonic()
        exchange(connection)
        assert time.monotonic() - started >= 0.2


def test_delay_does_not_cost_throughput(proxy: Proxy) -> None:
    proxy.faults = Faults(delay_ms=100)
    content = bytes(4_000_000)
    with connect(proxy) as connection:
        sender = threading.Thread(target=connection.sendall, args=(content,))
        started = time.monotonic()
        sender.start()
        received = 0
        while received < len(content):
            received += len(connection.recv(1 << 20))
        sender.join(TIMEOUT_S)
        # Piece after piece would take 61 times 0.2 s.
        assert 0.2 <= time.monotonic() - started < 6


def test_a_rate_is_kept(proxy: Proxy) -> None:
    proxy.faults = Faults(rate_bytes_s=100_000)
    with connect(proxy) as connection:
        started = time.monotonic()
        exchange(connection, bytes(50_000))
        assert time.monotonic() - started >= 0.4


def test_where_nobody_listens_the_client_is_reset() -> None:
    with (
        Ports() as ports,
        Proxy(ports.take()) as proxy,
        pytest.raises(ConnectionError),
        connect(proxy) as connection,
    ):
        exchange(connection)


def test_close_is_final_and_may_be_repeated(echo: int) -> None:
    proxy = Proxy(echo)
    with connect(proxy) as connection:
        exchange(connection)
        proxy.close()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    proxy.close()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
