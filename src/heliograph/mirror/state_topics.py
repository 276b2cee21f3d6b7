"""The topics that hold a flow's state, as the configuration has them, and whether one deletes what it should keep.

They are tables: the newest record of each key counts, however old it is. So they have to be compacted. With
``cleanup.policy=delete``, as a broker makes topics by itself, a record goes when its segment is old enough, and with
``compact,delete`` too; Connect refuses to start on such an offsets topic (KIP-382 and KAFKA-10340 tell why).
"""

from dataclasses import dataclass

from heliograph.config.model import FlowConfig
from heliograph.mirror.heartbeats import Side, emitters_of
from heliograph.mirror.naming import HEARTBEATS, Location, naming_of

COMPACT = {"cleanup.policy": "compact"}
"""Configs of a state topic when it is created."""


@dataclass(frozen=True, slots=True)
class StateTopic:
    """One of them."""

    name: str
    location: Location
    """The cluster that holds it."""
    what: str
    """What is in it."""
    partitions: int
    replication_factor: int
    option: str
    """The option that gives the number of replicas."""
    written: bool
    """Whether the flow makes it; others are read where they exist."""
    loss: str
    """What comes of it when old records are deleted; empty: nothing."""
    only_read: bool = False
    """Whether the flow does no more than make it and read it: commands write to it."""


def state_topics_of(flow: FlowConfig) -> tuple[StateTopic, ...]:
    """Return the topics of ``flow``, the stored positions first."""
    naming, sync, offsets = naming_of(flow), flow.sync, flow.offsets_topic
    syncs_at = Location(sync.offset_syncs_location or Location.TARGET)
    syncs = (
        StateTopic(
            naming.offset_syncs_topic(location),
            location,
            "offset syncs",
            1,
            sync.offset_syncs_replication_factor,
            "offset-syncs.topic.replication.factor",
            sync.offset_syncs and location is syncs_at,
            "positions of groups that lag are translated less exactly after a restart",
        )
        for location in (Location.TARGET, Location.SOURCE)
    )
    return (
        StateTopic(
            offsets.name,
            Location.TARGET,
            "stored positions",
            offsets.partitions,
            offsets.replication_factor,
            "offset.storage.replication.factor",
            written=True,
            loss="a partition whose position is gone begins again where auto.offset.reset says",
        ),
        *syncs,
        StateTopic(
            flow.config_topic.name,
            Location.TARGET,
            "what is paused",
            flow.config_topic.partitions,
            flow.config_topic.replication_factor,
            "config.storage.replication.factor",
            written=True,
            loss="what is paused goes on after a restart",
            only_read=True,
        ),
        StateTopic(
            naming.checkpoints_topic,
            Location.TARGET,
            "checkpoints",
            1,
            sync.checkpoints_replication_factor,
            "checkpoints.topic.replication.factor",
            sync.checkpoints_interval_s is not None,
            "groups cannot be moved by their checkpoints when the source is gone",
        ),
        StateTopic(
            HEARTBEATS,
            Location.TARGET,
            "heartbeats",
            1,
            sync.heartbeats_replication_factor,
            "heartbeats.topic.replication.factor",
            any(each.side is Side.TARGET for each in emitters_of(flow)),
            "",
        ),
    )


def forgets(cleanup_policy: str) -> bool:
    """Say whether a topic with this ``cleanup.policy`` loses the newest record of a key."""
    return {each.strip() for each in cleanup_policy.split(",")} != {"compact"}
