"""Who has the heartbeats, of several instances between the same two clusters with a group and topics of their own.

Each would copy the source's heartbeats topics, to the same copies, and write heartbeats of the same flow. So one does
it for all: who copies them already or, where nobody does, the one whose group comes first by name. Instances see each
other through their groups on the target. Who may not see the others does it too; that loses nothing, and some
heartbeats are there twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import FlowConfig
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.naming import HEARTBEATS, naming_of


class Duty(StrEnum):
    """What one instance does for all."""

    COPY = "copy heartbeats topics"
    WRITE_TO_SOURCE = "write heartbeats to the source"
    WRITE_TO_TARGET = "write heartbeats to the target"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance, as its group shows it."""

    group: str
    duties: frozenset[Duty]
    """What it would do if it were alone."""
    copies: bool = False
    """Whether it copies a heartbeats topic now."""


def duties_of(flow: FlowConfig) -> frozenset[Duty]:
    """Return what an instance with this configuration does if it is alone."""
    wanted = {
        Duty.COPY: flow.replicate_heartbeats,
        Duty.WRITE_TO_SOURCE: flow.sync.reverse_heartbeats_interval_s is not None,
        Duty.WRITE_TO_TARGET: flow.sync.heartbeats_interval_s is not None,
    }
    return frozenset(duty for duty, is_wanted in wanted.items() if is_wanted)


def beside(flow: FlowConfig, other: FlowConfig) -> bool:
    """Say whether both fill the same copies of heartbeats topics."""
    return naming_of(flow).remote_topic(HEARTBEATS) == naming_of(other).remote_topic(HEARTBEATS)


def copies_heartbeats(flow: FlowConfig, lanes: Iterable[TopicPartition]) -> bool:
    """Say whether there is a heartbeats topic among ``lanes``."""
    naming = naming_of(flow)
    return any(naming.is_heartbeats(topic) for topic in {topic for topic, _ in lanes})


def duties_among(own: Instance, others: Iterable[Instance]) -> frozenset[Duty]:
    """Return what is left for ``own`` to do."""
    rest = [each for each in others if each.group != own.group]

    def first(duty: Duty) -> str:
        wanting = [each for each in (own, *rest) if duty in each.duties]
        return min(wanting, key=lambda each: (not each.copies, each.group)).group

    return frozenset(duty for duty in own.duties if first(duty) == own.group)
