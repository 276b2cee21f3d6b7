"""Who is in a flow's group on the target, what each worker has, and which configuration is in force there."""

from dataclasses import dataclass, field

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.config.told import Told, understand
from heliograph.errors import ProtocolError
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.group_messages import LeaderSays, MemberSays, decode_leader, decode_member
from heliograph.observe.operations import Copier
from heliograph.offsets.claims import copier_of, described_now


@dataclass(frozen=True, slots=True)
class MemberNow:
    """One worker."""

    member_id: str
    client_id: str
    host: str
    lanes: frozenset[TopicPartition] | None
    """What it was given; None: everything, as version 0.1 gives it to one."""
    says: MemberSays


@dataclass(slots=True)
class GroupNow:
    """The group of a flow."""

    flow: FlowConfig
    copier: Copier
    state: str
    """The broker's word: ``Stable``, ``PreparingRebalance``, ``Empty``."""
    members: list[MemberNow] = field(default_factory=list)
    """Workers of ours."""
    in_force: str = ""
    """Which configuration is in force, as a digest; empty: nobody says."""
    notes: list[str] = field(default_factory=list)
    """What cannot be read."""

    @property
    def resting(self) -> bool:
        """Whether it is known who copies what."""
        return self.state.lower() == "stable"

    @property
    def lanes(self) -> frozenset[TopicPartition] | None:
        """What the workers copy; None: one of them everything."""
        given = [each.lanes for each in self.members]
        return None if None in given else frozenset().union(*(lanes for lanes in given if lanes is not None))

    @property
    def differing(self) -> int:
        """Workers that have another configuration than the one in force."""
        return sum(each.says.config not in ("", self.in_force) for each in self.members) if self.in_force else 0

    @property
    def told(self) -> Told | None:
        """Return the options in force, put beside the file's clusters; None: no worker says which they are."""
        for each in self.members:
            if self.in_force and each.says.config == self.in_force and each.says.options is not None:
                return understand(each.says.options, self.flow, self.in_force)
        return None


async def group_now(flow: FlowConfig, target: Cluster) -> GroupNow:
    """Look at the group of ``flow``. Raises HeliographError."""
    return understood(flow, await described_now(flow, target))


def understood(flow: FlowConfig, described: groups.Described) -> GroupNow:
    """Return who is in a group, by what the broker says of it."""
    found = GroupNow(flow, copier_of(described), described.state)
    if found.copier is Copier.WORKERS:
        for member in described.members:
            told = _told(member, found)
            found.in_force = found.in_force or told.config
            lanes: frozenset[TopicPartition] | None = told.lanes
            if told.owner is not None:
                lanes = None if told.owner == member.member_id else frozenset()
            says = decode_member(member.metadata)
            found.members.append(MemberNow(member.member_id, member.client_id, member.host, lanes, says))
    return found


def _told(member: groups.Member, found: GroupNow) -> LeaderSays:
    try:
        return decode_leader(member.assignment)
    except ProtocolError:
        found.notes.append(f"What {member.member_id} copies cannot be read")
        return LeaderSays()
