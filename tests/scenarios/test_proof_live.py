"""``heliograph verify`` beside a running replication, and after its end."""

import json
import time

import pytest
from confluent_kafka import KafkaException
from plain_client import (
    LIMIT_S,
    Row,
    admin,
    create_topic,
    delete_records,
    end_offsets,
    producer,
    send,
    simple_rows,
    wait_for_rows,
    write,
    write_transactions,
)
from steady_load import Load

pytestmark = pytest.mark.brokers


@pytest.fixture
def verify(source_kafka, target_kafka, heliograph, one_way, tmp_path):
    """Return ``verify(alias, topics, *options)``: the exit status and the report."""

    def run(alias, topics, *options, more=None):
        report = tmp_path / f"report{time.monotonic_ns()}.json"
        properties = one_way(source_kafka, target_kafka, alias, topics, more)
        running = heliograph(properties, "--report", str(report), "--bandwidth", "100%", *options, command="verify")
        code = running.wait()
        assert "Traceback" not in running.log
        return code, json.loads(report.read_text(encoding="utf-8")) if report.exists() else running.log

    return run


def test_while_records_flow(source_kafka, target_kafka, copy, verify, unique):
    create_topic(source_kafka, unique, 3)
    copy("live", unique)
    with Load(source_kafka, unique, rate_s=2_000):
        wait_for_rows(target_kafka, f"live.{unique}", 3_000)
        code, told = verify("live", unique)
        again, sampled = verify("live", unique, "--sample", "20%", "--seed", "7")
    assert (code, told["verdict"]) == (0, "proven"), told
    assert told["records"] >= 3_000
    assert (again, sampled["verdict"]) == (0, "proven"), sampled
    assert sampled["seed"] == 7
    assert 0 < sampled["records"] < told["records"] + 20_000
    delete_records(source_kafka, unique, 0, 500)
    code, told = verify("live", unique, "--digest")
    (cut, *whole) = told["flows"][0]["partitions"]
    assert (code, cut["target_outside"], cut["source"]["first"], cut["target"]["first"]) == (0, 500, 500, 500), cut
    assert all(each["target_outside"] == 0 for each in whole)


def test_transactions_on_the_source(source_kafka, target_kafka, copy, verify, unique):
    """Aborted records and markers are no holes in the proof; a flow that copies the aborted ones is measured by that."""
    create_topic(source_kafka, unique, 2)
    write_transactions(source_kafka, unique, unique, 12)
    dirty = {"soiled.consumer.isolation.level": "read_uncommitted"}
    copy("clean", unique)
    copy("soiled", unique, dirty)
    wait_for_rows(target_kafka, f"clean.{unique}", 1)
    wait_for_rows(target_kafka, f"soiled.{unique}", 1)
    code, told = verify("clean", unique)
    assert (code, told["records"]) == (0, 8 * 3), told
    code, told = verify("soiled", unique, more=dirty)
    assert (code, told["records"]) == (0, 12 * 3), told
    assert told["flows"][0]["isolation"] == "read_uncommitted"
    wrong, told = verify("soiled", unique)
    assert (wrong, told["differences"]["extra"] + told["differences"]["altered"] >= 1) == (5, True), told


def test_records_that_were_acknowledged_are_missing_not_late(source_kafka, target_kafka, copy, verify, unique):
    """The stored position says what must be there; what came later may still be on its way."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(500))
    running = copy("ack", unique)
    wait_for_rows(target_kafka, f"ack.{unique}", 500)
    assert running.stop() == 0
    client = admin(target_kafka)
    client.delete_topics([f"ack.{unique}"])[f"ack.{unique}"].result(LIMIT_S)
    create_topic_when_gone(target_kafka, f"ack.{unique}")
    write(target_kafka, f"ack.{unique}", [])
    write(source_kafka, unique, simple_rows(7))
    code, told = verify("ack", unique, "--wait", "0.5")
    (found,) = told["flows"][0]["partitions"]
    assert (code, found["missing"], found["not_copied"]) == (5, 500, 7), found


def create_topic_when_gone(kafka, name):
    """Make a topic that was deleted a moment ago."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            create_topic(kafka, name)
        except KafkaException as error:
            assert "TOPIC_ALREADY_EXISTS" in str(error), error
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_a_compacted_topic_under_load(source_kafka, target_kafka, copy, verify, unique):
    """The cleaner works on the source while records go on; superseded records are no differences."""
    create_topic(source_kafka, unique, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.0")
    rows = [Row(0, b"%d" % (number % 50 if number % 3 else number), b"v%d" % number) for number in range(1_000)]
    write(source_kafka, unique, rows)
    copy("tidy", unique)
    wait_for_rows(target_kafka, f"tidy.{unique}", 50)
    writer = producer(source_kafka)
    for number in range(3):
        send(writer, unique, [Row(0, b"%d" % key, b"round %d" % number) for key in range(50)])
        assert writer.flush(LIMIT_S) == 0
        code, told = verify("tidy", unique)
        assert (code, told["verdict"]) == (0, "proven"), told
    (found,) = told["flows"][0]["partitions"]
    assert found["mode"] == "latest record of each key"
    assert found["records"] + found["superseded"] == 367


def test_without_a_copy_nothing_is_proven(source_kafka, verify, unique):
    create_topic(source_kafka, unique)
    code, told = verify("none", f"{unique}-other")
    assert (code, told["verdict"], told["flows"][0]["partitions"]) == (6, "unproven", [])
    write(source_kafka, unique, simple_rows(5))
    code, told = verify("none", unique, "--wait", "0.2")
    assert (code, told["verdict"]) == (6, "behind")
    assert told["flows"][0]["partitions"][0]["not_copied"] == 5


def test_only_what_is_asked_for(source_kafka, target_kafka, verify, unique):
    """A topic by its name, records by their time."""
    for name in ("one", "two"):
        create_topic(source_kafka, f"{unique}-{name}", retention_ms="-1")
        create_topic(target_kafka, f"part.{unique}-{name}", retention_ms="-1")
    rows = [Row(0, b"k", b"%d" % number, timestamp_ms=1_700_000_000_000 + 1_000 * number) for number in range(100)]
    write(source_kafka, f"{unique}-one", rows)
    write(target_kafka, f"part.{unique}-one", [*rows[:10], *rows[20:]])
    write(source_kafka, f"{unique}-two", rows)
    assert end_offsets(target_kafka, f"part.{unique}-one")[0] == (0, 90)
    pattern = f"{unique}-.*"
    code, told = verify("part", pattern, "--topic", f"{unique}-one", "--wait", "0.2")
    (found,) = told["flows"][0]["partitions"]
    assert (code, found["missing"], found["records"]) == (5, 10, 90), found
    code, told = verify("part", pattern, "--topic", ".*-one", "--since", "2023-11-14T22:13:35")
    (found,) = told["flows"][0]["partitions"]
    assert (code, found["missing"], found["records"]) == (5, 5, 80), found
    code, told = verify("part", pattern, "--topic", ".*-one", "--since", "2023-11-14T22:13:40")
    (found,) = told["flows"][0]["partitions"]
    assert (code, found["records"], found["source"], found["target"]) == (
        0,
        80,
        {"first": 20, "next": 100},
        {"first": 10, "next": 90},
    )
