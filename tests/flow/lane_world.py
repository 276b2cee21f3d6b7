"""A lane's surroundings, small enough to be seen through: a source partition, a window, and a target that keeps
Kafka's rules for idempotent producers (KIP-98; what a broker does with a producer it does not know is as seen in
Kafka 4.3.1).
"""

from collections import deque
from dataclasses import dataclass, field

from heliograph import records
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.window import Hold, Window
from heliograph.records import Codec, Record
from heliograph.wire import errors as codes
from heliograph.wire.fetch import Fetched
from heliograph.wire.produce import Appended

NOW = 1_000.0
WINDOW_BYTES = 1 << 20
KEPT_BATCHES = 5


def batch(first, count, *, size=10, codec=Codec.NONE):
    """A batch as a source broker holds it; each value tells its offset."""
    made = records.encode(
        [
            Record(first + i, 1_700_000_000_000 + first + i, b"k", b"%d " % (first + i) + b"x" * size)
            for i in range(count)
        ],
        codec=codec,
    )
    raw = bytearray(records.stamp(made, -1, -1, -1) + bytes(made.body))
    raw[:8] = first.to_bytes(8, "big")
    return bytes(raw)


@dataclass
class SourceLog:
    """Batches one after another."""

    batches: list[tuple[int, bytes]] = field(default_factory=list)
    end: int = 0

    def append(self, count, **how):
        self.batches.append((self.end, batch(self.end, count, **how)))
        self.end += count

    def fetch(self, lane, limit=3, asked=None):
        """Hand a lane the batches from a position on (its own), as one frame; says whether there is something to send."""
        asked = lane.position if asked is None else asked
        following = [raw for first, raw in self.batches if first + raw_count(raw) > asked][:limit]
        frame = b"".join(following)
        hold = Hold(lane.window, len(frame)).keep()
        row = Fetched("t", 0, 0, self.end, self.end, 0, (), -1, 0, len(frame))
        try:
            return lane.fetched(row, frame, hold, asked=asked, read_committed=True)
        finally:
            hold.let_go()


def raw_count(raw):
    return int.from_bytes(raw[57:61], "big")


@dataclass
class Request:
    """A batch on the wire."""

    sent: object
    raw: bytes


@dataclass
class TargetLog:
    """What the target holds, and the memory of its producer."""

    values: list[bytes] = field(default_factory=list)
    limit_bytes: int = 1 << 30
    producer: tuple[int, int] | None = None
    recent: deque = field(default_factory=lambda: deque(maxlen=KEPT_BATCHES))
    """(first sequence, last sequence, base offset) of the last batches."""

    def append(self, raw, failing=0):
        """Take a batch, or refuse it with a code; ``failing``: refuse it with that one."""
        producer = (int.from_bytes(raw[43:51], "big"), int.from_bytes(raw[51:53], "big"))
        first = int.from_bytes(raw[53:57], "big", signed=True)
        last = (first + raw_count(raw) - 1) % (1 << 31)
        if failing:
            return Appended("t", 0, failing, -1, -1, -1)
        if len(raw) > self.limit_bytes:
            return Appended("t", 0, codes.MESSAGE_TOO_LARGE, -1, -1, -1)
        if producer == self.producer:
            for kept in self.recent:
                if kept[:2] == (first, last):
                    return Appended("t", 0, 0, kept[2], -1, -1)
            if self.recent and first != (self.recent[-1][1] + 1) % (1 << 31):
                return Appended("t", 0, codes.OUT_OF_ORDER_SEQUENCE_NUMBER, -1, -1, -1)
        else:  # unknown here: any first number is taken
            self.producer = producer
            self.recent.clear()
        base = len(self.values)
        self.values += [record.value.split(b" ")[0] for record in records.decode(raw, 0, len(raw))]
        self.recent.append((first, last, base))
        return Appended("t", 0, 0, base, -1, -1)

    def forget_producer(self):
        self.producer = None
        self.recent.clear()


def new_lane(window=None, **attributes):
    lane = Lane("t", "one.t", 0, window or Window(WINDOW_BYTES))
    lane.start(0, 0, Producer(7, 0))
    for name, value in attributes.items():
        setattr(lane, name, value)
    return lane


def take(lane, now=NOW, **how):
    """Send the next batch."""
    assert lane.can_send(now)
    sent, header = lane.take(**how)
    return Request(sent, header + bytes(sent.parcel.body))


def settle(lane, request, row, now=NOW):
    """Hand the lane the target's answer, as the sender does; returns the verdict, None for an acknowledgement."""
    if row.error:
        return lane.refused(request.sent, row, now)
    lane.acknowledged(request.sent, row.base_offset)
    return None


def send_all(lane, target, now=NOW, limit=1_000):
    """Send and settle until nothing is left to send."""
    for _ in range(limit):
        if not lane.can_send(now):
            return
        request = take(lane, now)
        settle(lane, request, target.append(request.raw), now)
    raise AssertionError("the lane does not come to rest")
