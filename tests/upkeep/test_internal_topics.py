"""A flow's own topics: made when missing, compacted, and not asked for again at once after a refusal."""

import pytest
from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.errors import BrokerError
from heliograph.upkeep.internal_topics import InternalTopic


def test_a_missing_topic_is_made_compacted_with_one_partition_and_written():
    with FakeCluster("lab") as fake:
        ask(fake, lambda cluster: InternalTopic(cluster, "state", 1, "x.factor").write([(b"a", b"1")], 1_000))
        assert len(fake.topics["state"].logs) == 1
        assert fake.topics["state"].configs == {"cleanup.policy": "compact"}
        assert fake.topics["state"].end(0) == 1


def test_a_topic_that_is_there_needs_no_permission_to_create():
    with FakeCluster("lab") as fake:
        fake.create("state")
        ask(fake, lambda cluster: InternalTopic(cluster, "state", 1, "x.factor").ensure())
        assert "create_topics" not in fake.asked


def test_too_few_brokers_name_the_option_and_are_not_asked_again_at_once():
    async def twice(cluster):
        topic = InternalTopic(cluster, "state", 3, "x.factor")
        for _ in range(2):
            with pytest.raises(BrokerError, match=r"Set x\.factor"):
                await topic.ensure()

    with FakeCluster("lab") as fake:
        place = ("topics", 0, "error_code")
        fake.always["create_topics"] = Fault(0, with_code(place, ErrorCode.invalid_replication_factor))
        ask(fake, twice)
        assert fake.asked.count("create_topics") == 1
