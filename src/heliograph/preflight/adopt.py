"""What a MirrorMaker 2 has left for us to take over, before anything is touched.

Everything that a first start would find is found here in the same way, by the same code, and only told: who copies the
flow at present, MM2's topics on either cluster, the stored positions with the place where copying would go on and
whether that is proven, and the consumer groups that MM2 followed. What the file says is put beside what it said to MM2.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin, groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.load import OPTIONS
from heliograph.config.model import Config, FlowConfig
from heliograph.config.resolve import DEFAULT
from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.positions import Clusters, LaneStart
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.checkpoints import group_choice_of
from heliograph.mirror.naming import HEARTBEATS, PROTOCOL_TYPE, Location, naming_of
from heliograph.mirror.resume import Outcome
from heliograph.mirror.topics import LanePlan
from heliograph.offsets.fencing import transactional_ids
from heliograph.offsets.flow_map import FlowMap, Stamped
from heliograph.offsets.stored import Offsets
from heliograph.offsets.takeover import Takeover
from heliograph.preflight.lanes import lag_of, plans_of

LOOK_S_MAX = 120.0
"""The longest that finding the places of all partitions may take."""
GROUPS_MAX = 500
"""Groups that are looked at one by one."""
TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Occupant:
    """Who is in the flow's group on the target."""

    group: str
    protocol_type: str
    """``connect`` for MM2, ours for Heliograph; empty: nobody."""
    members: int
    whereabouts: str
    """Client ids and hosts, a few of them."""

    @property
    def is_other(self) -> bool:
        """Whether another program copies the flow."""
        return bool(self.members) and self.protocol_type != PROTOCOL_TYPE


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """One of the topics that MM2 keeps."""

    cluster: str
    """Alias of the cluster where it would be."""
    name: str
    there: bool
    use: str
    """What we do with it."""


@dataclass(frozen=True, slots=True)
class TopicPosition:
    """How far one topic was copied, and what a first start would do about it."""

    topic: str
    """Name on the source."""
    target_topic: str
    partitions: int
    by_mirror_maker: int
    """Partitions whose position MM2 stored last."""
    by_heliograph: int
    """Those whose position we stored last."""
    lag: int
    """Source offsets that are not known to be copied: behind the proven place, else behind the stored position."""
    exact: int
    """Partitions that would go on at a proven place, nothing lost and nothing twice."""
    fresh: int
    """Partitions that would start over, and whose copy is empty."""
    doubts: tuple[str, ...] = ()
    """Of the others: why the place is not proven, each reason once."""


@dataclass(frozen=True, slots=True)
class FollowedGroup:
    """A consumer group that the flow follows."""

    group: str
    checkpoints: int
    """Partitions with a checkpoint."""
    on_source: str
    """State there; empty: it is not there."""
    on_target: str


@dataclass(slots=True)
class Found:
    """All that is known of one flow."""

    flow: FlowConfig
    occupant: Occupant
    transactional_ids: list[str] = field(default_factory=list)
    """Of an exactly-once MM2; fenced at the start."""
    topics: list[InternalTopic] = field(default_factory=list)
    positions: list[TopicPosition] = field(default_factory=list)
    groups: list[FollowedGroup] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be found out, and why."""


def changed_defaults(config: Config) -> list[tuple[str, str, str]]:
    """Return the options that nobody set and whose default is not MM2's: key, value here, value with MM2."""
    options = [option for option in OPTIONS.options if option.mm2_default is not None]
    found = []
    for key, value, origin in config.effective:
        if origin == DEFAULT:
            known = next((each for each in options if key == each.name or key.endswith(f".{each.name}")), None)
            if known is not None and known.mm2_default is not None:
                found.append((key, value, known.mm2_default))
    return found


async def look(flow: FlowConfig, source: Cluster, target: Cluster) -> Found:
    """Find all that MM2 left for ``flow``; both clusters were reached. Raises HeliographError for the group alone."""
    found = Found(flow, await occupant_of(target, flow.group_id))
    steps = {
        "transactional ids": _transactional_ids,
        "topics": _topics,
        "positions": _positions,
        "groups": _groups,
    }
    for name, step in steps.items():
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                await step(found, source, target)
        except HeliographError as error:
            found.notes.append(f"The {name} could not be looked at: {error}")
        except TimeoutError:
            found.notes.append(f"The {name} could not be looked at within {LOOK_S_MAX:g} s")
    return found


async def occupant_of(target: Cluster, group: str) -> Occupant:
    """Say who is in ``group``; raises HeliographError."""
    described = (await groups.describe(target, [group]))[group]
    if isinstance(described, HeliographError):
        raise described
    where = groups.whereabouts(described.members)
    return Occupant(group, described.protocol_type if described.members else "", len(described.members), where)


async def _transactional_ids(found: Found, _source: Cluster, target: Cluster) -> None:
    found.transactional_ids = await transactional_ids(target, found.flow)


# ---- topics ---------------------------------------------------------------------------------------------------------


async def _topics(found: Found, source: Cluster, target: Cluster) -> None:
    """Look for MM2's topics by every name that they may have."""
    there = {cluster.alias: set((await cluster.refresh(None)).topics) for cluster in (source, target)}

    def note(cluster: Cluster, name: str, use: str, *, even_absent: bool = True) -> None:
        if even_absent or name in there[cluster.alias]:
            found.topics.append(InternalTopic(cluster.alias, name, name in there[cluster.alias], use))

    flow, naming = found.flow, naming_of(found.flow)
    alias = flow.source.alias
    note(target, flow.offsets_topic.name, "positions: read and written")
    syncs = "offset syncs: read to find the exact place"
    note(source, naming.offset_syncs_topic(Location.SOURCE), syncs)
    note(target, naming.offset_syncs_topic(Location.TARGET), syncs)
    note(target, naming.checkpoints_topic, "checkpoints: read and written")
    note(target, HEARTBEATS, "heartbeats: written")
    note(target, flow.config_topic.name, "what is paused: read", even_absent=False)
    note(target, f"mm2-status.{alias}.internal", "left alone: only MM2 needs it", even_absent=False)
    for location, cluster in ((Location.SOURCE, source), (Location.TARGET, target)):
        for older in naming.offset_syncs_topics(location)[1:]:
            note(cluster, older, f"{syncs}; named as MM2 before 3.1 did", even_absent=False)
    for older in naming.checkpoints_topics[1:]:
        note(target, older, "checkpoints: read; named as MM2 before 3.1 did", even_absent=False)


# ---- positions ------------------------------------------------------------------------------------------------------


async def _positions(found: Found, source: Cluster, target: Cluster) -> None:
    """Find how far each topic is, and where a start would go on."""
    offsets = Offsets(target, found.flow)
    stored = await offsets.read()
    if offsets.unreadable:
        found.notes.append(f"{offsets.unreadable} stored positions cannot be read")
    plans = await plans_of(found.flow, source, target)
    lanes = {
        (plan.source_topic, plan.partition): Lane(
            plan.source_topic,
            plan.target_topic,
            plan.partition,
            Window(found.flow.window_bytes),
            target_partition=plan.target_partition,
            shared=plan.shared,
        )
        for plan in plans
    }
    ends = await admin.list_offsets(source, lanes, admin.LATEST)
    begins = await admin.list_offsets(source, lanes, admin.EARLIEST)
    clusters = Clusters(source, target, found.flow.read_committed, found.flow.start_at_latest)
    places = {} if found.occupant.members else await _places(found.flow, clusters, lanes, stored, offsets)
    by_topic: dict[str, list[LanePlan]] = defaultdict(list)
    for plan in plans:
        by_topic[plan.source_topic].append(plan)
    for topic, mine in sorted(by_topic.items()):
        keys = [(topic, plan.partition) for plan in mine]
        known = {key: stored[key] for key in keys if key in stored}
        ours = sum(anchor.target_offset is not None for anchor in known.values())
        lag = sum(lag_of(_reached(known.get(key), places.get(key)), begins[key], ends[key]) or 0 for key in keys)
        exact, fresh, doubts = _judge({key: places[key] for key in keys if key in places}, known)
        fresh += sum(key not in places and key not in known for key in keys)
        found.positions.append(
            TopicPosition(topic, mine[0].target_topic, len(keys), len(known) - ours, ours, lag, exact, fresh, doubts)
        )
    left = Counter(topic for topic, _ in stored if topic not in by_topic)
    if left:
        names = ", ".join(sorted(left)[:5])
        found.notes.append(f"Positions of {len(left)} topics that are not copied now are left alone, such as {names}")


async def _places(
    flow: FlowConfig,
    clusters: Clusters,
    lanes: Mapping[TopicPartition, Lane],
    stored: Mapping[TopicPartition, Anchor],
    offsets: Offsets,
) -> dict[TopicPartition, LaneStart | HeliographError]:
    """Find where lanes would begin whose copy exists, exactly as a start does."""
    there = {
        key: lane
        for key, lane in lanes.items()
        if (topic := clusters.target.metadata.topics.get(lane.target_topic))
        and lane.target_partition in topic.partitions
    }
    known = {lane: stored[key] for key, lane in there.items() if key in stored}
    takeover = Takeover(clusters.source, clusters.target, flow)
    found = await takeover.locate(clusters, list(there.values()), known, offsets.written_ms)
    return {key: found[lane] for key, lane in there.items()}


def _reached(anchor: Anchor | None, place: LaneStart | HeliographError | None) -> int:
    """Return the source offset up to which records are known to be copied."""
    if isinstance(place, LaneStart) and place.outcome is Outcome.EXACT:
        return place.position
    return 0 if anchor is None else anchor.source_offset + 1


def _judge(
    places: Mapping[TopicPartition, LaneStart | HeliographError], known: Mapping[TopicPartition, Anchor]
) -> tuple[int, int, tuple[str, ...]]:
    """Count exact places and fresh ones, and give the reasons of the others."""
    exact = fresh = 0
    doubts: dict[str, None] = {}
    for key, place in places.items():
        if isinstance(place, HeliographError):
            doubts[str(place)] = None
        elif place.outcome is Outcome.EXACT:
            exact += 1
        elif key not in known and not place.expected_offset:
            fresh += 1
        else:
            doubts[place.reason] = None
    return exact, fresh, tuple(doubts)


# ---- groups ---------------------------------------------------------------------------------------------------------


async def _groups(found: Found, source: Cluster, target: Cluster) -> None:
    """Find the groups that the flow follows, and what MM2 has written of them."""
    checkpoints: Mapping[str, Mapping[TopicPartition, Stamped]] = await FlowMap(
        found.flow, source, target
    ).checkpoints()
    choice = group_choice_of(found.flow)
    on_source = {each.group for each in await groups.list_groups(source) if each.of_consumers}
    names = sorted(group for group in on_source | set(checkpoints) if choice.follows(group))
    if len(names) > GROUPS_MAX:
        found.notes.append(f"Of {len(names)} groups only the first {GROUPS_MAX} were looked at")
    names = names[:GROUPS_MAX]
    here, there = await groups.describe(source, names), await groups.describe(target, names)
    found.groups = [
        FollowedGroup(name, len(checkpoints.get(name, {})), _state(here[name]), _state(there[name])) for name in names
    ]


def _state(described: groups.Described | HeliographError) -> str:
    if isinstance(described, HeliographError):
        return "not told"
    return "" if described.state.lower() == "dead" else described.state
