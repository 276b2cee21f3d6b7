"""A compacted topic has holes inside its batches; the target takes only batches without."""

import time

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from plain_client import LIMIT_S, Row, admin, create_topic, read, read_messages, wait_for_rows, write

pytestmark = pytest.mark.brokers

KEYS = 50


@pytest.fixture(scope="module")
def hasty_cleaner(source_kafka):
    """Let the source's log cleaner look often."""
    client = admin(source_kafka)
    entry = ConfigEntry("log.cleaner.backoff.ms", "100", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.BROKER, str(source_kafka.brokers[0].node_id), incremental_configs=[entry])
    client.incremental_alter_configs([resource])[resource].result(LIMIT_S)


def compacted(kafka, topic, codec):
    """Make a topic whose batches have lost most of their records."""
    create_topic(kafka, topic, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.0")
    rows = [Row(0, b"%d" % (number % KEYS if number % 3 else number), b"v%d" % number) for number in range(1000)]
    write(kafka, topic, rows, compression_type=codec)
    deadline = time.monotonic() + LIMIT_S
    rounds = 0
    while len(read_messages(kafka, topic)) > 500:
        assert time.monotonic() < deadline, "the topic was not compacted"
        rounds += 1
        write(kafka, topic, [Row(0, b"next segment", b"%d" % rounds)])
        time.sleep(0.2)


@pytest.mark.parametrize("codec", ["none", "gzip", "lz4", "zstd"])
def test_a_topic_with_holes(source_kafka, target_kafka, heliograph, one_way, unique, hasty_cleaner, codec):
    compacted(source_kafka, unique, codec)
    offsets = [message.offset() for message in read_messages(source_kafka, unique)]
    assert offsets[-1] - offsets[0] >= len(offsets), "there are holes"
    running = heliograph(one_way(source_kafka, target_kafka, "holes", unique))
    wanted = read(source_kafka, unique)
    assert wait_for_rows(target_kafka, f"holes.{unique}", len(wanted)) == wanted
    running.kill()
    write(source_kafka, unique, [Row(0, b"new", b"after a kill")])
    running = heliograph(one_way(source_kafka, target_kafka, "holes", unique, {"target.session.timeout.ms": 6000}))
    running.wait_for("running")
    arrived = wait_for_rows(target_kafka, f"holes.{unique}", len(wanted) + 1)
    assert arrived[-1] == read(source_kafka, unique)[-1]
    assert "exact place is not known" not in running.log
