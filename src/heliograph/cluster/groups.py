"""Consumer groups as others see them: which there are, who is in them, and what they have committed.

Since Kafka 4 a cluster has groups of several protocols: *classic* ones (also Connect's workers), *consumer* ones of
KIP-848, *share* and *streams* ones. Each broker lists the groups that it coordinates. A group's committed offsets are
asked of its coordinator, which is looked up once and remembered.

Offsets are committed as kafka-consumer-groups does it, by nobody who is a member: the broker takes that from anyone
while the group is empty, and refuses it while it has members.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.concurrency import each_of
from heliograph.errors import BrokerError, HeliographError
from heliograph.wire import errors as codes
from heliograph.wire.operations import NOT_TOLD

PURPOSE = "groups"
"""Of the connections: many small requests, which must not hold up others."""
AT_ONCE = 8
"""Groups that are asked about at the same time."""
ATTEMPTS_S = 15.0
NAMES_A_REQUEST = 100

TopicPartition = tuple[str, int]


class Protocol(StrEnum):
    """How a group's members agree on who reads what."""

    CLASSIC = "classic"
    CONSUMER = "consumer"
    """KIP-848."""
    SHARE = "share"
    """KIP-932; it has no offsets of the usual kind."""
    STREAMS = "streams"
    """KIP-1071."""
    UNKNOWN = "unknown"


CONSUMERS = ("", "consumer")
"""Protocol types of groups of consumers; "" is a group that never had members, only commits."""
CONNECT = "connect"
"""Protocol type of the workers of Kafka Connect, and so of MirrorMaker 2."""
DEAD = "Dead"
"""State of a group that is not there; newer brokers answer GROUP_ID_NOT_FOUND instead (KIP-1043)."""
_IDLE_STATES = ("empty", "dead")


@dataclass(frozen=True, slots=True)
class Listed:
    """A group as a broker lists it."""

    group: str
    protocol: Protocol
    protocol_type: str
    """What the members are: ``consumer``, ``connect``; any text of their own."""
    state: str
    """The broker's word, such as ``Stable`` or ``Empty``; empty: the broker is too old to tell (before 2.6)."""

    @property
    def of_consumers(self) -> bool:
        """Whether it is a group of consumers with committed offsets, as MM2 follows them (4.1 and later)."""
        return self.protocol in (Protocol.CLASSIC, Protocol.CONSUMER) and self.protocol_type in CONSUMERS


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group, for a person who asks where it runs."""

    member_id: str
    client_id: str
    host: str
    """Address that the broker sees, without the slash before it."""
    metadata: bytes = field(default=b"", repr=False)
    """What it said when it joined; of a classic group that is stable."""
    assignment: bytes = field(default=b"", repr=False)
    """What the leader gave it; the same."""
    instance_id: str | None = None
    """Of a static member (KIP-345), where the broker tells it."""


@dataclass(frozen=True, slots=True)
class Described:
    """A group as its coordinator knows it."""

    group: str
    protocol: Protocol
    protocol_type: str
    state: str
    """The broker's word; ``Dead`` for a group that is not there."""
    members: tuple[Member, ...]
    operations: int = NOT_TOLD
    """Bits of what we may do with it, where they were asked for."""

    @property
    def active(self) -> bool:
        """Whether it has members, or may be about to."""
        return bool(self.members) or self.state.lower() not in _IDLE_STATES

    @property
    def stable(self) -> bool:
        """Whether all members know what they have; only then the broker tells what each said and was given."""
        return self.state.lower() == "stable"


@dataclass(frozen=True, slots=True)
class Committed:
    """One committed offset."""

    offset: int
    leader_epoch: int = -1
    """-1: not told."""
    metadata: str = ""
    """Any text that the consumer gave with it."""


@dataclass(frozen=True, slots=True)
class CommitOutcome:
    """What became of a commit."""

    done: tuple[TopicPartition, ...]
    active: bool
    """The group has members, so nothing was committed."""
    refused: Mapping[TopicPartition, HeliographError]


MEMBERS_SHOWN = 5
"""Members in one line; the others are counted."""


def whereabouts(members: Sequence[Member]) -> str:
    """Say where members run: ``client a->b on 10.0.0.7``, a few of them."""
    places = sorted({f"client {member.client_id} on {member.host}" for member in members})
    rest = len(places) - MEMBERS_SHOWN
    return ", ".join(places[:MEMBERS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


async def list_groups(cluster: Cluster) -> tuple[Listed, ...]:
    """List the groups of all brokers, sorted. Without Describe on the cluster, only those one may see.

    Raises for the first broker that does not answer: a list with gaps would look like groups that are gone.
    """
    answers = await cluster.ask_brokers(partial(_list_one, cluster), for_s=ATTEMPTS_S)
    found = {listed.group: listed for answer in answers for listed in answer}
    return tuple(found[group] for group in sorted(found))


async def _list_one(cluster: Cluster, node: int) -> list[Listed]:
    connection = await cluster.connection(node, PURPOSE)
    answer = await connection.call("list_groups", {"states_filter": (), "types_filter": ()})
    raise_for(int(answer.error_code), f"list the groups of {cluster.alias}", "the cluster", right="Describe")
    return [
        Listed(
            str(row.group_id),
            _protocol(getattr(row, "group_type", "classic")),
            row.protocol_type,
            getattr(row, "group_state", ""),
        )
        for row in answer.groups
    ]


def _protocol(text: str) -> Protocol:
    try:
        return Protocol(text.lower())
    except ValueError:
        return Protocol.UNKNOWN


async def describe(
    cluster: Cluster, groups: Iterable[str], *, with_operations: bool = False
) -> dict[str, Described | HeliographError]:
    """Describe ``groups``; one that is not there is ``Dead`` and has no members.

    ``with_operations`` asks for the bits of what we may do.
    """
    found: dict[str, Described | HeliographError] = {}
    by_node: dict[int, list[str]] = defaultdict(list)
    for group, node in (await each_of(groups, lambda group: _coordinator(cluster, group), AT_ONCE)).items():
        if isinstance(node, HeliographError):
            found[group] = node
        else:
            by_node[node].append(group)
    for names in by_node.values():
        for start in range(0, len(names), NAMES_A_REQUEST):
            some = names[start : start + NAMES_A_REQUEST]
            try:
                found.update(await _describe_some(cluster, some, with_operations=with_operations))
            except HeliographError as error:
                found.update(dict.fromkeys(some, error))
    return found


async def _coordinator(cluster: Cluster, group: str) -> int:
    node: int = await cluster.retrying(lambda: cluster.coordinator(group), for_s=ATTEMPTS_S)
    return node


async def _describe_some(
    cluster: Cluster, groups: Sequence[str], *, with_operations: bool
) -> dict[str, Described | HeliographError]:
    """Describe groups of one coordinator: as KIP-848's first, where it knows them, and what is left as classic."""

    async def once() -> dict[str, Described | HeliographError]:
        connection = await cluster.connection(await cluster.coordinator(groups[0]), PURPOSE)
        found: dict[str, Described | HeliographError] = {}
        if connection.versions.knows("consumer_group_describe"):
            answer = await connection.call(
                "consumer_group_describe", {"group_ids": groups, "include_authorized_operations": with_operations}
            )
            _take(cluster, answer.groups, found, Protocol.CONSUMER)
        left = [group for group in groups if group not in found]
        if left:
            values = {"groups": left, "include_authorized_operations": with_operations}
            answer = await connection.call("describe_groups", values)
            _take(cluster, answer.groups, found, Protocol.CLASSIC)
        dead = {group: Described(group, Protocol.CLASSIC, "", DEAD, ()) for group in groups if group not in found}
        return found | dead

    described: dict[str, Described | HeliographError] = await cluster.retrying(once, for_s=ATTEMPTS_S)
    return described


def _take(
    cluster: Cluster, rows: Iterable[Any], found: dict[str, Described | HeliographError], protocol: Protocol
) -> None:
    for row in rows:
        group, code = str(row.group_id), int(row.error_code)
        if code == codes.GROUP_ID_NOT_FOUND:
            continue  # there may be a group of another protocol by this name
        try:
            _raise(cluster, code, f"describe group {group} on {cluster.alias}", group, right="Describe")
        except BrokerError as error:
            if codes.meaning(code).retriable:
                raise
            found[group] = error
        except HeliographError as error:
            found[group] = error
        else:
            members = tuple(_member(each, classic=protocol is Protocol.CLASSIC) for each in row.members)
            protocol_type = getattr(row, "protocol_type", "consumer")
            operations = getattr(row, "authorized_operations", NOT_TOLD)
            found[group] = Described(group, protocol, protocol_type, row.group_state, members, operations)


def _member(row: Any, *, classic: bool) -> Member:
    metadata, assignment = (bytes(row.member_metadata), bytes(row.member_assignment)) if classic else (b"", b"")
    instance_id = getattr(row, "group_instance_id", None)
    return Member(row.member_id, row.client_id, row.client_host.lstrip("/"), metadata, assignment, instance_id)


async def committed(cluster: Cluster, group: str) -> dict[TopicPartition, Committed]:
    """Return all that ``group`` has committed; nothing for a group that is not there. Raises HeliographError."""

    async def once() -> dict[TopicPartition, Committed]:
        connection = await cluster.connection(await cluster.coordinator(group), PURPOSE)
        answer = await connection.call("offset_fetch", {"group_id": group, "topics": None, "require_stable": False})
        what = f"read the offsets of group {group} on {cluster.alias}"
        _raise(cluster, int(answer.error_code), what, group, right="Describe")
        return {
            (str(topic.name), row.partition_index): Committed(
                row.committed_offset, getattr(row, "committed_leader_epoch", -1), row.metadata or ""
            )
            for topic in answer.topics
            for row in topic.partitions
            if not int(row.error_code) and row.committed_offset >= 0
        }

    found: dict[TopicPartition, Committed] = await cluster.retrying(once, for_s=ATTEMPTS_S)
    return found


async def committed_by(
    cluster: Cluster, groups: Iterable[str]
) -> dict[str, dict[TopicPartition, Committed] | HeliographError]:
    """Return what each of ``groups`` has committed, or why that is not known."""
    return await each_of(groups, lambda group: committed(cluster, group), AT_ONCE)


async def commit(cluster: Cluster, group: str, offsets: Mapping[TopicPartition, Committed]) -> CommitOutcome:
    """Commit ``offsets`` for ``group``, which is made by it where it is not there; no member of it is disturbed.

    The leader epoch is left unset: an epoch of another cluster would make consumers believe that records were lost.
    Raises HeliographError where nothing can be said of single partitions.
    """
    topics: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (topic, partition), each in offsets.items():
        topics[topic].append(
            {
                "partition_index": partition,
                "committed_offset": each.offset,
                "committed_leader_epoch": -1,
                "committed_metadata": each.metadata,
            }
        )
    values = {
        "group_id": group,
        "generation_id_or_member_epoch": -1,
        "member_id": "",
        "group_instance_id": None,
        "retention_time": -1,
        "topics": [{"name": topic, "partitions": rows} for topic, rows in topics.items()],
    }

    async def once() -> CommitOutcome:
        connection = await cluster.connection(await cluster.coordinator(group), PURPOSE)
        return _outcome(cluster, group, await connection.call("offset_commit", values))

    outcome: CommitOutcome = await cluster.retrying(once, for_s=ATTEMPTS_S)
    return outcome


_HAS_MEMBERS = (
    codes.UNKNOWN_MEMBER_ID,
    codes.ILLEGAL_GENERATION,
    codes.REBALANCE_IN_PROGRESS,
    codes.STALE_MEMBER_EPOCH,
)
_WHOLE_GROUP = (
    codes.GROUP_AUTHORIZATION_FAILED,
    codes.NOT_COORDINATOR,
    codes.COORDINATOR_NOT_AVAILABLE,
    codes.COORDINATOR_LOAD_IN_PROGRESS,
)


def _outcome(cluster: Cluster, group: str, answer: Any) -> CommitOutcome:
    done: list[TopicPartition] = []
    active = False
    refused: dict[TopicPartition, HeliographError] = {}
    what = f"commit offsets of group {group} on {cluster.alias}"
    for topic in answer.topics:
        for row in topic.partitions:
            key, code = (str(topic.name), row.partition_index), int(row.error_code)
            if code in _HAS_MEMBERS:
                active = True
                continue
            if code in _WHOLE_GROUP:
                _raise(cluster, code, what, group, right="Read")
            try:
                raise_for(code, f"{what} for {key[0]}-{key[1]}", f"topic {key[0]}", right="Read")
            except HeliographError as error:
                refused[key] = error
            else:
                done.append(key)
    return CommitOutcome(tuple(done), active, refused)


def _raise(cluster: Cluster, code: int, what: str, group: str, *, right: str) -> None:
    """Raise for ``code``; where the coordinator has moved, it is looked for again."""
    if code in (codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE):
        cluster.forget_coordinator(group)
    raise_for(code, what, f"group {group}", right=right)
