"""What a flow does at this moment, as its clusters tell it: who copies which partitions, and how far.

No worker is asked, so it works from anywhere and also when none can be reached: who copies what stands in the group on
the target, and how far it is in the stored positions. Those are as old as ``offset.flush.interval.ms``.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import NotAuthorized
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.naming import naming_of
from heliograph.mirror.steering import Steering
from heliograph.mirror.topics import LanePlan
from heliograph.observe.operations import Copier, TopicStatus, WorkerStatus
from heliograph.observe.text import plural
from heliograph.offsets.group import MemberNow, group_now
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets
from heliograph.offsets.valve import steering_of
from heliograph.preflight.lanes import lag_of, plans_of


@dataclass(slots=True)
class FlowStatus:
    """One flow."""

    flow: FlowConfig
    copier: Copier
    group_state: str
    """The broker's word: ``Stable``, ``PreparingRebalance``, ``Empty``."""
    in_force: str = ""
    """Which configuration is in force, as a digest; empty: nobody says."""
    paused: bool = False
    """Whether a person has paused the whole flow."""
    workers: list[WorkerStatus] = field(default_factory=list)
    topics: list[TopicStatus] = field(default_factory=list)
    stored_s: float | None = None
    """How long ago a position was stored last; None: none is."""
    notes: list[str] = field(default_factory=list)
    """What is not known, and why."""

    @property
    def lag(self) -> int | None:
        """Of all topics together, as far as it is known."""
        known = [each.lag for each in self.topics if each.lag is not None]
        return sum(known) if known else None

    @property
    def untaken(self) -> int:
        """Partitions that nobody copies though they are not paused."""
        return sum(each.partitions - each.taken - each.paused for each in self.topics)

    @property
    def copied(self) -> bool:
        """Whether somebody copies all of it that is not paused."""
        return self.copier is Copier.MIRROR_MAKER or (self.copier is Copier.WORKERS and not self.untaken)


async def status_of(flow: FlowConfig, source: Cluster | None, target: Cluster) -> FlowStatus:
    """Look at the group and the positions of ``flow``; without ``source`` no lag is known. Raises HeliographError."""
    group = await group_now(flow, target)
    found = FlowStatus(flow, group.copier, group.state, group.in_force, notes=group.notes)
    if found.copier is Copier.WORKERS:
        found.workers = [_worker(member, group.in_force) for member in group.members]
        if not group.resting:
            found.notes.append("The workers share the partitions out at this moment")
        if group.in_force not in ("", flow.digest):
            found.notes.append(
                "The workers have another configuration than this file; heliograph plan shows the difference"
            )
        if group.differing:
            found.notes.append(f"{plural(group.differing, 'worker')} with another configuration than the leader's")
    await _look_at_topics(found, source, target, group.lanes)
    return found


def _worker(member: MemberNow, in_force: str) -> WorkerStatus:
    by_topic = Counter(topic for topic, _ in member.lanes or ())
    same = member.says.config == in_force if member.says.config and in_force else None
    return WorkerStatus(
        member.member_id, member.client_id, member.host, by_topic.total(), len(by_topic), same_config=same
    )


async def _look_at_topics(
    found: FlowStatus, source: Cluster | None, target: Cluster, taken: Collection[TopicPartition] | None
) -> None:
    """Say of each topic who has it and how far it is; ``taken`` is None where one worker has everything."""
    offsets = Offsets(target, found.flow)
    stored = await offsets.read()
    if offsets.written_ms:
        found.stored_s = max(0.0, time.time() - max(offsets.written_ms.values()) / 1000)
    if source is None:
        found.notes.append(f"{found.flow.source.alias} does not answer, so the lag is not known")
        plans: Iterable[LanePlan] = ()
        names = sorted({*stored, *(taken or ())})
    else:
        plans = await plans_of(found.flow, source, target)
        names = [(plan.source_topic, plan.partition) for plan in plans]
    targets = {plan.source_topic: plan.target_topic for plan in plans}
    reached = {key: anchor.source_offset + 1 for key, anchor in stored.items()}
    lags = {} if source is None else await _lags(source, names, reached)
    by_topic: dict[str, list[TopicPartition]] = defaultdict(list)
    for key in names:
        by_topic[key[0]].append(key)
    naming = naming_of(found.flow)
    steering = await _steering(found, target)
    for topic, keys in by_topic.items():
        if found.copier is Copier.WORKERS and naming.is_heartbeats(topic) and not _has_any(taken, keys):
            continue  # another instance copies it (heliograph.mirror.instances)
        known = [lags[key] for key in keys if key in lags]
        found.topics.append(
            TopicStatus(
                topic,
                targets.get(topic, ""),
                len(keys),
                len(keys) if taken is None else sum(key in taken for key in keys),
                sum(known) if known else None,
                sum(key in stored for key in keys),
                0 if taken is None else sum(key not in taken and steering.pauses(key) for key in keys),
            )
        )


async def _steering(found: FlowStatus, target: Cluster) -> Steering:
    """Return what is paused, as far as it may be read."""
    try:
        steering = await steering_of(SteeringTopic(target, found.flow))
    except NotAuthorized as error:
        found.notes.append(f"What is paused is not known: {error}")
        return Steering()
    found.paused = not steering.runs(Part.SOURCE)
    others = [part for part in (Part.CHECKPOINT, Part.HEARTBEAT) if not found.paused and not steering.runs(part)]
    if others:
        found.notes.append(f"Paused: {', '.join(others)}")
    if steering.rewinding:
        topics = ", ".join(sorted({topic for topic, _ in steering.rewinding}))
        found.notes.append(f"Partitions wait for the end of a rewind: {topics}")
    return steering


def _has_any(taken: Collection[TopicPartition] | None, keys: Iterable[TopicPartition]) -> bool:
    return taken is None or any(key in taken for key in keys)


async def _lags(
    source: Cluster, names: Iterable[TopicPartition], reached: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    begins = await admin.list_offsets(source, names, admin.EARLIEST)
    ends = await admin.list_offsets(source, names, admin.LATEST)
    lags = {key: lag_of(reached.get(key, 0), begins[key], end) for key, end in ends.items()}
    return {key: lag for key, lag in lags.items() if lag is not None}
