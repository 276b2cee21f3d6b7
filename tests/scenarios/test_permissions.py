"""The table of permissions: together they are enough for everything, and each is needed for what the page says.

Every case is a flow of its own with a principal of its own on each side, which has the whole table but for one row. All
flows are served by one process. What one flow would create for another (topics whose name does not depend on the flow)
gets a process of its own, which runs first.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from plain_client import NOT_YET

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(300)]
PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
LISTENER = "SASL_PLAINTEXT"
LIMIT_S = 30.0
ROW = re.compile(
    r"^\| (?P<kind>[a-z ]+?)(?: `(?P<name>[^`]+)`)? \| (?P<acl>\w+) \| (?P<purpose>.*) \| (?P<lacking>.*) \|$"
)
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}
CLUSTER_NAME = "kafka-cluster"
TOPICS = ("orders", "old")
"""Copied; ``old`` is deleted on the source while the flows run."""
COPIED = {"orders": (*TOPICS, "heartbeats"), "west.orders": tuple(f"west.{name}" for name in (*TOPICS, "heartbeats"))}
"""What the page's example stands for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    side: str
    kind: str
    name: str
    acl: str
    lacking: str

    def __str__(self) -> str:
        return f"{self.acl} on {self.kind} {self.name} ({self.side})".replace("  ", " ")


def rows() -> list[Row]:
    found, side = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## The "):
            side = line.split()[2].removesuffix("'s")
        elif (match := ROW.match(line)) and match["kind"] in KINDS:
            found.append(Row(side, match["kind"], match["name"] or "", match["acl"], match["lacking"]))
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """A flow whose principals lack ``row``."""

    number: int
    row: Row | None
    more: Mapping[str, str]
    """Options of this flow alone."""

    @property
    def flow(self) -> str:
        return f"{self.local('west')}->{self.local('east')}"

    def local(self, text: str) -> str:
        """Turn the page's names of clusters into this flow's."""
        return re.sub(r"\b(west|east)\b", lambda match: f"{match[0][0]}{self.number:02}", text)

    def user(self, side: str) -> str:
        return f"{side}-{self.number:02}"

    def bindings(self, side: str, table: list[Row]) -> Iterator[AclBinding]:
        for row in table:
            if row.side != side or row == self.row:
                continue
            for name in COPIED.get(row.name, (row.name or CLUSTER_NAME,)):
                yield AclBinding(
                    KINDS[row.kind],
                    self.local(name),
                    ResourcePatternType.LITERAL,
                    f"User:{self.user(side)}",
                    "*",
                    AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", row.acl).upper()],
                    AclPermissionType.ALLOW,
                )

    def properties(self, source: KafkaCluster, target: KafkaCluster) -> dict[str, str]:
        west, east = self.local("west"), self.local("east")
        here = source.client_properties(LISTENER, self.user("source"))
        there = target.client_properties(LISTENER, self.user("target"))
        return {
            f"{west}.bootstrap.servers": source.bootstrap(LISTENER),
            f"{east}.bootstrap.servers": target.bootstrap(LISTENER),
            **{f"{west}.{key}": value for key, value in here.items()},
            **{f"{east}.{key}": value for key, value in there.items()},
            f"{self.flow}.enabled": "true",
            f"{east}.exactly.once.source.support": "enabled",
            **{self.local(key): value for key, value in self.more.items()},
        }


COMMON = {
    "topics": "orders",
    "groups": "ProductConsumer",
    "replication.factor": "1",
    "offset.storage.replication.factor": "1",
    "offset.storage.partitions": "1",
    "heartbeats.topic.replication.factor": "1",
    "checkpoints.topic.replication.factor": "1",
    "offset-syncs.topic.replication.factor": "1",
    "refresh.topics.interval.seconds": "1",
    "refresh.groups.interval.seconds": "1",
    "emit.checkpoints.interval.seconds": "1",
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": "1",
    "sync.topic.configs.interval.seconds": "1",
    "sync.topic.acls.enabled": "false",
    "sync.topic.acls.interval.seconds": "1",
}
AT_SOURCE = {"west->east.offset-syncs.topic.location": "source"}
ACLS = {"west->east.sync.topic.acls.enabled": "true"}
DELETE = {"west->east.topics": "orders, old", "west->east.heliograph.delete.topics": "true"}


def options_for(row: Row) -> dict[str, str]:
    """The options without which the page does not ask for this row, or with which another flow does not hide it."""
    if (row.name, row.acl) == ("heartbeats", "Create"):
        other = "west->east" if row.side == "source" else "east->west"
        return {f"{other}.emit.heartbeats.enabled": "false"}
    if row.side == "source" and row.name.startswith("mm2-offset-syncs"):
        return AT_SOURCE
    if row.kind == "cluster":
        return ACLS
    return DELETE if row.acl == "Delete" else {}


TABLE = rows()
CASES = [
    Case(0, None, ACLS),
    Case(1, None, {**AT_SOURCE, **DELETE}),
    *(Case(number, row, options_for(row)) for number, row in enumerate(TABLE, 2)),
]
EVERYTHING, ELSEWHERE, *LACKING = CASES


class Side:
    """What the super user does on one cluster."""

    def __init__(self, kafka: KafkaCluster) -> None:
        self.kafka = kafka
        self.config = {**kafka.librdkafka_config(LISTENER), "log_level": 2}
        self.admin = AdminClient(self.config)

    def grant(self, bindings: list[AclBinding]) -> None:
        for future in self.admin.create_acls(bindings).values():
            future.result(LIMIT_S)

    def topics(self) -> dict[str, int]:
        found = self.admin.list_topics(timeout=LIMIT_S).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def end(self, topic: str, partition: int = 0) -> int:
        reader = Consumer({**self.config, "group.id": "none", "isolation.level": "read_committed"})
        try:
            return reader.get_watermark_offsets(TopicPartition(topic, partition), LIMIT_S)[1]
        except KafkaException as error:
            if error.args[0].code() in {KafkaError._UNKNOWN_PARTITION, *NOT_YET}:
                return 0  # not created yet, or by the controller only
            raise
        finally:
            reader.close()

    def setting(self, topic: str, name: str) -> str:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        return self.admin.describe_configs([resource])[resource].result(LIMIT_S)[name].value

    def committed(self, group: str, topic: str) -> int:
        reader = Consumer({**self.config, "group.id": group})
        try:
            return reader.committed([TopicPartition(topic, 0)], LIMIT_S)[0].offset
        finally:
            reader.close()


def wait(condition, what: str, log) -> None:
    deadline = time.monotonic() + 2 * LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come:\n{log()}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def source() -> Iterator[Side]:
    users = {case.user("source"): "secret" for case in CASES}
    with KafkaCluster(listeners=(LISTENER,), users=users, authorizer=True) as kafka:
        yield Side(kafka)


@pytest.fixture(scope="module")
def target() -> Iterator[Side]:
    users = {case.user("target"): "secret" for case in CASES}
    with KafkaCluster(listeners=(LISTENER,), users=users, authorizer=True) as kafka:
        yield Side(kafka)


@pytest.fixture(scope="module")
def ready(source: Side, target: Side) -> None:
    """Records, a group with a position, somebody else's ACL, and the table granted to everybody, but for a row each."""
    for future in source.admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS]).values():
        future.result(LIMIT_S)
    producer = Producer(source.config)
    for topic in TOPICS:
        for number in range(20):
            producer.produce(topic, str(number), partition=0)
    assert producer.flush(LIMIT_S) == 0
    reader = Consumer({**source.config, "group.id": "ProductConsumer"})
    reader.commit(offsets=[TopicPartition("orders", 0, 7)], asynchronous=False)
    reader.close()
    bob = AclBinding(
        ResourceType.TOPIC,
        "orders",
        ResourcePatternType.LITERAL,
        "User:bob",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    source.grant([bob, *(each for case in CASES for each in case.bindings("source", TABLE))])
    target.grant([each for case in CASES for each in case.bindings("target", TABLE)])


def together(cases: list[Case], source: Side, target: Side) -> str:
    options = dict(COMMON)
    for case in cases:
        options |= case.properties(source.kafka, target.kafka)
    aliases = [case.local(alias) for case in cases for alias in ("west", "east")]
    return "".join(f"{key} = {value}\n" for key, value in {"clusters": ", ".join(aliases), **options}.items())


def said(case: Case, log: str) -> bool:
    """Whether the flow says what the page says; what comes first may be the command that says it."""
    text = case.local(re.findall("`([^`]+)`", case.row.lacking)[-1])
    return any(text in line for line in log.splitlines() if f" {case.flow} " in line or line.startswith("heliograph: "))


def is_seen(case: Case) -> str:
    """When what the page says is seen: at the first ``run``, ``again`` at the next, or by another command."""
    command = re.match(r".*`heliograph ([a-z]+)", case.row.lacking)
    return command[1] if command else "again" if case.row.lacking.startswith("after a restart") else "run"


def test_the_table_is_enough_for_everything_and_each_row_is_needed(source, target, ready, heliograph):
    first = [case for case in LACKING if (case.row.name, case.row.acl) == ("heartbeats", "Create")]
    assert len(first) == 2
    running = heliograph(together(first, source, target))
    for case in first:
        wait(lambda case=case: said(case, running.log), str(case.row), lambda: running.log)
    assert running.stop() == 0

    rest = [case for case in CASES if case not in first]
    running = heliograph(together(rest, source, target))

    def log_of(case: Case) -> str:
        return "\n".join(line for line in running.log.splitlines() if f" {case.flow} " in line)

    def happens(case: Case, what: str, condition) -> None:
        wait(condition, f"{what} in {case.flow}", lambda: log_of(case))

    for case in (EVERYTHING, ELSEWHERE):
        happens(case, "copying", lambda case=case: case.local("west.orders") in target.topics())
        happens(case, "the records", lambda case=case: target.end(case.local("west.orders")) >= 20)
    for case in rest:
        if case.more.items() >= DELETE.items():  # what was never copied is not deleted
            happens(case, "all records", lambda case=case: target.end(case.local("west.old")) >= 20)
    source.admin.create_partitions([NewPartitions("orders", 2)])["orders"].result(LIMIT_S)
    change = ConfigEntry("retention.ms", "123456789", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, "orders", incremental_configs=[change])
    source.admin.incremental_alter_configs([resource])[resource].result(LIMIT_S)
    source.admin.delete_topics(["old"])["old"].result(LIMIT_S)
    for case in (EVERYTHING, ELSEWHERE):
        copy = case.local("west.orders")
        side, syncs = (target, "west") if case is EVERYTHING else (source, "east")
        syncs = case.local(f"mm2-offset-syncs.{syncs}.internal")
        happens(case, "the partition", lambda copy=copy: target.topics()[copy] == 2)
        happens(case, "the setting", lambda copy=copy: target.setting(copy, "retention.ms") == "123456789")
        happens(case, "the group", lambda copy=copy: target.committed("ProductConsumer", copy) == 7)
        happens(case, "a checkpoint", lambda case=case: target.end(case.local("west.checkpoints.internal")) > 0)
        happens(case, "heartbeats", lambda case=case: target.end(case.local("west.heartbeats")) > 0)
        happens(case, "offset syncs", lambda side=side, syncs=syncs: side.end(syncs) > 0)
    happens(EVERYTHING, "the ACL", lambda: "ACL created on the target" in log_of(EVERYTHING))
    happens(ELSEWHERE, "the deletion", lambda: ELSEWHERE.local("west.old") not in target.topics())
    expected = [case for case in rest if case.row is not None and is_seen(case) == "run"]
    deadline = time.monotonic() + LIMIT_S
    while (missing := [case for case in expected if not said(case, running.log)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not missing, "\n\n".join(f"{case.row}: {case.row.lacking}\n{log_of(case)}" for case in missing)
    # Nothing is missing; that 36 flows at once make a broker slow is no matter of permissions.
    assert not re.search(r" (WARNING|ERROR) .*(Grant|authoriz|not allowed|permission)", log_of(EVERYTHING))
    # A topic that was deleted is gone for other jobs too, which is worth a line there.
    assert [line for line in log_of(ELSEWHERE).splitlines() if re.search(" (WARNING|ERROR) (?!.*old)", line)] == []

    for command, options in (
        ("check", ["--clusters", "e00"]),
        ("plan", []),
        ("verify", ["--topic", "orders"]),
        ("failover", ["--all", "--execute"]),
        ("pause", []),
        ("resume", []),
        ("restart", []),
    ):
        foreseen = heliograph(together([EVERYTHING], source, target), *options, command=command)
        assert foreseen.wait() == 0, foreseen.log
        assert not re.search("^ +(warning|error)", foreseen.log, re.MULTILINE), foreseen.log
    assert running.stop() == 0
    assert "secret" not in running.log
    again = [case for case in rest if case.row is not None and is_seen(case) == "again"]
    running = heliograph(together(again, source, target))
    for case in again:
        happens(case, str(case.row), lambda case=case: said(case, running.log))
    assert running.stop() in {0, 3}
    options = {"check": [], "pause": [], "failover": ["--all", "--without-source"]}
    for case in (case for case in rest if case.row is not None and is_seen(case) in options):
        command = is_seen(case)
        told = heliograph(together([case], source, target), *options[command], command=command)
        told.wait()
        assert case.local(re.findall("`([^`]+)`", case.row.lacking)[-1]) in told.log, told.log
