"""Administration: each topic has its own outcome, and what is there already is no error."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some
from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import admin
from heliograph.cluster.admin import NewTopic
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError, NotAuthorized


def test_topics_are_created_with_their_configs_and_one_that_exists_is_no_error():
    with FakeCluster("lab") as fake:
        fake.create("old", 3)
        wanted = [NewTopic(name, 2, 1, {"retention.ms": "5"}) for name in ("old", "new")]
        assert ask(fake, lambda cluster: admin.create_topics(cluster, wanted)) == {"old": None, "new": None}
        assert {name: len(topic.logs) for name, topic in fake.topics.items()} == {"old": 3, "new": 2}
        assert fake.topics["new"].configs == {"retention.ms": "5"}


def test_a_rehearsal_changes_nothing():
    with FakeCluster("lab") as fake:
        new = NewTopic("new", 2, 1, {})
        assert ask(fake, lambda cluster: admin.create_topics(cluster, [new], validate_only=True)) == {"new": None}
        assert fake.topics == {}


def test_a_controller_that_has_moved_is_asked_again():
    with FakeCluster("lab") as fake:
        moved = with_code(("topics", 0, "error_code"), ErrorCode.not_controller)
        fake.faults[2] = Fault(2, moved)  # after the two questions for metadata
        assert ask(fake, lambda cluster: admin.create_topics(cluster, [NewTopic("new", 1, 1, {})])) == {"new": None}
        assert fake.asked.count("create_topics") == 2


def test_a_config_is_set_or_removed_and_the_others_stay():
    with FakeCluster("lab") as fake:
        fake.create("orders", retention_ms="1", cleanup_policy="compact")
        changes = {"orders": {"retention.ms": None, "max.message.bytes": "10"}, "none": {"retention.ms": "1"}}
        errors = ask(fake, lambda cluster: admin.alter_topics(cluster, changes))
        assert fake.topics["orders"].configs == {"cleanup.policy": "compact", "max.message.bytes": "10"}
    assert errors["orders"] is None
    assert isinstance(errors["none"], BrokerError)


def test_a_change_that_is_only_validated_changes_nothing():
    with FakeCluster("lab") as fake:
        fake.create("orders", retention_ms="1")
        wanted = {"orders": {"retention.ms": "2"}, "none": {"retention.ms": "2"}}
        own = {"orders": {"retention.ms": "1"}, "none": {}}
        errors = ask(fake, lambda cluster: admin.change_topic_configs(cluster, wanted, own, validate_only=True))
        assert fake.topics["orders"].configs == {"retention.ms": "1"}
        assert ask(fake, lambda cluster: admin.change_topic_configs(cluster, {}, {})) == {}
    assert errors["orders"] is None
    assert isinstance(errors["none"], BrokerError)


def test_offsets_are_listed_and_a_refused_topic_keeps_no_other_from_it():
    with FakeCluster("lab") as fake:
        for name in ("orders", "secret"):
            fake.create(name)
            fake.write(name, [b"value"] * 3)
        place = ("topics", 1, "partitions", 0, "error_code")
        fake.always["list_offsets"] = Fault(0, with_code(place, ErrorCode.topic_authorization_failed))
        wanted = [("orders", 0), ("secret", 0)]
        found = ask(fake, lambda cluster: admin.list_offsets(cluster, wanted, admin.LATEST))
    assert found["orders", 0] == 3
    assert isinstance(found["secret", 0], NotAuthorized)


def test_a_topic_that_is_gone_is_deleted():
    with FakeCluster("lab") as fake:
        fake.create("orders")
        found = ask(fake, lambda cluster: admin.delete_topics(cluster, ["orders", "none"]))
        assert fake.topics == {}
    assert found == {"orders": None, "none": None}


def test_a_request_makes_no_more_than_a_controller_takes():
    """MirrorMaker 2 asks for all topics in one request, and never copies where they have more than 10,000 partitions."""
    topics = [NewTopic(f"t{number}", 300, 1, {}) for number in range(20)]
    totals = {topic.name: 900 for topic in topics}
    with FakeCluster("one") as fake:
        made = ask(fake, lambda cluster: admin.create_topics(cluster, topics))
        assert set(made.values()) == {None}
        assert fake.asked.count("create_topics") == 4, "6 topics with their 300 partitions are 1,806 records"
        assert set(ask(fake, lambda cluster: admin.create_partitions(cluster, totals)).values()) == {None}
        assert fake.asked.count("create_partitions") == 10
        assert {len(topic.logs) for topic in fake.topics.values()} == {900}


@given(some.lists(some.integers(0, 5_000)))
def test_requests_have_every_row_once_in_order(counts):
    requests = list(admin.portions(counts, lambda count: count))
    assert [count for request in requests for count in request] == counts
    for request in requests:
        assert 0 < len(request) <= admin.AT_ONCE
        assert len(request) == 1 or sum(request) <= admin.RECORDS_AT_ONCE


@pytest.mark.brokers
def test_a_real_controller_takes_such_requests_and_refuses_larger_ones(target_kafka, unique, monkeypatch):
    topics = [NewTopic(f"{unique}-{number}", 1_100, 1, {}) for number in range(10)]
    host, _, port = target_kafka.bootstrap().rpartition(":")

    async def rehearse() -> set[str]:
        cluster = Cluster(ClusterConfig("real", ((host, int(port)),)))
        await cluster.start()
        try:
            return {str(each) for each in (await admin.create_topics(cluster, topics, validate_only=True)).values()}
        finally:
            await cluster.close()

    assert asyncio.run(rehearse()) == {"None"}
    monkeypatch.setattr(admin, "RECORDS_AT_ONCE", 1_000_000)
    (refused,) = {re.sub(r"topic \S+", "topic", each) for each in asyncio.run(rehearse())}
    assert "Excessively large" in refused
