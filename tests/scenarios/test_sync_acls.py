"""ACLs follow to the copies, by MM2's rules and in the wider mode. One cluster is both sides here: names differ."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from heliograph.testbed import KafkaCluster

pytestmark = pytest.mark.brokers
LISTENER = "SASL_PLAINTEXT"
LIMIT_S = 30.0
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY
READ, WRITE, ALL, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.ALL, AclOperation.DESCRIBE


@pytest.fixture(scope="module")
def guarded() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=(LISTENER,), users={"mirror": "secret"}, authorizer=True) as cluster:
        yield cluster


def binding(kind, name, pattern, operation, permission=ALLOW):
    return AclBinding(kind, name, pattern, "User:bob", "*", operation, permission)


def acls_of_bob(client):
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, "User:bob", None, AclOperation.ANY, AclPermissionType.ANY
    )
    return {
        (a.restype, a.name, a.resource_pattern_type, a.operation, a.permission_type)
        for a in client.describe_acls(every).result(LIMIT_S)
    }


@pytest.mark.parametrize("mode", ["mm2", "all"])
def test_acls_follow(guarded, heliograph, one_way, unique, mode):
    client = AdminClient({**guarded.librdkafka_config(LISTENER), "log_level": 2})
    client.create_topics([NewTopic(unique, 1, 1)])[unique].result(LIMIT_S)
    before = acls_of_bob(client)
    made = [
        binding(TOPIC, unique, LITERAL, READ),
        binding(TOPIC, unique, LITERAL, WRITE),
        binding(TOPIC, unique, LITERAL, WRITE, DENY),
        binding(TOPIC, unique[:-2], PREFIXED, ALL),
        binding(GROUP, unique, LITERAL, READ),
        binding(TOPIC, f"not-{unique}", LITERAL, READ),
    ]
    for future in client.create_acls(made).values():
        future.result(LIMIT_S)
    ours = {(a.restype, a.name, a.resource_pattern_type, a.operation, a.permission_type) for a in made}
    here = {f"{mode}.{key}": value for key, value in guarded.client_properties(LISTENER).items()}
    there = {f"target.{key}": value for key, value in guarded.client_properties(LISTENER).items()}
    more = {**here, **there, "heliograph.sync.acls.mode": mode}
    running = heliograph(one_way(guarded.bootstrap(LISTENER), guarded.bootstrap(LISTENER), mode, unique, more))
    wanted = {(TOPIC, f"{mode}.{unique}", LITERAL, READ, ALLOW), (TOPIC, f"{mode}.{unique}", LITERAL, WRITE, DENY)}
    if mode == "all":
        wanted.add((TOPIC, f"{mode}.{unique[:-2]}", PREFIXED, READ, ALLOW))
    deadline = time.monotonic() + LIMIT_S
    while acls_of_bob(client) - before - ours != wanted:
        assert time.monotonic() < deadline, acls_of_bob(client) - before - ours
        time.sleep(0.1)
    running.wait_for("users with SCRAM passwords are not copied")
    running.wait_for("ACLs are left out", times=3 if mode == "mm2" else 2)
    assert running.stop() == 0
    assert running.log.count("ACL created on the target") == len(wanted)
    assert "ACLs are not copied" not in running.log


def test_what_somebody_granted_on_the_target_stays(guarded, heliograph, one_way, unique):
    client = AdminClient({**guarded.librdkafka_config(LISTENER), "log_level": 2})
    client.create_topics([NewTopic(unique, 1, 1)])[unique].result(LIMIT_S)

    def grant(*acls):
        for future in client.create_acls(list(acls)).values():
            future.result(LIMIT_S)

    def wait_for_copy(operation):
        deadline = time.monotonic() + LIMIT_S
        while (TOPIC, remote, LITERAL, operation, ALLOW) not in acls_of_bob(client):
            assert time.monotonic() < deadline, acls_of_bob(client)
            time.sleep(0.1)

    remote = f"stay.{unique}"
    more = {f"stay.{key}": value for key, value in guarded.client_properties(LISTENER).items()}
    more |= {f"target.{key}": value for key, value in guarded.client_properties(LISTENER).items()}
    more["sync.topic.acls.interval.seconds"] = 1
    grant(binding(TOPIC, unique, LITERAL, READ))
    running = heliograph(one_way(guarded.bootstrap(LISTENER), guarded.bootstrap(LISTENER), "stay", unique, more))
    wait_for_copy(READ)
    by_hand = {(TOPIC, remote, LITERAL, WRITE, ALLOW), (TOPIC, remote, LITERAL, AclOperation.ALTER, DENY)}
    grant(*(binding(kind, name, pattern, *rest) for kind, name, pattern, *rest in by_hand))
    grant(binding(TOPIC, unique, LITERAL, AclOperation.DESCRIBE_CONFIGS))
    wait_for_copy(AclOperation.DESCRIBE_CONFIGS)  # so a sync has passed
    assert by_hand <= acls_of_bob(client)
    assert running.stop() == 0


def test_a_flow_that_may_not_read_acls_says_so_once_and_goes_on(guarded, heliograph, one_way, unique):
    client = AdminClient({**guarded.librdkafka_config(LISTENER), "log_level": 2})
    client.create_topics([NewTopic(unique, 1, 1)])[unique].result(LIMIT_S)
    names = [(TOPIC, "", each) for each in (READ, WRITE, AclOperation.CREATE, AclOperation.DESCRIBE_CONFIGS)]
    grants = [AclBinding(kind, "*", LITERAL, "User:mirror", "*", each, ALLOW) for kind, _, each in names]
    grants.append(AclBinding(GROUP, "*", LITERAL, "User:mirror", "*", READ, ALLOW))
    for future in client.create_acls(grants).values():
        future.result(LIMIT_S)
    more = {f"poor.{key}": value for key, value in guarded.client_properties(LISTENER, "mirror").items()}
    more |= {f"target.{key}": value for key, value in guarded.client_properties(LISTENER, "mirror").items()}
    more["sync.topic.acls.interval.seconds"] = 1
    running = heliograph(one_way(guarded.bootstrap(LISTENER), guarded.bootstrap(LISTENER), "poor", unique, more))
    running.wait_for("ACLs are not copied")
    running.wait_for("running")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert running.log.count("ACLs are not copied") == 1
        time.sleep(0.2)
    assert "Grant Describe on the cluster" in running.log
    assert running.stop() == 0
