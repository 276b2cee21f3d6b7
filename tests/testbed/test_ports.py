import socket
import sys

import pytest

from heliograph.testbed.ports import LOOPBACK, Ports


def test_ports_differ_and_can_be_listened_on_again_and_again() -> None:
    with Ports() as ports:
        taken = [ports.take() for _ in range(20)]
        assert len(set(taken)) == 20
        for _ in range(2):
            with (
                socket.create_server((LOOPBACK, taken[0])) as server,
                socket.create_connection((LOOPBACK, taken[0])) as client,
            ):
                accepted, _ = server.accept()
                accepted.close()
                assert client.recv(1) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be kept")
def test_a_port_is_kept_from_others() -> None:
    with Ports() as ports, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, ports.take()))


def test_an_unused_port_refuses() -> None:
    with Ports() as ports, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, ports.take()))
