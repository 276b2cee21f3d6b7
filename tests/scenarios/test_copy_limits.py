"""Large records, batches larger than the target takes, and what happens when a record will not do."""

import time

import pytest
from plain_client import (
    Row,
    create_topic,
    end_offsets,
    flush,
    producer,
    read,
    set_topic_config,
    simple_rows,
    topic_config,
    topics,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers

MIB = 1 << 20
MILLION = 1_000_000
AS_IT_IS = {"sync.topic.configs.enabled": "false"}
"""Leaves the limits of target topics as the tests set them."""


def test_a_record_of_ten_megabytes(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, max_message_bytes=str(12 * MIB))
    rows = [Row(0, b"before", b"small"), Row(0, b"large", bytes(range(256)) * (10 * MIB // 256)), Row(0, b"after", b"")]
    write(source_kafka, unique, rows)
    copy("large", unique)
    arrived = wait_for_rows(target_kafka, f"large.{unique}", 3)
    assert arrived == read(source_kafka, unique)
    assert topic_config(target_kafka, f"large.{unique}")["max.message.bytes"] == str(12 * MIB)


def test_a_record_too_large_stops_its_partition_alone(source_kafka, target_kafka, copy, unique):
    large, other = f"{unique}-large", f"{unique}-other"
    create_topic(source_kafka, large, 2, max_message_bytes=str(3 * MIB))
    create_topic(source_kafka, other)
    create_topic(target_kafka, f"toolarge.{large}", 2)
    write(source_kafka, large, [Row(0, b"fits", b"1"), Row(0, b"large", b"x" * 2 * MIB), Row(0, b"waits", b"2")])
    write(source_kafka, large, [Row(1, b"other partition", b"3")])
    write(source_kafka, other, simple_rows(10))
    running = copy("toolarge", f"{unique}.*", AS_IT_IS)
    running.wait_for("a partition stands still")
    line = next(line for line in running.log.splitlines() if "a partition stands still" in line)
    assert f"topic={large}" in line
    assert "partition=0" in line
    assert "offset 1" in line
    assert f"Raise max.message.bytes of topic toolarge.{large}" in line
    wait_for_rows(target_kafka, f"toolarge.{other}", 10)
    write(source_kafka, other, simple_rows(10, first=10))
    assert wait_for_rows(target_kafka, f"toolarge.{other}", 20) == read(source_kafka, other)
    assert end_offsets(target_kafka, f"toolarge.{large}") == {0: (0, 1), 1: (0, 1)}
    set_topic_config(target_kafka, f"toolarge.{large}", "max.message.bytes", str(3 * MIB))
    running.wait_for("a partition moves again")
    assert wait_for_rows(target_kafka, f"toolarge.{large}", 4) == read(source_kafka, large)


@pytest.mark.parametrize("codec", ["none", "lz4"])
def test_a_batch_too_large_is_split(source_kafka, target_kafka, copy, unique, codec):
    create_topic(source_kafka, unique)
    create_topic(target_kafka, f"split{codec}.{unique}", max_message_bytes="60000")
    noise = [bytes((number * 31 + place * place) % 251 for place in range(3000)) for number in range(200)]
    rows = [Row(0, b"%d" % number, value) for number, value in enumerate(noise)]
    write(source_kafka, unique, rows, compression_type=codec, batch_size=900_000, linger_ms=200)
    running = copy(f"split{codec}", unique, AS_IT_IS)
    arrived = wait_for_rows(target_kafka, f"split{codec}.{unique}", len(rows))
    assert arrived == read(source_kafka, unique)
    assert "ERROR" not in running.log


def test_a_limit_lowered_while_running(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    running = copy("lowered", unique, AS_IT_IS)
    write(source_kafka, unique, simple_rows(500, size=1000))
    wait_for_rows(target_kafka, f"lowered.{unique}", 500)
    set_topic_config(target_kafka, f"lowered.{unique}", "max.message.bytes", "20000")
    write(source_kafka, unique, simple_rows(500, first=500, size=1000))
    assert wait_for_rows(target_kafka, f"lowered.{unique}", 1000) == read(source_kafka, unique)
    assert "ERROR" not in running.log


def test_a_time_that_the_target_refuses(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, message_timestamp_after_max_ms=str(2**63 - 1))
    create_topic(target_kafka, f"time.{unique}")
    future = int(time.time() * 1000) + 30 * 86_400_000
    write(source_kafka, unique, [Row(0, b"future", b"f", timestamp_ms=future), Row(0, b"waits", b"")])
    running = copy("time", unique, AS_IT_IS)
    running.wait_for("a partition stands still")
    assert "INVALID_TIMESTAMP" in running.log
    set_topic_config(target_kafka, f"time.{unique}", "message.timestamp.after.max.ms", str(2**63 - 1))
    assert wait_for_rows(target_kafka, f"time.{unique}", 2) == read(source_kafka, unique)


def test_records_larger_than_the_window(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 3, max_message_bytes=str(4 * MIB))
    rows = [Row(number % 3, b"%d" % number, bytes(3 * MIB if number % 2 else 100_000)) for number in range(12)]
    write(source_kafka, unique, rows)
    more = {"heliograph.window.bytes": 65536}
    copy("window", unique, more)
    assert wait_for_rows(target_kafka, f"window.{unique}", len(rows)) == read(source_kafka, unique)


def test_a_million_tiny_records(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, 2)
    writer = producer(source_kafka, linger_ms=100, batch_num_messages=10_000, queue_buffering_max_messages=MILLION)
    for number in range(MILLION):
        writer.produce(unique, b"%d" % (number % 10), partition=number % 2)
        if number % 100_000 == 0:
            writer.poll(0)
    flush(writer)
    properties = one_way(source_kafka, target_kafka, "tiny", unique)
    running = heliograph(properties)
    deadline = time.monotonic() + 60
    while (
        f"tiny.{unique}" not in topics(target_kafka)
        or sum(end for _, end in end_offsets(target_kafka, f"tiny.{unique}").values()) < MILLION
    ):
        assert time.monotonic() < deadline, "they did not all come"
        time.sleep(0.1)
    assert running.stop() == 0
    proof = heliograph(properties, "--json", command="verify")
    assert proof.wait() == 0, proof.log
