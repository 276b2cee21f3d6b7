"""The floor: what it costs to receive and send as many bytes as a load has, with nothing done to them.

``floor.py`` is the process that is measured; here its two ends are driven. A copy by any program must do at least this
much. Small loads are moved several times over, so that the clock's grain does not show, and the figures divided.
"""

import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.ports import LOOPBACK
from heliograph.testbed.processes import GuardedProcess
from heliograph.testbed.tlsfiles import TlsFiles

PIECE_BYTES = 1 << 20
MOVED_BYTES_MIN = 500_000_000
RELAY = Path(__file__).with_name("floor.py")
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Floor:
    """What it costs to move bytes."""

    cpu_s: float
    """CPU of the relay alone."""
    wall_s: float
    """From the first byte to the last."""
    memory_mb: float
    """Peak resident memory."""


def _send(connection: socket.socket, total_bytes: int) -> None:
    piece = memoryview(bytes(PIECE_BYTES))
    left = total_bytes
    while left:
        sent = min(left, PIECE_BYTES)
        connection.sendall(piece[:sent])
        left -= sent


def measure(total_bytes: int, folder: Path, *, tls: bool = False) -> Floor:
    """Return what it costs to move ``total_bytes``, over TLS on both sides if told so. Raises HeliographError."""
    times = max(1, -(-MOVED_BYTES_MIN // total_bytes))
    whole = _move(total_bytes * times, folder, tls=tls)
    return Floor(whole.cpu_s / times, whole.wall_s / times, whole.memory_mb)


def _move(total_bytes: int, folder: Path, *, tls: bool) -> Floor:
    """Send ``total_bytes`` through a relay and read what it says of itself."""
    output = folder / "relay.out"
    files = TlsFiles(folder / "relay-tls") if tls else None
    command = [sys.executable, str(RELAY), str(total_bytes), *([str(files.server.pem)] if files else [])]
    with output.open("wb") as out, GuardedProcess(command, output=out) as process:
        port = int(_line(output, 0))
        with (
            socket.create_connection((LOOPBACK, port), timeout=LIMIT_S) as plain_source,
            socket.create_connection((LOOPBACK, port), timeout=LIMIT_S) as plain_sink,
            _secured(plain_source, files) as source,
            _secured(plain_sink, files) as sink,
        ):
            sender = threading.Thread(target=_send, args=(source, total_bytes), daemon=True)
            sender.start()
            buffer = bytearray(PIECE_BYTES)
            arrived = 0
            while arrived < total_bytes:
                count = sink.recv_into(buffer)
                if not count:
                    raise HeliographError(f"The relay stopped after {arrived} of {total_bytes} bytes")
                arrived += count
            sender.join()
        process.wait(LIMIT_S)
    said = json.loads(_line(output, 1))
    return Floor(said["cpu_s"], said["wall_s"], said["memory_mb"])


def _secured(connection: socket.socket, files: TlsFiles | None) -> socket.socket:
    """Return the connection, as TLS where there are files."""
    if files is None:
        return connection
    context = ssl.create_default_context(cafile=str(files.trust.pem))
    return context.wrap_socket(connection, server_hostname=LOOPBACK)


def _line(path: Path, number: int) -> str:
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        lines = path.read_text().splitlines(keepends=True)
        if len(lines) > number and lines[number].endswith("\n"):
            return lines[number]
        time.sleep(0.01)
    raise HeliographError("The relay says nothing")
