"""Configs of topics: which follow, whose default holds, and what is said before a hand-made one is replaced."""

import time

import pytest
from plain_client import (
    Row,
    create_topic,
    set_topic_config,
    simple_rows,
    topic_config,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers
REPLACED = "a config set on the target is replaced by the source's"
CHANGED = "topic config changed"
REFUSED = "the target refuses a topic config; the topic goes without it"
SOON = {"sync.topic.configs.interval.seconds": 1}


def wait_for_config(kafka, topic, key, value):
    deadline = time.monotonic() + 20
    while (found := topic_config(kafka, topic)[key]) != value:
        assert time.monotonic() < deadline, f"{key} of {topic} is {found}"
        time.sleep(0.1)


def lines_with(running, *words):
    return [line for line in running.log.splitlines() if all(word in line for word in words)]


def test_a_config_set_by_hand_is_written_down_before_it_goes(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, retention_ms="1000000")
    remote = f"hand.{unique}"
    running = copy("hand", unique, SOON)
    running.wait_for("running")
    set_topic_config(source_kafka, unique, "retention.ms", "2000000")
    wait_for_config(target_kafka, remote, "retention.ms", "2000000")
    assert not lines_with(running, REPLACED), "what was copied is no hand's work"

    default = topic_config(target_kafka, remote)["flush.ms"]
    set_topic_config(target_kafka, remote, "retention.ms", "555")
    set_topic_config(target_kafka, remote, "flush.ms", "777")
    wait_for_config(target_kafka, remote, "retention.ms", "2000000")
    wait_for_config(target_kafka, remote, "flush.ms", default)
    running.wait_for(CHANGED, times=3)
    (retention,) = lines_with(running, REPLACED, "config=retention.ms")
    assert "WARNING" in retention
    assert "value=2000000 before=555" in retention
    (flush,) = lines_with(running, REPLACED, "config=flush.ms")
    assert "value=(default) before=777" in flush
    log = running.log
    assert log.index(flush) < log.index(lines_with(running, CHANGED, "config=flush.ms")[0])


@pytest.mark.parametrize("key", ["config.properties.exclude", "config.properties.blacklist"])
def test_what_is_excluded_stays_as_it_is(source_kafka, target_kafka, copy, unique, key):
    alias = key.rpartition(".")[2]
    create_topic(source_kafka, unique, retention_ms="1000000", segment_ms="2000000")
    write(source_kafka, unique, simple_rows(1))
    running = copy(alias, unique, {**SOON, key: "retention\\\\..*"})
    remote = f"{alias}.{unique}"
    wait_for_rows(target_kafka, remote, 1)
    set_topic_config(target_kafka, remote, "retention.ms", "555")
    set_topic_config(source_kafka, unique, "segment.ms", "3000000")
    wait_for_config(target_kafka, remote, "segment.ms", "3000000")
    assert topic_config(target_kafka, remote)["retention.ms"] == "555"
    assert not lines_with(running, REPLACED)


def test_whose_default_holds(source_kafka, target_kafka, copy, unique):
    """By default the target's; use.defaults.from=source copies the values of the source's defaults too (KIP-894)."""
    create_topic(source_kafka, unique)
    create_topic(target_kafka, f"theirs.{unique}", flush_ms="777")
    default = topic_config(source_kafka, unique)["flush.ms"]
    copy("theirs", unique, {**SOON, "theirs->target.use.defaults.from": "source"})
    wait_for_config(target_kafka, f"theirs.{unique}", "flush.ms", default)


def test_configs_are_left_alone_when_told_so(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, retention_ms="1000000")
    create_topic(target_kafka, f"alone.{unique}", retention_ms="555")
    write(source_kafka, unique, simple_rows(1))
    running = copy("alone", unique, {**SOON, "sync.topic.configs.enabled": "false"})
    wait_for_rows(target_kafka, f"alone.{unique}", 1)
    assert topic_config(target_kafka, f"alone.{unique}")["retention.ms"] == "555"
    assert running.stop() == 0
    assert CHANGED not in running.log


@pytest.mark.versions
def test_a_config_that_the_target_refuses(shared_kafka, target_kafka, heliograph, one_way, unique):
    """4.x takes no segment below 1 MiB: at creation and later, the topic goes without it, and the rest follows."""
    old = shared_kafka("2.8.2", "2.8.2")
    create_topic(old, unique, segment_bytes="100000", retention_ms="1000000", message_format_version="0.10.2")
    create_topic(old, f"{unique}-later")
    write(old, unique, simple_rows(50))
    write(old, f"{unique}-later", simple_rows(50))
    properties = one_way(old, target_kafka, "refuse", f"{unique}.*", SOON)
    check = heliograph(properties, command="check")
    assert check.wait() == 0, check.log
    (warned,) = lines_with(check, "segment.bytes=100000")
    assert "Value must be at least 1048576" in warned
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"refuse.{unique}", 50)
    wait_for_rows(target_kafka, f"refuse.{unique}-later", 50)
    assert topic_config(target_kafka, f"refuse.{unique}")["retention.ms"] == "1000000"
    set_topic_config(old, f"{unique}-later", "segment.bytes", "100000")
    set_topic_config(old, f"{unique}-later", "retention.ms", "2000000")
    wait_for_config(target_kafka, f"refuse.{unique}-later", "retention.ms", "2000000")
    for round_ in ("3000000", "4000000"):  # the refused one is neither tried nor told again
        set_topic_config(old, f"{unique}-later", "retention.ms", round_)
        wait_for_config(target_kafka, f"refuse.{unique}-later", "retention.ms", round_)
    assert running.stop() == 0
    for topic in (unique, f"{unique}-later"):
        (line,) = lines_with(running, REFUSED, f"topic=refuse.{topic} ")
        assert "WARNING" in line
        assert "config=segment.bytes value=100000" in line
        assert "Value must be at least 1048576" in line


@pytest.mark.versions
def test_a_target_that_takes_configs_only_whole(source_kafka, shared_kafka, heliograph, one_way, unique):
    """Before 2.3 a topic's configs are replaced as a whole: those that nobody changes must survive it."""
    old = shared_kafka("1.1.1", "1.1.1")
    create_topic(source_kafka, unique, retention_ms="1000000")
    write(source_kafka, unique, [Row(0, b"k", b"v")])
    more = {**SOON, "config.properties.exclude": "segment.*"}
    running = heliograph(one_way(source_kafka, old, "whole", unique, more))
    remote = f"whole.{unique}"
    wait_for_rows(old, remote, 1)
    assert (
        old.tool(
            "kafka-configs",
            "--alter",
            "--entity-type",
            "topics",
            "--entity-name",
            remote,
            "--add-config",
            "segment.ms=4000000",
        ).exit_code
        == 0
    )
    set_topic_config(source_kafka, unique, "retention.ms", "2000000")
    wait_for_config(old, remote, "retention.ms", "2000000")
    assert topic_config(old, remote)["segment.ms"] == "4000000"
    assert running.stop() == 0
    assert "cannot be followed" not in running.log
