"""What a file would change in a running flow, as the clusters tell it; no worker is asked, and nothing is touched.

What runs now stands in the flow's group: each worker says which options it has, and the leader which configuration is
in force and who copies what. Where nobody runs, the file is compared with the stored positions and the copies alone.
"""

import asyncio
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.config.differences import OptionDifference, option_differences
from heliograph.config.model import FlowConfig, Part
from heliograph.config.told import Told
from heliograph.errors import HeliographError
from heliograph.mirror.naming import naming_of
from heliograph.mirror.steering import Steering
from heliograph.mirror.topic_changes import Now, TopicChange, topic_changes
from heliograph.mirror.topics import partition_counts, shapes_of, topic_rules_of
from heliograph.observe.operations import Copier
from heliograph.observe.text import plural
from heliograph.offsets.group import GroupNow, group_now
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets
from heliograph.offsets.valve import steering_of

REST_S = 10.0
"""How long a group that shares its partitions out is waited for."""
LOOK_S = 0.5


@dataclass(slots=True)
class FlowPlan:
    """What a file would change in one flow."""

    flow: FlowConfig
    """As the file has it."""
    copier: Copier
    options: tuple[OptionDifference, ...] = ()
    topics: tuple[TopicChange, ...] = ()
    notes: list[str] = field(default_factory=list)
    """What is not known, and why; what else one should know."""

    @property
    def begins(self) -> bool:
        """Whether nobody copies the flow now."""
        return self.copier is Copier.NOBODY

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.options or self.topics or self.copier is not Copier.WORKERS)


async def plan_of(flow: FlowConfig, source: Cluster, target: Cluster) -> FlowPlan:
    """Find what ``flow`` would change, had the workers this configuration. Raises HeliographError."""
    group = await _at_rest(flow, target)
    found = FlowPlan(flow, group.copier, notes=group.notes)
    told = group.told
    if group.copier is Copier.WORKERS:
        _compare(found, group, told)
    elif group.copier is Copier.NOBODY:
        found.notes.append("Nobody copies this flow: the file is compared with the stored positions")
    else:
        found.notes.append(
            f"{_who(group.copier)} has the group {flow.group_id}: heliograph run does not start before it has stopped"
        )
    stored = await Offsets(target, flow).read()
    lanes = group.lanes if group.resting else None
    here, there = (await source.refresh(None)).topics, (await target.refresh(None)).topics
    running = None if group.copier is not Copier.WORKERS else stored if lanes is None else lanes
    naming, elsewhere = None, False
    if running is not None and told is not None:
        naming, elsewhere = naming_of(told.flow), told.flow.replicate_heartbeats
    steering = await _steering(found, target)
    now = Now(running, naming, stored, steering.pauses, elsewhere)
    found.topics = topic_changes(topic_rules_of(flow), shapes_of(here), partition_counts(there), now)
    return found


async def _steering(found: FlowPlan, target: Cluster) -> Steering:
    """Return what is paused, as far as it may be read."""
    try:
        steering = await steering_of(SteeringTopic(target, found.flow))
    except HeliographError as error:
        found.notes.append(f"What is paused is not known: {error}")
        return Steering()
    if not steering.runs(Part.SOURCE):
        found.notes.append("The flow is paused: no topic begins before it is resumed")
    elif steering.paused:
        found.notes.append(f"{plural(len(steering.paused), 'topic')} with paused partitions, which stay so")
    return steering


def _compare(found: FlowPlan, group: GroupNow, told: Told | None) -> None:
    """Put the options in force beside the file's."""
    flow = found.flow
    if told is not None:
        found.options = option_differences(told.flow, flow)
        if not told.whole:
            found.notes.append(
                "The workers are of another version, whose defaults may differ: not every option could be compared"
            )
    elif group.in_force == flow.digest:
        pass
    elif group.in_force:
        found.notes.append("The workers have another configuration, but do not say which: their lists are too long")
    else:
        found.notes.append("The workers are of a version that does not say which configuration it has")
    if group.lanes is None:
        found.notes.append("A worker of version 0.1 copies everything: the file is compared with the stored positions")
    if not group.resting:
        found.notes.append("The workers share the partitions out at this moment, so what they copy is not known")
    if group.differing:
        found.notes.append(
            f"{plural(group.differing, 'worker')} with another configuration than the leader's, which is compared here"
        )


async def _at_rest(flow: FlowConfig, target: Cluster) -> GroupNow:
    """Look at the group, and wait for a while until it is known who copies what."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REST_S
    while True:
        group = await group_now(flow, target)
        if group.copier is not Copier.WORKERS or group.resting or loop.time() >= deadline:
            return group
        await asyncio.sleep(LOOK_S)


def _who(copier: Copier) -> str:
    return "MirrorMaker 2" if copier is Copier.MIRROR_MAKER else "Another program"
