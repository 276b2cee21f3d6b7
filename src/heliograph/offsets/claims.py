"""Who copies which lanes of a flow at this moment, as its group on the target tells anybody who asks.

A worker names what it has when it joins, and is named what it may have when all have joined. A lane that stands in
neither, of any member, is copied by nobody: it was closed, and its position stored, before the worker joined without
it. It stays so where all have read that it is paused. While the group shares out, the broker tells nothing of the kind.
"""

from dataclasses import dataclass

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError, ProtocolError
from heliograph.mirror.group_messages import decode_leader, decode_member
from heliograph.mirror.naming import PROTOCOL_TYPE
from heliograph.observe.operations import Copier

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Claims:
    """What is known of it at one moment."""

    copier: Copier
    known: bool = True
    """Whether the lanes are."""
    claimed: frozenset[TopicPartition] = frozenset()
    """Lanes that a worker has, or may begin with."""
    given: frozenset[TopicPartition] = frozenset()
    """Lanes that the leader has given to a worker."""
    steered: int = -1
    """Up to which offset all workers have read what people tell the flow."""
    everything: bool = False
    """A worker of version 0.1 has all lanes; it can be told nothing."""


def copier_of(described: groups.Described) -> Copier:
    """Say who has a group."""
    if not described.members:
        return Copier.NOBODY
    kinds = {PROTOCOL_TYPE: Copier.WORKERS, groups.CONNECT: Copier.MIRROR_MAKER}
    return kinds.get(described.protocol_type, Copier.OTHER)


async def group_in_use(flow: FlowConfig, target: Cluster) -> str:
    """Return the group whose members copy a flow: that of its Connect cluster while real workers are in it."""
    if flow.connect_group_id is None:
        return flow.group_id
    theirs = (await groups.describe(target, [flow.connect_group_id]))[flow.connect_group_id]
    is_theirs = isinstance(theirs, groups.Described) and copier_of(theirs) is Copier.MIRROR_MAKER
    return flow.connect_group_id if is_theirs else flow.group_id


async def described_now(flow: FlowConfig, target: Cluster) -> groups.Described:
    """Look at the group of ``flow``, without making sense of what its members say. Raises HeliographError."""
    group = await group_in_use(flow, target)
    described = (await groups.describe(target, [group]))[group]
    if isinstance(described, HeliographError):
        raise described
    return described


async def claims_on(flow: FlowConfig, target: Cluster) -> Claims:
    """Ask the group of ``flow``. Raises HeliographError."""
    described = await described_now(flow, target)
    copier = copier_of(described)
    if copier is not Copier.WORKERS:
        return Claims(copier, known=not described.active)
    claimed: frozenset[TopicPartition] = frozenset()
    given: frozenset[TopicPartition] = frozenset()
    everything, steered = False, []
    for member in described.members if described.stable else ():
        says = decode_member(member.metadata)
        if says.stopped:
            continue  # it comes back; before it begins anything, it reads what is paused
        try:
            told = decode_leader(member.assignment)
        except ProtocolError:
            return Claims(copier, known=False)
        everything = everything or says.has_all or told.owner is not None
        claimed |= says.lanes
        steered.append(says.steered)
        given |= told.lanes
    return Claims(copier, described.stable, claimed | given, given, min(steered, default=-1), everything)
