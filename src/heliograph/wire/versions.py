"""Which version of each message to speak with a broker.

The highest that both sides know, within our own ceilings. Fetch and Produce have ceilings below Kafka's newest,
because their hand-made codecs speak the non-flexible versions: those carry everything a replicator needs
(sessions, leader epochs, zstd, record errors) and are served by every broker from 1.1 to 4.x.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heliograph.errors import ProtocolError
from heliograph.wire.messages import API_KEYS, known_versions

FETCH = "fetch"
PRODUCE = "produce"

CEILINGS = {
    FETCH: 11,
    PRODUCE: 8,
    "metadata": 12,
    "find_coordinator": 3,  # from version 4 on, many keys a request: a shape of its own
    "offset_fetch": 7,  # from version 8 on, many groups a request: a shape of its own
    "offset_commit": 8,  # later versions name topics by id
    "init_producer_id": 4,  # later versions change transactions (KIP-890)
    "add_partitions_to_txn": 3,  # later versions are for brokers among themselves
    "end_txn": 3,  # later versions change transactions (KIP-890)
    "list_offsets": 9,
    "delete_topics": 5,
    "join_group": 7,
    "sync_group": 4,
    "heartbeat": 3,
    "leave_group": 3,
    "list_groups": 5,
    "describe_groups": 5,  # version 6 tells an unknown group by an error, not by its state
    "consumer_group_describe": 0,
    "describe_acls": 3,
    "create_acls": 3,
    "list_transactions": 0,  # later versions filter by duration and pattern
}
"""Highest version we speak, where it is not the schemas' highest."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What one broker speaks: api key -> (lowest, highest)."""

    ranges: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Iterable[tuple[int, int, int]]) -> "Versions":
        """Take (api key, lowest, highest) triples of an ApiVersions answer."""
        return cls({key: (low, high) for key, low, high in answer})

    def knows(self, api: str, version: int = 0) -> bool:
        """Whether the broker answers ``api`` at ``version`` or above."""
        return self.ranges.get(API_KEYS[api], (0, -1))[1] >= version

    def choose(self, api: str) -> int:
        """Return the version to use; raises ProtocolError when the two sides have none in common."""
        low, high = known_versions(api)
        high = min(high, CEILINGS.get(api, high))
        broker_low, broker_high = self.ranges.get(API_KEYS[api], (0, -1))
        version = min(high, broker_high)
        if version < max(low, broker_low):
            spoken = f"speaks versions {broker_low} to {broker_high}" if broker_high >= 0 else "does not know it"
            raise ProtocolError(
                f"No common version of the request {api}: the broker {spoken}, Heliograph {low} to {high}",
                remedy="Brokers from Kafka 1.1 on are supported",
            )
        return version
