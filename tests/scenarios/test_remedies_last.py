"""What the docs and messages tell a person to change on the target stays, while every periodic job goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from group_moves import commit, committed, read_some
from plain_client import (
    create_topic,
    grow_topic,
    set_topic_config,
    simple_rows,
    topic_config,
    topics,
    wait_for_rows,
    write,
)

from heliograph.testbed import KafkaCluster

pytestmark = pytest.mark.brokers
OFTEN = {
    "sync.topic.configs.interval.seconds": 1,
    "sync.topic.acls.interval.seconds": 1,
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": 1,
    "emit.checkpoints.interval.seconds": 1,
    "refresh.groups.interval.seconds": 1,
    "groups": "remedy.*",
    "target.offset.flush.interval.ms": 500,
}
LONGEST = str(2**63 - 1)


@dataclass(frozen=True)
class Remedy:
    """Something that a page or a message says."""

    where: str
    topic: str
    """On the target."""
    do: Callable[[KafkaCluster, str], None]
    find: Callable[[KafkaCluster, str], object]
    want: object


def config(where: str, topic: str, name: str, value: str) -> Remedy:
    return Remedy(
        where,
        topic,
        lambda kafka, topic: set_topic_config(kafka, topic, name, value),
        lambda kafka, topic: topic_config(kafka, topic)[name],
        value,
    )


COPY, OFFSETS = "remedy.{}", "mm2-offsets.remedy.internal"
REMEDIES = [
    config("how-to: records are too large", COPY, "max.message.bytes", "3000000"),
    config("sources: a timestamp in the far past", COPY, "message.timestamp.before.max.ms", LONGEST),
    config("sources: a timestamp in the future", COPY, "message.timestamp.after.max.ms", LONGEST),
    config("defaults: min.insync.replicas is the target's business", COPY, "min.insync.replicas", "2"),
    config("before: somebody's mistake", OFFSETS, "cleanup.policy", "delete"),
    config("messages: a topic that holds state deletes old records", OFFSETS, "cleanup.policy", "compact"),
    Remedy(
        "check: add the partitions",
        COPY,
        lambda kafka, topic: grow_topic(kafka, topic, 4),
        lambda kafka, topic: topics(kafka)[topic],
        4,
    ),
]


def wait_for_config(kafka, topic, name, value):
    deadline = time.monotonic() + 30
    while (found := topic_config(kafka, topic)[name]) != value:
        assert time.monotonic() < deadline, f"{name} of {topic} is {found}"
        time.sleep(0.1)


def test_every_remedy_survives_the_periodic_jobs(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2, max_message_bytes="2000000")
    write(source_kafka, unique, simple_rows(10))
    running = copy("remedy", unique, OFTEN)
    remote = COPY.format(unique)
    wait_for_rows(target_kafka, remote, 10)
    for each in REMEDIES:
        each.do(target_kafka, each.topic.format(unique))
    for name in ("flush.ms", "flush.messages", "segment.ms"):  # no remedies: when they are gone, a sync has passed
        value = topic_config(source_kafka, unique)[name]
        set_topic_config(target_kafka, remote, name, "777")
        wait_for_config(target_kafka, remote, name, value)
    remedies = [each for each in REMEDIES if not each.where.startswith("before")]
    found = {each.where: each.find(target_kafka, each.topic.format(unique)) for each in remedies}
    assert found == {each.where: each.want for each in remedies}
    replaced = [line for line in running.log.splitlines() if "a config set on the target is replaced" in line]
    assert len(replaced) == 3
    assert all("WARNING" in line and "before=777" in line for line in replaced)
    set_topic_config(source_kafka, unique, "max.message.bytes", "4000000")
    wait_for_config(target_kafka, remote, "max.message.bytes", "4000000")


def test_a_group_that_is_set_back_by_hand_stays_there(source_kafka, target_kafka, copy, unique):
    """As in-step says: a group that went back on the source is set back on the target by hand."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    remote, group, passed = COPY.format(unique), f"remedy-{unique}", f"remedy-{unique}-passed"
    read_some(source_kafka, group, unique, 8)
    copy("remedy", unique, OFTEN)
    wait_for_rows(target_kafka, remote, 10)
    wait_for_group(target_kafka, group, remote, {0: 8})
    commit(source_kafka, group, unique, {0: 3})
    for position in (1, 2, 4, 5):  # when another group has followed, a sync has passed
        commit(source_kafka, passed, unique, {0: position})
        wait_for_group(target_kafka, passed, remote, {0: position})
        if position == 2:
            commit(target_kafka, group, remote, {0: 3})
    assert committed(target_kafka, group, remote) == {0: 3}


def wait_for_group(kafka, group, topic, wanted):
    deadline = time.monotonic() + 30
    while (found := committed(kafka, group, topic)) != wanted:
        assert time.monotonic() < deadline, f"{group} is at {found}"
        time.sleep(0.1)
