"""Whether a copy may be deleted because its source topic is gone (``heliograph.delete.topics``); off by default.

A copy outlives its source: that is half of what copies are for. Where they are to be deleted all the same, each of
these must hold, because nothing brings a deleted topic back:

* the name says that it is a copy of this flow: never with the identity policy, never an internal or heartbeats topic;
* this flow has copied it, and the topic that is there now is the one it wrote to;
* it was seen on the source since the program began to copy, and the source is still the same cluster: what is missing
  at the start may be missing because somebody set up another cluster at the old address;
* no more topics are gone than are left: a cluster that is nearly empty is an accident;
* the source itself says that the topic does not exist, which is not the same as not being allowed to see it;
* it said so at several looks in a row.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from heliograph.config.model import Policy
from heliograph.mirror.naming import Naming

LOOKS = 6
"""Looks in a row at which a topic must be gone: a minute, at the usual interval."""


@dataclass(slots=True)
class Deletions:
    """Counts how often in a row topics were gone."""

    naming: Naming
    _seen: set[str] = field(default_factory=set)
    """Topics that were on the source at a look before."""
    _looks: dict[str, int] = field(default_factory=dict)

    def due(self, gone: Collection[str], present: Collection[str]) -> tuple[str, ...]:
        """Take one look at the flow's topics on the source; gives those whose copies may be deleted.

        ``gone`` were copied and are no longer there, ``present`` are there.
        """
        self._seen.update(present)
        missing = self._seen.intersection(gone)
        counted = missing if len(missing) <= len(present) else ()
        self._looks = {topic: self._looks.get(topic, 0) + 1 for topic in counted if self._is_copied(topic)}
        return tuple(sorted(topic for topic, looks in self._looks.items() if looks >= LOOKS))

    def _is_copied(self, topic: str) -> bool:
        """Whether the copy's name shows where it came from, and is nothing else's name."""
        naming = self.naming
        remote = naming.remote_topic(topic)
        return (
            naming.policy is Policy.DEFAULT
            and naming.topic_source(remote) == naming.source_alias
            and naming.upstream_topic(remote) == topic
            and not naming.is_heartbeats(topic)
            and not naming.is_internal(topic)
            and not naming.is_internal(remote)
        )
