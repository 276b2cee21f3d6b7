"""The floor: a process that moves bytes from one socket to another and does nothing else.

``python benchmarks/relay.py BYTES`` listens on the loopback address, prints its port, takes a connection that sends
and one that receives, and prints its own CPU and wall time as JSON in the end. A copy by any program must do at least
this much: receive every byte and send it on.
"""

import json
import resource
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.ports import LOOPBACK
from heliograph.testbed.processes import GuardedProcess

PIECE_BYTES = 1 << 20
SOCKET_BYTES = 2 << 20
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


def serve(expected_bytes: int) -> None:
    """Be the relay: take both connections, move everything, and say what it cost."""
    with socket.create_server((LOOPBACK, 0)) as server:
        print(server.getsockname()[1], flush=True)
        server.settimeout(LIMIT_S)
        sender, _ = server.accept()
        receiver, _ = server.accept()
    buffer = memoryview(bytearray(PIECE_BYTES))
    moved = 0
    begun_cpu_s = begun_s = 0.0
    while moved < expected_bytes:
        count = sender.recv_into(buffer)
        if not count:
            break
        if not moved:
            begun_cpu_s, begun_s = time.process_time(), time.monotonic()
        receiver.sendall(buffer[:count])
        moved += count
    spent = {
        "bytes": moved,
        "cpu_s": time.process_time() - begun_cpu_s,
        "wall_s": time.monotonic() - begun_s,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }
    print(json.dumps(spent), flush=True)


def _send(connection: socket.socket, total_bytes: int) -> None:
    piece = memoryview(bytes(PIECE_BYTES))
    left = total_bytes
    while left:
        sent = min(left, PIECE_BYTES)
        connection.sendall(piece[:sent])
        left -= sent


def measure(total_bytes: int, folder: Path) -> Floor:
    """Send ``total_bytes`` through a relay and read what it says. Raises HeliographError."""
    output = folder / "relay.out"
    with output.open("wb") as out, GuardedProcess([sys.executable, __file__, str(total_bytes)], output=out) as process:
        port = int(_line(output, 0))
        with (
            socket.create_connection((LOOPBACK, port), timeout=LIMIT_S) as source,
            socket.create_connection((LOOPBACK, port), timeout=LIMIT_S) as sink,
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


def _line(path: Path, number: int) -> str:
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        lines = path.read_text().splitlines(keepends=True)
        if len(lines) > number and lines[number].endswith("\n"):
            return lines[number]
        time.sleep(0.01)
    raise HeliographError("The relay says nothing")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
