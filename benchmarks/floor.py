"""The floor: a process that moves bytes from one socket to another and does nothing else.

``python benchmarks/floor.py BYTES [PEM]`` listens on the loopback address, prints its port, takes a connection that
sends and one that receives, and prints its own CPU and wall time as JSON in the end. With PEM, a file that holds a key
and its certificate, both connections are TLS. It imports nothing but the standard library, so that its memory is that
of a bare interpreter and one buffer.
"""

import json
import resource
import socket
import ssl
import sys
import time

LOOPBACK = "127.0.0.1"
PIECE_BYTES = 1 << 20
LIMIT_S = 300.0


def serve(expected_bytes: int, identity: str | None) -> None:
    """Be the relay: take both connections, move everything, and say what it cost."""
    with socket.create_server((LOOPBACK, 0)) as server:
        print(server.getsockname()[1], flush=True)
        server.settimeout(LIMIT_S)
        sender, _ = server.accept()
        receiver, _ = server.accept()
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        sender, receiver = (context.wrap_socket(each, server_side=True) for each in (sender, receiver))
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


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
