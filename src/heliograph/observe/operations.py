"""What a flow can be told, and asked beyond its picture: orders, and what came of them.

The command line prints these objects (``--json``) and the HTTP API answers with them, so that both say the same. The
room ``worker`` implements :class:`Operations` for a process that has the flow's configuration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from heliograph.config.differences import OptionDifference
from heliograph.config.model import Part
from heliograph.mirror.rewind import Goal
from heliograph.mirror.topic_changes import Copy, Turn
from heliograph.observe.group_positions import FailedOver, FailoverOrder, GroupsQuery, GroupsTold

TIMEOUT_S_MAX = 40.0
"""A request may wait so long for what it has told to be seen."""

Numbers = tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
Timeout = Annotated[float, msgspec.Meta(ge=0)]


class Copier(StrEnum):
    """Who has the flow's group."""

    NOBODY = "nobody"
    WORKERS = "workers"
    """Of Heliograph."""
    MIRROR_MAKER = "mirrormaker"
    OTHER = "another program"


class Connector(StrEnum):
    """MirrorMaker 2's connectors, by short names."""

    SOURCE = "source"
    """Records and topics."""
    CHECKPOINT = "checkpoint"
    """Checkpoints and group offsets."""
    HEARTBEAT = "heartbeat"


# ---- pause, resume, restart -----------------------------------------------------------------------------------------


class SteerOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to pause, or to go on: without topics the whole flow."""

    topics: tuple[str, ...] = ()
    """By their names on the source."""
    partitions: Numbers = ()
    """Of the one topic; empty: all."""
    connectors: tuple[Connector, ...] = ()
    """Only what these connectors of MirrorMaker 2 do, of the whole flow; empty: all of it."""
    timeout_s: Timeout = 30.0
    """How long to wait until it is seen to have happened."""


class RestartOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to start again: without topics the whole flow."""

    topics: tuple[str, ...] = ()
    """By their names on the source."""
    partitions: Numbers = ()
    """Of the one topic; empty: all."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What came of a pause, a resume or a restart."""

    flow: str
    command: str
    """``pause``, ``resume`` or ``restart``."""
    topics: Mapping[str, tuple[int, ...]] | None
    """Partitions by topic; None: the whole flow."""
    connectors: tuple[Part, ...] | None
    """What of the whole flow; None: topics."""
    changed: bool
    """Whether anything was to be told that was not told before."""
    copier: Copier
    done: bool
    """Whether it was seen to have happened, or happens by itself with the next start."""
    left: Mapping[str, tuple[int, ...]]
    """Partitions by topic of which it was not seen in time; what was told holds."""
    notes: tuple[str, ...]
    """What else one should know."""
    topics_before: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Partitions by topic that were paused before, of those that are named; empty for the whole flow."""
    connectors_before: tuple[Part, ...] = ()
    """What of the whole flow was paused before."""


# ---- limit ----------------------------------------------------------------------------------------------------------


class LimitOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another limit for now, whatever the file says."""

    bytes_per_second: Annotated[int, msgspec.Meta(ge=1)] | None
    """None: no limit."""


class LimitedBy(StrEnum):
    """Who says which limit holds."""

    FILE = "file"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Limited:
    """The limit that holds."""

    flow: str
    bytes_per_second: int | None
    """None: no limit."""
    by: LimitedBy
    file_bytes_per_second: int | None
    """What the file says for now."""
    changed: bool
    """Whether the request has changed it."""
    copier: Copier
    bytes_per_second_before: int | None = None
    """The limit before the request; None: there was none."""


# ---- rewind ---------------------------------------------------------------------------------------------------------


class RewindOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a topic is to go on: copied again from there, or left out up to there."""

    topic: str
    """By its name on the source."""
    goal: Goal
    partitions: Numbers = ()
    """Empty: all."""
    execute: bool = False
    """Whether to do it; without, only say what that would do."""
    timeout_s: Timeout = 30.0
    """How long to wait until no worker has the partitions, and then until workers have them again."""


@dataclass(frozen=True, slots=True)
class RewoundPartition:
    """One partition: where it was, where it goes, and what that does."""

    partition: int
    target_topic: str
    log_start_offset: int
    end_offset: int
    """Offset after the last record that the flow may read."""
    position: int
    """Source offset that was to be copied next."""
    new_position: int
    twice: int
    """Records that the target will hold twice."""
    left_out: int
    """Records that the target will not hold."""
    counted: bool
    """False: there are too many to count; at most so many records."""


@dataclass(frozen=True, slots=True)
class Rewound:
    """What came of it, or would."""

    flow: str
    topic: str
    goal: Goal
    copier: Copier
    executed: bool
    """Whether the positions were stored."""
    partitions: tuple[RewoundPartition, ...]
    left: Mapping[str, tuple[int, ...]]
    """Partitions that a worker still had when the time was over, so that nothing was changed, or none has again yet."""
    notes: tuple[str, ...]
    """What one may not expect."""


# ---- status and plan ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker, as the flow's group knows it."""

    member_id: str
    client_id: str
    host: str
    partitions: int
    """That it copies; while the group shares them out, 0."""
    topics: int
    same_config: bool | None = None
    """Whether it has the configuration in force; None: it does not say."""


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """One topic on the source."""

    topic: str
    target_topic: str
    partitions: int
    taken: int
    """Partitions that a worker has."""
    lag: int | None
    """Offsets between the stored positions and the ends; None: the ends are not known."""
    stored: int
    """Partitions whose position is stored."""
    paused: int = 0
    """Partitions that nobody has, as they are paused."""


@dataclass(frozen=True, slots=True)
class StatusTold:
    """Who copies a flow, and how far it is, as its clusters tell it."""

    flow: str
    group: str
    group_state: str
    """The broker's word: ``Stable``, ``PreparingRebalance``, ``Empty``."""
    copier: Copier
    copied: bool
    """Whether somebody copies all of it that is not paused."""
    paused: bool
    """Whether a person has paused the whole flow."""
    configuration: str
    """Which configuration is in force, as a digest; empty: nobody says."""
    same_configuration: bool | None
    """Whether that is the one of whoever answers; None: nobody says."""
    lag: int | None
    """Of all topics together, as far as it is known."""
    positions_stored_s_ago: float | None
    """How long ago a position was stored last; None: none is."""
    workers: tuple[WorkerStatus, ...]
    topics: tuple[TopicStatus, ...]
    notes: tuple[str, ...]
    """What is not known, and why."""


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """What would become of one topic of the source."""

    topic: str
    turn: Turn
    partitions: int
    """Of the source; where it ends, those that are copied now."""
    target_topic: str
    """Where its records would go; empty: nowhere."""
    copied_to: str
    """Where they go now; empty: nowhere, or it is not known."""
    copy: Copy | None
    """None: nothing is done to any copy."""
    stored: int
    """Partitions that would go on at their stored positions."""
    fresh: int
    """The others."""
    reason: str
    """Why it ends, in a phrase."""
    fresh_begin_at: str
    """Where the others would begin: ``beginning`` or ``latest``."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a configuration would change in a flow as it runs."""

    flow: str
    copier: Copier
    changes: bool
    """Whether anything would change."""
    options: tuple[OptionDifference, ...]
    topics: tuple[PlannedTopic, ...]
    notes: tuple[str, ...]
    """What is not known, and why; what else one should know."""


# ---- verify ---------------------------------------------------------------------------------------------------------


class VerifyOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be proven, as the options of ``heliograph verify`` say it."""

    topics: tuple[str, ...] = ()
    """Only topics with these names on the source (regular expressions); empty: all of the flow's."""
    sample: str = ""
    """Only a part of each partition: ``5%`` or ``1000`` (records); empty: everything."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of the sample."""
    since: str = ""
    """Only records since then: ``2h``, ``7d`` or ``2026-07-01T12:00`` (UTC)."""
    bandwidth: str = "50%"
    """At most so many MB/s (``20``), or only in a share of the time (``50%``)."""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0
    """How long to wait for records that have not arrived yet."""
    digest: bool = False
    """Whether to compute digests."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is."""

    done: int = 0
    """Records: compared by a verification or, since a failover waits for them, copied."""
    total: int = 0
    """0: not known yet, or there are none."""
    read_bytes: int = 0
    """From both clusters."""


class Operations(Protocol):
    """Flows by name; all raise NotFound where there is none of that name, and HeliographError for what goes wrong."""

    async def status(self, flow: str) -> StatusTold:
        """Say who copies it, and how far it is."""
        ...

    async def plan(self, flow: str) -> Planned:
        """Say what the configuration that this process has would change in the flow as it runs."""
        ...

    async def pause(self, flow: str, order: SteerOrder) -> Steered:
        """Pause it or a part of it, and wait until it is so."""
        ...

    async def resume(self, flow: str, order: SteerOrder) -> Steered:
        """Go on with it or a part of it, and wait until it is so."""
        ...

    async def restart(self, flow: str, order: RestartOrder) -> Steered:
        """Start it or a part of it again."""
        ...

    async def limit(self, flow: str) -> Limited:
        """Say which limit holds."""
        ...

    async def set_limit(self, flow: str, order: LimitOrder) -> Limited:
        """Have another limit hold for now."""
        ...

    async def reset_limit(self, flow: str) -> Limited:
        """Have the file's limit hold."""
        ...

    async def rewind(self, flow: str, order: RewindOrder) -> Rewound:
        """Have a topic go on elsewhere, or say what that would do."""
        ...

    async def verify(self, flow: str, order: VerifyOrder, report: Callable[[Progress], None]) -> Mapping[str, object]:
        """Prove that both sides hold the same records; returns the proof as ``heliograph verify --json`` prints it."""
        ...

    async def failover(self, flow: str, order: FailoverOrder, report: Callable[[Progress], None]) -> FailedOver:
        """Move groups from the flow's source to its target, or say what that would do."""
        ...

    async def groups(self, flow: str, query: GroupsQuery) -> GroupsTold:
        """Say where groups would go on on the other cluster."""
        ...
