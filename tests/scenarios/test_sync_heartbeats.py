"""Heartbeats on the target, and those that travel: written to the source for the flow back, and copied."""

import time
from itertools import pairwise

import pytest
from plain_client import read_messages, topic_config, topics, wait_for_rows

from heliograph.errors import DataError
from heliograph.mirror.formats import decode_heartbeat

pytestmark = pytest.mark.brokers
LIMIT_S = 30.0


def beats(kafka, topic, source, target):
    """Return the heartbeats of one pair, each with its record's timestamp."""
    found = []
    for message in read_messages(kafka, topic) if topic in topics(kafka) else []:
        try:
            beat = decode_heartbeat(message.key(), message.value())
        except DataError:  # other tests write what they like to a topic of this name
            continue
        if (beat.source_alias, beat.target_alias) == (source, target):
            found.append((beat, message))
    return found


def wait_for_beats(kafka, topic, source, target, count):
    deadline = time.monotonic() + LIMIT_S
    while len(found := beats(kafka, topic, source, target)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} heartbeats on {topic}"
        time.sleep(0.1)
    return found


def test_heartbeats_on_both_sides_and_through_the_flow(source_kafka, target_kafka, copy, unique):
    alias = unique[-8:].strip("-")
    more = {f"target->{alias}.emit.heartbeats.enabled": "true", "heartbeats.replication.enabled": "true"}
    running = copy(alias, f"{unique}-none", more)
    found = wait_for_beats(target_kafka, "heartbeats", alias, "target", 3)
    for beat, message in found:
        assert message.timestamp()[1] == beat.timestamp_ms
        assert message.partition() == 0
        assert message.headers() is None
        assert message.key() == b"\0" + bytes([len(alias)]) + alias.encode() + b"\0\x06target"
        assert message.value() == b"\0\0" + beat.timestamp_ms.to_bytes(8, "big")
    times = [beat.timestamp_ms for beat, _ in found]
    assert all(after - before > 500 for before, after in pairwise(times))
    assert topic_config(target_kafka, "heartbeats")["cleanup.policy"] == "compact"
    assert topics(target_kafka)["heartbeats"] == 1
    assert wait_for_beats(source_kafka, "heartbeats", "target", alias, 2)
    wait_for_rows(target_kafka, f"{alias}.heartbeats", 2)
    assert wait_for_beats(target_kafka, f"{alias}.heartbeats", "target", alias, 2)
    assert running.stop() == 0
    assert "WARNING" not in running.log


def test_switched_off(source_kafka, target_kafka, copy, unique):
    alias = unique[-8:].strip("-")
    running = copy(alias, f"{unique}-none", {f"{alias}->target.emit.heartbeats.enabled": "false"})
    running.wait_for("running")
    assert running.stop() == 0
    assert not beats(target_kafka, "heartbeats", alias, "target")
