"""Old and new versions of Kafka on either side."""

import pytest
from plain_client import (
    Row,
    create_topic,
    end_offsets,
    read,
    simple_rows,
    wait_for_rows,
    write,
)

pytestmark = [pytest.mark.brokers, pytest.mark.versions]

OLD = ("1.1.1", "2.8.2", "3.9.1")
CODECS = ("none", "gzip", "snappy", "lz4")
HEADERS = (("h", b"1"), ("h", None))
PLAIN = {"api.version.request": True}


@pytest.fixture(scope="module", params=OLD)
def old_kafka(request, shared_kafka):
    return shared_kafka(request.param, request.param)


def write_all(kafka, prefix, codecs):
    for codec in codecs:
        create_topic(kafka, f"{prefix}-{codec}", 2)
        write(kafka, f"{prefix}-{codec}", simple_rows(200, partitions=2, size=50), compression_type=codec)
        write(kafka, f"{prefix}-{codec}", [Row(0, None, b"v", HEADERS), Row(1, b"tombstone", None)], linger_ms=0)


def check_all(source, target, alias, prefix, codecs):
    for codec in codecs:
        rows = wait_for_rows(target, f"{alias}.{prefix}-{codec}", 202)
        assert rows == read(source, f"{prefix}-{codec}")


def test_from_old_to_new(old_kafka, target_kafka, heliograph, one_way, unique):
    codecs = CODECS if str(old_kafka.version) == "1.1.1" else (*CODECS, "zstd")
    write_all(old_kafka, unique, codecs)
    properties = one_way(old_kafka, target_kafka, "older", f"{unique}.*", {"target.group.id": unique})
    running = heliograph(properties)
    check_all(old_kafka, target_kafka, "older", unique, codecs)
    assert running.stop() == 0
    write(old_kafka, f"{unique}-lz4", [Row(0, b"second", b"start")])
    running = heliograph(properties)
    assert wait_for_rows(target_kafka, f"older.{unique}-lz4", 203) == read(old_kafka, f"{unique}-lz4")
    assert "ERROR" not in running.log
    assert "exact place is not known" not in running.log


def test_from_new_to_old(source_kafka, old_kafka, heliograph, one_way, unique):
    write_all(source_kafka, unique, (*CODECS, "zstd"))
    properties = one_way(source_kafka, old_kafka, "newer", f"{unique}.*")
    running = heliograph(properties)
    check_all(source_kafka, old_kafka, "newer", unique, CODECS)
    if str(old_kafka.version) == "1.1.1":
        running.wait_for("a partition stands still")
        line = next(line for line in running.log.splitlines() if "a partition stands still" in line)
        assert f"topic={unique}-zstd" in line
        assert "zstd" in line.split("cause=")[1]
        assert all(end == (0, 0) for end in end_offsets(old_kafka, f"newer.{unique}-zstd").values())
    else:
        check_all(source_kafka, old_kafka, "newer", unique, ["zstd"])
    running.kill()
    write(source_kafka, f"{unique}-lz4", [Row(0, b"second", b"start")])
    running = heliograph(one_way(source_kafka, old_kafka, "newer", f"{unique}.*", {"target.group.id": unique}))
    assert wait_for_rows(old_kafka, f"newer.{unique}-lz4", 203) == read(source_kafka, f"{unique}-lz4")
    assert "exact place is not known" not in running.log


def old_format(kafka, topic, version, codec):
    """Make a topic whose records are stored in an old message format, with batches of one and of many."""
    create_topic(kafka, topic, message_format_version=version)
    rows = [Row(0, b"k%d" % number if number % 5 else None, b"v%d" % number * (number % 40)) for number in range(300)]
    write(kafka, topic, rows, compression_type=codec)
    write(kafka, topic, [Row(0, b"tombstone", None), Row(0, b"", b"")], compression_type=codec, linger_ms=0)


@pytest.mark.parametrize("old_kafka", ["1.1.1"], indirect=True)
def test_old_message_formats(old_kafka, target_kafka, heliograph, one_way, unique):
    names = {}
    for version in ("0.9.0", "0.10.2"):
        for codec in CODECS:
            names[version, codec] = f"{unique}-{version}-{codec}"
            old_format(old_kafka, names[version, codec], version, codec)
    mixed = f"{unique}-mixed"
    old_format(old_kafka, mixed, "0.9.0", "gzip")
    for version in ("0.10.2", "1.1"):
        set_message_format(old_kafka, mixed, version)
        write(old_kafka, mixed, simple_rows(100), compression_type="lz4")
    more = {"target.group.id": unique}
    running = heliograph(one_way(old_kafka, target_kafka, "format", f"{unique}.*", more))
    for (version, _), topic in names.items():
        rows = wait_for_rows(target_kafka, f"format.{topic}", 302)
        assert rows == read(old_kafka, topic)
        assert all(row.timestamp_ms == -1 for row in rows) == (version == "0.9.0")
    assert wait_for_rows(target_kafka, f"format.{mixed}", 502) == read(old_kafka, mixed)
    assert "configs=message.format.version" in running.log, "the target no longer knows this config"
    assert "ERROR" not in running.log
    running.kill()
    write(old_kafka, mixed, [Row(0, b"last", b"1")])
    write(old_kafka, names["0.9.0", "lz4"], [Row(0, b"last", b"1")])
    more = {"target.group.id": f"{unique}-again"}
    running = heliograph(one_way(old_kafka, target_kafka, "format", f"{unique}.*", more))
    for topic, count in ((mixed, 503), (names["0.9.0", "lz4"], 303)):
        assert wait_for_rows(target_kafka, f"format.{topic}", count) == read(old_kafka, topic)
    assert "exact place is not known" not in running.log


def set_message_format(kafka, topic, version):
    outcome = kafka.tool(
        "kafka-configs",
        *("--alter", "--entity-type", "topics", "--entity-name", topic),
        *("--add-config", f"message.format.version={version}"),
    )
    assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
