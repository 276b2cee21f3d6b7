"""``heliograph adopt`` beside a real MirrorMaker 2: it names what runs, finds what was left, and touches nothing."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from mirror_maker_files import QUICK, alias
from plain_client import create_topic, end_offsets, groups, simple_rows, topics, wait_for_rows, write
from running_program import one_way

from heliograph.testbed import KafkaCluster, MirrorMaker

pytestmark = pytest.mark.brokers

RECORDS = 3_000
LIMIT_S = 60.0


def adopt(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("heliograph"))
    return subprocess.run(
        [program, "adopt", str(file), *options], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def adopt_json(file: Path) -> tuple[int, dict]:
    outcome = adopt(file, "--dry-run", "--json")
    assert outcome.stdout, outcome.stderr
    return outcome.returncode, json.loads(outcome.stdout)


def seen(kafka: KafkaCluster, name: str) -> tuple[dict[str, int], set[str]]:
    """Return the topics and groups of a flow: other tests use the cluster at the same time."""
    found = {topic: count for topic, count in topics(kafka).items() if name in topic}
    return found, {group for group in groups(kafka) if name in group}


def test_what_a_killed_mirror_maker_left(source_kafka, target_kafka, unique, tmp_path):
    name = alias()
    create_topic(source_kafka, unique, 3)
    write(source_kafka, unique, simple_rows(RECORDS, partitions=3))
    reader = Consumer({**source_kafka.librdkafka_config(), "group.id": unique, "enable.auto.commit": False})
    reader.commit(offsets=[TopicPartition(unique, 0, 10)], asynchronous=False)
    reader.close()
    file = tmp_path / "mm2.properties"
    file.write_text(
        one_way(source_kafka, target_kafka, name, unique, {**QUICK, "groups": unique, "target.producer.acks": 1})
    )
    copy, positions, checkpoints = f"{name}.{unique}", f"mm2-offsets.{name}.internal", f"{name}.checkpoints.internal"
    with MirrorMaker(file.read_text(), clusters=["target"]) as maker:
        wait_for_rows(target_kafka, copy, RECORDS, limit_s=LIMIT_S)
        exit_code, told = adopt_json(file)
        assert exit_code == 3
        (flow,) = told["flows"]
        assert flow["mirror_maker_runs"]
        assert flow["occupant"]["protocol_type"] == "connect"
        assert " on 127.0.0.1" in flow["occupant"]["whereabouts"]
        outcome = adopt(file, "--dry-run")
        assert outcome.returncode == 3
        assert "Stop MirrorMaker 2 first" in outcome.stdout
        deadline = time.monotonic() + LIMIT_S
        while checkpoints not in topics(target_kafka) or not end_offsets(target_kafka, checkpoints)[0][1]:
            assert time.monotonic() < deadline, "MM2 wrote no checkpoint"
            time.sleep(0.1)
        maker.kill()
        write(source_kafka, unique, simple_rows(30, partitions=3))
        before = seen(target_kafka, name), end_offsets(target_kafka, positions)
        while exit_code:  # until its session has ended
            assert time.monotonic() < deadline, told
            exit_code, told = adopt_json(file)
    (flow,) = told["flows"]
    assert not flow["mirror_maker_runs"]
    assert flow["notes"] == []
    (position,) = flow["positions"]
    assert (position["topic"], position["target_topic"], position["partitions"]) == (unique, copy, 3)
    assert (position["exact"], position["fresh"], position["doubts"]) == (3, 0, [])
    assert position["by_heliograph"] == 0
    assert position["lag"] == 30
    (group,) = flow["groups"]
    assert (group["group"], group["checkpoints"], group["on_source"], group["on_target"]) == (unique, 1, "Empty", "")
    there = {(each["cluster"], each["name"]) for each in flow["topics"] if each["there"]}
    assert {("target", positions), ("target", checkpoints), (name, "mm2-offset-syncs.target.internal")} <= there
    assert "target.producer.acks" in {warned["key"] for warned in told["warnings"]}
    text = adopt(file, "--dry-run").stdout
    assert "is free: nobody copies this flow" in text
    assert "3 exactly" in text
    assert f"heliograph run {file} takes over" in text
    assert (seen(target_kafka, name), end_offsets(target_kafka, positions)) == before


def test_a_cluster_that_is_down_is_named(target_kafka, unique, tmp_path):
    file = tmp_path / "mm2.properties"
    file.write_text(one_way("127.0.0.1:1", target_kafka, "down", unique))
    outcome = adopt(file, "--dry-run")
    assert outcome.returncode == 3
    assert outcome.stderr.startswith("heliograph: ")
    assert "down" in outcome.stderr
