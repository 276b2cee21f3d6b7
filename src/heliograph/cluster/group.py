"""Membership in a group of the classic protocol: join, sync, heartbeat, leave (Kafka protocol guide; KIP-62, KIP-394).

It keeps the member id and the generation, and knows nothing of what is shared out: the caller brings opaque metadata,
and the leader opaque assignments. A JoinGroup may be held by the broker for as long as a rebalance lasts, so the
group has a connection of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from heliograph.cluster.cluster import GROUP, Cluster, raise_for
from heliograph.errors import ClusterError
from heliograph.wire import errors as codes

JOIN_SLACK_MS = 10_000


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


class Membership:
    """One member of one group."""

    def __init__(self, cluster: Cluster, config: GroupConfig) -> None:
        """Nothing is joined yet."""
        self.config = config
        self.member_id = ""
        self.generation = -1
        self._cluster = cluster

    async def join(self, metadata: bytes) -> Joined:
        """Join, or join again; waits until the rebalance is over. Raises BrokerError or NotAuthorized.

        UNKNOWN_MEMBER_ID is raised too: the group went on without this member, and what it owned may be another's.
        The next try then joins as a new member.
        """
        joined: Joined = await self._cluster.retrying(lambda: self._join_once(metadata))
        return joined

    async def _join_once(self, metadata: bytes) -> Joined:
        config = self.config
        answer = await self._call(
            "join_group",
            {
                "group_id": config.group_id,
                "session_timeout": config.session_timeout_ms,
                "rebalance_timeout": config.rebalance_timeout_ms,
                "member_id": self.member_id,
                "group_instance_id": None,
                "protocol_type": config.protocol_type,
                "protocols": [{"name": config.protocol_name, "metadata": metadata}],
            },
            timeout_ms=config.rebalance_timeout_ms + JOIN_SLACK_MS,
        )
        code = int(answer.error_code)
        if code == codes.MEMBER_ID_REQUIRED:
            self.member_id = answer.member_id
        elif code == codes.UNKNOWN_MEMBER_ID:
            self.member_id = ""
        self._raise(code, "join")
        self.member_id, self.generation = answer.member_id, answer.generation_id
        members = {str(each.member_id): bytes(each.metadata) for each in answer.members}
        return Joined(self.generation, self.member_id, answer.leader == self.member_id, members)

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
                "group_instance_id": None,
                "assignments": [{"member_id": key, "assignment": value} for key, value in assignments.items()],
            },
            timeout_ms=self.config.rebalance_timeout_ms + JOIN_SLACK_MS,
        )
        code = int(answer.error_code)
        if code in (codes.REBALANCE_IN_PROGRESS, codes.ILLEGAL_GENERATION):
            return None
        if code == codes.UNKNOWN_MEMBER_ID:
            self.member_id = ""
        self._raise(code, "take the assignment of")
        return bytes(answer.assignment)

    async def heartbeat(self) -> Beat:
        """Tell the group that this member lives. Raises when the coordinator cannot be asked."""
        answer = await self._call(
            "heartbeat",
            {
                "group_id": self.config.group_id,
                "generation_id": self.generation,
                "member_id": self.member_id,
                "group_instance_id": None,
            },
            timeout_ms=self.config.session_timeout_ms,
        )
        code = int(answer.error_code)
        if code == codes.REBALANCE_IN_PROGRESS:
            return Beat.REBALANCE
        if code in (codes.UNKNOWN_MEMBER_ID, codes.ILLEGAL_GENERATION):
            self.member_id = ""
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
                "members": [{"member_id": member, "group_instance_id": None}],
            },
            timeout_ms=self.config.session_timeout_ms,
        )

    def _raise(self, code: int, verb: str) -> None:
        group = self.config.group_id
        if code in (codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE):
            self._cluster.forget_coordinator(group)
        raise_for(code, f"{verb} group {group} on {self._cluster.alias}", f"group {group}", right="Read")

    async def _call(self, api: str, values: Mapping[str, Any], *, timeout_ms: int) -> Any:
        node = await self._cluster.coordinator(self.config.group_id)
        try:
            connection = await self._cluster.connection(node, GROUP)
            return await connection.call(api, values, timeout_ms=timeout_ms)
        except ClusterError:
            self._cluster.forget_coordinator(self.config.group_id)  # that broker may have died: ask who follows it
            raise
