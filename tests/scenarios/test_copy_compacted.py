"""A compacted topic has holes inside its batches; the target takes only batches without."""

import time

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from plain_client import LIMIT_S, Row, admin, create_topic, read, read_messages, wait_for_rows, write

pytestmark = pytest.mark.brokers

CODECS = ("none", "gzip", "lz4", "zstd")
KEYS = 50


@pytest.fixture(scope="module")
def hasty_cleaner(source_kafka):
    """Let the source's log cleaner look often."""
    client = admin(source_kafka)
    entry = ConfigEntry("log.cleaner.backoff.ms", "100", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.BROKER, str(source_kafka.brokers[0].node_id), incremental_configs=[entry])
    client.incremental_alter_configs([resource])[resource].result(LIMIT_S)


def compacted(kafka, names):
    """Make topics, by codec, whose batches have lost most of their records."""
    for codec, topic in names.items():
        create_topic(kafka, topic, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.0")
        rows = [Row(0, b"%d" % (number % KEYS if number % 3 else number), b"v%d" % number) for number in range(1000)]
        write(kafka, topic, rows, compression_type=codec)
    deadline = time.monotonic() + LIMIT_S
    rounds = 0
    while any(len(read_messages(kafka, topic)) > 500 for topic in names.values()):
        assert time.monotonic() < deadline, "the topics were not compacted"
        rounds += 1
        for topic in names.values():
            write(kafka, topic, [Row(0, b"next segment", b"%d" % rounds)])
        time.sleep(0.2)


def test_topics_with_holes(source_kafka, target_kafka, copy, unique, hasty_cleaner):
    names = {codec: f"{unique}-{codec}" for codec in CODECS}
    compacted(source_kafka, names)
    first = copy("holes", f"{unique}.*")
    wanted = {topic: read(source_kafka, topic) for topic in names.values()}
    for topic, rows in wanted.items():
        offsets = [message.offset() for message in read_messages(source_kafka, topic)]
        assert offsets[-1] - offsets[0] >= len(offsets), "there are holes"
        assert wait_for_rows(target_kafka, f"holes.{topic}", len(rows)) == rows
    first.kill()
    for topic in names.values():
        write(source_kafka, topic, [Row(0, b"new", b"after a kill")])
    second = copy("holes", f"{unique}.*", {"target.group.id": unique})
    for topic, rows in wanted.items():
        arrived = wait_for_rows(target_kafka, f"holes.{topic}", len(rows) + 1)
        assert arrived[-1].value == b"after a kill"
    assert "exact place is not known" not in second.log
