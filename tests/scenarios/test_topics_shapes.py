"""Which topics exist on the target, how many partitions they have, and when new ones come."""

import time

import pytest
from plain_client import (
    Row,
    create_topic,
    flush,
    grow_topic,
    producer,
    read,
    send,
    simple_rows,
    topic_config,
    topics,
    wait_for_rows,
    write,
)

pytestmark = pytest.mark.brokers


def test_an_absent_topic_gets_all_partitions_and_a_smaller_one_grows(source_kafka, target_kafka, copy, unique):
    absent, small = f"{unique}-absent", f"{unique}-small"
    for name in (absent, small):
        create_topic(source_kafka, name, 10)
        write(source_kafka, name, simple_rows(500, partitions=10))
    create_topic(target_kafka, f"ten.{small}", 5)
    running = copy("ten", f"{unique}.*")
    for name in (absent, small):
        assert wait_for_rows(target_kafka, f"ten.{name}", 500) == read(source_kafka, name)
        assert topics(target_kafka)[f"ten.{name}"] == 10
    assert "partitions added" in running.log


def test_a_larger_topic_is_kept(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2)
    create_topic(target_kafka, f"wide.{unique}", 4)
    write(source_kafka, unique, simple_rows(10, partitions=2))
    copy("wide", unique)
    assert wait_for_rows(target_kafka, f"wide.{unique}", 10) == read(source_kafka, unique)
    assert topics(target_kafka)[f"wide.{unique}"] == 4


def test_partitions_added_while_running(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(20, partitions=2))
    running = copy("grows", unique)
    wait_for_rows(target_kafka, f"grows.{unique}", 20)
    grow_topic(source_kafka, unique, 6)
    write(source_kafka, unique, simple_rows(60, first=20, partitions=6))
    assert wait_for_rows(target_kafka, f"grows.{unique}", 80, limit_s=10) == read(source_kafka, unique)
    assert topics(target_kafka)[f"grows.{unique}"] == 6
    assert "ERROR" not in running.log


def test_a_new_topic_is_copied_from_its_first_record_and_disturbs_nobody(source_kafka, target_kafka, copy, unique):
    old, new = f"{unique}-old", f"{unique}-new"
    create_topic(source_kafka, old)
    running = copy("new", f"{unique}-.*")
    running.wait_for("running")
    writer = producer(source_kafka, linger_ms=0)
    gaps_ms = []
    for number in range(20):
        if number == 7:
            create_topic(source_kafka, new, 3)
            write(source_kafka, new, simple_rows(30, partitions=3))
        send(writer, old, [Row(0, b"steady", b"%d" % number)])
        flush(writer)
        begun = time.monotonic()
        wait_for_rows(target_kafka, f"new.{old}", number + 1)
        gaps_ms.append((time.monotonic() - begun) * 1000)
    assert wait_for_rows(target_kafka, f"new.{new}", 30, limit_s=10) == read(source_kafka, new)
    assert max(gaps_ms) < 2000, "the topic that was there never paused"
    assert running.log.count("running") == 1
    assert "ERROR" not in running.log


def test_lists_of_topics(source_kafka, target_kafka, copy, unique):
    names = ("a", "b", "b-not", "c", "internal-looking.internal", "x.replica", "mm2-things.internal")
    for name in names:
        create_topic(source_kafka, f"{unique}.{name}")
        write(source_kafka, f"{unique}.{name}", simple_rows(3))
    create_topic(source_kafka, f"__{unique}")
    create_topic(source_kafka, f"lists.checkpoints-{unique}.internal")
    wanted = (
        f"{unique}\\\\.a, {unique}\\\\.b.*, .*{unique}.*internal.*, .*{unique}.*replica, __{unique}, lists.*{unique}.*"
    )
    more = {"lists->target.topics.exclude": "mm2.*\\\\.internal, .*[\\\\-\\\\.]internal, .*\\\\.replica, __.*, .*-not"}
    running = copy("lists", wanted, more)
    running.wait_for("running")
    for name in ("a", "b"):
        wait_for_rows(target_kafka, f"lists.{unique}.{name}", 3)
    assert {name for name in topics(target_kafka) if unique in name} == {f"lists.{unique}.a", f"lists.{unique}.b"}


def test_the_old_spelling_of_the_exclude_list(source_kafka, target_kafka, copy, unique):
    for name in ("yes", "no"):
        create_topic(source_kafka, f"{unique}-{name}")
    more = {"old->target.topics.blacklist": ".*-no"}
    running = copy("old", f"{unique}.*", more)
    running.wait_for("running")
    assert {name for name in topics(target_kafka) if unique in name} == {f"old.{unique}-yes"}


def test_internal_topics_are_never_copied(source_kafka, target_kafka, copy, unique):
    """Even where everything is selected and nothing excluded."""
    create_topic(source_kafka, unique)
    create_topic(source_kafka, f"{unique}.checkpoints.internal")
    create_topic(source_kafka, f"mm2-offsets.{unique}.internal")
    more = {"never->target.topics.exclude": ""}
    running = copy("never", f".*{unique}.*, __.*", more)
    running.wait_for("running")
    assert {name for name in topics(target_kafka) if unique in name} == {f"never.{unique}"}
    assert not [name for name in topics(target_kafka) if name.startswith("never.__")]


def test_settings_are_copied_but_for_the_excluded(source_kafka, target_kafka, copy, unique):
    own = {
        "retention.ms": "123456789",
        "cleanup.policy": "compact,delete",
        "segment.bytes": "2097152",
        "max.message.bytes": "2000000",
        "compression.type": "lz4",
    }
    excluded = {"message.timestamp.type": "LogAppendTime", "unclean.leader.election.enable": "true"}
    create_topic(source_kafka, unique, **{key.replace(".", "_"): value for key, value in {**own, **excluded}.items()})
    write(source_kafka, unique, simple_rows(3))
    copy("settings", unique)
    wait_for_rows(target_kafka, f"settings.{unique}", 3)
    found = topic_config(target_kafka, f"settings.{unique}")
    assert {key: found[key] for key in own} == own
    assert {key: found[key] for key in excluded} == {
        "message.timestamp.type": "CreateTime",
        "unclean.leader.election.enable": "false",
    }


def test_a_replication_factor_too_large_concerns_its_topics_only(source_kafka, target_kafka, copy, unique):
    absent, forever, present = f"{unique}-absent", f"{unique}-forever", f"{unique}-present"
    for name in (absent, forever, present):
        create_topic(source_kafka, name)
        write(source_kafka, name, simple_rows(5))
    create_topic(target_kafka, f"three.{present}")
    running = copy("three", f"{unique}.*", {"replication.factor": 3})
    assert wait_for_rows(target_kafka, f"three.{present}", 5) == read(source_kafka, present)
    running.wait_for(f"topic=three.{absent}")
    line = next(line for line in running.log.splitlines() if f"topic=three.{absent}" in line)
    assert "a topic cannot be mirrored" in line
    assert "eplication factor" in line
    assert f"three.{absent}" not in topics(target_kafka)
    create_topic(target_kafka, f"three.{absent}")  # the one that stays absent must not hold it up
    assert wait_for_rows(target_kafka, f"three.{absent}", 5) == read(source_kafka, absent)
    assert f"three.{forever}" not in topics(target_kafka)


def test_the_identity_policy_keeps_names(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 3)
    write(source_kafka, unique, simple_rows(30, partitions=3))
    policy = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
    copy("same", unique, {"replication.policy.class": policy})
    assert wait_for_rows(target_kafka, unique, 30) == read(source_kafka, unique)


def test_another_separator(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(3))
    copy("under", unique, {"replication.policy.separator": "__"})
    assert wait_for_rows(target_kafka, f"under__{unique}", 3) == read(source_kafka, unique)
