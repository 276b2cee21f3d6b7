"""Frames out of a byte stream, without I/O: four bytes of length, then that many bytes (Kafka's protocol guide).

The driver asks :meth:`Framer.buffer` where the next bytes belong, receives straight into it, and tells
:meth:`Framer.received` how many came. Between frames that is a small staging buffer, so that a small answer comes with
one call to the kernel; the rest of a large frame is received into its own buffer and handed out without a copy.
A length is believed only up to the limit, and bytes that are plainly another protocol are named as such.
"""

from heliograph.errors import NotKafka, ProtocolError
from heliograph.records import allocate

FRAME_BYTES_MAX = 256 << 20
"""Longest answer that is taken: a fetch of the largest window and one oversized batch fit well within."""

FRAME_BYTES_AT_ONCE = 16 << 20
"""Up to this length a frame gets its whole buffer at once; a longer one only as its bytes really come."""

STAGING_BYTES = 4 << 10
LENGTH_BYTES = 4

_HTTP = b"HTTP"
_TLS_RECORDS = (0x14, 0x15, 0x16)


class Framer:
    """Assembles one frame after another."""

    __slots__ = ("_filled", "_frame", "_length", "_staged", "_staging", "_view")

    def __init__(self) -> None:
        """Wait for the first length."""
        self._staging = memoryview(bytearray(STAGING_BYTES))
        self._staged = 0
        self._frame: bytearray | None = None
        self._length = 0
        self._view = self._staging
        self._filled = 0

    def buffer(self) -> memoryview:
        """Where the next bytes are to be received; never empty."""
        return self._staging[self._staged :] if self._frame is None else self._view[self._filled :]

    @property
    def missing_bytes(self) -> int:
        """How many bytes of the present frame have yet to come; 0 while its length is unknown."""
        return 0 if self._frame is None else self._length - self._filled

    def received(self, count: int) -> list[bytearray]:
        """Take note of ``count`` bytes in the buffer; gives the frames that they complete.

        Raises NotKafka or ProtocolError when a length cannot be Kafka's.
        """
        if self._frame is None:
            self._staged += count
            return self._unstage()
        self._filled += count
        if self._filled < len(self._view):
            return []
        frame = self._frame
        if self._filled < self._length:
            self._grow(frame)
            return []
        self._frame, self._view = None, self._staging
        return [frame]

    def _unstage(self) -> list[bytearray]:
        """Take the frames that are whole out of the staging buffer, and begin the one that is not."""
        frames: list[bytearray] = []
        staging, at, end = self._staging, 0, self._staged
        while end - at >= LENGTH_BYTES:
            length = checked_length(bytes(staging[at : at + LENGTH_BYTES]))
            at += LENGTH_BYTES
            if length <= end - at:
                frames.append(bytearray(staging[at : at + length]))
                at += length
                continue
            self._begin(length)
            self._view[: end - at] = staging[at:end]
            self._filled = end - at
            at = end
        self._staged = end - at
        staging[: self._staged] = bytes(staging[at:end])
        return frames

    def _begin(self, length: int) -> None:
        self._length = length
        self._frame = allocate(min(length, FRAME_BYTES_AT_ONCE))
        self._view = memoryview(self._frame)
        self._filled = 0

    def _grow(self, frame: bytearray) -> None:
        """Double the buffer of a long frame, up to its length: a mere claim takes no memory.

        By a copy, since a transport may still hold a view of the old one.
        """
        self._frame = allocate(min(2 * len(frame), self._length))
        self._frame[: len(frame)] = frame
        self._view = memoryview(self._frame)


def checked_length(head: bytes) -> int:
    """Read a frame's length from its first four bytes; raises NotKafka or ProtocolError when it makes no sense."""
    if head == _HTTP or head.startswith(b"<"):  # some servers send the bare page, without a status line
        raise NotKafka(
            "The port answers in HTTP: it is a web or metrics endpoint, not a Kafka listener",
            remedy="Use a broker's listener port (often 9092 or 9093) in bootstrap.servers",
        )
    if head[0] in _TLS_RECORDS and head[1] == 3:
        raise NotKafka(
            "The port answers in TLS, but the connection was made without it",
            remedy="Set security.protocol to SSL or SASL_SSL for this cluster",
        )
    length = int.from_bytes(head, "big", signed=True)
    if not 4 <= length <= FRAME_BYTES_MAX:
        raise ProtocolError(
            f"The peer announces an answer of {length} bytes; at most {FRAME_BYTES_MAX} are taken",
            remedy="The port may not be a Kafka listener, or the data on the way is damaged",
        )
    return length
