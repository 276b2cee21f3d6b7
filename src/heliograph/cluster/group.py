"""Membership in a group of the classic protocol: join, sync, heartbeat, leave (Kafka protocol guide; KIP-62, KIP-394).

A member with an instance id is *static* (KIP-345): when it is started again within its session, it is the same member
to the group, and gets at once what it had. Brokers before 2.3 know no such thing: to them it is one like any other.

It keeps the member id and the generation, and knows nothing of what is shared out: the caller brings opaque metadata,
and the leader opaque assignments. A JoinGroup may be held by the broker for as long as a rebalance lasts, so the
group has a connection of its own, and heartbeats that are sent meanwhile another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from heliograph.cluster.cluster import GROUP, Cluster, raise_for
from heliograph.errors import BrokerError, ClusterError
from heliograph.wire import errors as codes

JOIN_SLACK_MS = 10_000
BEAT = "group heartbeat"
SESSION_SHARE = 0.75
"""Part of the session time-out after which the broker is to give up a silent one of several members.

What is left of the time is for the others to notice and to take over, so that all is done within the time-out. For one
member alone there is nobody who would.
"""


class Beat(Enum):
    """What a heartbeat found."""

    GOOD = "good"
    REBALANCE = "rebalance"
    """The group is rebalancing: join again; what is owned stays owned until the new assignment is known."""
    LOST = "lost"
    """The group has gone on without this member: nothing is owned any more."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A generation of the group, as this member sees it."""

    generation: int
    member_id: str
    leads: bool
    """Whether it shares out; it does not where the broker has an assignment already."""
    members: Mapping[str, bytes]
    """Metadata of every member by id; only the leader is told."""


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """How to be a member."""

    group_id: str
    protocol_type: str
    protocol_name: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    instance_id: str | None = None
    """Of a static member."""
    watched: bool = False
    """Somebody sees to it that no two processes have this id at a time."""


class Membership:
    """One member of one group."""

    def __init__(self, cluster: Cluster, config: GroupConfig) -> None:
        """Nothing is joined yet."""
        self.config = config
        self.member_id = ""
        self.generation = -1
        self.session_ms = config.session_timeout_ms
        """After so much silence the broker gives this member up, as of the last join."""
        self._short_ms = round(config.session_timeout_ms * SESSION_SHARE)
        self._among_others = False
        self._cluster = cluster

    def be_among(self, *, others: bool) -> bool:
        """Take note whether there are other members; says whether the next join brings another session time-out."""
        self._among_others = others
        return self._wanted_ms != self.session_ms

    @property
    def _wanted_ms(self) -> int:
        return self._short_ms if self._among_others else self.config.session_timeout_ms

    async def join(self, metadata: bytes) -> Joined:
        """Join, or join again; waits until the rebalance is over. Raises BrokerError or NotAuthorized.

        UNKNOWN_MEMBER_ID is raised too: the group went on without this member, and what it owned may be another's.
        The next try then joins as a new member.
        """
        joined: Joined = await self._cluster.retrying(lambda: self._join_once(metadata))
        return joined

    async def _join_once(self, metadata: bytes) -> Joined:
        config = self.config
        self.session_ms = self._wanted_ms
        answer = await self._call(
            "join_group",
            {
                "group_id": config.group_id,
                "session_timeout": self.session_ms,
                "rebalance_timeout": config.rebalance_timeout_ms,
                "member_id": self.member_id,
                "group_instance_id": config.instance_id,
                "protocol_type": config.protocol_type,
                "protocols": [{"name": config.protocol_name, "metadata": metadata}],
            },
            timeout_ms=config.rebalance_timeout_ms + JOIN_SLACK_MS,
        )
        code = self._code_of(answer)
        if code == codes.MEMBER_ID_REQUIRED:
            self.member_id = answer.member_id
        elif code == codes.UNKNOWN_MEMBER_ID:
            self.member_id = ""
        elif code == codes.INVALID_SESSION_TIMEOUT and self.session_ms < config.session_timeout_ms:
            self._short_ms = config.session_timeout_ms  # shorter than the broker allows
            return await self._join_once(metadata)
        self._raise(code, "join")
        self.member_id, self.generation = answer.member_id, answer.generation_id
        members = {str(each.member_id): bytes(each.metadata) for each in answer.members}
        # A static leader that comes back is told by brokers from 3.2 on that everything is shared already (KIP-814).
        shares = answer.leader == self.member_id and not getattr(answer, "skip_assignment", False)
        return Joined(self.generation, self.member_id, shares, members)

    async def sync(self, assignments: Mapping[str, bytes]) -> bytes | None:
        """Bring (as leader) or take the assignments; None: the group is rebalancing again, join once more.

        Raises UNKNOWN_MEMBER_ID as :meth:`join` does.
        """
        answer = await self._call(
            "sync_group",
            {
                "group_id": self.config.group_id,
                "generation_id": self.generation,
                "member_id": self.member_id,
                "group_instance_id": self.config.instance_id,
                "assignments": [{"member_id": key, "assignment": value} for key, value in assignments.items()],
            },
            timeout_ms=self.config.rebalance_timeout_ms + JOIN_SLACK_MS,
        )
        code = self._code_of(answer)
        if code in (codes.REBALANCE_IN_PROGRESS, codes.ILLEGAL_GENERATION):
            return None
        if code == codes.UNKNOWN_MEMBER_ID:
            self.member_id = ""
        self._raise(code, "take the assignment of")
        return bytes(answer.assignment)

    async def heartbeat(self) -> Beat:
        """Tell the group that this member lives. Raises when the coordinator cannot be asked."""
        beat = await self._beat(GROUP)
        if beat is Beat.LOST:
            self.member_id = ""
        return beat

    async def heartbeat_beside(self) -> Beat:
        """Do the same while :meth:`join` waits: the session goes on until the next generation begins.

        ``LOST`` may mean that it has begun; what follows from that the join tells.
        """
        return await self._beat(BEAT)

    async def _beat(self, purpose: str) -> Beat:
        answer = await self._call(
            "heartbeat",
            {
                "group_id": self.config.group_id,
                "generation_id": self.generation,
                "member_id": self.member_id,
                "group_instance_id": self.config.instance_id,
            },
            timeout_ms=self.session_ms,
            purpose=purpose,
        )
        code = self._code_of(answer)
        if code == codes.REBALANCE_IN_PROGRESS:
            return Beat.REBALANCE
        if code in (codes.UNKNOWN_MEMBER_ID, codes.ILLEGAL_GENERATION):
            return Beat.LOST
        self._raise(code, "send a heartbeat to")
        return Beat.GOOD

    async def leave(self) -> None:
        """Leave, so that another member need not wait for the session to end."""
        if not self.member_id:
            return
        member, self.member_id = self.member_id, ""
        await self._call(
            "leave_group",
            {
                "group_id": self.config.group_id,
                "member_id": member,
                "members": [{"member_id": member, "group_instance_id": self.config.instance_id}],
            },
            timeout_ms=self.config.session_timeout_ms,
        )

    def _code_of(self, answer: Any) -> int:
        """Return the error code of an answer.

        A watched instance id belongs to one worker alone. So if another member has it, that is this worker before it
        was started again, with a request that was long under way: to be fenced by it is to be forgotten, and passes
        with the next join.
        """
        code = int(answer.error_code)
        forgotten = self.config.watched or self.config.instance_id is None
        return codes.UNKNOWN_MEMBER_ID if code == codes.FENCED_INSTANCE_ID and forgotten else code

    def _raise(self, code: int, verb: str) -> None:
        group = self.config.group_id
        if code == codes.FENCED_INSTANCE_ID:
            raise BrokerError(
                f"Another process has taken the place of {self.config.instance_id} in group {group} on "
                f"{self._cluster.alias}",
                code=code,
                remedy="Give each process a group.instance.id of its own",
            )
        if code in (codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE):
            self._cluster.forget_coordinator(group)
        raise_for(code, f"{verb} group {group} on {self._cluster.alias}", f"group {group}", right="Read")

    async def _call(self, api: str, values: Mapping[str, Any], *, timeout_ms: int, purpose: str = GROUP) -> Any:
        node = await self._cluster.coordinator(self.config.group_id)
        try:
            connection = await self._cluster.connection(node, purpose)
            return await connection.call(api, values, timeout_ms=timeout_ms)
        except ClusterError:
            self._cluster.forget_coordinator(self.config.group_id)  # that broker may have died: ask who follows it
            raise
