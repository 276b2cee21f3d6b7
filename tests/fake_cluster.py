"""A cluster of one broker in memory, for faults that a real one cannot be made to have at a given request.

It answers as Kafka 4.3 does what jobs and commands ask: topics with real batches, configs, groups, ACLs, producer
ids. ``test_fake_cluster.py`` holds its answers beside those of a real broker. A :class:`Fault` changes one answer.
"""

import asyncio
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kio.schema.errors import ErrorCode

from fake_broker import Close, FakeBroker, Request, answer
from heliograph.config.model import ClusterConfig
from heliograph.records import Record, encode, stamp
from heliograph.wire.messages import API_KEYS, known_versions
from heliograph.wire.versions import CEILINGS

OLDEST = {"fetch": 4, "produce": 3}
NONE = ErrorCode.none
UNKNOWN_TOPIC = ErrorCode.unknown_topic_or_partition
UNKNOWN_ID = uuid.UUID(int=0)
DEFAULTS = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "max.message.bytes": "1048588",
    "min.insync.replicas": "1",
}
"""Configs of a topic that has none of its own."""
FETCH_S = 0.002
"""How long a fetch takes, so that a reader at the end of a log does not keep the thread busy."""
TOPIC_SOURCE, DEFAULT_SOURCE = 1, 5


def _versions(api: str) -> tuple[int, int]:
    low, high = known_versions(api)
    return max(low, OLDEST.get(api, 0)), min(high, CEILINGS.get(api, high))


@dataclass
class Topic:
    """One topic."""

    logs: list[list[tuple[int, int, bytes]]]
    """By partition its batches: first offset, next offset, bytes."""
    configs: dict[str, str] = field(default_factory=dict)
    topic_id: uuid.UUID = field(default_factory=uuid.uuid4)
    starts: dict[int, int] = field(default_factory=dict)
    """By partition its log start offset, where that is not 0."""

    def delete_before(self, partition: int, offset: int) -> None:
        """Delete records, as DeleteRecords does: a batch stays whole while one of its records does."""
        self.starts[partition] = offset
        self.logs[partition] = [batch for batch in self.logs[partition] if batch[1] > offset]

    def at_time(self, partition: int, time_ms: int) -> tuple[int, int]:
        """Return offset and time of the first batch that holds a record as late as that; -1 twice: there is none."""
        latest = [(first, int.from_bytes(raw[35:43], "big")) for first, _, raw in self.logs[partition]]
        start = self.starts.get(partition, 0)
        return next(((max(first, start), last_ms) for first, last_ms in latest if last_ms >= time_ms), (-1, -1))

    def end(self, partition: int) -> int:
        log = self.logs[partition]
        return log[-1][1] if log else self.starts.get(partition, 0)

    def append(self, partition: int, batch: bytes) -> int:
        first = self.end(partition)
        following = first + int.from_bytes(batch[23:27], "big") + 1
        self.logs[partition].append((first, following, first.to_bytes(8, "big") + batch[8:]))
        return first


@dataclass(frozen=True)
class Fault:
    """What is done to one answer."""

    number: int
    """Which request, from 0; handshakes do not count."""
    change: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Makes another answer of it; None: the connection is closed without one."""
    cut: bool = False
    """Send the first half of the answer, then close."""


class FakeCluster:
    """The cluster; a context, in which it answers from a thread of its own."""

    def __init__(self, alias: str):
        self.alias = alias
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, dict[tuple[str, int], tuple[int, str]]] = {}
        self.acls: list[tuple[int, str, int, str, str, int, int]] = []
        self.asked: list[str] = []
        """The requests, by api."""
        self.answers: list[dict[str, Any]] = []
        """What was answered to each, before any fault."""
        self.faults: dict[int, Fault] = {}
        self.always: dict[str, Fault] = {}
        """By api what is done to every answer."""
        self.operations: dict[str, int] = {}
        """By topic the bits of what the client may do with it; of others it is not told."""
        self.transactions: dict[tuple[str, int], tuple[int, int, str, datetime]] = {}
        """Open ones, by partition: producer id, first offset, transactional id, when it began."""
        self.defects: list[str] = []
        """What the fake itself could not do."""
        self._producer_id = 1000
        self._broker = FakeBroker(self._script, apis=self._apis())
        self._started = threading.Event()
        self.port = 0

    def _apis(self) -> dict[str, tuple[int, int]]:
        """Return what it can answer, with versions."""
        return {api: _versions(api) for api in API_KEYS if api == "api_versions" or hasattr(self, f"_{api}")}

    # ---- life

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=f"fake {self.alias}")
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert not self.defects, self.defects[:3]

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._broker as broker:
            self.port = broker.port
            self._started.set()
            await self._stop.wait()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def config(self) -> ClusterConfig:
        """How to reach it, with pauses between tries that nobody has to wait for."""
        return ClusterConfig(
            self.alias,
            (("127.0.0.1", self.port),),
            retry_backoff_ms=1,
            retry_backoff_max_ms=2,
            reconnect_backoff_ms=1,
            reconnect_backoff_max_ms=2,
        )

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return self._broker.open

    # ---- set up by tests

    def create(self, name: str, partitions: int = 1, **configs: str) -> Topic:
        named = {key.replace("_", "."): value for key, value in configs.items()}
        self.topics[name] = Topic([[] for _ in range(partitions)], named)
        return self.topics[name]

    def write(self, name: str, values: list[bytes], partition: int = 0, now_ms: int = 1_700_000_000_000) -> None:
        parcel = encode([Record(number, now_ms, b"key", value, ()) for number, value in enumerate(values)])
        self.topics[name].append(partition, bytes(stamp(parcel, -1, -1, -1)) + bytes(parcel.body))

    def forget_requests(self) -> None:
        self.asked.clear()
        self.answers.clear()
        self.faults.clear()
        self.always.clear()

    # ---- answers

    async def _script(self, request: Request) -> bytes:
        try:
            if request.api == "fetch":
                await asyncio.sleep(FETCH_S)
            return self._answer(request)
        except Close:
            raise
        except Exception as error:
            self.defects.append(f"{request}: {error!r}")
            raise Close from error

    def _answer(self, request: Request) -> bytes:
        fault = self.faults.get(len(self.asked)) or self.always.get(request.api)
        self.asked.append(request.api)
        values = {"throttle_time": 0, **getattr(self, f"_{request.api}")(request.body, request.version)}
        self.answers.append(values)
        if fault is None:
            return answer(request, values)
        if fault.change is not None:
            return answer(request, fault.change(values))
        if fault.cut:
            whole = answer(request, values)
            raise Close(whole[: len(whole) // 2])
        raise Close

    def _metadata(self, body, _version):
        wanted = list(self.topics) if body.topics is None else [topic.name for topic in body.topics]
        return {
            "brokers": [{"node_id": 0, "host": "127.0.0.1", "port": self.port, "rack": None}],
            "cluster_id": f"fake-{self.alias}",
            "controller_id": 0,
            "topics": [self._topic_row(name) for name in wanted],
        }

    def _topic_row(self, name):
        known = self.topics.get(name)
        partitions = [
            {
                "error_code": NONE,
                "partition_index": number,
                "leader_id": 0,
                "leader_epoch": 0,
                "replica_nodes": [0],
                "isr_nodes": [0],
                "offline_replicas": [],
            }
            for number in range(len(known.logs) if known else 0)
        ]
        return {
            "error_code": NONE if known else UNKNOWN_TOPIC,
            "name": name,
            "topic_id": known.topic_id if known else UNKNOWN_ID,
            "is_internal": name.startswith("__"),
            "partitions": partitions,
            "topic_authorized_operations": self.operations.get(name, -(2**31)),
        }

    def _find_coordinator(self, _body, _version):
        return {"error_code": NONE, "error_message": "", "node_id": 0, "host": "127.0.0.1", "port": self.port}

    def _there(self, name, partition):
        known = self.topics.get(name)
        return known if known and partition < len(known.logs) else None

    def _stable(self, name, partition):
        """Return the last stable offset: the first of an open transaction, else the end."""
        held = self.transactions.get((name, partition))
        end = self.topics[name].end(partition)
        return min(end, held[1]) if held else end

    def _list_offsets(self, body, _version):
        committed = getattr(body, "isolation_level", 0) == 1

        def row(name, asked):
            number = asked.partition_index
            known = self._there(name, number)
            offset, timestamp = -1, -1
            if known and asked.timestamp == -2:
                offset = known.starts.get(number, 0)
            elif known and asked.timestamp == -1:
                offset = self._stable(name, number) if committed else known.end(number)
            elif known:
                offset, timestamp = known.at_time(number, asked.timestamp)
            return {
                "partition_index": number,
                "error_code": NONE if known else UNKNOWN_TOPIC,
                "timestamp": timestamp,
                "offset": offset,
                "leader_epoch": -1 if offset < 0 else 0,
            }

        return {"topics": [{"name": t.name, "partitions": [row(t.name, p) for p in t.partitions]} for t in body.topics]}

    def _fetch(self, body, _version):
        left = body.max_bytes

        def cut(batches, most):
            """As brokers do: what has room, its last batch in two; of the first partition with any, one at least."""
            nonlocal left
            least = len(batches[0]) if batches and left == body.max_bytes else 0
            given = b"".join(batches)[: max(least, min(most, left))]
            left = max(0, left - len(given))
            return given

        def row(name, asked):
            known = self._there(name, asked.partition)
            end = known.end(asked.partition) if known else -1
            here = (
                [raw for _, following, raw in known.logs[asked.partition] if following > asked.fetch_offset]
                if known
                else []
            )
            code = NONE if known else UNKNOWN_TOPIC
            start = known.starts.get(asked.partition, 0) if known else -1
            if known and not start <= asked.fetch_offset <= end:
                code, here = ErrorCode.offset_out_of_range, []
            return {
                "partition_index": asked.partition,
                "error_code": code,
                "high_watermark": end,
                "last_stable_offset": self._stable(name, asked.partition) if known else -1,
                "log_start_offset": start,
                "aborted_transactions": [],
                "preferred_read_replica": -1,
                "records": cut(here, asked.partition_max_bytes),
            }

        rows = [{"topic": t.topic, "partitions": [row(t.topic, p) for p in t.partitions]} for t in body.topics]
        return {"error_code": NONE, "session_id": 0, "responses": rows}

    def _produce(self, body, _version):
        def row(name, asked):
            known = self._there(name, asked.index)
            return {
                "index": asked.index,
                "error_code": NONE if known else UNKNOWN_TOPIC,
                "base_offset": known.append(asked.index, bytes(asked.records)) if known else -1,
                "log_append_time": None,
                "log_start_offset": 0 if known else -1,
                "record_errors": [],
                "error_message": None,
            }

        return {
            "responses": [
                {"name": t.name, "partition_responses": [row(t.name, p) for p in t.partition_data]}
                for t in body.topic_data
            ]
        }

    def _create_topics(self, body, _version):
        def row(asked):
            code = ErrorCode.topic_already_exists if asked.name in self.topics else NONE
            count = max(1, asked.num_partitions)
            if code is NONE and not body.validate_only:
                self.create(asked.name, count).configs.update({each.name: each.value for each in asked.configs})
            return {
                "name": asked.name,
                "topic_id": self.topics[asked.name].topic_id if asked.name in self.topics else UNKNOWN_ID,
                "error_code": code,
                "error_message": None if code is NONE else f"Topic '{asked.name}' already exists.",
                "num_partitions": count if code is NONE else -1,
                "replication_factor": 1 if code is NONE else -1,
                "configs": [],
            }

        return {"topics": [row(each) for each in body.topics]}

    def _create_partitions(self, body, _version):
        def row(asked):
            known = self.topics.get(asked.name)
            code = NONE if known else UNKNOWN_TOPIC
            if known and asked.count <= len(known.logs):
                code = ErrorCode.invalid_partitions
            elif known and not body.validate_only:
                known.logs += [[] for _ in range(asked.count - len(known.logs))]
            return {"name": asked.name, "error_code": code, "error_message": None}

        return {"results": [row(each) for each in body.topics]}

    def _delete_topics(self, body, _version):
        def row(name):
            code = NONE if self.topics.pop(name, None) else UNKNOWN_TOPIC
            return {"name": name, "error_code": code, "error_message": None}

        return {"responses": [row(name) for name in body.topic_names]}

    def _describe_configs(self, body, _version):
        def row(asked):
            known = self.topics.get(asked.resource_name)
            own = known.configs if known else {}
            there = DEFAULTS | own if known else {}
            return {
                "error_code": NONE if known or asked.resource_type != 2 else UNKNOWN_TOPIC,
                "error_message": None if known else "",
                "resource_type": asked.resource_type,
                "resource_name": asked.resource_name,
                "configs": [
                    {
                        "name": name,
                        "value": value,
                        "read_only": False,
                        "config_source": TOPIC_SOURCE if name in own else DEFAULT_SOURCE,
                        "is_sensitive": False,
                        "synonyms": [],
                        "config_type": 0,
                        "documentation": None,
                    }
                    for name, value in there.items()
                ],
            }

        return {"results": [row(each) for each in body.resources]}

    def _incremental_alter_configs(self, body, _version):
        def row(asked):
            known = self.topics.get(asked.resource_name)
            for each in asked.configs if known and not body.validate_only else ():
                if each.config_operation == 1:
                    known.configs.pop(each.name, None)
                else:
                    known.configs[each.name] = each.value
            return {
                "error_code": NONE if known else UNKNOWN_TOPIC,
                "error_message": None,
                "resource_type": asked.resource_type,
                "resource_name": asked.resource_name,
            }

        return {"responses": [row(each) for each in body.resources]}

    def _init_producer_id(self, _body, _version):
        self._producer_id += 1
        return {"error_code": NONE, "producer_id": self._producer_id, "producer_epoch": 0}

    def _list_groups(self, _body, _version):
        rows = [
            {"group_id": name, "protocol_type": "", "group_state": "Empty", "group_type": "classic"}
            for name in self.groups
        ]
        return {"error_code": NONE, "groups": rows}

    def _describe_groups(self, body, _version):
        rows = [
            {
                "error_code": NONE,
                "group_id": name,
                "group_state": "Empty" if name in self.groups else "Dead",
                "protocol_type": "",
                "protocol_data": "",
                "members": [],
                "authorized_operations": -(2**31),
            }
            for name in body.groups
        ]
        return {"groups": rows}

    def _consumer_group_describe(self, body, _version):
        rows = [
            {
                "error_code": ErrorCode.group_id_not_found,
                "error_message": f"Group {name} not found.",
                "group_id": name,
                "group_state": "",
                "group_epoch": 0,
                "assignment_epoch": 0,
                "assignor_name": "",
                "members": [],
                "authorized_operations": -(2**31),
            }
            for name in body.group_ids
        ]
        return {"groups": rows}

    def _offset_fetch(self, body, _version):
        topics: dict[str, list[dict[str, Any]]] = {}
        for (topic, partition), (offset, metadata) in self.groups.get(body.group_id, {}).items():
            topics.setdefault(topic, []).append(
                {
                    "partition_index": partition,
                    "committed_offset": offset,
                    "committed_leader_epoch": -1,
                    "metadata": metadata,
                    "error_code": NONE,
                }
            )
        return {"topics": [{"name": t, "partitions": rows} for t, rows in topics.items()], "error_code": NONE}

    def _offset_commit(self, body, _version):
        own = self.groups.setdefault(body.group_id, {})
        for topic in body.topics:
            for row in topic.partitions:
                own[topic.name, row.partition_index] = (row.committed_offset, row.committed_metadata or "")
        return {
            "topics": [
                {
                    "name": t.name,
                    "partitions": [{"partition_index": p.partition_index, "error_code": NONE} for p in t.partitions],
                }
                for t in body.topics
            ]
        }

    def _describe_acls(self, _body, _version):
        rows = [
            {
                "resource_type": kind,
                "resource_name": name,
                "pattern_type": pattern,
                "acls": [{"principal": who, "host": host, "operation": what, "permission_type": permission}],
            }
            for kind, name, pattern, who, host, what, permission in self.acls
        ]
        return {"error_code": NONE, "error_message": None, "resources": rows}

    def _create_acls(self, body, _version):
        for a in body.creations:
            row = (a.resource_type, a.resource_name, a.resource_pattern_type, a.principal, a.host, a.operation)
            self.acls.append((*row, a.permission_type))
        return {"results": [{"error_code": NONE, "error_message": ""} for _ in body.creations]}

    def _list_transactions(self, body, _version):
        rows = [
            {"transactional_id": name, "producer_id": producer, "transaction_state": "Ongoing"}
            for producer, _, name, _ in self.transactions.values()
            if producer in body.producer_id_filters
        ]
        return {"error_code": NONE, "unknown_state_filters": [], "transaction_states": rows}

    def _describe_transactions(self, body, _version):
        rows = [
            {
                "error_code": NONE,
                "transactional_id": name,
                "transaction_state": "Ongoing",
                "transaction_timeout": 60_000,
                "transaction_start_time": began,
                "producer_id": producer,
                "producer_epoch": 0,
                "topics": [],
            }
            for producer, _, name, began in self.transactions.values()
            if name in body.transactional_ids
        ]
        return {"transaction_states": rows}

    def _describe_producers(self, body, _version):
        def row(name, partition):
            open_here = self.transactions.get((name, partition))
            active = {
                "producer_epoch": 0,
                "last_sequence": 0,
                "last_timestamp": -1,
                "coordinator_epoch": 0,
            }
            return {
                "partition_index": partition,
                "error_code": NONE if self._there(name, partition) else UNKNOWN_TOPIC,
                "error_message": None,
                "active_producers": [{**active, "producer_id": open_here[0], "current_txn_start_offset": open_here[1]}]
                if open_here
                else [],
            }

        return {
            "topics": [
                {"name": t.name, "partitions": [row(t.name, p) for p in t.partition_indexes]} for t in body.topics
            ]
        }

    def _add_partitions_to_txn(self, body, _version):
        def row(name, partition):
            code = NONE if self._there(name, partition) else UNKNOWN_TOPIC
            return {"partition_index": partition, "partition_error_code": code}

        rows = [
            {"name": t.name, "results_by_partition": [row(t.name, p) for p in t.partitions]}
            for t in body.v3_and_below_topics
        ]
        return {"results_by_topic_v3_and_below": rows}

    def _end_txn(self, _body, _version):
        return {"error_code": NONE}

    def _offset_for_leader_epoch(self, body, _version):
        def row(name, asked):
            known = self._there(name, asked.partition)
            return {
                "error_code": NONE if known else UNKNOWN_TOPIC,
                "partition": asked.partition,
                "leader_epoch": 0 if known else -1,
                "end_offset": known.end(asked.partition) if known else -1,
            }

        return {
            "topics": [{"topic": t.topic, "partitions": [row(t.topic, p) for p in t.partitions]} for t in body.topics]
        }

    def _describe_user_scram_credentials(self, _body, _version):
        return {"error_code": NONE, "error_message": None, "results": []}

    def _join_group(self, body, _version):
        member = body.member_id or f"member-{uuid.uuid4()}"
        protocol = body.protocols[0]
        return {
            "error_code": NONE if body.member_id else ErrorCode.member_id_required,
            "generation_id": 1 if body.member_id else -1,
            "protocol_type": body.protocol_type,
            "protocol_name": protocol.name if body.member_id else None,
            "leader": member if body.member_id else "",
            "member_id": member,
            "members": [{"member_id": member, "group_instance_id": None, "metadata": protocol.metadata}]
            if body.member_id
            else [],
        }

    def _sync_group(self, body, _version):
        return {"error_code": NONE, "assignment": body.assignments[0].assignment if body.assignments else b""}

    def _heartbeat(self, _body, _version):
        return {"error_code": NONE}

    def _leave_group(self, body, _version):
        rows = [{"member_id": m.member_id, "group_instance_id": None, "error_code": NONE} for m in body.members]
        return {"error_code": NONE, "members": rows}
