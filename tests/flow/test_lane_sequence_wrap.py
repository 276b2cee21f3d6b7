"""Sequence numbers start again at 2^31 (KIP-98): what a lane then sends, a real broker takes, and knows again."""

import asyncio

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from lane_world import SourceLog, new_lane, settle

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.flow.in_flight import SEQUENCE_END
from heliograph.flow.lane_model import Producer
from heliograph.wire import errors as codes
from heliograph.wire import produce
from heliograph.wire.produce import Appended
from heliograph.wire.versions import PRODUCE

BEFORE = 7
"""Records that still fit below the end."""


async def send(cluster: Cluster, topic: str, header: bytes, body: object) -> Appended:
    """Send one batch, as the sender does."""
    await cluster.refresh([topic])
    connection = await cluster.connection(cluster.metadata.leader(topic, 0))
    version = connection.versions.choose(PRODUCE)
    correlation_id = connection.next_correlation_id()
    buffers = produce.encode(
        version,
        correlation_id=correlation_id,
        client_id="test",
        batches={topic: [(0, header, body)]},
        timeout_ms=10_000,
    )
    frame = await (await connection.send(correlation_id, buffers, timeout_ms=20_000, what="produce"))
    return produce.decode(version, frame)[0][0]


async def wrap(bootstrap: str, topic: str) -> tuple[list[Appended], Appended]:
    """Send batches over the end, then the last one once more; gives all answers."""
    host, port = bootstrap.split(":")
    cluster = Cluster(ClusterConfig("target", ((host, int(port)),)))
    await cluster.start()
    try:
        source, lane = SourceLog(), new_lane()
        lane.start(0, 0, Producer(*await admin.init_producer_id(cluster)))
        lane._in_flight._next_sequence = SEQUENCE_END - BEFORE
        answers: list[Appended] = []
        for count in (3, 10, 5):
            source.append(count, size=20_000)
            source.fetch(lane)
            sent, header = lane.take()
            answers.append(await send(cluster, topic, header, sent.parcel.body))
            settle(lane, type("Request", (), {"sent": sent})(), answers[-1])
        return answers, await send(cluster, topic, header, sent.parcel.body)
    finally:
        await cluster.close()


@pytest.mark.brokers
def test_a_broker_takes_what_comes_after_the_last_sequence_number(target_kafka, unique):
    client = AdminClient({**target_kafka.librdkafka_config(), "log_level": 2})
    client.create_topics([NewTopic(unique, 1, 1)])[unique].result(30)
    answers, again = asyncio.run(wrap(target_kafka.bootstrap(), unique))
    assert [(answer.error, answer.base_offset) for answer in answers] == [(0, 0), (0, 3), (0, 13)]
    assert again.error in (codes.NONE, codes.DUPLICATE_SEQUENCE_NUMBER)
    assert again.base_offset == 13, "it was recognised, not appended"
