"""A proxy that understands Kafka's frames, and damages the answers to Fetch as a test asks for."""

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from heliograph.wire import fetch

FETCH = 1
Wound = Callable[[int, bytearray], bytes | None]
"""From version and frame (without its length) to the bytes that go out (length included); None: leave it whole."""


def framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def body_of(topic: str) -> Wound:
    """Flip a byte in the last batch of a topic."""

    def wound(version: int, frame: bytearray) -> bytes | None:
        rows = [
            row for row in fetch.decode(version, frame).partitions if row.topic == topic and row.end > row.start + 61
        ]
        if not rows:
            return None
        frame[rows[-1].end - 1] ^= 0x55
        return framed(frame)

    return wound


def with_records(then: Callable[[bytearray], bytes]) -> Wound:
    """Do something to an answer that holds records."""

    def wound(version: int, frame: bytearray) -> bytes | None:
        full = any(row.end > row.start for row in fetch.decode(version, frame).partitions)
        return then(frame) if full else None

    return wound


def absurd_length(frame: bytearray) -> bytes:
    return b"\x7f\xff\xff\xff" + frame


def long_length(frame: bytearray) -> bytes:
    """A length that is allowed, and a hundred times what comes."""
    return (200 << 20).to_bytes(4, "big") + frame


def absurd_count(frame: bytearray) -> bytes:
    frame[14:18] = b"\x7f\xff\xff\xff"
    return framed(frame)


def truncated(frame: bytearray) -> bytes:
    """A frame that is whole by its length, but lacks its second half."""
    return framed(frame[: len(frame) // 2])


def another_correlation_id(frame: bytearray) -> bytes:
    frame[0:4] = b"\x00\x00\xff\xff"
    return framed(frame)


class WoundingProxy:
    """Stands before one port; ``wounds`` are done one after another, ``always`` to every answer while it is set."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.wounds: deque[Wound] = deque()
        self.always: Wound | None = None
        self.done = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._target_port))
                asked: deque[tuple[int, int]] = deque()
                self._open += [client, broker]
                for job in (self._requests, self._answers):
                    threading.Thread(target=job, args=(client, broker, asked), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, asked: deque) -> None:
        self._pass(client, broker, lambda frame: self._note(frame, asked))

    def _note(self, frame: bytearray, asked: deque) -> bytes:
        asked.append((int.from_bytes(frame[:2], "big"), int.from_bytes(frame[2:4], "big")))
        return framed(frame)

    def _answers(self, client: socket.socket, broker: socket.socket, asked: deque) -> None:
        self._pass(broker, client, lambda frame: self._wounded(frame, *asked.popleft()))

    def _wounded(self, frame: bytearray, key: int, version: int) -> bytes:
        wound = self.always or (self.wounds[0] if self.wounds else None)
        if key != FETCH or wound is None:
            return framed(frame)
        out = wound(version, bytearray(frame))
        if out is None:
            return framed(frame)
        self.done += 1
        if wound is not self.always:
            self.wounds.popleft()
        return out

    def _pass(self, reader: socket.socket, writer: socket.socket, change: Callable[[bytearray], bytes]) -> None:
        try:
            while True:
                size = int.from_bytes(_exactly(reader, 4), "big")
                writer.sendall(change(_exactly(reader, size)))
        except (OSError, EOFError):
            for each in (reader, writer):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


def _exactly(reader: socket.socket, size: int) -> bytearray:
    found = bytearray()
    while len(found) < size:
        piece = reader.recv(min(1 << 20, size - len(found)))
        if not piece:
            raise EOFError
        found += piece
    return found
