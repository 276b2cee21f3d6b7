"""Groups of all protocols on a real broker, made by an independent client, and looked at as others see them."""

import asyncio
import time
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from heliograph.cluster import acls, groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.groups import Committed, Listed, Protocol
from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError
from heliograph.wire import errors as codes

LIMIT_S = 30.0


def config_of(kafka):
    host, _, port = kafka.bootstrap().partition(":")
    return ClusterConfig("lab", ((host, int(port)),), client_id="asker")


def ask(kafka, *questions):
    """Ask a cluster each of ``questions`` in turn; gives the answers."""

    async def job():
        cluster = Cluster(config_of(kafka))
        await cluster.start()
        try:
            return [await question(cluster) for question in questions]
        finally:
            await cluster.close()

    return asyncio.run(asyncio.wait_for(job(), LIMIT_S))


def make_topic(kafka, name, partitions=2):
    client = AdminClient({"bootstrap.servers": kafka.bootstrap()})
    client.create_topics([NewTopic(name, partitions, 1)])[name].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": kafka.bootstrap()})
    for partition in range(partitions):
        for number in range(5):
            producer.produce(name, b"%d" % number, partition=partition)
    assert producer.flush(LIMIT_S) == 0


def join(kafka, group, topic, **more):
    """Return a consumer that is a member by now."""
    settings = {"bootstrap.servers": kafka.bootstrap(), "group.id": group, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "enable.auto.commit": False, "client.id": "reader", **more})
    consumer.subscribe([topic])
    deadline = time.monotonic() + LIMIT_S
    while not consumer.assignment():
        assert time.monotonic() < deadline, "no assignment"
        consumer.poll(0.2)
    return consumer


PROTOCOLS = [(Protocol.CLASSIC, {}), (Protocol.CONSUMER, {"group.protocol": "consumer"})]


@pytest.mark.brokers
@pytest.mark.parametrize(("protocol", "settings"), PROTOCOLS)
def test_the_life_of_a_group(source_kafka, unique, protocol, settings):
    make_topic(source_kafka, unique)
    key = (unique, 0)
    with closing(join(source_kafka, unique, unique, **settings)) as consumer:
        consumer.commit(offsets=[TopicPartition(unique, 0, 3, metadata="so far")], asynchronous=False)
        listed, described, committed, refused = ask(
            source_kafka,
            groups.list_groups,
            lambda cluster: groups.describe(cluster, [unique]),
            lambda cluster: groups.committed(cluster, unique),
            lambda cluster: groups.commit(cluster, unique, {key: Committed(1)}),
        )
        assert Listed(unique, protocol, "consumer", "Stable") in listed
        assert next(each for each in listed if each.group == unique).of_consumers
        found = described[unique]
        assert (found.protocol, found.active, found.protocol_type) == (protocol, True, "consumer")
        assert [(member.client_id, member.host) for member in found.members] == [("reader", "127.0.0.1")]
        assert (committed[key].offset, committed[key].metadata.rstrip("\0")) == (3, "so far")  # librdkafka adds a NUL
        assert refused.active
        assert not refused.done
    described, done, committed = ask(
        source_kafka,
        lambda cluster: groups.describe(cluster, [unique]),
        lambda cluster: groups.commit(cluster, unique, {key: Committed(4, 7, "moved"), (unique, 1): Committed(2)}),
        lambda cluster: groups.committed(cluster, unique),
    )
    assert not described[unique].active
    assert set(done.done) == {key, (unique, 1)}
    assert not done.active
    assert committed == {key: Committed(4, -1, "moved"), (unique, 1): Committed(2)}


@pytest.mark.brokers
def test_a_group_is_made_by_the_first_commit(target_kafka, unique):
    make_topic(target_kafka, unique)
    before, none, done, described, listed = ask(
        target_kafka,
        lambda cluster: groups.describe(cluster, [unique]),
        lambda cluster: groups.committed(cluster, unique),
        lambda cluster: groups.commit(cluster, unique, {(unique, 0): Committed(2), ("not-there", 3): Committed(2)}),
        lambda cluster: groups.describe(cluster, [unique]),
        groups.list_groups,
    )
    assert (before[unique].state, before[unique].active, before[unique].members) == ("Dead", False, ())
    assert none == {}
    assert done.done == ((unique, 0),)
    refusal = done.refused["not-there", 3]
    assert isinstance(refusal, BrokerError)
    assert refusal.code == codes.UNKNOWN_TOPIC_OR_PARTITION
    assert "commit offsets of group" in str(refusal)
    assert (described[unique].state, described[unique].active) == ("Empty", False)
    assert Listed(unique, Protocol.CLASSIC, "", "Empty") in listed
    with closing(join(target_kafka, unique, unique)) as consumer:
        assert consumer.committed([TopicPartition(unique, 0)], LIMIT_S)[0].offset == 2


@pytest.mark.brokers
def test_many_groups_are_asked_together(target_kafka, unique):
    make_topic(target_kafka, unique)
    names = [f"{unique}-{number}" for number in range(20)]

    async def commit_all(cluster):
        for number, name in enumerate(names):
            await groups.commit(cluster, name, {(unique, 0): Committed(number % 5)})

    _, committed, described = ask(
        target_kafka,
        commit_all,
        lambda cluster: groups.committed_by(cluster, names),
        lambda cluster: groups.describe(cluster, names),
    )
    assert [committed[name][unique, 0].offset for name in names] == [number % 5 for number in range(20)]
    assert {each.state for each in described.values()} == {"Empty"}


@pytest.mark.brokers
def test_groups_without_offsets_are_told_apart(target_kafka, unique):
    """A share group (KIP-932) is listed as one, and is no group of consumers."""
    make_topic(target_kafka, unique)
    result = target_kafka.tool(
        "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
        *("--bootstrap-server", target_kafka.bootstrap(), "--topic", unique, "--group", unique, "--timeout-ms", "2000"),
    )
    assert result.exit_code == 0, result
    listed = ask(target_kafka, groups.list_groups)[0]
    found = next(each for each in listed if each.group == unique)
    assert found.protocol is Protocol.SHARE
    assert not found.of_consumers


@pytest.mark.parametrize(
    ("protocol", "protocol_type", "expected"),
    [
        (Protocol.CLASSIC, "consumer", True),
        (Protocol.CLASSIC, "", True),
        (Protocol.CONSUMER, "consumer", True),
        (Protocol.CLASSIC, "connect", False),
        (Protocol.SHARE, "share", False),
        (Protocol.STREAMS, "streams", False),
        (Protocol.UNKNOWN, "consumer", False),
    ],
)
def test_which_groups_have_offsets_to_follow(protocol, protocol_type, expected):
    assert Listed("g", protocol, protocol_type, "Empty").of_consumers is expected


@pytest.mark.versions
@pytest.mark.brokers
@pytest.mark.parametrize(("version", "scram_users"), [("1.1.1", None), ("2.8.2", ())])
def test_old_brokers(shared_kafka, version, scram_users, unique):
    kafka = shared_kafka(version, version)
    make_topic(kafka, unique)
    with closing(join(kafka, unique, unique)) as consumer:
        consumer.commit(offsets=[TopicPartition(unique, 1, 2)], asynchronous=False)
        listed, described, refused = ask(
            kafka,
            groups.list_groups,
            lambda cluster: groups.describe(cluster, [unique, "none"]),
            lambda cluster: groups.commit(cluster, unique, {(unique, 0): Committed(1)}),
        )
    # Other tests have groups on this cluster.
    ours = [(each.group, each.protocol, each.protocol_type) for each in listed if each.group == unique]
    assert ours == [(unique, Protocol.CLASSIC, "consumer")]
    assert described[unique].active
    assert not described["none"].active
    assert refused.active
    done, committed, *rights = ask(
        kafka,
        lambda cluster: groups.commit(cluster, unique, {(unique, 0): Committed(1)}),
        lambda cluster: groups.committed(cluster, unique),
        acls.scram_users,
        *([acls.describe] if scram_users is not None else []),
    )
    assert rights == ([None] if scram_users is None else [scram_users, None])
    if scram_users is None:
        with pytest.raises(BrokerError, match="too old to be asked for ACLs"):
            ask(kafka, acls.describe)
    assert done.done == ((unique, 0),)
    assert {key: each.offset for key, each in committed.items()} == {(unique, 0): 1, (unique, 1): 2}
