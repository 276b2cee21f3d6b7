"""A compacted topic has holes inside its batches, emptied batches, and tombstones that wait for their own deletion."""

import struct
import time

import pytest
from plain_client import (
    LIMIT_S,
    Row,
    create_topic,
    delete_records,
    read,
    read_messages,
    set_topic_config,
    simple_rows,
    topics,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers

CODECS = ("none", "gzip", "lz4", "zstd")
KEYS = 50


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


def test_topics_with_holes(source_kafka, target_kafka, copy, unique):
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


def test_compacted_after_it_was_copied(source_kafka, target_kafka, copy, unique):
    """Counting fails, because the source has lost records that were copied; the last one is still there to be found."""
    create_topic(source_kafka, unique, cleanup_policy="compact", segment_ms="600000", min_cleanable_dirty_ratio="0.0")
    rows = [Row(0, b"%d" % (number % KEYS), b"v%d" % number) for number in range(1000)]
    never = {"target.offset.flush.interval.ms": 600_000}
    first = copy("later", unique, never)
    first.wait_for("running")
    write(source_kafka, unique, rows)
    wait_for_rows(target_kafka, f"later.{unique}", len(rows))
    first.kill()
    set_topic_config(source_kafka, unique, "segment.ms", "100")
    clean(source_kafka, unique, lambda found: sum(count for _, _, count in found) < 200)
    tail = [row for row in read(source_kafka, unique) if row.key == b"next segment"]
    second = copy("later", unique, never)
    arrived = wait_for_rows(target_kafka, f"later.{unique}", len(rows) + len(tail))
    assert [row.value for row in arrived] == [row.value for row in (*rows, *tail)]
    assert "exact place is not known" not in second.log


def test_the_last_record_copied_was_compacted_away(source_kafka, target_kafka, copy, unique):
    """Then the place cannot be proven; records come twice, but nobody is blamed for having written."""
    create_topic(source_kafka, unique, cleanup_policy="compact", segment_ms="600000", min_cleanable_dirty_ratio="0.0")
    never = {"target.offset.flush.interval.ms": 600_000}
    first = copy("last", unique, never)
    first.wait_for("running")
    rows = [Row(0, b"%d" % (number % KEYS), b"v%d" % number) for number in range(500)]
    write(source_kafka, unique, rows)
    wait_for_rows(target_kafka, f"last.{unique}", len(rows))
    first.kill()
    set_topic_config(source_kafka, unique, "segment.ms", "100")
    write(source_kafka, unique, [Row(0, row.key, b"newer") for row in rows[-KEYS:]])
    clean(source_kafka, unique, lambda _: rows[-1].value not in {row.value for row in read(source_kafka, unique)})
    second = copy("last", unique, never)
    second.wait_for("the source was compacted since, and no longer holds the last record that was copied")
    assert "somebody else writes" not in second.log


DELETE_HORIZON = 1 << 6
"""The attribute of a batch whose base timestamp says when its tombstones may go (KIP-534)."""


def headers(kafka, topic):
    """Read the headers of all batches in a partition's files: first offset, attributes, count of records."""
    found = []
    for segment in sorted((kafka.brokers[0].data_path / f"{topic}-0").glob("*.log")):
        raw = segment.read_bytes()
        at = 0
        while at + 61 <= len(raw):
            offset, length = struct.unpack_from(">qi", raw, at)
            found.append((offset, *struct.unpack_from(">h", raw, at + 21), *struct.unpack_from(">i", raw, at + 57)))
            at += 12 + length
    return found


def clean(kafka, topic, done):
    """Let the cleaner work on all but the newest segment until ``done`` is content with the headers."""
    deadline = time.monotonic() + LIMIT_S
    rounds = 0
    while not done(found := headers(kafka, topic)):
        assert time.monotonic() < deadline, f"the cleaner did not do its work: {found}"
        rounds += 1
        write(kafka, topic, [Row(0, b"next segment", b"%d" % rounds)])
        time.sleep(0.2)
    return found


def latest(kafka, topic):
    """Return the newest value of each key; nothing while the topic is not there."""
    return {row.key: row.value for row in read(kafka, topic)} if topic in topics(kafka) else {}


COMPACT = {"cleanup_policy": "compact", "segment_ms": "100", "min_cleanable_dirty_ratio": "0.0"}


def test_tombstones_with_a_delete_horizon(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, **COMPACT)
    rows = [Row(0, b"%d" % number, b"v%d" % number, timestamp_ms=1_700_000_000_000 + number) for number in range(20)]
    gone = [Row(0, row.key, None, timestamp_ms=row.timestamp_ms + 1_000) for row in rows[::2]]
    write(source_kafka, unique, rows + gone)
    clean(source_kafka, unique, lambda found: any(attributes & DELETE_HORIZON for _, attributes, _ in found))
    copy("horizon", unique)
    wanted = read(source_kafka, unique)
    arrived = wait_for_rows(target_kafka, f"horizon.{unique}", len(wanted))
    assert arrived == wanted, "with their own times, not those of the horizon"
    assert {row.key for row in arrived if row.value is None} == {row.key for row in gone}
    assert not any(attributes & DELETE_HORIZON for _, attributes, _ in headers(target_kafka, f"horizon.{unique}"))


def test_batches_emptied_by_the_cleaner(source_kafka, target_kafka, copy, unique):
    """The last batch of an idempotent producer stays, without records, so that its sequence number is remembered."""
    create_topic(source_kafka, unique, **COMPACT)
    for number in range(5):
        write(source_kafka, unique, [Row(0, b"same", b"%d" % number)], enable_idempotence=True)
    write(source_kafka, unique, [Row(0, b"other", b"kept"), Row(0, b"same", b"last")], enable_idempotence=True)
    clean(source_kafka, unique, lambda found: sum(count == 0 for *_, count in found) >= 3)
    running = copy("emptied", unique)
    write(source_kafka, unique, [Row(0, b"end", b"")])
    deadline = time.monotonic() + LIMIT_S
    while b"end" not in (newest := latest(target_kafka, f"emptied.{unique}")):  # the cleaner may work on meanwhile
        assert time.monotonic() < deadline, f"the last record did not come:\n{running.log}"
        time.sleep(0.1)
    assert newest == latest(source_kafka, unique)
    assert newest[b"same"] == b"last"
    assert all(count for *_, count in headers(target_kafka, f"emptied.{unique}"))
    assert "ERROR" not in running.log


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_a_partition_that_begins_inside_a_batch(source_kafka, target_kafka, copy, unique, codec):
    """DeleteRecords moves the first offset; the broker still answers with the whole batch."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(100), compression_type=codec, linger_ms=200)
    delete_records(source_kafka, unique, 0, 37)
    assert any(offset < 37 < offset + count for offset, _, count in headers(source_kafka, unique))
    copy(f"inside{codec}", unique)
    rows = wait_for_rows(target_kafka, f"inside{codec}.{unique}", 63)
    assert rows == read(source_kafka, unique)
    assert rows[0].value == b"v37"
