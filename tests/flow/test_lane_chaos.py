"""A lane through any sequence of luck and bad luck: the target ends with each record once, in order.

The network delivers what one connection carries in order. A lost connection may have delivered any beginning of it.
When the lane asks for its place, it is told what a look at the target gives: exactly what is there.
"""

from collections import deque

from hypothesis import example, given, settings
from hypothesis import strategies as st
from lane_world import SourceLog, TargetLog, new_lane, settle, take

from heliograph.errors import Unreachable
from heliograph.flow.in_flight import IN_FLIGHT_MAX
from heliograph.flow.lane_model import Producer, State
from heliograph.flow.window import Window
from heliograph.records import Codec
from heliograph.wire import errors as codes

NOT_ENOUGH_REPLICAS = 19
PASSING = [codes.NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, codes.TOPIC_AUTHORIZATION_FAILED, codes.REQUEST_TIMED_OUT]
ACTIONS = ["write", "ask", "ask", "come", "come", "send", "send", "deliver", "deliver", "answer", "answer", "refuse", "written_but_refused",
           "lose", "limit", "wait", "fail"]  # fmt: skip


class World:
    """The lane, both logs, and what is between them."""

    def __init__(self):
        self.now = 1_000.0
        self.source, self.target = SourceLog(), TargetLog()
        self.window = Window(1 << 20)
        self.lane = new_lane(self.window)
        self.lane.limit_bytes = 4_000
        self.going = deque()
        """Sent and not yet at the target."""
        self.coming = deque()
        """Answered and not yet back."""
        self.producers = 7
        self.asked = None
        """Position of the fetch under way."""

    def step(self, action, number):
        getattr(self, action)(number)
        assert self.lane.in_flight <= max(IN_FLIGHT_MAX, 60), "only a split may exceed the five"
        assert self.window.used_bytes >= 0
        values = [int(value) for value in self.target.values]
        assert values == list(range(len(values))), "each record once, in order"

    def write(self, number):
        codec = [Codec.NONE, Codec.LZ4][number % 2]
        self.source.append(1 + number % 7, size=[5, 100, 900][number % 3], codec=codec)

    def ask(self, _number):
        """Send a fetch, unless one is under way."""
        if self.asked is None and self.lane.has_room(1 << 18):
            self.asked = self.lane.position

    def come(self, number):
        """Let the answer to it come, whatever the lane does by now."""
        if self.asked is not None:
            asked, self.asked = self.asked, None
            self.source.fetch(self.lane, 1 + number % 5, asked)

    def fetch(self, number):
        self.ask(number)
        self.come(number)

    def send(self, _number):
        if self.lane.can_send(self.now):
            self.going.append(take(self.lane, self.now))

    def deliver(self, _number, failing=0):
        if self.going:
            request = self.going.popleft()
            self.coming.append((request, self.target.append(request.raw, failing)))

    def refuse(self, number):
        self.deliver(number, PASSING[number % 3])

    def written_but_refused(self, _number):
        if self.going:
            request = self.going.popleft()
            row = self.target.append(request.raw)
            row.error, row.base_offset = row.error or codes.REQUEST_TIMED_OUT, -1
            self.coming.append((request, row))

    def answer(self, _number):
        if self.coming:
            request, row = self.coming.popleft()
            settle(self.lane, request, row, self.now)

    def lose(self, number):
        for _ in range(number % 4):
            self.deliver(0)
        lost = [request for request, _ in self.coming] + list(self.going)
        self.coming.clear()
        self.going.clear()
        if lost:
            self.lane.connection_lost([request.sent for request in lost], Unreachable("gone"))

    def limit(self, number):
        self.target.limit_bytes = [1_200, 3_000, 1 << 30][number % 3]

    def fail(self, number):
        if number % 5 == 0 and self.lane.state is State.RUNNING:
            self.lane.fail(Unreachable("some cause"), self.now)

    def wait(self, _number):
        """Time goes by: what failed tries again, and what needs its place is given it."""
        self.now += 60
        lane = self.lane
        if lane.state is State.FAILED:
            lane.retry()
        if lane.state is State.RESUMING:
            self.lose(0)  # the flow closes the connection before it looks
            self.producers += 1
            there = len(self.target.values)
            lane.start(there, there, Producer(self.producers, 0))

    def finish(self):
        self.target.limit_bytes = 1 << 30
        for _ in range(400):
            self.wait(0)
            self.fetch(4)
            for _ in range(6):
                self.send(0)
            while self.going:
                self.deliver(0)
            while self.coming:
                self.answer(0)
            if self.lane.idle and self.lane.settled == self.source.end:
                return
        raise AssertionError(f"{self.lane} does not come to its end, {self.source.end}: {self.lane.cause}")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 30)), min_size=10, max_size=120))
@example([("write", 26), ("send", 0), ("limit", 0), ("write", 0), ("ask", 0), ("come", 1), ("deliver", 0), ("answer", 0), ("send", 0),
          ("deliver", 0)])  # a batch is divided with others behind it: six are under way  # fmt: skip
def test_each_record_once_and_in_order(actions):
    world = World()
    world.write(3)
    world.fetch(2)
    for action, number in actions:
        world.step(action, number)
    world.finish()
    assert [int(value) for value in world.target.values] == list(range(world.source.end))
    assert world.window.used_bytes == 0
    assert world.lane.pending_bytes == 0
