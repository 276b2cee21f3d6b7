"""What the members of a flow's group tell each other: metadata when they join, assignments from the leader.

Both are JSON objects. Heliograph 0.1 had one owner of all lanes: ``owner`` and ``waiting_since_ms`` in the metadata,
``owner`` in the assignment. They are still there, so that old and new members can be in one group while it is upgraded:
an old member that is told of an owner that is not itself stands by. What is newer lies in ``claims`` and ``shares``,
compressed, as all members' messages must fit into one record of the brokers (1 MB as a rule).

::

    claims:  {"generation": 7, "config": "5f3a…", "slot": 0, "topics": {"orders": [[0, 5], [8, 8]]}, "loads": {…}}
    shares:  {"topics": {"orders": [[0, 5]]}, "folded": {"west.orders": 3}, "slot": 0, "slots": [0, 1], …}

Partitions are ranges, first and last. Loads have two lists after the ranges: what was measured of each in turn, bytes
and records per second on a scale of eighths of a power of two.
"""

import base64
import math
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from heliograph.errors import ProtocolError
from heliograph.mirror.assignment import Load, TopicPartition

JSON_BYTES_MAX = 64 << 20
"""Of a message once it is unpacked."""
LANES_MAX = 1_000_000
STEPS = 8
"""Of the scale for one power of two."""
OPTIONS_BYTES_MAX = 8 << 10
"""Of a member's options, compressed; who has longer lists of topics does not say them."""
OPTIONS_JSON_BYTES_MAX = 1 << 20
NOT_SAID = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class MemberSays:
    """What a member tells the leader."""

    lanes: frozenset[TopicPartition] = frozenset()
    """What it has."""
    loads: Mapping[TopicPartition, Load] = field(default_factory=dict)
    """What it has measured, also of lanes that it has just given up."""
    generation: int = -1
    """In which it was given its lanes."""
    slot: int | None = None
    """Its number among the members; part of its transactional id."""
    config: str = ""
    """Which configuration it has, as a digest; empty: it does not say."""
    able: bool = True
    """Whether it can reach the source."""
    spared: frozenset[str] = frozenset()
    """Topics on the target whose configs must stay as they are for now."""
    held_back: bool = False
    """Whether its part of the flow's limit of bandwidth keeps it from reading more."""
    waiting_since_ms: int = 0
    """When it was started."""
    steered: int = -1
    """Up to which offset it has read what people tell the flow; what is paused before that, it does not begin."""
    old: bool = False
    """It is of version 0.1, or of one that is not known: it is given no lanes, or has all of them."""
    has_all: bool = False
    """It is of version 0.1 and copies the whole flow."""
    stopped: bool = False
    """It has ended in good order and comes back: nothing of it is under way, and what it had stays its own."""
    worker_id: str = ""
    """By which Kafka Connect's REST API names it; empty: it has none."""
    options: Mapping[str, object] | None = None
    """Its options that differ from the defaults, for whoever looks at the group; None: it does not say."""


@dataclass(frozen=True, slots=True)
class LeaderSays:
    """What the leader tells one member."""

    lanes: frozenset[TopicPartition] = frozenset()
    """What it may copy from now on."""
    folded: Mapping[str, int] = field(default_factory=dict)
    """Topics on the target that have, and keep, fewer partitions than their source."""
    slot: int = 0
    slots: frozenset[int] = frozenset()
    """Of all present members."""
    config: str = ""
    """Which configuration is in force."""
    part: float | None = None
    """What it may use of the flow's limit of bandwidth, from 0 to 1; None: the leader does not say."""
    since_ms: int = 0
    """For which process this is: when it was started. A static member may find what was for the one before it."""
    owner: str | None = None
    """Set by a leader of version 0.1 alone: the member that has all lanes."""


class _Metadata(msgspec.Struct, frozen=True):
    owner: bool
    waiting_since_ms: int
    claims: str = ""


class _Assignment(msgspec.Struct, frozen=True):
    owner: str
    shares: str = ""


_Ranges = list[tuple[int, int]]


class _Claims(msgspec.Struct, frozen=True):
    generation: int = -1
    config: str = ""
    slot: int | None = None
    able: bool = True
    spared: list[str] = []
    held_back: bool = False
    topics: dict[str, _Ranges] = {}
    loads: dict[str, tuple[_Ranges, list[int], list[int]]] = {}
    stopped: bool = False
    options: msgspec.Raw = NOT_SAID
    steered: int = -1
    worker_id: str = ""


class _Shares(msgspec.Struct, frozen=True):
    topics: dict[str, _Ranges] = {}
    folded: dict[str, int] = {}
    slot: int = 0
    slots: list[int] = []
    config: str = ""
    part: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    since_ms: int = 0


def encode_member(says: MemberSays) -> bytes:
    """Return a member's metadata."""
    loads: dict[str, tuple[_Ranges, list[int], list[int]]] = {}
    for topic, partitions in _by_topic(says.loads).items():
        rates = [says.loads[topic, partition] for partition in partitions]
        loads[topic] = (
            _ranges(partitions),
            [_level(each.bytes_s) for each in rates],
            [_level(each.records_s) for each in rates],
        )
    claims = _Claims(
        says.generation,
        says.config,
        says.slot,
        says.able,
        sorted(says.spared),
        says.held_back,
        _topics(says.lanes),
        loads,
        says.stopped,
        _raw_options(says.options),
        says.steered,
        says.worker_id,
    )
    return msgspec.json.encode(_Metadata(bool(says.lanes), says.waiting_since_ms, _pack(claims)))


def decode_member(raw: bytes) -> MemberSays:
    """Read a member's metadata; what cannot be read is of a member that has nothing and waits its turn."""
    try:
        metadata = msgspec.json.decode(raw, type=_Metadata)
        if not metadata.claims:
            return MemberSays(waiting_since_ms=metadata.waiting_since_ms, old=True, has_all=metadata.owner)
        claims = msgspec.json.decode(_unpack(metadata.claims), type=_Claims)
        lanes = frozenset(_lanes(claims.topics))
        loads: dict[TopicPartition, Load] = {}
        for topic, (ranges, sizes, counts) in claims.loads.items():
            keys = list(_lanes({topic: ranges}))
            loads.update(
                (key, Load(_rate(size), _rate(count))) for key, size, count in zip(keys, sizes, counts, strict=True)
            )
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, zlib.error):
        return MemberSays(waiting_since_ms=2**62, old=True)
    return MemberSays(
        lanes,
        loads,
        claims.generation,
        claims.slot,
        claims.config,
        claims.able,
        frozenset(claims.spared),
        claims.held_back,
        metadata.waiting_since_ms,
        claims.steered,
        stopped=claims.stopped,
        worker_id=claims.worker_id,
        options=_options(claims.options),
    )


def _raw_options(options: Mapping[str, object] | None) -> msgspec.Raw:
    raw = msgspec.json.encode(options)
    fits = len(raw) <= OPTIONS_JSON_BYTES_MAX and len(zlib.compress(raw)) <= OPTIONS_BYTES_MAX
    return msgspec.Raw(raw) if fits else NOT_SAID


def _options(raw: msgspec.Raw) -> Mapping[str, object] | None:
    """Read options, which nobody shares lanes by: where they make no sense, the member does not say any."""
    if len(memoryview(raw)) > OPTIONS_JSON_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(raw, type=dict[str, object] | None)
    except (msgspec.MsgspecError, RecursionError):
        return None


def encode_leader(says: LeaderSays, owner: str) -> bytes:
    """Return one member's assignment; ``owner`` is the member that those of version 0.1 take for the owner of all."""
    shares = _Shares(
        _topics(says.lanes),
        dict(says.folded),
        says.slot,
        sorted(says.slots),
        says.config,
        says.part,
        says.since_ms,
    )
    return msgspec.json.encode(_Assignment(owner, _pack(shares)))


def decode_leader(raw: bytes) -> LeaderSays:
    """Read an assignment; an empty one gives nothing. Raises ProtocolError."""
    if not raw:
        return LeaderSays()
    try:
        told = msgspec.json.decode(raw, type=_Assignment)
        if not told.shares:
            return LeaderSays(owner=told.owner)
        shares = msgspec.json.decode(_unpack(told.shares), type=_Shares)
        return LeaderSays(
            frozenset(_lanes(shares.topics)),
            shares.folded,
            shares.slot,
            frozenset(shares.slots),
            shares.config,
            shares.part,
            shares.since_ms,
        )
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, zlib.error) as error:
        raise ProtocolError(
            "The leader of the group sends an assignment that cannot be read",
            remedy="Another program may use the group; give this flow another group.id",
        ) from error


def _pack(message: msgspec.Struct) -> str:
    return base64.b64encode(zlib.compress(msgspec.json.encode(message))).decode("ascii")


def _unpack(packed: str) -> bytes:
    """Raise ValueError or zlib.error for what cannot be unpacked, or would be too large."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(packed, validate=True), JSON_BYTES_MAX)
    if not unpacker.eof:
        raise ValueError("it is cut off, or too large")
    return data


def _topics(lanes: Collection[TopicPartition]) -> dict[str, _Ranges]:
    return {topic: _ranges(partitions) for topic, partitions in _by_topic(lanes).items()}


def _by_topic(lanes: Iterable[TopicPartition]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, partition in sorted(lanes):
        found.setdefault(topic, []).append(partition)
    return found


def _ranges(partitions: Iterable[int]) -> _Ranges:
    """Return sorted numbers as ranges, first and last."""
    ranges: _Ranges = []
    for each in partitions:
        if ranges and ranges[-1][1] == each - 1:
            ranges[-1] = (ranges[-1][0], each)
        else:
            ranges.append((each, each))
    return ranges


def _lanes(topics: Mapping[str, _Ranges]) -> Iterable[TopicPartition]:
    """Raise ValueError for ranges that are none, or too many lanes."""
    left = LANES_MAX
    for topic, ranges in topics.items():
        for first, last in ranges:
            left -= last - first + 1
            if not 0 <= first <= last < 2**31 or left < 0:
                raise ValueError("these are no partitions")
            yield from ((topic, partition) for partition in range(first, last + 1))


def _level(rate: float) -> int:
    return round(STEPS * math.log2(1 + max(0.0, rate)))


def _rate(level: int) -> float:
    return float(2 ** (min(max(level, 0), 1_000) / STEPS) - 1)
