"""Missing permissions: each stops only what it concerns, is named as what to grant, and is made good without a restart."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from plain_client import Row, simple_rows

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]
USER = "mirror"
LISTENER = "SASL_PLAINTEXT"
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def source() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=(LISTENER,), users={USER: "secret"}, authorizer=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def target() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=(LISTENER,), users={USER: "secret"}, authorizer=True) as cluster:
        yield cluster


class Admin:
    """The super user's side."""

    def __init__(self, kafka: KafkaCluster) -> None:
        self._config = kafka.librdkafka_config(LISTENER)
        self._client = AdminClient(self._config)

    def grant(self, kind: ResourceType, name: str, *operations: AclOperation, prefix: bool = False) -> None:
        pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
        allowed = AclPermissionType.ALLOW
        bindings = [AclBinding(kind, name, pattern, f"User:{USER}", "*", each, allowed) for each in operations]
        for future in self._client.create_acls(bindings).values():
            future.result(LIMIT_S)

    def create(self, topic: str) -> None:
        self._client.create_topics([NewTopic(topic, 1, 1)], operation_timeout=LIMIT_S)[topic].result(LIMIT_S)

    def compact(self, topic: str) -> None:
        entry = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(TOPIC, topic, incremental_configs=[entry])
        self._client.incremental_alter_configs([resource])[resource].result(LIMIT_S)

    def write(self, topic: str, rows: list[Row]) -> None:
        producer = Producer(self._config)
        for row in rows:
            producer.produce(topic, row.value, row.key, partition=row.partition)
        assert producer.flush(LIMIT_S) == 0

    def commit(self, group: str, topic: str, offset: int) -> None:
        member = Consumer({**self._config, "group.id": group})
        try:
            member.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
        finally:
            member.close()

    def committed(self, group: str, topic: str) -> int:
        member = Consumer({**self._config, "group.id": group})
        try:
            return member.committed([TopicPartition(topic, 0)], LIMIT_S)[0].offset
        finally:
            member.close()

    def wait_for(self, topic: str, count: int) -> list[bytes]:
        reader = Consumer({**self._config, "group.id": "none", "enable.auto.commit": False, "error_cb": lambda _: None})
        try:
            reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
            values: list[bytes] = []
            deadline = time.monotonic() + 2 * LIMIT_S
            while len(values) < count:
                assert time.monotonic() < deadline, f"{len(values)} of {count} records of {topic} came"
                message = reader.poll(0.2)
                if message is not None and message.error() is None:
                    values.append(message.value())
            return values
        finally:
            reader.close()


TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.BROKER
READ, WRITE, CREATE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE, AclOperation.DESCRIBE
DESCRIBE_CONFIGS = AclOperation.DESCRIBE_CONFIGS


def properties(source: KafkaCluster, target: KafkaCluster, one_way, topics: str) -> str:
    more = {f"one.{key}": value for key, value in source.client_properties(LISTENER, USER).items()}
    more |= {f"target.{key}": value for key, value in target.client_properties(LISTENER, USER).items()}
    return one_way(source.bootstrap(LISTENER), target.bootstrap(LISTENER), "one", topics, more)


def test_each_missing_right_stops_one_topic_until_it_is_granted(source, target, heliograph, one_way, unique):
    here, there = Admin(source), Admin(target)
    good, unread, unwritten, uncreated = (f"{unique}-{what}" for what in ("good", "unread", "unwritten", "uncreated"))
    rows = simple_rows(20)
    values = [row.value for row in rows]
    for topic in (good, unread, unwritten, uncreated):
        here.create(topic)
        here.write(topic, rows)
        here.grant(TOPIC, topic, DESCRIBE, DESCRIBE_CONFIGS, *([] if topic == unread else [READ]))
    there.grant(TOPIC, "mm2-offsets.one.internal", READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(GROUP, "one-mm2", READ)
    for topic in (good, unread):
        there.grant(TOPIC, f"one.{topic}", WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.create(f"one.{unwritten}")
    there.grant(TOPIC, f"one.{unwritten}", DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(TOPIC, f"one.{uncreated}", WRITE, DESCRIBE, DESCRIBE_CONFIGS)
    running = heliograph(properties(source, target, one_way, f"{unique}-.*"))

    assert there.wait_for(f"one.{good}", 20) == values
    running.wait_for(f"Grant Read on topic {unread}")
    running.wait_for(f"Grant Write on topic one.{unwritten}")
    running.wait_for(f"Grant Create on topic one.{uncreated}")

    here.grant(TOPIC, unread, READ)
    there.grant(TOPIC, f"one.{unwritten}", WRITE)
    there.grant(TOPIC, f"one.{uncreated}", CREATE)
    for topic in (unread, unwritten, uncreated):
        assert there.wait_for(f"one.{topic}", 20) == values
    here.write(good, simple_rows(5, first=20))
    there.wait_for(f"one.{good}", 25)
    assert running.stop() == 0
    assert "Traceback" not in running.log
    assert "secret" not in running.log


def test_exactly_once_needs_rights_on_the_transactional_id(source, target, heliograph, one_way, unique):
    here, there = Admin(source), Admin(target)
    here.create(unique)
    here.write(unique, simple_rows(10))
    here.grant(TOPIC, unique, DESCRIBE, READ, DESCRIBE_CONFIGS)
    there.grant(TOPIC, f"whole.{unique}", WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(TOPIC, "mm2-offsets.whole.internal", READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(GROUP, "whole-mm2", READ)
    told = properties(source, target, one_way, unique).replace("one", "whole")
    told += "target.exactly.once.source.support=enabled\n"
    resource = "transactional id whole-mm2-MirrorSourceConnector-0"
    foreseen = heliograph(told, command="check")
    assert foreseen.wait() == 3
    assert f"Permission Describe and Write is missing on {resource}" in foreseen.log
    running = heliograph(told)
    assert running.wait() == 3
    assert f"Grant Describe on {resource}" in running.log
    there.grant(ResourceType.TRANSACTIONAL_ID, "whole-mm2-MirrorSourceConnector-0", DESCRIBE)
    running = heliograph(told)
    assert running.wait() == 3
    assert f"Grant Write on {resource}" in running.log
    there.grant(ResourceType.TRANSACTIONAL_ID, "whole-mm2-MirrorSourceConnector-0", WRITE)
    running = heliograph(told)
    assert len(there.wait_for(f"whole.{unique}", 10)) == 10
    assert running.stop() == 0
    assert "Traceback" not in running.log


@pytest.mark.parametrize(
    ("lacking", "words"),
    [("group", "Grant Read on group lacking-mm2"), ("offsets", "mm2-offsets.lacking.internal")],
)
def test_a_flow_that_lacks_what_all_its_topics_need_ends_in_one_line(
    source, target, heliograph, one_way, unique, lacking, words
):
    here, there = Admin(source), Admin(target)
    here.create(unique)
    here.grant(TOPIC, unique, DESCRIBE, READ, DESCRIBE_CONFIGS)
    there.grant(TOPIC, f"lacking.{unique}", WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    if lacking == "group":
        there.grant(TOPIC, "mm2-offsets.lacking.internal", READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    told = properties(source, target, one_way, unique).replace("one", "lacking")
    if lacking == "offsets":
        told = told.replace("lacking", "lackingoffsets").replace("lackingoffsets-mm2", "lacking-mm2")
        words = words.replace("lacking.", "lackingoffsets.")
    running = heliograph(told)
    assert running.wait() == 3, running.log
    lines = [line for line in running.log.splitlines() if line.startswith("heliograph: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in running.log


def test_a_compacted_copy_that_may_not_be_changed_for_records_without_key(source, target, heliograph, one_way, unique):
    here, there = Admin(source), Admin(target)
    rows = [Row(0, None, b"unkeyed"), Row(0, b"key", b"keyed")]
    here.create(unique)
    here.write(unique, rows)
    here.compact(unique)
    there.create(f"one.{unique}")
    there.compact(f"one.{unique}")
    here.grant(TOPIC, unique, DESCRIBE, DESCRIBE_CONFIGS, READ)
    there.grant(TOPIC, "mm2-offsets.one.internal", READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(GROUP, "one-mm2", READ)
    there.grant(TOPIC, f"one.{unique}", WRITE, DESCRIBE, DESCRIBE_CONFIGS)
    running = heliograph(properties(source, target, one_way, unique))
    running.wait_for(f"Grant AlterConfigs on topic one.{unique}, or set it yourself")
    command = f"--entity-name one.{unique} --add-config cleanup.policy=delete,retention.ms=-1,retention.bytes=-1"
    assert command in running.log
    there.grant(TOPIC, f"one.{unique}", AclOperation.ALTER_CONFIGS)
    assert there.wait_for(f"one.{unique}", 2) == [row.value for row in rows]
    running.wait_for("a copy is compacted again")
    assert running.log.count("a copy cannot be given another cleanup policy") == 1


def test_a_group_that_lags_follows_once_its_copy_may_be_read(source, target, heliograph, one_way, unique):
    """Its place can only be found by reading both sides; meanwhile the flow goes on, after a restart too."""
    here, there = Admin(source), Admin(target)
    copy = f"one.{unique}"
    here.create(unique)
    here.write(unique, simple_rows(20))
    here.commit(unique, unique, 7)
    here.grant(TOPIC, unique, DESCRIBE, DESCRIBE_CONFIGS, READ)
    here.grant(GROUP, unique, DESCRIBE)
    there.grant(TOPIC, "mm2-offsets.one.internal", READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    there.grant(GROUP, "one-mm2", READ)
    there.grant(GROUP, unique, READ)
    there.grant(TOPIC, copy, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS)
    told = properties(source, target, one_way, unique)
    first = heliograph(told)
    there.wait_for(copy, 20)
    assert first.stop() == 0
    told += f"groups = {unique}\nemit.offset-syncs.enabled = false\nemit.checkpoints.enabled = false\n"
    told += "sync.group.offsets.enabled = true\nsync.group.offsets.interval.seconds = 1\n"
    running = heliograph(told)
    running.wait_for("groups that lag are not followed on a partition")
    running.wait_for(f"Grant Read on topic {copy}")
    here.write(unique, simple_rows(5, first=20))
    there.wait_for(copy, 25)
    assert there.committed(unique, copy) < 0
    there.grant(TOPIC, copy, READ)
    # Who reads the copies is asked for Read on them by the group's commit as well.
    deadline = time.monotonic() + 2 * LIMIT_S
    while there.committed(unique, copy) != 7:
        assert time.monotonic() < deadline, running.log
        time.sleep(0.1)
    assert running.log.count("groups that lag are not followed on a partition") == 1
    assert running.stop() == 0
    assert "Traceback" not in running.log
