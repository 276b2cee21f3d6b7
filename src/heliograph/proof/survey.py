"""What is known of a flow's partitions before they are compared: which there are, ends, anchors and topic configs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import DataError, HeliographError, NotAuthorized
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import parse_key, parse_value
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.topics import LanePlan, partition_counts, shapes_of, topic_rules_of
from heliograph.proof.model import Span
from heliograph.proof.places import Spans

CLEANUP_POLICY = "cleanup.policy"
TIMESTAMP_TYPE = "message.timestamp.type"


@dataclass(frozen=True, slots=True)
class Lane:
    """One partition and its copy, as far as they are known before they are read."""

    topic: str
    partition: int
    copy: str
    copy_partition: int
    ends: Spans
    compacted: bool
    """On either side."""
    appended: bool
    """The target stamps its records (LogAppendTime), as its topic's configs say."""
    absent: bool = False
    """The target has no such partition."""
    reason: str = ""
    """Why it cannot be compared; empty: it can."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Both sides of a flow, reached."""

    flow: FlowConfig
    source: Cluster
    target: Cluster


async def survey(clusters: Clusters, only: Patterns | None) -> list[Lane]:
    """Look at every selected partition of the source whose topic ``only`` matches (None: all). Raises ClusterError."""
    source = (await clusters.source.refresh(None)).topics
    target = (await clusters.target.refresh(None)).topics
    shapes, counts = shapes_of(source), partition_counts(target)
    planned = [
        each
        for each in topic_rules_of(clusters.flow).plan(shapes, counts).lanes
        if only is None or only.matches(each.source_topic)
    ]
    anchors = await _anchors(clusters)
    lanes = [await _settled(each, anchors, counts) for each in planned]
    policies = await _settings(clusters.source, {each.topic for each in lanes})
    copies = await _settings(clusters.target, {each.copy for each in lanes if each.copy in counts})
    lanes = [
        replace(
            lane,
            compacted=any(
                "compact" in each.get(CLEANUP_POLICY, "") for each in (policies[lane.topic], copies.get(lane.copy, {}))
            ),
            appended=copies.get(lane.copy, {}).get(TIMESTAMP_TYPE) == "LogAppendTime",
        )
        for lane in lanes
    ]
    return await _with_ends(clusters, lanes, counts, anchors, {name: shape.topic_id for name, shape in shapes.items()})


async def _settled(plan: LanePlan, anchors: Mapping[tuple[str, int], Anchor], counts: Mapping[str, int]) -> Lane:
    """Leave out what a comparison in order cannot know: records of several partitions in one."""
    nothing = Spans(Span(0, 0), Span(0, 0))
    anchor = anchors.get((plan.source_topic, plan.partition))
    shared = plan.shared or (anchor is not None and anchor.target_partition >= 0)
    if not shared and plan.partition < counts.get(plan.target_topic, 0):
        users = [
            key
            for key, each in anchors.items()
            if key[0] == plan.source_topic and each.target_partition == plan.partition
        ]
        shared = any(number != plan.partition for _, number in users)
    reason = "several partitions of the source go to one partition of the target" if shared else ""
    return Lane(
        plan.source_topic,
        plan.partition,
        plan.target_topic,
        plan.target_partition,
        nothing,
        compacted=False,
        appended=False,
        reason=reason,
    )


async def _anchors(clusters: Clusters) -> dict[tuple[str, int], Anchor]:
    """Read the stored positions of the flow, by source topic and partition; none where there are none to be seen."""
    name = clusters.flow.offsets_topic.name
    found: dict[tuple[str, int], Anchor] = {}
    try:
        rows = await table.read(clusters.target, name)
    except NotAuthorized:  # without it, less is known, but nothing wrong
        return found
    for raw_key, raw_value in rows.items():
        key = parse_key(raw_key)
        if key is None or (key.connector, key.source_alias) != (
            clusters.flow.connector_name,
            clusters.flow.source_name,
        ):
            continue
        try:
            value = parse_value(raw_value)
        except DataError:  # a position that nobody can read says nothing about the records
            continue
        if value is not None:
            found[key.topic, key.partition] = value
    return found


async def _settings(cluster: Cluster, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read topics' configs; where that is not allowed, nothing is known."""
    names = sorted(topics)
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for name, configs in (await admin.describe_topics(cluster, names)).items() if names else ():
        if not isinstance(configs, HeliographError):
            found[name] = {key: each.value for key, each in configs.items() if each.value is not None}
    return found


async def _with_ends(
    clusters: Clusters,
    lanes: Sequence[Lane],
    counts: Mapping[str, int],
    anchors: Mapping[tuple[str, int], Anchor],
    topic_ids: Mapping[str, str],
) -> list[Lane]:
    """Ask for the ends: the target's first, so that whatever it has then came from what the source has later."""
    copies = {(lane.copy, lane.copy_partition) for lane in lanes if lane.copy_partition < counts.get(lane.copy, 0)}
    originals = {(lane.topic, lane.partition) for lane in lanes}
    committed = clusters.flow.read_committed
    target_ends = await admin.list_offsets(clusters.target, copies, admin.LATEST, read_committed=True)
    target_begins = await admin.list_offsets(clusters.target, copies, admin.EARLIEST)
    source_ends = await admin.list_offsets(clusters.source, originals, admin.LATEST, read_committed=committed)
    source_begins = await admin.list_offsets(clusters.source, originals, admin.EARLIEST)
    found = []
    for lane in lanes:
        original, copy = (lane.topic, lane.partition), (lane.copy, lane.copy_partition)
        values = [
            source_begins[original],
            source_ends[original],
            target_begins.get(copy, 0),
            target_ends.get(copy, 0),
        ]
        wrong = next((each for each in values if isinstance(each, HeliographError)), None)
        if wrong is not None:
            found.append(replace(lane, reason=lane.reason or str(wrong)))
            continue
        source_first, source_next, target_first, target_next = (int(each) for each in values)  # type: ignore[arg-type]
        ends = Spans(
            Span(source_first, max(source_first, source_next)), Span(target_first, max(target_first, target_next))
        )
        anchor = anchors.get(original)
        topic_id = topic_ids.get(lane.topic, "")
        if anchor is not None and not (anchor.topic_id and topic_id and anchor.topic_id != topic_id):
            ends = replace(ends, acknowledged=anchor.source_offset, anchor_target=anchor.target_offset)
        found.append(replace(lane, ends=ends, absent=copy not in copies))
    return found
