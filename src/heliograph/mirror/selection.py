"""Which of the source's topics a flow mirrors, and for each the reason in a phrase.

A topic is mirrored when it is wanted (``topics`` matches, or it is a heartbeats topic and those are wanted), is not
excluded (``topics.exclude`` wins over both) and nothing forbids it: internal topics never leave their cluster, and a
topic that came from the target does not go back. The order of the tests is that of the reasons a person would give:
what can never be, first. MirrorMaker 2 copies heartbeats even where ``topics.exclude`` names them.
"""

from dataclasses import dataclass

from heliograph.config.model import FlowConfig
from heliograph.mirror.naming import HEARTBEATS, Naming, naming_of
from heliograph.mirror.patterns import Patterns


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a topic is mirrored, and why."""

    selected: bool
    reason: str
    """One phrase, lower case, without a full stop."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice of topics of one flow."""

    naming: Naming
    include: Patterns
    exclude: Patterns
    replicate_heartbeats: bool
    """``heartbeats.replication.enabled`` (KIP-1089): heartbeats go along although ``topics`` does not name them."""

    def selects(self, topic: str) -> bool:
        """Say whether the source's ``topic`` is mirrored."""
        return self.judge(topic).selected

    def why(self, topic: str) -> str:
        """Return the reason why ``topic`` is mirrored or is not."""
        return self.judge(topic).reason

    def judge(self, topic: str) -> Verdict:
        """Decide about the source's ``topic``."""
        forbidden = self._forbidden(topic)
        if forbidden is not None:
            return Verdict(selected=False, reason=forbidden)
        if (excluded_by := self.exclude.which(topic)) is not None:
            return Verdict(selected=False, reason=f"excluded by {excluded_by}")
        if self.replicate_heartbeats and self.naming.is_heartbeats(topic):
            return Verdict(selected=True, reason="heartbeats")
        if (included_by := self.include.which(topic)) is not None:
            return Verdict(selected=True, reason=f"included by {included_by}")
        return Verdict(selected=False, reason="not included by topics")

    def _forbidden(self, topic: str) -> str | None:
        """Return the reason why no list can select ``topic``."""
        if self.naming.is_internal(topic):
            return "internal topic, never mirrored"
        if topic == self.naming.remote_topic(topic) == HEARTBEATS:
            return "its copy would mix with the target's own heartbeats"
        alias = self.naming.cycle(topic)
        if alias is None:
            return None
        if alias == self.naming.target_alias:
            return f"cycle: its name says that it came from the target {alias}"
        return f"cycle: its name carries the source's own alias {alias}"


def selection_of(flow: FlowConfig) -> Selection:
    """Return the choice of topics of ``flow``; raises ConfigError for a list that is no Java regular expression."""
    return Selection(
        naming=naming_of(flow),
        include=Patterns(flow.topics),
        exclude=Patterns(flow.topics_exclude),
        replicate_heartbeats=flow.replicate_heartbeats,
    )
