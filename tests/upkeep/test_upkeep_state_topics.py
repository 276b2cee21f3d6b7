"""A topic that deletes what it should keep is warned of once."""

import asyncio

import pytest

from configs import flow_config
from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig, InternalTopic
from heliograph.observe.log import Log
from heliograph.upkeep.state_topics import StateTopics

MESSAGE = "a topic that holds state deletes old records"


class Noted(Log):
    """Keeps warnings."""

    def __init__(self):
        super().__init__()
        self.warnings = []

    def warning(self, message, **fields):
        self.warnings.append((message, fields))


@pytest.mark.brokers
def test_a_topic_that_is_not_compacted_is_told_of_once(target_kafka, unique):
    host, port = target_kafka.bootstrap().split(",")[0].split(":")
    cluster = Cluster(ClusterConfig("B", ((host, int(port)),)))
    flow = flow_config("A", cluster.config, offsets_topic=InternalTopic(unique, 1, 1))
    log = Noted()

    async def scenario():
        await cluster.start()
        try:
            look = StateTopics(flow, cluster, cluster, log).look
            await look()
            assert log.warnings == [], "it is not there yet"
            for policy, told in (("compact", 0), ("compact,delete", 1)):
                name = f"{unique}-{told}"
                made = await admin.create_topics(cluster, [admin.NewTopic(name, 1, 1, {"cleanup.policy": policy})])
                assert made == {name: None}
                named = flow_config("A", cluster.config, offsets_topic=InternalTopic(name, 1, 1))
                watch = StateTopics(named, cluster, cluster, log)
                await watch.look()
                await watch.look()
                assert len(log.warnings) == told
        finally:
            await cluster.close()

    asyncio.run(scenario())
    ((message, fields),) = log.warnings
    assert message == MESSAGE
    assert (fields["topic"], fields["cluster"], fields["cleanup_policy"]) == (f"{unique}-1", "B", "compact,delete")
