"""Signs of life: which flow writes them, and where.

A flow ``A->B`` writes heartbeats with the key (A, B) to the topic ``heartbeats`` on B. What shows that a flow really
*copies* is the other one: the flow ``B->A`` writes to ``heartbeats`` on A, and ``A->B`` copies that topic to B. So MM2
starts the emitter of ``B->A`` even where that flow is not enabled, unless ``B->A.emit.heartbeats.enabled`` says no.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import FlowConfig
from heliograph.mirror.formats import Heartbeat


class Side(StrEnum):
    """A cluster of a flow."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Emitter:
    """One row of heartbeats."""

    side: Side
    """The cluster that it is written to."""
    source_alias: str
    """Of the flow that the heartbeat belongs to, which for :attr:`Side.SOURCE` is the reverse one."""
    target_alias: str
    interval_s: float

    def heartbeat(self, now_ms: int) -> Heartbeat:
        """Return the heartbeat of this moment."""
        return Heartbeat(self.source_alias, self.target_alias, now_ms)


def emitters_of(flow: FlowConfig) -> tuple[Emitter, ...]:
    """Return the emitters that run beside ``flow``: its own, and the reverse flow's where that does not run itself."""
    source, target = flow.source_name, flow.target_name
    found: list[Emitter] = []
    if flow.sync.heartbeats_interval_s is not None:
        found.append(Emitter(Side.TARGET, source, target, flow.sync.heartbeats_interval_s))
    if flow.sync.reverse_heartbeats_interval_s is not None:
        found.append(Emitter(Side.SOURCE, target, source, flow.sync.reverse_heartbeats_interval_s))
    return tuple(found)
