"""Where the epochs of a partition's leaders end (OffsetsForLeaderEpoch, KIP-320): how a cut log is recognised.

Each election begins a new epoch, and a leader remembers at which offset each of them began. A reader that knows under
which epoch it read up to a position can ask the present leader where that epoch ends in *its* log.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.errors import ClusterError, HeliographError
from heliograph.wire import errors as codes

API = "offset_for_leader_epoch"
VERSION_MIN = 2
"""Before it (Kafka 2.1) only brokers could ask."""
TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of a reading."""

    epoch: int
    """Under which it was read."""
    leader_epoch: int
    """The present leader's, by our metadata: a leader of another epoch refuses to answer."""


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """What the leader says."""

    epoch: int
    """The largest epoch it knows that is not above the one asked for; -1: none."""
    end_offset: int
    """Where it ends; -1: not known."""


async def epoch_ends(
    cluster: Cluster, wanted: Mapping[TopicPartition, Read]
) -> dict[TopicPartition, EpochEnd | HeliographError]:
    """Ask each partition's leader once; what has no leader or no answer gets an error, what is too old none at all."""
    by_leader: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for topic, partition in sorted(wanted):
        by_leader[cluster.metadata.leader(topic, partition)][topic].append(partition)
    by_leader.pop(-1, None)
    found: dict[TopicPartition, EpochEnd | HeliographError] = {}
    for node, topics in by_leader.items():
        try:
            connection = await cluster.connection(node)
            if not connection.versions.knows(API, VERSION_MIN):
                continue
            answer = await connection.call(API, _question(wanted, topics))
        except ClusterError as error:
            found.update({(topic, p): error for topic, partitions in topics.items() for p in partitions})
            continue
        for topic in answer.topics:
            for row in topic.partitions:
                found[str(topic.topic), row.partition] = _read_row(cluster, str(topic.topic), row)
    return found


def _question(wanted: Mapping[TopicPartition, Read], topics: Mapping[str, list[int]]) -> dict[str, Any]:
    rows = [
        {
            "topic": topic,
            "partitions": [
                {
                    "partition": p,
                    "current_leader_epoch": wanted[topic, p].leader_epoch,
                    "leader_epoch": wanted[topic, p].epoch,
                }
                for p in partitions
            ],
        }
        for topic, partitions in topics.items()
    ]
    return {"replica_id": -1, "topics": rows}


def _read_row(cluster: Cluster, topic: str, row: Any) -> EpochEnd | HeliographError:
    code = int(row.error_code)
    if code in (codes.TOPIC_AUTHORIZATION_FAILED, codes.CLUSTER_AUTHORIZATION_FAILED):
        return EpochEnd(-1, -1)  # whoever may read may go without this check
    try:
        raise_for(code, f"ask for the leaders' epochs of {topic} on {cluster.alias}", f"topic {topic}")
    except HeliographError as error:
        return error
    return EpochEnd(row.leader_epoch, row.end_offset)
