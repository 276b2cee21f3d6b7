"""What arrives is what was written: every codec, every shape of batch, every kind of record.

One process copies all topics of the module: half of the records are there before it starts, half come afterwards.
"""

import itertools
import secrets
import time
from dataclasses import dataclass

import pytest
from plain_client import (
    Row,
    appended_by_broker,
    create_topic,
    end_offsets,
    flush,
    producer,
    read,
    read_messages,
    send,
    simple_rows,
    topic_config,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
SHAPES = {"one": 1, "ten": 10, "large": 100_000}
PARTITIONS = 3
HALF = 300
NEVER_MS = 2**63 - 1
DAY_MS = 86_400_000
NOW_MS = int(time.time()) * 1000

ODD_ROWS = (
    Row(0, None, b"no key"),
    Row(0, b"tombstone", None),
    Row(0, None, None),
    Row(0, b"", b""),
    Row(0, b"same", b"first"),
    Row(0, b"same", b"second"),
    Row(0, b"\xff\xfe", b"\x00\xff" * 50),
    Row(0, b"headers", b"h", (("a", b"1"), ("a", b"2"), ("b", None), ("", b"no name"), ("a", b"3"))),
    Row(
        0,
        b"bytes in headers",
        b"h",
        (("raw", b"\xff\xfe\x00\x80"), ("empty", b""), ("n\u00e4me", "w\u00e4rt".encode())),
    ),
    Row(0, b"many headers", b"h", tuple((f"h{number}", b"x" * number) for number in range(100))),
    Row(0, b"long", b"z" * 200_000),
    Row(0, b"old", b"1970", timestamp_ms=1),
    Row(0, b"future", b"far", timestamp_ms=NOW_MS + 36_500 * DAY_MS),
    Row(0, b"back again", b"now", timestamp_ms=NOW_MS),
)


@dataclass(frozen=True, slots=True)
class Copied:
    """The module's topics, all of which begin alike."""

    prefix: str

    def source(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def target(self, name: str) -> str:
        return f"one.{self.prefix}-{name}"


def stamped(rows: list[Row]) -> list[Row]:
    """Stamp each record with a time of its own, some before the one before."""
    return [
        Row(row.partition, row.key, row.value, row.headers, NOW_MS + number * 7 - number % 5 * 1000)
        for number, row in enumerate(rows)
    ]


def write_shape(kafka, topic, rows, codec, shape):
    write(kafka, topic, rows, compression_type=codec, batch_num_messages=SHAPES[shape])


def write_mixed(kafka, topic, rows):
    """Write the rows with another codec and shape for every few of them."""
    for number, (codec, shape) in enumerate(itertools.product(CODECS, SHAPES)):
        write_shape(kafka, topic, rows[number * 20 : number * 20 + 20], codec, shape)


@pytest.fixture(scope="module")
def copied(source_kafka, target_kafka, lasting_heliograph, one_way):
    found = Copied(f"records-{secrets.token_hex(3)}")
    forever = str(NEVER_MS)
    for codec, shape in itertools.product(CODECS, SHAPES):
        create_topic(source_kafka, found.source(f"{codec}-{shape}"), PARTITIONS)
    create_topic(source_kafka, found.source("mixed"), PARTITIONS)
    create_topic(source_kafka, found.source("odd"), message_timestamp_after_max_ms=forever, retention_ms="-1")
    create_topic(source_kafka, found.source("appended"), message_timestamp_type="LogAppendTime")
    create_topic(source_kafka, found.source("restamped"))
    create_topic(target_kafka, found.target("restamped"), message_timestamp_type="LogAppendTime")
    create_topic(source_kafka, found.source("empty"))

    def fill(first):
        for codec, shape in itertools.product(CODECS, SHAPES):
            rows = stamped(simple_rows(HALF, first=first, partitions=PARTITIONS, size=100))
            write_shape(source_kafka, found.source(f"{codec}-{shape}"), rows, codec, shape)
        write_mixed(source_kafka, found.source("mixed"), simple_rows(HALF, first=first, partitions=PARTITIONS, size=50))
        write(source_kafka, found.source("odd"), ODD_ROWS)
        write(source_kafka, found.source("appended"), stamped(simple_rows(100, first=first)), compression_type="lz4")
        write(source_kafka, found.source("restamped"), stamped(simple_rows(100, first=first)), compression_type="lz4")

    fill(0)
    running = lasting_heliograph(one_way(source_kafka, target_kafka, "one", f"{found.prefix}-.*"))
    running.wait_for("running")
    fill(HALF)
    yield found
    assert "ERROR" not in running.log
    assert running.stop() == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_and_shape_of_batch(copied, source_kafka, target_kafka, codec, shape):
    name = f"{codec}-{shape}"
    rows = wait_for_rows(target_kafka, copied.target(name), 2 * HALF)
    assert rows == read(source_kafka, copied.source(name))
    assert {row.partition for row in rows} == set(range(PARTITIONS))


def test_codecs_and_shapes_mixed_in_one_topic(copied, source_kafka, target_kafka):
    rows = wait_for_rows(target_kafka, copied.target("mixed"), 2 * HALF)
    assert rows == read(source_kafka, copied.source("mixed"))


def test_odd_records_arrive_as_they_are(copied, source_kafka, target_kafka):
    rows = wait_for_rows(target_kafka, copied.target("odd"), 2 * len(ODD_ROWS))
    assert rows == read(source_kafka, copied.source("odd"))
    told = {row.key: row.timestamp_ms for row in ODD_ROWS if row.timestamp_ms}
    assert {row.key: row.timestamp_ms for row in rows if row.key in told} == told


def test_the_time_of_appending_on_the_source_is_kept(copied, source_kafka, target_kafka):
    rows = wait_for_rows(target_kafka, copied.target("appended"), 200)
    written = read_messages(source_kafka, copied.source("appended"))
    assert appended_by_broker(written)
    assert rows == read(source_kafka, copied.source("appended"))
    assert not appended_by_broker(read_messages(target_kafka, copied.target("appended")))
    assert topic_config(target_kafka, copied.target("appended"))["message.timestamp.type"] == "CreateTime"


def test_a_target_that_stamps_records_itself(copied, source_kafka, target_kafka):
    rows = wait_for_rows(target_kafka, copied.target("restamped"), 200)
    assert appended_by_broker(read_messages(target_kafka, copied.target("restamped")))
    assert [(row.key, row.value) for row in rows] == [
        (row.key, row.value) for row in read(source_kafka, copied.source("restamped"))
    ]
    assert topic_config(target_kafka, copied.target("restamped"))["message.timestamp.type"] == "LogAppendTime"


def test_an_empty_topic_is_made(copied, target_kafka):
    assert end_offsets(target_kafka, copied.target("empty")) == {0: (0, 0)}


def test_writers_of_all_codecs_at_once(copied, source_kafka, target_kafka):
    topic, count = copied.source("none-one"), 500
    before = 2 * HALF
    writers = [producer(source_kafka, compression_type=codec, linger_ms=2) for codec in CODECS]
    for number in range(count):
        row = Row(number % PARTITIONS, b"together", b"%d" % number)
        send(writers[number % len(writers)], topic, [row])
        if number % 20 == 0:
            for writer in writers:
                writer.poll(0.002)
    for writer in writers:
        flush(writer)
    rows = wait_for_rows(target_kafka, copied.target("none-one"), before + count)
    assert rows == read(source_kafka, topic)
