"""A target topic with fewer partitions, and no right to give it more: source partitions share what there is."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from plain_client import (
    LIMIT_S,
    Row,
    admin,
    create_topic,
    grow_topic,
    read,
    wait_for_rows,
    write,
)

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]
USER = "mirror"
LISTENER = "SASL_PLAINTEXT"
MOVES = "a source partition goes to another target partition from here on"
SHARE = "source partitions share those there are"


class Strict:
    """A cluster that asks who its clients are: this is its super user's side."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster

    def librdkafka_config(self) -> dict[str, str]:
        return self._cluster.librdkafka_config(LISTENER)

    def properties_of_user(self) -> dict[str, str]:
        return self._cluster.client_properties(LISTENER, USER)

    def grant(self, kind: ResourceType, pattern: ResourcePatternType, name: str, *operations: AclOperation) -> None:
        allowed = AclPermissionType.ALLOW
        bindings = [AclBinding(kind, name, pattern, f"User:{USER}", "*", each, allowed) for each in operations]
        client = admin(self)
        for future in client.create_acls(bindings).values():
            future.result(LIMIT_S)


@pytest.fixture(scope="module")
def strict_target() -> Iterator[Strict]:
    """A target where the program's user may write, and change nothing about topics that exist."""
    with KafkaCluster(listeners=(LISTENER,), users={USER: "secret"}, authorizer=True) as cluster:
        strict = Strict(cluster)
        literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
        strict.grant(ResourceType.TOPIC, literal, "*", AclOperation.WRITE, AclOperation.DESCRIBE)
        strict.grant(ResourceType.TOPIC, prefixed, "mm2-", AclOperation.ALL)
        strict.grant(ResourceType.GROUP, literal, "*", AclOperation.READ)
        yield strict


@pytest.fixture
def properties(source_kafka, strict_target, one_way):
    def text(alias, topics, **more):
        user = strict_target.properties_of_user()
        told = {f"target.{key}": value for key, value in user.items()}
        return one_way(source_kafka, user["bootstrap.servers"], alias, topics, {**told, **more})

    return text


def keyed(count, first=0, partitions=10):
    """Return records with an identifier as their key, each told apart by its number."""
    return [Row(n * 7 % partitions, b"id%d" % (n % 100), b"%d" % n) for n in range(first, first + count)]


def values_by_source(rows, partitions=10):
    """Sort what is read from one topic by the source partition that wrote it, each in order of reading."""
    found = {number: [] for number in range(partitions)}
    for row in rows:
        found[int(row.value) * 7 % partitions].append(int(row.value))
    return found


@pytest.mark.parametrize("count", [500, 2000])
def test_ten_partitions_on_five(source_kafka, strict_target, heliograph, properties, unique, count):
    create_topic(source_kafka, unique, 10)
    create_topic(strict_target, f"ten{count}.{unique}", 5)
    write(source_kafka, unique, keyed(count))
    file = properties(f"ten{count}", unique)
    checking = heliograph(file, command="check")
    assert checking.wait() == 0, checking.log
    assert f"may not be given more: ten{count}.{unique} (10 on 5)" in checking.log
    running = heliograph(file)
    rows = wait_for_rows(strict_target, f"ten{count}.{unique}", count)
    assert len(rows) == count
    assert values_by_source(rows) == values_by_source(read(source_kafka, unique))
    assert all(row.partition == int(row.value) * 7 % 10 % 5 for row in rows)
    line = next(line for line in running.log.splitlines() if SHARE in line)
    assert "source_partitions=10 partitions=5" in line
    assert "Grant Alter" in line
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_the_target_is_given_partitions_later(source_kafka, strict_target, heliograph, properties, unique):
    """Nothing moves before there is room for all; then each moves once, at a point that is said, and nothing is lost."""
    create_topic(source_kafka, unique, 10)
    create_topic(strict_target, f"later.{unique}", 5)
    write(source_kafka, unique, keyed(100))
    file = properties("later", unique)
    running = heliograph(file)
    wait_for_rows(strict_target, f"later.{unique}", 100)
    grow_topic(strict_target, f"later.{unique}", 8)
    running.wait_for("partitions=8")
    write(source_kafka, unique, keyed(100, first=100))
    rows = wait_for_rows(strict_target, f"later.{unique}", 200)
    assert all(row.partition == int(row.value) * 7 % 10 % 5 for row in rows)
    assert MOVES not in running.log

    grow_topic(strict_target, f"later.{unique}", 10)
    running.wait_for(MOVES, times=5)
    moves = [line for line in running.log.splitlines() if MOVES in line]
    assert any(line.endswith("partition=9 before=4 now=9 position=20") for line in moves)
    write(source_kafka, unique, keyed(200, first=200))
    rows = wait_for_rows(strict_target, f"later.{unique}", 400)
    assert all(row.partition == int(row.value) * 7 % 10 for row in rows if int(row.value) >= 200)
    assert sorted(int(row.value) for row in rows) == list(range(400))
    assert running.stop() == 0

    write(source_kafka, unique, keyed(100, first=400))
    running = heliograph(file)
    rows = wait_for_rows(strict_target, f"later.{unique}", 500)
    assert sorted(int(row.value) for row in rows) == list(range(500))
    assert running.stop() == 0
    for words in (MOVES, SHARE, "exact place is not known", "ERROR"):
        assert words not in running.log


def test_without_a_proof_a_lane_begins_at_its_stored_position(
    source_kafka, strict_target, heliograph, properties, unique
):
    """Shared partitions cannot be counted, others not compared without Read: nothing is lost, and it is said."""
    create_topic(source_kafka, unique, 3)
    create_topic(strict_target, f"killed.{unique}", 2)
    write(source_kafka, unique, keyed(300, partitions=3))
    file = properties("killed", unique, **{"target.session.timeout.ms": 6000})
    running = heliograph(file)
    wait_for_rows(strict_target, f"killed.{unique}", 300)
    running.kill()
    write(source_kafka, unique, keyed(30, first=300, partitions=3))
    running = heliograph(file)
    running.wait_for("running")
    running.wait_for("the exact place is not known", times=3)
    told = [line for line in running.log.splitlines() if "the exact place is not known" in line]
    reasons = {line.split("partition=")[1][0]: line for line in told}
    assert sorted(reasons) == ["0", "1", "2"]
    assert "nothing to count by" in reasons["0"]
    assert f"permission Read on killed.{unique} is missing" in reasons["1"]
    deadline = time.monotonic() + LIMIT_S
    rows = []
    while len({row.value for row in rows}) < 330:
        assert time.monotonic() < deadline, f"records are missing:\n{running.log}"
        rows = read(strict_target, f"killed.{unique}")
    by_source = values_by_source(rows, partitions=3)
    for source, values in by_source.items():
        assert sorted(set(values)) == [n for n in range(330) if n * 7 % 3 == source]
        latest = {n: place for place, n in enumerate(values)}
        assert sorted(latest, key=latest.__getitem__) == sorted(latest), "what came twice came in order"
