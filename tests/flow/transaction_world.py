"""What transactions need around them: a coordinator and partitions that keep Kafka's rules for transactional producers
(KIP-98), a store of positions, and a network that may lose what it carries.

A batch is taken only from the present epoch, marked as transactional, into a partition that was added to the open
transaction. Nothing of it counts before the commit; a marker then takes one offset.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from lane_world import SourceLog, raw_count, settle, take

from heliograph import records
from heliograph.errors import BrokerError, Unreachable
from heliograph.flow.in_flight import IN_FLIGHT_MAX
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.flow.refusals import Consequence
from heliograph.flow.transaction_model import Limits
from heliograph.flow.transactions import TransactionListener, Transactions
from heliograph.flow.window import Window
from heliograph.wire import errors as codes
from heliograph.wire.produce import Appended

TRANSACTIONAL_BIT = 0x10
POSITIONS = "positions"
PRODUCER_ID = 9


@dataclass
class Log:
    """One partition of the target."""

    committed: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Of those that are committed."""
    pending: list[tuple[int, int]] = field(default_factory=list)
    """Each with its offset."""
    next_offset: int = 0
    epoch: int = -1
    recent: deque = field(default_factory=lambda: deque(maxlen=5))

    def append(self, raw, coordinator, place):
        """Take a batch, or refuse it, as a broker does."""
        epoch, first = int.from_bytes(raw[51:53], "big"), int.from_bytes(raw[53:57], "big")
        last = first + raw_count(raw) - 1
        if epoch != coordinator.epoch:
            return self._answer(codes.INVALID_PRODUCER_EPOCH)
        if not raw[22] & TRANSACTIONAL_BIT or place not in coordinator.partitions:
            return self._answer(codes.INVALID_TXN_STATE)
        if epoch != self.epoch:
            self.epoch = epoch
            self.recent.clear()
        for kept in self.recent:
            if kept[:2] == (first, last):
                return self._answer(0, kept[2])
        if self.recent and first != self.recent[-1][1] + 1:
            return self._answer(codes.OUT_OF_ORDER_SEQUENCE_NUMBER)
        base = self.next_offset
        values = [int(record.value.split(b" ")[0]) for record in records.decode(raw, 0, len(raw))]
        self.pending += [(value, base + index) for index, value in enumerate(values)]
        self.next_offset += raw_count(raw)
        self.recent.append((first, last, base))
        return self._answer(0, base)

    @staticmethod
    def _answer(code, base=-1):
        return Appended("t", 0, code, base, -1, -1)

    def end(self, *, commit):
        if commit:
            self.committed += [value for value, _ in self.pending]
            self.offsets += [offset for _, offset in self.pending]
        self.pending = []
        self.next_offset += 1


@dataclass
class Coordinator:
    """Stands in for :class:`heliograph.cluster.transactions.TransactionalProducer` and the broker behind it."""

    alias: str = "two"
    transactional_id: str = "g-MirrorSourceConnector-0"
    producer_id: int = PRODUCER_ID
    epoch: int = 0
    mine: int = 0
    """Epoch that the one who asks has; a lower one than ``epoch`` is fenced."""
    logs: dict = field(default_factory=dict)
    positions: dict = field(default_factory=dict)
    partitions: set = field(default_factory=set)
    refuses: dict = field(default_factory=dict)
    """By topic and partition: the code with which it is not added."""
    failing: deque = field(default_factory=deque)
    """Errors that the next requests meet, before anything is done."""
    commits: int = 0
    aborts: int = 0
    _written: list = field(default_factory=list)

    async def _ask(self):
        await asyncio.sleep(0)
        if self.failing:
            raise self.failing.popleft()
        if self.mine != self.epoch:
            raise BrokerError("fenced", code=codes.PRODUCER_FENCED)

    async def initialise(self):
        self.epoch += 1
        self.mine = self.epoch
        self._end(commit=False)

    async def renew(self):
        await self._ask()
        if self.partitions:
            self._end(commit=False)
        self.epoch += 1
        self.mine = self.epoch

    async def add(self, partitions):
        await self._ask()
        refused = {place: self.refuses[place] for place in partitions if place in self.refuses}
        if not refused:
            self.partitions |= partitions
        return refused

    async def append(self, topic, rows, _now_ms):
        await self._ask()
        assert all((topic, place) in self.partitions for place in rows), "positions go to partitions that were added"
        self._written += [pair for pairs in rows.values() for pair in pairs]

    async def end(self, *, commit):
        await self._ask()
        assert self.partitions or not commit, "nothing is committed that was not begun"
        self._end(commit=commit)

    def _end(self, *, commit):
        self.commits += commit
        self.aborts += not commit
        if commit:
            self.positions.update(self._written)
        self._written = []
        for place in self.partitions:
            if place[0] != POSITIONS:
                self.logs[place].end(commit=commit)
        self.partitions = set()


class Store:
    """Positions: one partition for two lanes."""

    topic = POSITIONS

    def partition(self, lane):
        return lane.partition // 2

    def row(self, lane, anchor):
        return lane.partition, anchor.source_offset


class World:
    """Lanes, their sources, the transactions, and a network that a test commands."""

    def __init__(self, lanes=3, *, limits=None):
        self.coordinator = Coordinator()
        self.transactions = Transactions(
            self.coordinator, Store(), limits or Limits(), clock=asyncio.get_running_loop().time
        )
        self.window = Window(1 << 22)
        self.sources = [SourceLog() for _ in range(lanes)]
        self.lanes = [self._lane(partition) for partition in range(lanes)]
        self.refuse = deque()
        """What happens to the next batches: a code, ``lost``, ``written but lost``, or None for nothing bad."""
        self.aborted = []
        self.failed = []
        self._loop = asyncio.get_running_loop()

    def _lane(self, partition):
        lane = Lane("t", "one.t", partition, self.window, transactional=True)
        self.coordinator.logs["one.t", partition] = Log()
        lane.start(0, 0, self.transactions.producer)
        return lane

    def listener(self):
        return TransactionListener(
            offer=self._offer,
            committed=lambda lanes: None,
            aborted=lambda lanes, cause: self.aborted.append((lanes, cause)),
            failed=self._failed,
            trouble=lambda error: None,
            fine=lambda: None,
            rested=lambda: None,
        )

    def _failed(self, lane, error):
        self.failed.append((lane, error))
        lane.fail(error, self._loop.time(), retry_s=3_600)

    def _offer(self, lanes):
        for lane in lanes:
            self.pump(lane)

    def pump(self, lane):
        """Read and send for one lane, as fetcher and sender do."""
        now = self._loop.time()
        if lane.state is State.FAILED and now >= lane.retry_at:
            lane.retry()
        if lane.has_room(1 << 18):
            self.sources[lane.partition].fetch(lane, 2)
        while lane.can_send(now) and lane.in_flight <= IN_FLIGHT_MAX and self.transactions.admits(lane):
            self.transactions.took(100)
            self._loop.call_soon(self._deliver, lane, take(lane, now))

    def _deliver(self, lane, request):
        fate = self.refuse.popleft() if self.refuse else None
        place = lane.target_topic, lane.target_partition
        if isinstance(fate, int):
            row = Appended("t", 0, fate, -1, -1, -1)
        elif fate == "lost":
            row = None
        else:
            row = self.coordinator.logs[place].append(request.raw, self.coordinator, place)
        if row is None or fate == "written but lost":
            lane.connection_lost([request.sent], Unreachable("gone"))
        else:
            consequence = settle(lane, request, row, self._loop.time())
            if consequence is Consequence.ABORT:
                self.transactions.spoil(lane.cause)
            if consequence is Consequence.RETRY:
                lane.wait_until(0.0)
        self.transactions.settled(lane)
        self._loop.call_soon(self.pump, lane)

    async def run_until(self, condition, limit_s=10.0):
        """Make transactions until ``condition`` holds."""
        running = asyncio.create_task(self.transactions.run(self.listener()))
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    for lane in self.lanes:
                        self.pump(lane)
                    await asyncio.sleep(0.001)
                    if running.done():
                        running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def committed(self, partition):
        return self.coordinator.logs["one.t", partition].committed

    def all_there(self):
        """Whether everything is committed, each record once, in order, and the positions with them."""
        self.check()
        return all(len(self.committed(lane.partition)) == self.sources[lane.partition].end for lane in self.lanes)

    def check(self):
        for lane in self.lanes:
            values = self.committed(lane.partition)
            assert values == list(range(len(values))), f"partition {lane.partition}"
            stored = self.coordinator.positions.get(lane.partition, -1)
            assert stored == len(values) - 1, f"partition {lane.partition} is stored at {stored}"
            self._check_runs(lane)

    def _check_runs(self, lane):
        """What a lane says of both sides' offsets is true of every record that is committed."""
        runs = dict(lane.new_runs)
        difference = None
        for value, offset in enumerate(self.coordinator.logs["one.t", lane.partition].offsets[: lane.records_copied]):
            if value in runs:
                difference = runs[value] - value
            assert offset - value == difference, f"{value} is at {offset} in partition {lane.partition}"
