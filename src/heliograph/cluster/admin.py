"""Administration in plain values: topics, their configs, offsets. Every function takes the cluster first."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.errors import BrokerError, HeliographError, NotAuthorized
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning

LIST_OFFSETS_S = 5.0
EARLIEST = -2
LATEST = -1
TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4
MAX_MESSAGE_BYTES = "max.message.bytes"
CLEANUP_POLICY = "cleanup.policy"
AT_ONCE = 100
"""Topics that one request changes."""
RECORDS_AT_ONCE = 2_000
"""Partitions, configs and topics that one request makes; a KRaft controller refuses more than 10,000 records."""

TopicPartition = tuple[str, int]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """One config of a topic (DescribeConfigs)."""

    value: str | None
    source: int
    """1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static broker, 5 default, 0 unknown (KIP-226)."""
    read_only: bool
    sensitive: bool


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to be created."""

    name: str
    partitions: int
    replication_factor: int
    """-1: the broker's default (needs Kafka 2.4)."""
    configs: Mapping[str, str]


def may_not_grow(problem: HeliographError) -> bool:
    """Whether a refusal to add partitions will stand until an administrator of the cluster changes it."""
    return isinstance(problem, NotAuthorized) or (
        isinstance(problem, BrokerError) and problem.code == codes.POLICY_VIOLATION
    )


async def create_topics(
    cluster: Cluster, topics: Sequence[NewTopic], *, validate_only: bool = False
) -> dict[str, HeliographError | None]:
    """Create ``topics``; gives each one's error, None where it was created or existed already.

    ``validate_only``: the broker gives the same answers and changes nothing; that a topic exists is an error then.
    """
    done: dict[str, HeliographError | None] = {}
    for some in portions(topics, lambda each: 1 + each.partitions + len(each.configs)):
        rows = [
            {
                "name": each.name,
                "num_partitions": each.partitions,
                "replication_factor": each.replication_factor,
                "assignments": (),
                "configs": [{"name": key, "value": value} for key, value in each.configs.items()],
            }
            for each in some
        ]
        answer = await cluster.call_controller(
            "create_topics",
            {"topics": rows, "timeout": cluster.config.request_timeout_ms, "validate_only": validate_only},
            lambda answer: _moved(row.error_code for row in answer.topics),
        )
        for row in answer.topics:
            name = str(row.name)
            what = f"create topic {name} on {cluster.alias}"
            done[name] = _topic_error(row, what, "Create", may_exist=not validate_only)
    return done


async def create_partitions(
    cluster: Cluster, totals: Mapping[str, int], *, validate_only: bool = False
) -> dict[str, HeliographError | None]:
    """Raise partition counts to ``totals``; gives each topic's error, None where the count is reached.

    ``validate_only``: the broker gives the same answers and changes nothing.
    """
    done: dict[str, HeliographError | None] = {}
    for some in portions(list(totals.items()), lambda each: each[1]):
        rows = [{"name": name, "count": count, "assignments": None} for name, count in some]
        answer = await cluster.call_controller(
            "create_partitions",
            {"topics": rows, "timeout": cluster.config.request_timeout_ms, "validate_only": validate_only},
            lambda answer: _moved(row.error_code for row in answer.results),
        )
        for row in answer.results:
            what = f"add partitions to topic {row.name} on {cluster.alias}"
            done[str(row.name)] = _topic_error(row, what, "Alter")
    return done


def portions(rows: Sequence[Row], records: Callable[[Row], int]) -> Iterator[list[Row]]:
    """Cut ``rows`` into requests that a controller takes, by the records that it makes of each."""
    some: list[Row] = []
    total = 0
    for row in rows:
        count = records(row)
        if some and (total + count > RECORDS_AT_ONCE or len(some) >= AT_ONCE):
            yield some
            some, total = [], 0
        some.append(row)
        total += count
    if some:
        yield some


def _moved(error_codes: Iterable[int]) -> None:
    """Raise when the answer says that it came from a broker that is not the controller."""
    for code in error_codes:
        if int(code) == codes.NOT_CONTROLLER:
            raise BrokerError("the controller has moved", code=codes.NOT_CONTROLLER)


def _topic_error(row: Any, what: str, right: str, *, may_exist: bool = True) -> HeliographError | None:
    code = int(row.error_code)
    if code == codes.NONE or (may_exist and code == codes.TOPIC_ALREADY_EXISTS):
        return None
    try:
        raise_for(code, what, f"topic {row.name}", right=right, said=getattr(row, "error_message", None))
    except HeliographError as error:
        return error
    return None


async def delete_topics(cluster: Cluster, names: Sequence[str]) -> dict[str, HeliographError | None]:
    """Delete topics; gives each one's error, None where it is gone."""
    done: dict[str, HeliographError | None] = {}
    for some in portions(names, lambda _: 1):
        answer = await cluster.call_controller(
            "delete_topics",
            {"topic_names": some, "timeout": cluster.config.request_timeout_ms},
            lambda answer: _moved(row.error_code for row in answer.responses),
        )
        for row in answer.responses:
            gone = int(row.error_code) == codes.UNKNOWN_TOPIC_OR_PARTITION
            what = f"delete topic {row.name} on {cluster.alias}"
            done[str(row.name)] = None if gone else _topic_error(row, what, "Delete")
    return done


async def describe_topics(
    cluster: Cluster, names: Sequence[str]
) -> dict[str, dict[str, TopicConfig] | HeliographError]:
    """Read the configs of topics: by topic either the configs by name, or why they cannot be read."""
    found: dict[str, dict[str, TopicConfig] | HeliographError] = {}
    for start in range(0, len(names), 500):
        rows = [
            {"resource_type": TOPIC_RESOURCE, "resource_name": name, "configuration_keys": None}
            for name in names[start : start + 500]
        ]
        answer = await cluster.call(
            "describe_configs", {"resources": rows, "include_synonyms": False, "include_documentation": False}
        )
        for row in answer.results:
            found[str(row.resource_name)] = _configs(cluster, row)
    return found


async def cleanup_policies(cluster: Cluster, names: Sequence[str]) -> dict[str, str]:
    """Read ``cleanup.policy`` of topics; those that are not there, or whose configs we may not see, are left out."""
    found: dict[str, str] = {}
    for name, configs in (await describe_topics(cluster, names)).items():
        policy = None if isinstance(configs, HeliographError) else configs.get(CLEANUP_POLICY)
        if policy is not None and policy.value is not None:
            found[name] = policy.value
    return found


def _configs(cluster: Cluster, row: Any) -> dict[str, TopicConfig] | HeliographError:
    try:
        raise_for(
            int(row.error_code),
            f"read the configs of topic {row.resource_name} on {cluster.alias}",
            f"topic {row.resource_name}",
            right="DescribeConfigs",
        )
    except HeliographError as error:
        return error
    return {
        str(each.name): TopicConfig(each.value, int(each.config_source), each.read_only, each.is_sensitive)
        for each in row.configs
    }


SET, DELETE = 0, 1
"""Operations of IncrementalAlterConfigs (KIP-339)."""


async def change_topic_configs(
    cluster: Cluster,
    changes: Mapping[str, Mapping[str, str | None]],
    own: Mapping[str, Mapping[str, str]],
    *,
    validate_only: bool = False,
) -> dict[str, HeliographError | None]:
    """Change some configs of topics, in the way that the cluster's brokers know; None removes the topic's own value.

    ``own`` has all that each topic has of its own now: brokers before 2.3 take a topic's configs only as a whole.
    ``validate_only``: the brokers say what they would do, and change nothing. Returns each topic's error, None where it
    was changed. Raises ClusterError.
    """
    if not changes:
        return {}
    if await alters_incrementally(cluster):
        return await alter_topics(cluster, changes, validate_only=validate_only)
    whole = {
        topic: {name: value for name, value in {**own[topic], **configs}.items() if value is not None}
        for topic, configs in changes.items()
    }
    return await replace_topic_configs(cluster, whole, validate_only=validate_only)


async def alter_topics(
    cluster: Cluster, changes: Mapping[str, Mapping[str, str | None]], *, validate_only: bool = False
) -> dict[str, HeliographError | None]:
    """Change configs of topics, one by one (Kafka 2.3 and later); a value of None removes the topic's own value.

    Returns each topic's error, None where it was changed. Configs that are not named stay as they are.
    """
    rows = [
        {
            "resource_type": TOPIC_RESOURCE,
            "resource_name": topic,
            "configs": [
                {"name": name, "config_operation": DELETE if value is None else SET, "value": value}
                for name, value in configs.items()
            ],
        }
        for topic, configs in changes.items()
    ]
    return await _altered(cluster, "incremental_alter_configs", rows, validate_only=validate_only)


async def replace_topic_configs(
    cluster: Cluster, configs: Mapping[str, Mapping[str, str]], *, validate_only: bool = False
) -> dict[str, HeliographError | None]:
    """Set exactly these configs on the topics, as brokers before 2.3 want it; whatever is not named is removed.

    Returns each topic's error, None where it was changed.
    """
    rows = [
        {
            "resource_type": TOPIC_RESOURCE,
            "resource_name": topic,
            "configs": [{"name": name, "value": value} for name, value in sorted(own.items())],
        }
        for topic, own in configs.items()
    ]
    return await _altered(cluster, "alter_configs", rows, validate_only=validate_only)


async def alters_incrementally(cluster: Cluster) -> bool:
    """Whether the cluster's brokers change configs one by one (KIP-339: Kafka 2.3 and later)."""
    return (await cluster.any_connection()).versions.knows("incremental_alter_configs")


async def _altered(
    cluster: Cluster, api: str, rows: list[dict[str, Any]], *, validate_only: bool
) -> dict[str, HeliographError | None]:
    done: dict[str, HeliographError | None] = {}
    for some in portions(rows, lambda each: len(each["configs"])):
        answer = await cluster.call(api, {"resources": some, "validate_only": validate_only})
        for row in answer.responses:
            name = str(row.resource_name)
            done[name] = None
            try:
                raise_for(
                    int(row.error_code),
                    f"change the configs of topic {name} on {cluster.alias}",
                    f"topic {name}",
                    right="AlterConfigs",
                    said=row.error_message,
                )
            except HeliographError as error:
                done[name] = error
    return done


async def list_offsets(
    cluster: Cluster, wanted: Iterable[TopicPartition], timestamp: int, *, read_committed: bool = False
) -> dict[TopicPartition, int | HeliographError]:
    """Return each partition's offset at ``timestamp`` (ms, or EARLIEST or LATEST), or why it is not known.

    ``read_committed``: LATEST then is the last stable offset. A partition that has no leader, or whose leader moves for
    longer than LIST_OFFSETS_S, gets an error of its own: it must not hold up the others.
    """
    found: dict[TopicPartition, int | HeliographError] = {}
    left = set(wanted)

    async def once() -> None:
        await _list_offsets_once(cluster, left, found, timestamp, read_committed=read_committed)

    try:
        await cluster.retrying(once, for_s=LIST_OFFSETS_S)
    except BrokerError as error:
        found.update(dict.fromkeys(left, error))
    return found


async def _list_offsets_once(
    cluster: Cluster,
    left: set[TopicPartition],
    found: dict[TopicPartition, int | HeliographError],
    timestamp: int,
    *,
    read_committed: bool,
) -> None:
    if any(cluster.metadata.leader(*each) < 0 for each in left):
        await cluster.refresh({topic for topic, _ in left})
    by_leader: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for topic, partition in sorted(left):
        node = cluster.metadata.leader(topic, partition)
        if node < 0:
            left.discard((topic, partition))
            found[topic, partition] = _no_leader(cluster, topic, partition)
        else:
            by_leader[node][topic].append(partition)
    for node, topics in by_leader.items():
        rows = [
            {
                "name": topic,
                "partitions": [
                    {"partition_index": p, "timestamp": timestamp, "current_leader_epoch": -1} for p in partitions
                ],
            }
            for topic, partitions in topics.items()
        ]
        values = {"replica_id": -1, "isolation_level": int(read_committed), "topics": rows}
        answer = await cluster.call_node(node, "list_offsets", values)
        for topic in answer.topics:
            for row in topic.partitions:
                _note_offset(cluster, str(topic.name), row, left, found)
    if left:
        raise _no_leader(cluster, *min(left))


def _no_leader(cluster: Cluster, topic: str, partition: int) -> BrokerError:
    return BrokerError(
        f"Cannot list the offsets of {topic}-{partition} on {cluster.alias}: it has no leader",
        code=codes.NOT_LEADER_OR_FOLLOWER,
    )


def _note_offset(
    cluster: Cluster,
    topic: str,
    row: Any,
    left: set[TopicPartition],
    found: dict[TopicPartition, int | HeliographError],
) -> None:
    code = int(row.error_code)
    key = (topic, row.partition_index)
    if code and meaning(code).retriable and code != codes.UNKNOWN_TOPIC_OR_PARTITION:
        return
    left.discard(key)
    found[key] = row.offset
    try:
        raise_for(code, f"list the offsets of {topic} on {cluster.alias}", f"topic {topic}", right="Describe")
    except HeliographError as error:
        found[key] = error


async def init_producer_id(cluster: Cluster, transactional_id: str | None = None) -> tuple[int, int]:
    """Get a producer id and epoch for idempotent producing (KIP-98)."""

    async def once() -> tuple[int, int]:
        connection = await cluster.any_connection()
        answer = await connection.call(
            "init_producer_id",
            {
                "transactional_id": transactional_id,
                "transaction_timeout": 60_000,
                "producer_id": -1,
                "producer_epoch": -1,
            },
        )
        raise_for(
            int(answer.error_code),
            f"get a producer id on {cluster.alias}",
            "the cluster",
            right="IdempotentWrite (or Write on a topic)",
        )
        return answer.producer_id, answer.producer_epoch

    result: tuple[int, int] = await cluster.retrying(once)
    return result
