"""Workers, group and faults in virtual time, from thousands of seeds: a lane never has two writers.

The real :class:`Ownership` and :class:`LaneSet` run against a coordinator in memory (``fake_group``). Workers come, stop,
are killed, are frozen and wake up, and are cut off from the coordinator; static members (KIP-345) come back, or another
process comes in their place while they live; topics come and go; lanes are paused and go on, which workers hear some time
later. At every step no lane may be written by two, and none that is paused and of which the group has said that nobody
has it. When the faults are over, every lane that is not paused is copied by somebody, and the
group comes to rest, within a bounded time.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace

import pytest

from configs import flow_config
from fake_group import FakeGroup, FakeMembership, Network, State
from heliograph.cluster.groups import Member
from heliograph.errors import BrokerError, ClusterError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.assignment import Load, TopicPartition
from heliograph.mirror.group_messages import decode_leader, decode_member
from heliograph.mirror.selection import selection_of
from heliograph.mirror.topics import LanePlan
from heliograph.observe.log import Log
from heliograph.upkeep.topics import Found
from heliograph.wire import errors as codes
from heliograph.worker.lane_set import LaneSet
from heliograph.worker.ownership import Ownership
from heliograph.worker.sharing import OwnershipListener
from heliograph.worker.succession import inherited
from virtual_time import run_virtually

SEEDS = int(os.environ.get("HELIOGRAPH_SIMULATE", "100"))
"""How many runs; a run takes some hundredths of a second."""
SESSION_S = 7.5
FLOW = flow_config("a", "b", group_id="g", session_timeout_ms=10_000, heartbeat_interval_ms=3_000)
QUIET_S = 45.0
"""After the last fault, all must be well again by then."""


class FakeFlow:
    """Has lanes, and settles them after a while, or not."""

    def __init__(self, worker: "Worker") -> None:
        self.lanes: dict[TopicPartition, Lane] = {}
        self.moved: dict[Lane, None] = {}
        self.window = None
        self._worker = worker

    async def settle(self, lane: Lane, limit_s: float) -> bool:
        await self._worker.work(limit_s / 4)
        return self._worker.chance.random() < 0.9

    def resume_reading(self, lane: Lane) -> None:
        pass

    def add(self, lane: Lane) -> None:
        self.lanes[lane.source_topic, lane.partition] = lane

    def remove(self, lane: Lane) -> None:
        self.lanes.pop((lane.source_topic, lane.partition), None)

    def leaders_changed(self) -> None:
        pass


class FakeCommits:
    transactions = None

    def __init__(self, worker: "Worker") -> None:
        self.stored: dict = {}
        self._worker = worker

    async def commit(self, moved) -> None:
        await self._worker.work(0.3)
        if self._worker.chance.random() < 0.03:
            raise ClusterError("positions were not stored")

    async def commit_begun(self, lanes) -> None:
        await self._worker.work(0.1)

    def close(self, lane) -> None:
        pass


class _AnyTopic:
    """Every copy is there, with every partition."""

    def get(self, _name: str) -> SimpleNamespace:
        return SimpleNamespace(partitions=range(1_000))


@dataclass
class FakeTopics:
    """Sees the topics of the world, a little late."""

    worker: "Worker"
    target: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(metadata=SimpleNamespace(topics=_AnyTopic()))
    )
    source: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(metadata=SimpleNamespace(topics={})))
    rules: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(selection=selection_of(FLOW)))

    async def look(self, before, folded=None, *, acts=True) -> Found:
        lanes = tuple(self.worker.world.lanes)
        await self.worker.work(0.3)
        there = {topic: {number for each, number in lanes if each == topic} for topic, _ in lanes}
        self.source.metadata.topics = {
            topic: SimpleNamespace(partitions=partitions) for topic, partitions in there.items()
        }
        return Found(tuple(LanePlan(topic, number, f"a.{topic}", number) for topic, number in lanes))

    async def limits(self, topics):
        await self.worker.work(0.1)
        return {}


class Worker:
    """One process."""

    def __init__(self, world: "World", name: str, instance_id: str | None = None) -> None:
        self.world, self.name, self.chance = world, name, random.Random(f"{world.seed}-{name}")
        self.instance_id = instance_id
        self.network = Network(self.chance)
        self.lanes: LaneSet | None = None
        self.stopping = False
        self.paused: frozenset[TopicPartition] = frozenset()
        self.heard = -1
        """How much it has read of what is paused, and up to where."""
        self._session: asyncio.Task | None = None
        self._shared = asyncio.Event()
        self.ownership = Ownership(
            None,
            replace(FLOW, instance_id=instance_id),
            round(world.now * 1000),
            OwnershipListener(
                gained=self._gained,
                shared=self._on_shared,
                lost=self._lost,
                held=lambda: self.lanes.held if self.lanes else frozenset(),
                spared=frozenset,
                able=lambda: True,
                steered=lambda: self.heard if self.lanes else -1,
                loads=lambda: {key: world.loads[key] for key in (self.lanes.held if self.lanes else ())},
                wanted=lambda: self.lanes.wanted if self.lanes else None,
            ),
            clock=lambda: world.now,
        )
        self.ownership._membership = FakeMembership(world.group, self.network, instance_id=instance_id)
        self.ownership._look_for_predecessor = self._look_for_predecessor
        self.task = asyncio.get_running_loop().create_task(self.ownership.run())

    async def _look_for_predecessor(self) -> None:
        """Do as the real one does, with a group in memory."""
        group, ownership = self.world.group, self.ownership
        while self.instance_id is not None and not ownership._looked:
            await self.network.pass_through()
            name = group.statics.get(self.instance_id, "")
            if name not in group.members:
                break
            if group.state is State.STABLE:
                told = Member(name, "", "", group.members[name].metadata, group.assignments.get(name, b""))
                ownership._inherited = inherited(told, FLOW)
                break
            await asyncio.sleep(0.5)
        ownership._looked = True

    async def work(self, most_s: float) -> None:
        """Take some time; a frozen process takes as long as it is frozen."""
        await asyncio.sleep(most_s * self.chance.random())
        await self.network.awake()

    def _on_shared(self) -> None:
        if self.lanes is not None:
            self.lanes.shared()
        self._shared.set()

    def _gained(self) -> None:
        self._session = asyncio.get_running_loop().create_task(self._copy(self.ownership.tenure))

    def _lost(self, _reason: str) -> None:
        if self._session is not None:
            self._session.cancel()

    async def _copy(self, tenure: int) -> None:
        flow = FakeFlow(self)
        read_at = self.world.now

        async def start(lanes) -> None:
            self.world.begin(self, tenure, [(lane.source_topic, lane.partition) for lane in lanes], read_at)
            await self.work(1.0)

        async def catch_up() -> None:
            nonlocal read_at
            reading_at = self.world.now
            await self.work(0.3)
            read_at = reading_at

        lanes = LaneSet(
            FLOW,
            flow,
            FakeTopics(self),
            None,
            FakeCommits(self),
            start,
            lambda *_: None,
            self.ownership,
            catch_up,
            Log(),
            lambda lane: lane in self.paused,
        )
        self.heard = -1
        self.tenure, self.lanes = tenure, lanes
        await self.work(0.5)
        self.hear()
        await lanes.look()
        if self.ownership.leads:
            self._shared.clear()
            self.ownership.rejoin()
            await self._shared.wait()
        if self.paused:
            self.ownership.rejoin()
        while True:
            self._shared.clear()
            try:
                await lanes.refresh()
            except ClusterError:
                await self.work(0.5)
                continue
            try:
                async with asyncio.timeout(0.5 if lanes.missing else 5):
                    await self._shared.wait()
            except TimeoutError:
                continue

    def hear(self) -> None:
        self.paused, self.heard = frozenset(self.world.paused), self.world.told

    async def hear_later(self) -> None:
        """Read what was told, some time after it was."""
        await self.work(self.chance.choice([0.01, 1.0, 8.0]))
        if self.lanes is not None and self.heard >= 0:
            self.hear()
            self.lanes.steered()
            self._shared.set()
            self.ownership.rejoin()

    def writes(self) -> frozenset[TopicPartition]:
        """What it may write at this moment."""
        if self.lanes is None or not self.ownership.holds(self.tenure) or self.network.frozen is not None:
            return frozenset()
        return frozenset(self.lanes.flow.lanes)

    def end_at_once(self) -> None:
        self.world.workers.remove(self)
        self.lanes = None
        if self._session is not None:
            self._session.cancel()

    async def end(self, *, in_order: bool) -> None:
        self.world.workers.remove(self)
        lanes, self.lanes = self.lanes, None
        if self._session is not None:
            self._session.cancel()
        self.task.cancel()
        if in_order and lanes is not None and self.network.frozen is None:
            with suppress(HeliographError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.ownership.leave(comes_back=True)


@dataclass
class World:
    """Everything, and what must hold."""

    seed: int
    group: FakeGroup = field(init=False)
    workers: list[Worker] = field(default_factory=list)
    lanes: list[TopicPartition] = field(default_factory=list)
    loads: dict[TopicPartition, Load] = field(default_factory=dict)
    paused: set[TopicPartition] = field(default_factory=set)
    told: int = 0
    """How often anything was paused, or went on."""
    free: set[TopicPartition] = field(default_factory=set)
    """Paused lanes of which the group has said that nobody has them."""
    written: dict[TopicPartition, tuple[str, int, float]] = field(default_factory=dict)
    """Who wrote a lane last, in which tenure, and when."""
    stale: list[str] = field(default_factory=list)
    """What was begun from a position that is not the last."""
    steps: int = 0
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.group = FakeGroup(SESSION_S, 60.0)
        for topic in "xy":
            self.create(topic)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def create(self, topic: str) -> None:
        for number in range(self.chance.randint(1, 6)):
            self.lanes.append((topic, number))
            self.loads[topic, number] = Load(self.chance.random() * 1e7, self.chance.random() * 1e4)

    def add(self) -> None:
        name = f"w{len(self.happened)}"
        self.workers.append(Worker(self, name, f"host-{name}" if self.chance.random() < 0.5 else None))

    def succeed(self, instance_id: str) -> None:
        """Start a process that has the place of another, which may live."""
        self.note(f"another process begins as {instance_id}")
        self.workers.append(Worker(self, f"w{len(self.happened)}", instance_id))

    def _is_fenced(self, worker: Worker) -> bool:
        if not worker.task.done() or worker.task.cancelled() or worker.instance_id is None:
            return False
        error = worker.task.exception()
        return isinstance(error, BrokerError) and error.code == codes.FENCED_INSTANCE_ID

    def begin(self, worker: Worker, tenure: int, lanes: list[TopicPartition], read_at: float) -> None:
        """Take that a worker begins lanes where they were when it read the positions."""
        if not worker.ownership.holds(tenure):
            return  # it writes nothing
        for lane in lanes:
            name, before, wrote_at = self.written.get(lane, (worker.name, tenure, 0.0))
            if (name, before) != (worker.name, tenure) and wrote_at > read_at:
                self.stale.append(
                    f"{worker.name} read at {read_at:.2f} where {lane} is; {name} wrote at {wrote_at:.2f}"
                )

    def check(self) -> None:
        """No lane has two writers, and each begins where the one before it has ended."""
        self.steps += 1
        assert not self.stale, f"{self.stale}\n{self.story()}"
        seen: dict[TopicPartition, str] = {}
        for worker in [each for each in self.workers if self._is_fenced(each)]:
            self.note(f"{worker.name} is fenced, and ends")
            worker.end_at_once()
        for worker in self.workers:
            for lane in worker.writes():
                assert lane not in seen, f"{lane} is written by {seen[lane]} and {worker.name}\n" + self.story()
                seen[lane] = worker.name
                self.written[lane] = (worker.name, worker.tenure, self.now)
                assert lane not in self.free, f"{lane} was free, and is written by {worker.name}\n" + self.story()
            assert not worker.task.done() or worker.task.cancelled(), f"{worker.task}\n{self.story()}"

    def look(self) -> None:
        """See in the group which paused lanes nobody has, as ``heliograph rewind`` does."""
        if self.group.state in (State.STABLE, State.EMPTY):
            says = [decode_member(each.metadata) for each in self.group.members.values()]
            given = [decode_leader(self.group.assignments.get(each, b"")).lanes for each in self.group.members]
            if all(each.steered >= self.told for each in says):
                self.free |= self.paused - frozenset().union(*(each.lanes for each in says), *given)

    def tell(self, lane: TopicPartition) -> None:
        if lane not in self.lanes:
            return  # it has gone meanwhile
        self.note(f"{lane} goes on" if lane in self.paused else f"{lane} is paused")
        self.paused ^= {lane}
        self.free.discard(lane)
        self.told += 1
        for worker in self.workers:
            asyncio.get_running_loop().create_task(worker.hear_later())

    def story(self) -> str:
        return f"seed {self.seed}, {self.now:.3f}: " + ", ".join(self.happened)

    async def live(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.check()
            if not self.steps % 20:
                self.look()
            await asyncio.sleep(0.011)

    def note(self, what: str) -> None:
        self.happened.append(f"{self.now:.1f} {what}")

    # ---- faults -----------------------------------------------------------------------------------------------------

    async def fault(self) -> None:
        chance = self.chance
        worker = chance.choice(self.workers) if self.workers else None
        what = chance.choice(
            [
                "add",
                "add",
                "stop",
                "kill",
                "freeze",
                "cut",
                "topic",
                "gone",
                "nothing",
                "pause",
                "pause",
                "again",
                "again",
                "twice",
            ]
        )
        if worker is None or (what == "add" and len(self.workers) < 5):
            self.note("a worker is added")
            self.add()
        elif what in ("stop", "kill") and len(self.workers) > 1:
            self.note(f"{worker.name} ends by {what}")
            await worker.end(in_order=what == "stop")
        elif what == "again" and worker.instance_id is not None:
            in_order = chance.random() < 0.5
            self.note(f"{worker.name} is started again after {'a stop' if in_order else 'a kill'}")
            await worker.end(in_order=in_order)
            asyncio.get_running_loop().call_later(chance.random() * 10, self.succeed, worker.instance_id)
        elif what == "twice" and worker.instance_id is not None:
            self.note(f"{worker.name} is cut off, and another is started in its place")
            worker.network.cut = True
            asyncio.get_running_loop().call_later(chance.random() * 15, partial(setattr, worker.network, "cut", False))
            asyncio.get_running_loop().call_later(chance.random() * 6, self.succeed, worker.instance_id)
        elif what == "freeze" and worker.network.frozen is None:
            self.note(f"{worker.name} is frozen")
            worker.network.frozen = thaw = asyncio.Event()
            asyncio.get_running_loop().call_later(chance.random() * 20, partial(_thaw, worker.network, thaw))
        elif what == "cut":
            self.note(f"{worker.name} is cut off")
            worker.network.cut = True
            asyncio.get_running_loop().call_later(chance.random() * 15, partial(setattr, worker.network, "cut", False))
        elif what == "pause" and self.lanes:
            lane = chance.choice(self.lanes)
            self.tell(lane)
        elif what == "topic":
            self.note("a topic is created")
            self.create(f"t{len(self.happened)}")
            if chance.random() < 0.5:  # before or after the leader has seen it
                asyncio.get_running_loop().call_later(chance.random() * 5, self.tell, self.lanes[-1])
        elif what == "gone" and self.lanes:
            topic = chance.choice(self.lanes)[0]
            self.note(f"topic {topic} is deleted")
            self.lanes = [lane for lane in self.lanes if lane[0] != topic]
            self.paused = {lane for lane in self.paused if lane[0] != topic}
            self.free &= self.paused


def _thaw(network: Network, thaw: asyncio.Event) -> None:
    network.frozen = None
    thaw.set()


async def simulate(seed: int) -> World:
    world = World(seed)
    world.add()
    for _ in range(world.chance.randint(3, 10)):
        await world.live(world.chance.random() * 12)
        await world.fault()
    await world.live(20)
    for worker in world.workers:
        worker.network.cut = False
    deadline = world.now + QUIET_S
    while world.now < deadline and not is_well(world):
        await world.live(1)
    assert is_well(world), world.story() + "\n" + "\n".join(describe(world))
    for _ in range(8):
        before, generations = shares(world), world.group.generations
        await world.live(10)
        if is_well(world) and (shares(world), world.group.generations) == (before, generations):
            return world
    raise AssertionError("it does not come to rest\n" + world.story() + "\n" + "\n".join(describe(world)))


def shares(world: World) -> dict[str, frozenset[TopicPartition]]:
    return {worker.name: worker.writes() for worker in world.workers}


def is_well(world: World) -> bool:
    """Whether every lane is copied, by whom it was given to."""
    copied = sorted(lane for each in shares(world).values() for lane in each)
    handed_over = all(worker.writes() == worker.ownership.share.lanes for worker in world.workers)
    return copied == sorted(set(world.lanes) - world.paused) and handed_over and world.free == world.paused


def describe(world: World) -> Iterator[str]:
    yield f"lanes {sorted(world.lanes)}"
    for worker in world.workers:
        told = worker.ownership
        yield f"{worker.name}: owns {told.owns}, leads {told.leads}, share {told.share}, writes {sorted(worker.writes())}"


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_a_lane_never_has_two_writers_and_soon_has_one(first):
    steps = 0
    for seed in range(first, min(first + 50, SEEDS)):
        steps += run_virtually(simulate(seed)).steps
    assert steps > 50_000
