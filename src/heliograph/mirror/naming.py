"""What topics are called on the other side, and what a name says about where a topic came from.

A replication policy is a pair of rules. The default policy prefixes the source's alias (``orders`` on ``A`` becomes
``A.orders``); the identity policy keeps names, except for heartbeats, which are prefixed all the same so that each hop
stays visible. Everything else follows from them: a topic's origin is read off its prefixes, one at a time.

The separator may be empty (``westorders``, ``es-srcheartbeats``, ``mm2-offset-syncses-tgtinternal``). Such a name
cannot be taken apart for certain, so only the flow's own aliases are recognised: either of them in front of
``heartbeats``, and with the default policy the source's in front of any topic, because that is what the flow's copies
begin with. It proves no cycle, since a topic of the source's own may begin so too (``western-orders``); flows that
could go round are refused when the file is read. MirrorMaker 2 takes the first letter for the alias then, and
recognises no heartbeats at all.

The prefix is all there is: a topic that its owner happened to call ``orders.v1`` looks as if it came from a cluster
``orders``. The rules are those of MirrorMaker 2 4.x (KIP-382, KIP-690, KIP-949, KIP-1074), oddities included, because
both programs must agree about names on the same clusters.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import FlowConfig, Policy

HEARTBEATS = "heartbeats"
"""Name of the topic that each heartbeat emitter writes on its own target; it has no alias and no separator."""
PROTOCOL_TYPE = "heliograph"
"""Protocol type of the workers' group. Its id is MirrorMaker 2's, so brokers refuse to mix the two programs."""


class Location(StrEnum):
    """The cluster that holds a flow's offset-syncs topic (KIP-716)."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one flow."""

    source_alias: str
    target_alias: str
    policy: Policy
    separator: str
    """Between alias and topic (``replication.policy.separator``)."""
    internal_separator: str
    """Between the parts of the offset-syncs and checkpoints topics' names (KIP-949)."""

    @property
    def checkpoints_topic(self) -> str:
        """The topic on the target that holds translated group offsets."""
        return self.checkpoints_topics[0]

    @property
    def checkpoints_topics(self) -> tuple[str, ...]:
        """Names under which that topic may exist already; see :meth:`offset_syncs_topics`."""
        return self._internal(self.source_alias, "checkpoints")

    def offset_syncs_topic(self, location: Location) -> str:
        """Return the topic that holds offset syncs: its name carries the alias of the cluster where it is *not*."""
        return self.offset_syncs_topics(location)[0]

    def offset_syncs_topics(self, location: Location) -> tuple[str, ...]:
        """Return the names under which that topic may exist already, today's first.

        MirrorMaker 2 before 3.1 named it with dots whatever the separator was (KIP-690), and so does one that was told
        ``replication.policy.internal.topic.separator.enabled=false``.
        """
        other = self.target_alias if location is Location.SOURCE else self.source_alias
        return self._internal("mm2-offset-syncs", other)

    def _internal(self, *parts: str) -> tuple[str, ...]:
        """Return the name that ``parts`` make, and the one with dots where that is another."""
        names = (separator.join((*parts, "internal")) for separator in (self.internal_separator, "."))
        return tuple(dict.fromkeys(names))

    def remote_topic(self, topic: str) -> str:
        """Name on the target of the source's ``topic``."""
        if self._keeps_name(topic):
            return topic
        return f"{self.source_alias}{self.separator}{topic}"

    def topic_source(self, topic: str) -> str | None:
        """Alias of the cluster from which ``topic`` came, as its name tells; None where it tells nothing.

        Trailing separators do not count (``foo.`` has no source), leading ones do (``.foo`` has the source ``""``).
        """
        if self._keeps_name(topic):
            return self.source_alias
        if not self.separator:
            return self._leading_alias(topic)
        parts = topic.split(self.separator)
        while parts and not parts[-1]:
            parts.pop()
        return parts[0] if len(parts) > 1 else None

    def upstream_topic(self, topic: str) -> str | None:
        """Name that ``topic`` had one hop earlier; None where the name tells nothing."""
        if self._keeps_name(topic):
            return topic
        source = self.topic_source(topic)
        return None if source is None else topic[len(source) + len(self.separator) :]

    def original_topic(self, topic: str) -> str:
        """Name that ``topic`` had on its first cluster."""
        while (upstream := self.upstream_topic(topic)) is not None and upstream != topic:
            topic = upstream
        return topic

    def is_heartbeats(self, topic: str) -> bool:
        """Say whether ``topic`` is ``heartbeats`` or a copy of it, however many hops away."""
        return self.original_topic(topic) == HEARTBEATS

    def is_checkpoints(self, topic: str) -> bool:
        """Say whether ``topic`` holds the checkpoints of any flow."""
        return topic.endswith(f"{self.internal_separator}checkpoints{self.internal_separator}internal")

    def is_internal(self, topic: str, *, before_4_0: bool = False) -> bool:
        """Say whether ``topic`` belongs to Kafka, Connect or MirrorMaker, and so is never mirrored (KIP-1074).

        ``before_4_0`` asks by the wider rule of 3.9 and older, which took every ``*.internal`` and ``*-internal``.
        Connect's own topics (``mm2-offsets.A.internal``) have dots whatever the separator is; they count here under
        any separator, while MirrorMaker 2 leaves them to the default of ``topics.exclude``.
        """
        if topic.startswith(("__", ".")) or self.is_checkpoints(topic):
            return True
        if topic.startswith("mm2") and topic.endswith(f"{self.internal_separator}internal"):
            return True
        if topic.startswith(("mm2-offsets.", "mm2-configs.", "mm2-status.")) and topic.endswith(".internal"):
            return True
        return before_4_0 and topic.endswith((".internal", "-internal"))

    def cycle(self, topic: str) -> str | None:
        """Alias whose presence in the name means that mirroring ``topic`` would send records round in a circle.

        That is the target's alias at any hop, and the source's own (KAFKA-9914). With the identity policy names tell
        nothing about the way, so only heartbeats are protected. An alias that holds the separator (``us.west``) is
        recognised as a prefix of the whole, which the walk over single hops would miss. Without a separator, too, only
        heartbeats tell.
        """
        if not self.separator and not self.is_heartbeats(topic):
            return None
        suspects = [self.target_alias]
        if self.policy is Policy.DEFAULT:
            suspects.append(self.source_alias)
        hop: str | None = topic
        while hop is not None:
            if self._keeps_name(hop):
                return None
            for alias in suspects:
                if self.topic_source(hop) == alias or (
                    self.separator and self.separator in alias and hop.startswith(alias + self.separator)
                ):
                    return alias
            hop = self.upstream_topic(hop)
        return None

    def _leading_alias(self, topic: str) -> str | None:
        """Return the flow's alias that ``topic`` begins with, where no separator follows it: see above."""
        for alias in sorted((self.source_alias, self.target_alias), key=len, reverse=True):
            rest = topic[len(alias) :]
            if alias and topic.startswith(alias) and rest.endswith(HEARTBEATS):
                return alias
        is_copy = self.policy is Policy.DEFAULT and 0 < len(self.source_alias) < len(topic)
        return self.source_alias if is_copy and topic.startswith(self.source_alias) else None

    def _keeps_name(self, topic: str) -> bool:
        """Identity: all but what looks like heartbeats, which a plain suffix decides (``my-heartbeats`` too)."""
        return self.policy is Policy.IDENTITY and not topic.endswith(HEARTBEATS)


def naming_of(flow: FlowConfig) -> Naming:
    """Return the names of ``flow``."""
    return Naming(
        source_alias=flow.source_name,
        target_alias=flow.target_name,
        policy=flow.policy,
        separator=flow.separator,
        internal_separator=flow.internal_separator,
    )
