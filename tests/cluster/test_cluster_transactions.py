"""The transactional producer against a real broker, which an independent consumer reads."""

import asyncio

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import TransactionalProducer, is_fenced
from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError
from heliograph.wire import errors as codes

pytestmark = pytest.mark.brokers

LIMIT_S = 30.0
NOW_MS = 1_700_000_000_000
PARTITIONS = 2


@pytest.fixture
def topic(target_kafka, unique):
    client = AdminClient(target_kafka.librdkafka_config())
    client.create_topics([NewTopic(unique, PARTITIONS, 1)], operation_timeout=LIMIT_S)[unique].result(LIMIT_S)
    return unique


def told(kafka, tell):
    """Run ``tell(cluster)``."""

    async def run():
        host, _, port = kafka.bootstrap().rpartition(":")
        cluster = Cluster(ClusterConfig("target", ((host, int(port)),)))
        await cluster.start()
        try:
            await tell(cluster)
        finally:
            await cluster.close()

    asyncio.run(run())


def committed(kafka, topic):
    """All values that a reader of committed records finds, by partition."""
    reader = Consumer(
        {
            **kafka.librdkafka_config(),
            "group.id": "none",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    found = {partition: [] for partition in range(PARTITIONS)}
    try:
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in found])
        ended = set()
        while len(ended) < PARTITIONS:
            message = reader.poll(LIMIT_S)
            if message.error() is None:
                found[message.partition()].append(message.value())
            else:
                ended.add(message.partition())
    finally:
        reader.close()
    return found


def both(topic):
    return frozenset((topic, partition) for partition in range(PARTITIONS))


def rows(text):
    return {0: [(b"k", b"%s0" % text)], 1: [(b"k", b"%s1" % text), (b"k", b"%s2" % text)]}


def test_what_is_committed_counts_and_what_is_aborted_does_not(target_kafka, topic):
    async def tell(cluster):
        producer = TransactionalProducer(cluster, topic)
        await producer.initialise()
        for text, commit in ((b"a", True), (b"b", False), (b"c", True), (b"d", True)):
            assert await producer.add(both(topic)) == {}
            await producer.append(topic, rows(text), NOW_MS)
            await producer.end(commit=commit)
            if not commit:
                before = producer.epoch
                await producer.renew()
                assert producer.epoch == before + 1

    told(target_kafka, tell)
    assert committed(target_kafka, topic) == {
        0: [b"a0", b"c0", b"d0"],
        1: [b"a1", b"a2", b"c1", b"c2", b"d1", b"d2"],
    }


def test_whoever_begins_fences_and_aborts_what_was_open(target_kafka, topic):
    async def tell(cluster):
        old, new = TransactionalProducer(cluster, topic), TransactionalProducer(cluster, topic)
        await old.initialise()
        await old.add(both(topic))
        await old.append(topic, rows(b"old"), NOW_MS)
        await new.initialise()
        await new.add(both(topic))
        await new.append(topic, rows(b"new"), NOW_MS)
        with pytest.raises(BrokerError) as refused:
            await old.append(topic, rows(b"late"), NOW_MS)
        assert refused.value.code == codes.INVALID_PRODUCER_EPOCH
        for ask in (old.add(both(topic)), old.end(commit=True), old.end(commit=False), old.renew()):
            with pytest.raises(BrokerError) as fenced:
                await ask
            assert is_fenced(fenced.value)
        await new.end(commit=True)

    told(target_kafka, tell)
    assert committed(target_kafka, topic) == {0: [b"new0"], 1: [b"new1", b"new2"]}


def test_a_partition_that_does_not_exist_keeps_the_others_out_too(target_kafka, topic):
    async def tell(cluster):
        producer = TransactionalProducer(cluster, topic)
        await producer.initialise()
        nowhere = (f"{topic}-nowhere", 0)
        refused = await producer.add(both(topic) | {nowhere})
        assert refused == {nowhere: codes.UNKNOWN_TOPIC_OR_PARTITION}
        await producer.end(commit=False)
        assert await producer.add(both(topic)) == {}
        await producer.end(commit=True)

    told(target_kafka, tell)


def test_nothing_to_abort_is_no_error_and_nothing_to_commit_is_one(target_kafka, topic):
    async def tell(cluster):
        producer = TransactionalProducer(cluster, topic)
        await producer.initialise()
        await producer.end(commit=False)
        with pytest.raises(BrokerError) as refused:
            await producer.end(commit=True)
        assert refused.value.code == codes.INVALID_TXN_STATE

    told(target_kafka, tell)


def test_a_coordinator_that_cannot_be_reached_any_more_is_looked_for(target_kafka, topic):
    async def tell(cluster):
        producer = TransactionalProducer(cluster, topic)
        await producer.initialise()
        cluster.drop_connections("transaction")
        producer._coordinator = 4_711
        await producer.add(both(topic))
        await producer.end(commit=True)

    told(target_kafka, tell)
