"""A group coordinator of the classic protocol in memory, as Kafka's behaves: sessions, rebalances, generations.

Members talk to it through :class:`FakeMembership`, which stands where ``heliograph.cluster.group.Membership`` does, and
through a network that delays, and that can be cut for one member.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from heliograph.cluster.group import Beat, Joined
from heliograph.errors import BrokerError, Unreachable
from heliograph.wire import errors as codes


class State(Enum):
    EMPTY = auto()
    PREPARING = auto()
    COMPLETING = auto()
    STABLE = auto()


@dataclass
class Member:
    metadata: bytes
    joining: "asyncio.Future[Any] | None" = None
    syncing: "asyncio.Future[bytes | None] | None" = None
    timer: asyncio.TimerHandle | None = None


@dataclass
class FakeGroup:
    """One group."""

    session_s: float
    rebalance_s: float
    members: dict[str, Member] = field(default_factory=dict)
    state: State = State.EMPTY
    generation: int = 0
    leader: str = ""
    assignments: dict[str, bytes] = field(default_factory=dict)
    generations: int = 0
    statics: dict[str, str] = field(default_factory=dict)
    """By instance id the member (KIP-345)."""
    _deadline: asyncio.TimerHandle | None = None
    _count: int = 0

    # ---- what members ask -----------------------------------------------------------------------------------------

    async def join(
        self, member: str, metadata: bytes, instance_id: str | None = None
    ) -> tuple[str, int, str, dict[str, bytes]]:
        self._check_instance(member, instance_id)
        if member and member not in self.members:
            raise BrokerError("the group does not know this member", code=codes.UNKNOWN_MEMBER_ID)
        if not member:
            self._count += 1
            member = f"m{self._count:04}"
            before = self.statics.get(instance_id or "")
            if before in self.members and before is not None:
                self._replace(before, member, metadata)
                if self.state is State.STABLE:
                    return member, self.generation, "", {}
            else:
                self.members[member] = Member(metadata)
            if instance_id is not None:
                self.statics[instance_id] = member
        known = self.members[member]
        known.metadata = metadata
        known.joining = asyncio.get_running_loop().create_future()
        self._stop_timer(known)  # who waits for a join is alive
        joining = known.joining
        self._rebalance()
        return await joining

    async def sync(
        self, member: str, generation: int, assignments: dict[str, bytes], instance_id: str | None = None
    ) -> bytes | None:
        self._check_instance(member, instance_id)
        known = self._known(member)
        if generation != self.generation or self.state is State.PREPARING:
            return None
        self._alive(member)
        if self.state is State.STABLE:
            return self.assignments.get(member, b"")
        syncing = known.syncing = asyncio.get_running_loop().create_future()
        if member == self.leader:
            self.assignments = assignments
            self.state = State.STABLE
            for name, each in self.members.items():
                if each.syncing is not None and not each.syncing.done():
                    each.syncing.set_result(assignments.get(name, b""))
        return await syncing

    def heartbeat(self, member: str, generation: int, instance_id: str | None = None) -> Beat:
        self._check_instance(member, instance_id)
        if member not in self.members or generation != self.generation:
            return Beat.LOST
        if self.state in (State.PREPARING, State.COMPLETING, State.STABLE):
            if self.members[member].joining is None:
                self._alive(member)
            return Beat.REBALANCE if self.state is State.PREPARING else Beat.GOOD
        return Beat.LOST

    def leave(self, member: str) -> None:
        if member in self.members:
            self._remove(member)

    # ---- static members -------------------------------------------------------------------------------------------

    def _check_instance(self, member: str, instance_id: str | None) -> None:
        """Fence who comes with an instance id that another member has taken over."""
        holder = self.statics.get(instance_id or "")
        if member and holder is not None and holder in self.members and holder != member:
            raise BrokerError("another has its place", code=codes.FENCED_INSTANCE_ID)

    def _replace(self, before: str, member: str, metadata: bytes) -> None:
        """Give the place of a static member to the one that has joined with its instance id."""
        gone = self.members.pop(before)
        self._stop_timer(gone)
        for waiting in (gone.joining, gone.syncing):
            if waiting is not None and not waiting.done():
                waiting.set_exception(BrokerError("another has its place", code=codes.FENCED_INSTANCE_ID))
                waiting.exception()
        self.members[member] = Member(metadata)
        self.statics = {name: member if held == before else held for name, held in self.statics.items()}
        if before in self.assignments:
            self.assignments[member] = self.assignments.pop(before)
        if self.leader == before:
            self.leader = member
        self._alive(member)

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _known(self, member: str) -> Member:
        if member not in self.members:
            raise BrokerError("the group does not know this member", code=codes.UNKNOWN_MEMBER_ID)
        return self.members[member]

    @staticmethod
    def _stop_timer(member: Member) -> None:
        if member.timer is not None:
            member.timer.cancel()
            member.timer = None

    def _alive(self, member: str) -> None:
        known = self.members[member]
        self._stop_timer(known)
        known.timer = asyncio.get_running_loop().call_later(self.session_s, self._remove, member)

    def _remove(self, member: str) -> None:
        gone = self.members.pop(member, None)
        if gone is None:
            return
        self._stop_timer(gone)
        for waiting in (gone.joining, gone.syncing):
            if waiting is not None and not waiting.done():
                waiting.set_exception(BrokerError("it was removed", code=codes.UNKNOWN_MEMBER_ID))
                waiting.exception()
        if not self.members:
            self.state = State.EMPTY
        elif self.state is State.PREPARING:
            self._complete_if_all_are_there()
        else:
            self._rebalance()

    def _rebalance(self) -> None:
        if self.state is not State.PREPARING:
            self.state = State.PREPARING
            for each in self.members.values():
                if each.syncing is not None and not each.syncing.done():
                    each.syncing.set_result(None)
                each.syncing = None
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = asyncio.get_running_loop().call_later(self.rebalance_s, self._give_up_waiting)
        self._complete_if_all_are_there()

    def _give_up_waiting(self) -> None:
        if self.state is State.PREPARING:
            for name in [name for name, each in self.members.items() if each.joining is None]:
                self._remove(name)
            self._complete_if_all_are_there()

    def _complete_if_all_are_there(self) -> None:
        if self.state is not State.PREPARING or any(each.joining is None for each in self.members.values()):
            return
        if not self.members:
            self.state = State.EMPTY
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.generation += 1
        self.generations += 1
        self.state = State.COMPLETING
        self.assignments = {}
        if self.leader not in self.members:
            self.leader = min(self.members)
        metadata = {name: each.metadata for name, each in self.members.items()}
        for name, each in self.members.items():
            joining, each.joining = each.joining, None
            self._alive(name)
            if joining is not None and not joining.done():
                told = metadata if name == self.leader else {}
                joining.set_result((name, self.generation, self.leader, told))


@dataclass
class Network:
    """Between one member and the coordinator."""

    chance: random.Random
    latency_s: float = 0.02
    cut: bool = False
    """Requests and answers get lost."""
    frozen: "asyncio.Event | None" = None
    """While it is set and not yet fired, the member does nothing at all (SIGSTOP)."""

    async def pass_through(self) -> None:
        await asyncio.sleep(self.latency_s * self.chance.random() * 2)
        await self.awake()
        if self.cut:
            await asyncio.sleep(3.0)
            await self.awake()
            raise Unreachable("the coordinator does not answer")

    async def awake(self) -> None:
        while self.frozen is not None:
            await self.frozen.wait()


@dataclass
class FakeMembership:
    """One member's side."""

    group: FakeGroup
    network: Network
    member_id: str = ""
    generation: int = -1
    instance_id: str | None = None

    def be_among(self, *, others: bool) -> bool:
        return False

    @property
    def session_ms(self) -> int:
        return round(self.group.session_s * 1000)

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        await self.network.pass_through()
        try:
            return await ask()
        finally:
            await self.network.pass_through()

    async def join(self, metadata: bytes) -> Joined:
        try:
            name, generation, leader, members = await self._ask(
                lambda: self.group.join(self.member_id, metadata, self.instance_id)
            )
        except BrokerError:
            self.member_id = ""
            raise
        self.member_id, self.generation = name, generation
        return Joined(generation, name, leader == name, members)

    async def sync(self, assignments: dict[str, bytes]) -> bytes | None:
        try:
            return await self._ask(
                lambda: self.group.sync(self.member_id, self.generation, assignments, self.instance_id)
            )
        except BrokerError:
            self.member_id = ""
            raise

    async def _beat(self) -> Beat:
        async def ask() -> Beat:
            return self.group.heartbeat(self.member_id, self.generation, self.instance_id)

        return await self._ask(ask)

    async def heartbeat(self) -> Beat:
        beat = await self._beat()
        if beat is Beat.LOST:
            self.member_id = ""
        return beat

    async def heartbeat_beside(self) -> Beat:
        return await self._beat()

    async def leave(self) -> None:
        async def ask() -> None:
            self.group.leave(self.member_id)

        await self._ask(ask)
        self.member_id = ""
