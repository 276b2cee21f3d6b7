"""What a static member takes over from the process that had its place before it (KIP-345).

The broker gives the place, and all that goes with it, to whoever joins with the same ``group.instance.id``, at once.
But the process before it may live, cut off from the coordinator only: it may send until its lease ends. So its
successor claims what it had, and begins when that lease can no longer hold; at once, if the other has stopped in good
order and said so. Should it have come between the look and the join, an assignment still tells for which process it was
made. A parent that has seen its worker end needs none of this.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.config.told import understand
from heliograph.errors import HeliographError, ProtocolError
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.group_messages import LeaderSays, MemberSays, decode_leader, decode_member

LOOK_S = 0.5
STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the process before this one had."""

    says: MemberSays
    """What it has said, with all its partitions."""
    session_ms: int
    """Its session time-out, which bounds its lease."""

    @property
    def in_order(self) -> bool:
        """Whether it has stopped in good order, so that nothing of it is under way."""
        return self.says.stopped


async def inheritance(cluster: Cluster, config: FlowConfig) -> Inheritance | None:
    """Look for the process that has this one's place; None: nobody has. Raises HeliographError.

    While the group shares out its partitions, nothing is told of them. That ends, or the other loses its place.
    """
    while True:
        found = (await groups.describe(cluster, [config.group_id]))[config.group_id]
        if isinstance(found, HeliographError):
            raise found
        member = next((each for each in found.members if each.instance_id == config.instance_id), None)
        if member is None:
            return None
        if found.state.lower() == STABLE:
            return inherited(member, config)
        await asyncio.sleep(LOOK_S)


def inherited(member: groups.Member, config: FlowConfig) -> Inheritance:
    """Return what a member of the group has, for who comes after it."""
    says = decode_member(member.metadata)
    lanes: set[TopicPartition] = set(says.lanes)
    with suppress(ProtocolError):  # of another version; what it says it has counts
        lanes |= decode_leader(member.assignment).lanes
    told = understand(says.options or {}, config, says.config).flow
    return Inheritance(
        MemberSays(
            frozenset(lanes),
            generation=says.generation,
            slot=says.slot,
            config=says.config,
            waiting_since_ms=says.waiting_since_ms,
            stopped=says.stopped,
        ),
        max(config.session_timeout_ms, told.session_timeout_ms),
    )


def waits(before: Inheritance | None, told: LeaderSays, started_ms: int) -> bool:
    """Say whether the lanes that a new process is told of may still be written by another.

    ``before`` is who had its place when it looked; ``started_ms`` is when it was started itself.
    """
    if before is not None and not before.in_order:
        return True
    for_whom = (started_ms,) if before is None else (started_ms, before.says.waiting_since_ms)
    return bool(told.lanes) and told.since_ms not in for_whom


def inheritance_of(told: LeaderSays, config: FlowConfig) -> Inheritance:
    """Return what a process had that was not seen: what is found is what it was given."""
    return Inheritance(MemberSays(told.lanes, slot=told.slot), config.session_timeout_ms)
