"""Who copies what: a flow's workers form a group on the target cluster, and its leader shares the lanes among them.

The group has MirrorMaker 2's id but a protocol of our own, so the broker refuses to mix the two. A worker keeps its
lanes while the group rebalances. It gives up those that its next assignment does not name, in good order, and joins
again without them; only then is another worker given them (:mod:`heliograph.mirror.assignment`).

A worker sends only while its *lease* holds: the session that its last good heartbeat renewed, less a margin, counted
from before that heartbeat was sent. Heartbeats go on while a rebalance is waited for.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TypeVar

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.group import Beat, GroupConfig, Joined, Membership
from heliograph.cluster.retry import retriable
from heliograph.concurrency import cancel_all
from heliograph.config.model import FlowConfig
from heliograph.config.told import tell
from heliograph.errors import BrokerError, HeliographError
from heliograph.mirror.assignment import Claims, Load, TopicPartition, share
from heliograph.mirror.group_messages import (
    LeaderSays,
    MemberSays,
    decode_leader,
    decode_member,
    encode_leader,
    encode_member,
)
from heliograph.mirror.naming import PROTOCOL_TYPE
from heliograph.mirror.parts import Need, divide
from heliograph.offsets import joining
from heliograph.wire import errors as codes
from heliograph.worker.sharing import OwnershipListener, Share, Wanted
from heliograph.worker.succession import Inheritance, inheritance, inheritance_of, waits

Answer = TypeVar("Answer")

PROTOCOL_NAME = "lanes-1"
LEASE_SHARE = 0.8
"""Part of the session for which a heartbeat allows sending."""
HEARTBEAT_S_MAX = 1.0
"""Of several workers. They learn by a heartbeat that the group rebalances: no lane waits longer for its next one."""


def lease_clock_s() -> float:
    """Return seconds by a clock that never jumps and, on Linux, counts on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Ownership:
    """This process's part in the group of one flow."""

    def __init__(
        self,
        cluster: Cluster,
        config: FlowConfig,
        started_ms: int,
        listener: OwnershipListener,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Nothing is joined before :meth:`run`; ``started_ms`` is when this member was started.

        ``clock`` is the steady one by which leases end; see :func:`lease_clock_s`.
        """
        self.owns = False
        """Whether it has a share."""
        self.tenure = 0
        """Counts how often it has come to one."""
        self.leads = False
        """Whether it shares out, and does what one worker does for all."""
        self.spared: frozenset[str] = frozenset()
        """As leader: topics on the target whose configs some member needs as they are."""
        self.share = Share()
        self._listener = listener
        self._cluster = cluster
        self._config = config
        self._digest = config.digest
        self._started_ms = started_ms
        self._now = clock
        self._lease_until = 0.0
        self._given_up = False
        self._again = asyncio.Event()
        self._claimed: frozenset[TopicPartition] = frozenset()
        """What it said it had when it joined last."""
        self._wanted: Wanted | None = None
        """As leader: what it has shared out last."""
        self._loads: dict[TopicPartition, Load] = {}
        """As leader: what was last heard of each lane."""
        self._succeeds = config.instance_id is not None and not config.instance_watched
        """Whether another process may have had this one's place in the group a moment ago."""
        self._looked = False
        self._inherited: Inheritance | None = None
        """What it had; claimed until this process may begin."""
        self._begins_at = 0.0
        self._membership = Membership(
            cluster,
            GroupConfig(
                config.group_id,
                PROTOCOL_TYPE,
                PROTOCOL_NAME,
                config.session_timeout_ms,
                config.rebalance_timeout_ms,
                config.instance_id,
                config.instance_watched,
            ),
        )

    def change(self, config: FlowConfig) -> None:
        """Share out by ``config`` from now on, and tell the others that it is the one in force here."""
        self._config = config
        if config.digest != self._digest:
            self._digest = config.digest
            self.rejoin()

    def holds(self, tenure: int | None = None) -> bool:
        """Whether what this worker has is its own at this moment; with ``tenure``, what it got then."""
        return self.owns and self._now() < self._lease_until and tenure in (None, self.tenure)

    async def run(self) -> None:
        """Take part until cancelled; raises what cannot pass by itself."""
        while True:
            try:
                await self._stand_back()
                await self._look_for_predecessor()
                await self._generation()
            except HeliographError as error:
                if isinstance(error, BrokerError) and error.code == codes.UNKNOWN_MEMBER_ID:
                    self._forgotten()
                    continue
                if retriable(error) is None:
                    self._lease_until = 0.0  # who has no part in the group sends nothing, from this moment on
                    raise
                await asyncio.sleep(self._heartbeat_s)
            if self.owns and self._now() >= self._lease_until:
                self._lose("no heartbeat was answered in time")

    def rejoin(self) -> None:
        """Have everything shared out once more: there are other lanes, or other loads."""
        self._again.set()

    def report(self) -> None:
        """Have lanes given to others that this worker has let go of since it joined."""
        if self.owns and not all(map(self.share.has, self._claimed - self._listener.held())):
            self.rejoin()

    def give_up(self, reason: str) -> None:
        """Have no share from now on, and take part again as one that came last, after a session's time.

        For a worker whom somebody else has fenced: the group does not know of that.
        """
        if self.owns:
            self._given_up = True
            self._lease_until = 0.0
            self._lose(reason)

    async def leave(self, *, comes_back: bool = False) -> None:
        """Leave the group, so that another member can begin at once; a static member that comes back keeps its place.

        Nothing of what it had may be under way.
        """
        if not (comes_back and self._succeeds):
            self.owns = False
            await self._membership.leave()
        elif self.owns:  # what it says is for who comes after it; the end of its session is its leave
            says = encode_member(replace(self._says(), stopped=True))
            self.owns = False
            joined = await self._membership.join(says)
            await self._membership.sync(self._share_out(joined) if joined.leads else {})

    async def _stand_back(self) -> None:
        """After giving up: leave, so that whoever waits can begin, and queue again."""
        if self._given_up:
            await self._membership.leave()
            await asyncio.sleep(self._config.session_timeout_ms / 1000)
            self._started_ms = time.time_ns() // 1_000_000
            self._given_up = False

    async def _look_for_predecessor(self) -> None:
        if self._succeeds and not self._looked:
            self._inherited = await inheritance(self._cluster, self._config)
            self._looked = True

    async def _may_begin(self, told: LeaderSays) -> bool:
        """Wait until whoever had this place can no longer send; says whether this generation lasted so long."""
        if self._succeeds and waits(self._inherited, told, self._started_ms):
            self._inherited = self._inherited or inheritance_of(told, self._config)
            while (left_s := self._begins_at - self._now()) > 0:
                await asyncio.sleep(min(left_s, self._heartbeat_s))
                sent_at = self._now()
                if await self._membership.heartbeat() is not Beat.GOOD:
                    return False
                self._renew(sent_at)
        self._inherited = None
        return True

    # ---- one generation -------------------------------------------------------------------------------------------

    async def _generation(self) -> None:
        """Live through one generation of the group."""
        self._again.clear()
        joined = await self._kept_alive(self._join())
        if self._succeeds and not self._begins_at:  # whoever had this place has been fenced by now
            session_ms = self._config.session_timeout_ms if self._inherited is None else self._inherited.session_ms
            self._begins_at = self._now() + session_ms / 1000 * LEASE_SHARE
        assignments = self._share_out(joined) if joined.leads else {}
        sent_at = self._now()  # with this request the session begins again; the join may have waited for long
        answer = await self._kept_alive(self._membership.sync(assignments))
        if answer is None:
            return
        told = decode_leader(answer)
        self._renew(sent_at)
        self.leads = joined.leads
        if joined.leads and self._listener.wanted() != self._wanted:
            self._again.set()  # it was looked at after it was shared out, by one who did not know yet that it leads
        self.share = self._share_of(told, joined)
        if self._membership.be_among(others=self.share.shared_out):
            self._again.set()
        if self.owns:
            self._listener.shared()
        elif not await self._may_begin(told):
            return
        else:
            self.owns = True
            self.tenure += 1
            self._listener.gained()
            if self._config.instance_id is not None:
                self._again.set()  # it may have what it had before it was started again; the leader has not heard of it
        await self._beat()

    def _says(self) -> MemberSays:
        if not self.owns and self._inherited is not None:
            return replace(
                self._inherited.says,
                config=self._digest,
                stopped=False,
                waiting_since_ms=self._started_ms,
                worker_id=self._config.worker_id,
                options=tell(self._config),
            )
        if not self.owns:
            return MemberSays(
                config=self._digest,
                waiting_since_ms=self._started_ms,
                worker_id=self._config.worker_id,
                options=tell(self._config),
            )
        self._claimed = self._listener.held() | (self.share.lanes or frozenset())
        return MemberSays(
            self._claimed,
            self._listener.loads(),
            self._membership.generation,
            self.share.slot,
            self._digest,
            able=self._listener.able(),
            spared=self._listener.spared(),
            held_back=self._listener.held_back(),
            waiting_since_ms=self._started_ms,
            steered=self._listener.steered(),
            worker_id=self._config.worker_id,
            options=tell(self._config),
        )

    def _share_of(self, told: LeaderSays, joined: Joined) -> Share:
        if told.owner is None:
            same = told.config in ("", self._digest)
            return Share(told.lanes, told.folded, told.slot, told.slots, same_config=same, part=told.part)
        # A leader of version 0.1 knows one owner, who has everything.
        return Share(None if told.owner == joined.member_id else frozenset())

    def _share_out(self, joined: Joined) -> dict[str, bytes]:
        """Return what each member is told."""
        members = {member: decode_member(raw) for member, raw in joined.members.items()}
        workers = {member: each for member, each in members.items() if not each.old}
        self.spared = frozenset(topic for each in workers.values() for topic in each.spared)
        for each in workers.values():
            self._loads.update(each.loads)
        wanted = self._wanted = self._listener.wanted()
        everything = next((member for member, each in sorted(members.items()) if each.has_all), None)
        if wanted is None:  # nobody loses what he has before the topics were looked at
            granted = {member: each.lanes for member, each in workers.items()}
            wanted = Wanted(frozenset(), self.share.folded)
        else:
            self._loads = {lane: load for lane, load in self._loads.items() if lane in wanted.lanes}
            claims = {
                member: Claims(each.lanes, each.able, each.config == self._digest, each.generation)
                for member, each in workers.items()
            }
            lanes = wanted.lanes if everything is None else ()
            granted = dict(share(claims, lanes, self._loads, self._config.tasks_max).granted)
        slots = _slots(workers, self.share.slots)
        parts = divide(self._listener.limit(), _needs(workers, granted, self._loads))
        owner = joined.member_id if everything is None else everything
        nothing: frozenset[TopicPartition] = frozenset()
        return {
            member: encode_leader(
                LeaderSays(
                    granted.get(member, nothing),
                    wanted.folded,
                    slots.get(member, 0),
                    frozenset(slots.values()),
                    self._digest,
                    parts.get(member, 0.0),
                    members[member].waiting_since_ms,
                ),
                owner,
            )
            for member in members
        }

    async def _join(self) -> Joined:
        return await joining.join(
            self._cluster,
            self._membership,
            lambda: encode_member(self._says()),
            remedy="Stop it, or give this flow another group.id",
            clock=self._now,
        )

    # ---- the lease ------------------------------------------------------------------------------------------------

    @property
    def _heartbeat_s(self) -> float:
        interval_s = self._config.heartbeat_interval_ms / 1000
        return min(interval_s, HEARTBEAT_S_MAX) if self.share.shared_out else interval_s

    async def _beat(self) -> None:
        """Send heartbeats until the group rebalances, or is to."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._again.wait()
            if self._given_up or self._again.is_set():
                return
            sent_at = self._now()
            beat = await self._membership.heartbeat()
            if beat is Beat.LOST:
                self._forgotten()
                return
            self._renew(sent_at)
            if beat is Beat.REBALANCE:
                return

    async def _kept_alive(self, asking: Coroutine[None, None, Answer]) -> Answer:
        """Send heartbeats while the rest of the group is waited for, which may take a session's time."""
        task = asyncio.create_task(asking)
        try:
            while True:
                await asyncio.wait([task], timeout=self._heartbeat_s)
                if task.done():
                    return task.result()
                if self.owns:
                    await self._beat_beside()
        finally:
            await cancel_all(task)

    async def _beat_beside(self) -> None:
        sent_at = self._now()
        with suppress(HeliographError, TimeoutError):
            async with asyncio.timeout(self._heartbeat_s):
                if await self._membership.heartbeat_beside() is not Beat.LOST:
                    self._renew(sent_at)

    def _renew(self, sent_at: float) -> None:
        lease_s = self._membership.session_ms / 1000 * LEASE_SHARE
        self._lease_until = max(self._lease_until, sent_at + lease_s)  # a join may be older than later heartbeats

    def _forgotten(self) -> None:
        """Let go of everything before joining again: other workers may have it by now."""
        if self.owns:
            self._lose("the group went on without this process")

    def _lose(self, reason: str) -> None:
        self.owns = self.leads = False
        self.spared = frozenset()
        self.share = Share()
        self._listener.lost(reason)


def _needs(
    workers: Mapping[str, MemberSays],
    granted: Mapping[str, frozenset[TopicPartition]],
    loads: Mapping[TopicPartition, Load],
) -> dict[str, Need]:
    """Return what those who have lanes need of a limit; of who is given more nobody knows."""
    return {
        member: Need(
            sum(loads[lane].bytes_s for lane in lanes if lane in loads),
            workers[member].held_back or not lanes <= workers[member].lanes,
        )
        for member, lanes in granted.items()
        if lanes
    }


def _slots(workers: Mapping[str, MemberSays], before: Collection[int]) -> dict[str, int]:
    """Return a number for each worker: the one that it has, if no other has it.

    Whoever comes is given none of those ``before``: a worker that is cut off may still have it, and is shut out by all
    who take over from it, which they could not do if it were the number of one that is alive.
    """
    slots: dict[str, int] = {}
    taken: set[int] = set()
    for member in sorted(workers, key=lambda each: (-workers[each].generation, each)):
        slot = workers[member].slot
        if slot is not None and 0 <= slot < 1_000_000 and slot not in taken:
            slots[member] = slot
            taken.add(slot)
    for member in sorted(workers.keys() - slots.keys(), key=lambda each: (workers[each].waiting_since_ms, each)):
        slots[member] = next(number for number in count() if number not in taken and number not in before)
        taken.add(slots[member])
    return slots
