"""Rights on a real cluster with an authorizer, made by us and seen by Kafka's own tool, and one without."""

import asyncio
from collections.abc import Iterator

import pytest

from heliograph.cluster import acls
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig, Sasl, Secret
from heliograph.errors import NotAuthorized
from heliograph.testbed import KafkaCluster
from heliograph.wire.acls import Acl, Operation, PatternType, Permission, ResourceType

pytestmark = pytest.mark.brokers
LISTENER = "SASL_PLAINTEXT"
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def guarded() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=(LISTENER,), users={"alice": "secret"}, authorizer=True) as cluster:
        yield cluster


def ask(kafka, *questions, listener=LISTENER, user=None):
    """Ask each of ``questions`` as ``user`` (the super user when None)."""
    told = kafka.librdkafka_config(listener, user)
    host, _, port = told["bootstrap.servers"].partition(":")
    sasl = None
    if "sasl.username" in told:
        sasl = Sasl(told["sasl.mechanism"], told["sasl.username"], Secret(told["sasl.password"]))

    async def job():
        cluster = Cluster(ClusterConfig("lab", ((host, int(port)),), sasl=sasl))
        await cluster.start()
        try:
            return [await question(cluster) for question in questions]
        finally:
            await cluster.close()

    return asyncio.run(asyncio.wait_for(job(), LIMIT_S))


def acl(kind, name, pattern, operation, permission=Permission.ALLOW):
    return Acl(kind, name, pattern, "User:bob", "*", operation, permission)


def test_acls_are_made_and_read(guarded):
    wanted = (
        acl(ResourceType.TOPIC, "orders", PatternType.LITERAL, Operation.READ),
        acl(ResourceType.TOPIC, "ord", PatternType.PREFIXED, Operation.DESCRIBE),
        acl(ResourceType.TOPIC, "*", PatternType.LITERAL, Operation.WRITE, Permission.DENY),
        acl(ResourceType.GROUP, "billing", PatternType.LITERAL, Operation.READ),
    )
    done, again, every, topics, users = ask(
        guarded,
        lambda cluster: acls.create(cluster, wanted),
        lambda cluster: acls.create(cluster, wanted[:1]),
        acls.describe,
        lambda cluster: acls.describe(cluster, ResourceType.TOPIC),
        acls.scram_users,
    )
    assert done == dict.fromkeys(wanted)
    assert again == {wanted[0]: None}
    assert set(wanted) <= set(every)
    assert set(wanted[:3]) <= set(topics)
    assert wanted[3] not in topics
    assert "alice" in users
    shown = guarded.tool("kafka-acls", "--list", "--principal", "User:bob").stdout
    assert "resourceType=TOPIC, name=ord, patternType=PREFIXED" in shown
    assert "operation=WRITE, permissionType=DENY" in shown


def test_missing_permissions_and_bad_acls_are_errors(guarded):
    with pytest.raises(NotAuthorized, match="read the ACLs on lab"):
        ask(guarded, acls.describe, user="alice")
    wrong = Acl(ResourceType.TOPIC, "", PatternType.LITERAL, "User:bob", "*", Operation.READ, Permission.ALLOW)
    right = acl(ResourceType.TOPIC, "orders", PatternType.LITERAL, Operation.READ)
    with pytest.raises(NotAuthorized, match="Grant Alter on the cluster"):
        ask(guarded, lambda cluster: acls.create(cluster, [right]), user="alice")
    (mixed,) = ask(guarded, lambda cluster: acls.create(cluster, [wrong, right]))
    assert mixed[right] is None
    assert "create the ACL TOPIC LITERAL : User:bob from *: ALLOW READ on lab" in str(mixed[wrong])


def test_without_an_authorizer_there_are_no_acls(target_kafka):
    right = acl(ResourceType.TOPIC, "orders", PatternType.LITERAL, Operation.READ)
    found = ask(
        target_kafka,
        acls.describe,
        lambda cluster: acls.create(cluster, [right]),
        acls.scram_users,
        listener="PLAINTEXT",
    )
    assert found == [None, None, ()]


def test_a_right_in_words():
    assert str(Acl(99, "x", 3, "User:bob", "10.0.0.1", 3, 2)) == "99 LITERAL x: User:bob from 10.0.0.1: DENY READ"
