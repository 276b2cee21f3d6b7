"""Writes the corpus again: answers of real brokers, as they came over the wire, with small content.

Run by hand (``python tests/hostile/make_corpus.py``) when a request or a version is new; needs a minute or two. Each
answer goes to ``corpus/<api>.v<version>[.<what>].bin`` without its length prefix, the batches in it as the broker
stores them. Kafka 1.1.1 gives the old message formats; SCRAM's two server messages are kept beside the bytes. The two key
stores were made by ``keytool -storetype JKS`` (password ``changeit``, the key's own ``keysecret``) and stay as they are.
"""

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from scramp import ScramClient

from heliograph.records import Record, stamp
from heliograph.records import encode as encode_batch
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.wire import fetch, messages, produce
from heliograph.wire.versions import Versions

CORPUS = Path(__file__).parent / "corpus"
LIMIT_S = 30.0
USER, PASSWORD = "alice", "corpus-only"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Wire:
    """A blocking connection that keeps what it receives."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), LIMIT_S)
        self.versions = Versions()

    def close(self) -> None:
        self._socket.close()

    def exchange(self, body: bytes) -> bytes:
        self._socket.sendall(len(body).to_bytes(4, "big") + body)
        size = int.from_bytes(self._take(4), "big")
        return self._take(size)

    def ask(self, api: str, version: int, values: dict[str, object], *, what: str = "") -> object:
        body = messages.encode(api, version, values, correlation_id=7, client_id="corpus")
        frame = self.exchange(body)
        keep(api, version, what, frame)
        return messages.decode(api, version, frame)

    def learn(self) -> None:
        answer = self.ask("api_versions", 3, {"client_software_name": "corpus", "client_software_version": "1"})
        self.versions = Versions.of((row.api_key, row.min_version, row.max_version) for row in answer.api_keys)

    def ask_patiently(self, api: str, values: dict[str, object]) -> object:
        """Ask until the answer has no error: the first group of a cluster has to wait for its coordinator."""
        deadline = time.monotonic() + LIMIT_S
        version = self.versions.choose(api)
        while int((answer := self.ask(api, version, values)).error_code):
            assert time.monotonic() < deadline, f"{api} answers {answer.error_code}"
        return answer

    def every(self, api: str) -> Sequence[int]:
        """Return the lowest and the highest version that both sides speak."""
        low = max(messages.known_versions(api)[0], self.versions.ranges[messages.API_KEYS[api]][0])
        return sorted({low, self.versions.choose(api)})

    def _take(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(size - len(parts))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts += part
        return bytes(parts)


def keep(api: str, version: int, what: str, frame: bytes) -> None:
    name = f"{api}.v{version}{'.' + what if what else ''}.bin"
    (CORPUS / name).write_bytes(frame)


def make_topic(kafka: KafkaCluster, name: str, **config: str) -> None:
    settings = {key.replace("_", "."): value for key, value in config.items()}
    client = AdminClient(kafka.librdkafka_config())
    client.create_topics([NewTopic(name, 1, 1, config=settings)], operation_timeout=LIMIT_S)[name].result(LIMIT_S)


def write(kafka: KafkaCluster, topic: str, codec: str) -> None:
    """Write two small batches: many records with headers where the format has them, then one."""
    writer = Producer({**kafka.librdkafka_config(), "compression.type": codec, "linger.ms": 100})
    for number in range(12):
        writer.produce(topic, b"value %d " % number * 3, b"key %d" % number if number % 3 else None, partition=0)
    assert writer.flush(LIMIT_S) == 0
    writer.produce(topic, None, b"tombstone", partition=0)
    assert writer.flush(LIMIT_S) == 0


def write_transactions(kafka: KafkaCluster, topic: str) -> None:
    writer = Producer({**kafka.librdkafka_config(), "transactional.id": "corpus", "linger.ms": 100})
    writer.init_transactions(LIMIT_S)
    for number in range(4):
        writer.begin_transaction()
        writer.produce(
            topic, b"in transaction %d" % number, headers=[("name", b"content"), ("null", None)], partition=0
        )
        assert writer.flush(LIMIT_S) == 0
        (writer.abort_transaction if number % 2 else writer.commit_transaction)(LIMIT_S)


def fetched(wire: Wire, version: int, topic: str, what: str) -> None:
    body = fetch.encode(
        version,
        correlation_id=7,
        client_id="corpus",
        wanted={topic: [fetch.Wanted(0, 0, -1, 100_000)]},
        forgotten={},
        max_wait_ms=500,
        min_bytes=1,
        max_bytes=100_000,
        read_committed=True,
    )
    frame = wire.exchange(body)
    row = fetch.decode(version, frame).partitions[0]
    assert row.error == 0
    assert row.end > row.start, f"{topic} gave nothing"
    keep("fetch", version, what, frame)


def produced(wire: Wire, topic: str) -> None:
    parcel = encode_batch([Record(0, 1_700_000_000_000, b"key", b"value")])
    for version in (3, 5, 8):
        header = stamp(parcel, -1, -1, -1)
        buffers = produce.encode(
            version,
            correlation_id=7,
            client_id="corpus",
            batches={topic: [(0, header, parcel.body)]},
            timeout_ms=5_000,
        )
        keep("produce", version, "", wire.exchange(b"".join(buffers)))
    broken = stamp(parcel, -1, -1, -1)[:-1] + b"\x09"
    buffers = produce.encode(
        8, correlation_id=7, client_id="corpus", batches={topic: [(0, broken, parcel.body)]}, timeout_ms=5_000
    )
    keep("produce", 8, "refused", wire.exchange(b"".join(buffers)))


def plain_requests(topic: str) -> Iterator[tuple[str, dict[str, object]]]:
    one = [{"resource_type": 2, "resource_name": topic, "configuration_keys": None}]
    yield (
        "metadata",
        {
            "topics": [{"name": topic, "topic_id": None}, {"name": "absent", "topic_id": None}],
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        },
    )
    yield "describe_configs", {"resources": one, "include_synonyms": False, "include_documentation": False}
    place = {"partition_index": 0, "timestamp": -1, "current_leader_epoch": -1}
    yield (
        "list_offsets",
        {
            "replica_id": -1,
            "isolation_level": 0,
            "topics": [{"name": topic, "partitions": [place]}],
            "timeout": 1000,
            "timeout_ms": 1000,
        },
    )
    yield "find_coordinator", {"key": "group", "key_type": 0}
    yield (
        "init_producer_id",
        {
            "transactional_id": None,
            "transaction_timeout": 60_000,
            "producer_id": -1,
            "producer_epoch": -1,
        },
    )
    yield (
        "incremental_alter_configs",
        {
            "resources": [
                {
                    "resource_type": 2,
                    "resource_name": topic,
                    "configs": [{"name": "no.such.setting", "config_operation": 0, "value": "1"}],
                }
            ],
            "validate_only": True,
        },
    )


def group_requests(wire: Wire, topic: str) -> None:
    """Join a group, live in it and leave it, in the versions that are spoken."""
    group = "group"
    join = {
        "group_id": group,
        "session_timeout": 10_000,
        "rebalance_timeout": 10_000,
        "member_id": "",
        "group_instance_id": None,
        "protocol_type": "corpus",
        "protocols": [{"name": "one", "metadata": b'{"owner":false}'}],
    }
    version = wire.versions.choose("join_group")
    wire.ask_patiently("find_coordinator", {"key": group, "key_type": 0})
    while not (refused := wire.ask("join_group", version, join, what="refused")).member_id:
        assert int(refused.error_code) in (14, 15, 16), "only a coordinator that still loads may refuse"
    joined = wire.ask_patiently("join_group", {**join, "member_id": refused.member_id})
    member = joined.member_id
    about = {
        "group_id": group,
        "generation_id": joined.generation_id,
        "member_id": member,
        "group_instance_id": None,
        "generation_id_or_member_epoch": joined.generation_id,
        "retention_time": -1,
        "retention_time_ms": -1,
    }
    given = {**about, "assignments": [{"member_id": member, "assignment": b'{"owner":"someone"}'}]}
    wire.ask("sync_group", wire.versions.choose("sync_group"), given)
    wire.ask("heartbeat", wire.versions.choose("heartbeat"), about)
    row = {
        "partition_index": 0,
        "committed_offset": 3,
        "committed_leader_epoch": -1,
        "committed_metadata": "words",
        "commit_timestamp": -1,
    }
    commit = {**about, "topics": [{"name": topic, "partitions": [row]}]}
    wire.ask("offset_commit", wire.versions.choose("offset_commit"), commit)
    asked = {"group_id": group, "topics": [{"name": topic, "partition_indexes": [0]}], "require_stable": True}
    wire.ask("offset_fetch", wire.versions.choose("offset_fetch"), asked)
    for api, values in (
        ("list_groups", {"states_filter": [], "types_filter": []}),
        ("describe_groups", {"groups": [group], "include_authorized_operations": False}),
        (
            "describe_acls",
            {
                "resource_type_filter": 1,
                "resource_name_filter": None,
                "pattern_type_filter": 1,
                "principal_filter": None,
                "host_filter": None,
                "operation": 1,
                "permission_type": 1,
            },
        ),
    ):
        for spoken in wire.every(api):
            wire.ask(api, spoken, values)
    leave = {**about, "members": [{"member_id": member, "group_instance_id": None}]}
    wire.ask("leave_group", wire.versions.choose("leave_group"), leave)


def transaction_requests(wire: Wire, topic: str) -> None:
    """Begin a transaction and abort it; and ask what else is asked about transactions and epochs."""
    wire.ask_patiently("find_coordinator", {"key": "asker", "key_type": 1})
    begin = {"transactional_id": "asker", "transaction_timeout": 60_000, "producer_id": -1, "producer_epoch": -1}
    producer = wire.ask_patiently("init_producer_id", begin)
    who = {
        "transactional_id": "asker",
        "producer_id": producer.producer_id,
        "producer_epoch": producer.producer_epoch,
        "committed": False,
    }
    added = {f"v3_and_below_{name}": value for name, value in who.items()}
    added["v3_and_below_topics"] = [{"name": topic, "partitions": [0]}]
    wire.ask("add_partitions_to_txn", wire.versions.choose("add_partitions_to_txn"), added)
    filters = {
        "state_filters": [],
        "producer_id_filters": [],
        "duration_filter": -1,
        "transactional_id_pattern": None,
    }
    wire.ask("list_transactions", wire.versions.choose("list_transactions"), filters)
    wire.ask("end_txn", wire.versions.choose("end_txn"), who)
    place = {"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}
    epochs = {"replica_id": -1, "topics": [{"topic": topic, "partitions": [place]}]}
    for version in wire.every("offset_for_leader_epoch"):
        wire.ask("offset_for_leader_epoch", version, epochs)


def other_requests(wire: Wire, topic: str) -> None:
    right = {
        "resource_type": 2,
        "resource_name": topic,
        "resource_pattern_type": 3,
        "principal": "User:alice",
        "host": "*",
        "operation": 3,
        "permission_type": 3,
    }
    for version in wire.every("create_acls"):
        wire.ask("create_acls", version, {"creations": [right]})
    wire.ask("describe_user_scram_credentials", 0, {"users": None})
    wire.ask("consumer_group_describe", 0, {"group_ids": ["group"], "include_authorized_operations": False})
    rows = [{"resource_type": 2, "resource_name": topic, "configs": [{"name": "retention.ms", "value": "1"}]}]
    for version in wire.every("alter_configs"):
        wire.ask("alter_configs", version, {"resources": rows, "validate_only": True})
    for version in wire.every("describe_cluster"):
        wire.ask(
            "describe_cluster",
            version,
            {"include_cluster_authorized_operations": False, "endpoint_type": 1, "include_fenced_brokers": False},
        )


def topic_requests(wire: Wire) -> None:
    new = {
        "name": "made",
        "num_partitions": 1,
        "replication_factor": 1,
        "assignments": [],
        "configs": [{"name": "cleanup.policy", "value": "compact"}],
    }
    values = {"topics": [new], "timeout": 5_000, "validate_only": False}
    wire.ask("create_topics", wire.versions.choose("create_topics"), values)
    wire.ask("create_topics", wire.every("create_topics")[0], values, what="refused")
    grown = {"topics": [{"name": "made", "count": 2, "assignments": None}], "timeout": 5_000, "validate_only": False}
    wire.ask("create_partitions", wire.versions.choose("create_partitions"), grown)
    gone = {"topic_names": ["made"], "timeout": 5_000}
    wire.ask("delete_topics", wire.versions.choose("delete_topics"), gone)


def sasl_exchange(kafka: KafkaCluster) -> None:
    with closing(Wire(kafka.bootstrap("SASL_PLAINTEXT"))) as wire:
        wire.learn()
        wire.ask("sasl_handshake", 1, {"mechanism": "SCRAM-SHA-256"})
        client = ScramClient(["SCRAM-SHA-256"], USER, PASSWORD)
        version = wire.versions.choose("sasl_authenticate")
        first = {"auth_bytes": client.get_client_first().encode()}
        answer = wire.ask("sasl_authenticate", version, first, what="first")
        (CORPUS / "scram.first.bin").write_bytes(answer.auth_bytes)
        client.set_server_first(answer.auth_bytes.decode())
        last = {"auth_bytes": client.get_client_final().encode()}
        answer = wire.ask("sasl_authenticate", version, last, what="final")
        (CORPUS / "scram.final.bin").write_bytes(answer.auth_bytes)


def today() -> None:
    with KafkaCluster(
        DEFAULT_VERSION,
        listeners=("PLAINTEXT", "SASL_PLAINTEXT"),
        users={USER: PASSWORD},
        properties={"group.initial.rebalance.delay.ms": "0"},
    ) as kafka:
        for codec in CODECS:
            make_topic(kafka, codec)
            write(kafka, codec, codec)
        make_topic(kafka, "transactions")
        write_transactions(kafka, "transactions")
        with closing(Wire(kafka.bootstrap())) as wire:
            wire.learn()
            wire.ask("api_versions", 0, {})
            for codec in CODECS:
                fetched(wire, 11, codec, codec)
            fetched(wire, 4, "none", "oldest")
            fetched(wire, 7, "gzip", "sessions")
            fetched(wire, 11, "transactions", "transactions")
            produced(wire, "none")
            for api, values in plain_requests("none"):
                for version in wire.every(api):
                    wire.ask(api, version, values)
            group_requests(wire, "none")
            transaction_requests(wire, "none")
            other_requests(wire, "none")
            topic_requests(wire)
        sasl_exchange(kafka)


def yesterday() -> None:
    with KafkaCluster("1.1.1") as kafka, closing(Wire(kafka.bootstrap())) as wire:
        for magic, version in enumerate(("0.9.0", "0.10.2")):
            for codec in CODECS[:4]:
                topic = f"magic{magic}-{codec}"
                make_topic(kafka, topic, message_format_version=version)
                write(kafka, topic, codec)
                fetched(wire, 7, topic, topic)


if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for old in CORPUS.glob("*.bin"):
        old.unlink()
    today()
    yesterday()
    sys.stdout.write(f"{len(list(CORPUS.glob('*.bin')))} answers in {CORPUS}\n")
