"""Who copies: a flow's workers form a group on the target cluster, and one of them owns all lanes.

The group has MirrorMaker 2's id but a protocol of our own, so the broker refuses to mix the two. The leader gives the
lanes to the member that has them already, else to the one that waits longest; so a second process that joins or
leaves does not disturb the first. An owner sends only while its *lease* holds: the session that its last good heartbeat
renewed, less a margin, counted from before that heartbeat was sent.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.group import Beat, GroupConfig, Joined, Membership
from heliograph.cluster.retry import retriable
from heliograph.config.model import FlowConfig
from heliograph.errors import BrokerError, HeliographError, ProtocolError
from heliograph.mirror.naming import PROTOCOL_TYPE
from heliograph.wire import errors as codes

PROTOCOL_NAME = "lanes-1"
LEASE_SHARE = 0.8
"""Part of the session time-out for which a heartbeat allows sending."""
OTHER_PROTOCOL_S = 15.0
"""How long a group of another protocol is waited for: a MirrorMaker that was killed leaves after its session."""


class Metadata(msgspec.Struct, frozen=True):
    """What a member tells the leader."""

    owner: bool
    waiting_since_ms: int


class Assignment(msgspec.Struct, frozen=True):
    """What the leader tells everyone."""

    owner: str
    """Member id."""


def choose_owner(members: Mapping[str, Metadata]) -> str:
    """Return the member that owns the lanes: the present owner, else the one that waits longest."""
    return min(members, key=lambda member: (not members[member].owner, members[member].waiting_since_ms, member))


@dataclass(frozen=True, slots=True)
class OwnershipListener:
    """Whom an ownership tells."""

    gained: Callable[[], None]
    lost: Callable[[str], None]
    """With the reason, one phrase."""
    standby: Callable[[], None]


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
        """Nothing is joined before :meth:`run`; ``started_ms`` is this member's place in the queue.

        ``clock`` tells the loop's time.
        """
        self.owns = False
        self._listener = listener
        self._cluster = cluster
        self._config = config
        self._started_ms = started_ms
        self._now = clock
        self._lease_until = 0.0
        self._given_up = False
        self._membership = Membership(
            cluster,
            GroupConfig(
                config.group_id, PROTOCOL_TYPE, PROTOCOL_NAME, config.session_timeout_ms, config.rebalance_timeout_ms
            ),
        )

    def holds(self) -> bool:
        """Whether the lanes are ours at this moment."""
        return self.owns and self._now() < self._lease_until

    async def run(self) -> None:
        """Take part until cancelled; raises what cannot pass by itself."""
        while True:
            try:
                await self._stand_back()
                await self._generation()
            except HeliographError as error:
                if isinstance(error, BrokerError) and error.code == codes.UNKNOWN_MEMBER_ID:
                    self._forgotten()
                    continue
                if retriable(error) is None:
                    raise
                await asyncio.sleep(self._config.heartbeat_interval_ms / 1000)
            if self.owns and self._now() >= self._lease_until:
                self._lose("no heartbeat was answered in time")

    def give_up(self, reason: str) -> None:
        """Own nothing from now on, and take part again as the one that came last, after a session's time.

        For an owner whom somebody else has fenced: the group does not know of that.
        """
        if self.owns:
            self._given_up = True
            self._lease_until = 0.0
            self._lose(reason)

    async def leave(self) -> None:
        """Leave the group, so that another member can begin at once."""
        self.owns = False
        await self._membership.leave()

    async def _stand_back(self) -> None:
        """After giving up: leave, so that whoever waits can begin, and queue again."""
        if self._given_up:
            await self._membership.leave()
            await asyncio.sleep(self._config.session_timeout_ms / 1000)
            self._started_ms = time.time_ns() // 1_000_000
            self._given_up = False

    async def _generation(self) -> None:
        """Live through one generation of the group."""
        sent_at = self._now()
        metadata = msgspec.json.encode(Metadata(self.owns, self._started_ms))
        joined = await self._join(metadata)
        assignments: dict[str, bytes] = {}
        if joined.leads:
            owner = choose_owner({key: _read_metadata(value) for key, value in joined.members.items()})
            assignments = dict.fromkeys(joined.members, msgspec.json.encode(Assignment(owner)))
        answer = await self._membership.sync(assignments)
        if answer is None:
            return
        owner = _read_owner(answer, self._config)
        self._renew(sent_at)
        if owner == joined.member_id:
            if not self.owns:
                self.owns = True
                self._listener.gained()
        elif self.owns:
            self._lose("the group gave the lanes to another process")
        else:
            self._listener.standby()
        await self._beat()

    async def _join(self, metadata: bytes) -> Joined:
        deadline = self._now() + OTHER_PROTOCOL_S
        while True:
            try:
                return await self._membership.join(metadata)
            except BrokerError as error:
                if error.code != codes.INCONSISTENT_GROUP_PROTOCOL:
                    raise
                if self._now() >= deadline:
                    raise BrokerError(
                        f"Group {self._config.group_id} on {self._config.target.alias} belongs to another program, "
                        f"most likely a running MirrorMaker 2{await self._where()}: both would copy the same records",
                        code=error.code,
                        remedy="Stop it, or give this flow another group.id",
                    ) from error
                await asyncio.sleep(1.0)

    async def _where(self) -> str:
        """Say where the members of the group run, as far as the broker tells."""
        group = self._config.group_id
        found = (await groups.describe(self._cluster, [group])).get(group)
        if not isinstance(found, groups.Described) or not found.members:
            return ""
        return f" ({found.protocol_type}: {groups.whereabouts(found.members)})"

    async def _beat(self) -> None:
        """Send heartbeats until the group rebalances."""
        while True:
            await asyncio.sleep(self._config.heartbeat_interval_ms / 1000)
            if self._given_up:
                return
            sent_at = self._now()
            beat = await self._membership.heartbeat()
            if beat is Beat.REBALANCE:
                self._renew(sent_at)
                return
            if beat is Beat.LOST:
                self._forgotten()
                return
            self._renew(sent_at)

    def _renew(self, sent_at: float) -> None:
        self._lease_until = sent_at + self._config.session_timeout_ms / 1000 * LEASE_SHARE

    def _forgotten(self) -> None:
        """Let go of what we own before joining again: another process may have taken it meanwhile."""
        if self.owns:
            self._lose("the group went on without this process")

    def _lose(self, reason: str) -> None:
        self.owns = False
        self._listener.lost(reason)


def _read_owner(raw: bytes, config: FlowConfig) -> str:
    """Return the member id of the owner; empty when nobody was chosen. Raises ProtocolError."""
    try:
        return msgspec.json.decode(raw, type=Assignment).owner if raw else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(
            f"The leader of group {config.group_id} on {config.target.alias} sends an assignment that cannot be read",
            remedy="Another program may use the group; give this flow another group.id",
        ) from error


def _read_metadata(raw: bytes) -> Metadata:
    try:
        return msgspec.json.decode(raw, type=Metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Metadata(owner=False, waiting_since_ms=2**62)  # a member of a later version that waits its turn
