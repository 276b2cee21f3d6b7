"""What a flow needs beside its topics, looked at on real brokers."""

import asyncio

import pytest

from configs import flow_config, sync_config
from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig, InternalTopic
from heliograph.preflight.check_state import StateCheck
from heliograph.preflight.finding import Level

pytestmark = pytest.mark.brokers


def cluster_of(kafka, alias):
    host, port = kafka.bootstrap().split(",")[0].split(":")
    return Cluster(ClusterConfig(alias, ((host, int(port)),)))


async def until_seen(cluster, topics):
    """Wait for the broker: the controller answers before it knows of a new topic."""
    async with asyncio.timeout(30):
        while any(cluster.metadata.leader(topic, 0) < 0 for topic in topics):
            await asyncio.sleep(0.01)
            await cluster.refresh(topics)


@pytest.fixture
def look(source_kafka, target_kafka, unique):
    """Run one step of a check of a flow between clusters with aliases that no other test has."""

    def run(step, *, made_on_source=(), **changes):
        async def scenario():
            clusters = [cluster_of(source_kafka, f"{unique}a"), cluster_of(target_kafka, f"{unique}b")]
            try:
                for cluster in clusters:
                    await cluster.start()
                wanted = [admin.NewTopic(name, 1, 1, {"cleanup.policy": "compact"}) for name in made_on_source]
                if wanted:
                    await admin.create_topics(clusters[0], wanted)
                    await until_seen(clusters[0], made_on_source)
                sides = [cluster.config for cluster in clusters]
                kept = {
                    "offsets_topic": InternalTopic(f"{unique}-o", 1, 1),
                    "config_topic": InternalTopic(f"{unique}-c", 1, 1),
                }
                flow = flow_config(*sides, **{**kept, **changes})
                return await getattr(StateCheck(flow, *clusters), step)()
            finally:
                for cluster in clusters:
                    await cluster.close()

        return asyncio.run(scenario())

    return run


def remedies(found):
    return {each.remedy for each in found if each.level is Level.WARNING}


def test_topics_that_could_not_be_made_are_warnings_with_their_options(look):
    few = sync_config(offset_syncs_replication_factor=1, checkpoints_replication_factor=1)
    found = look("state", sync=few)
    assert remedies(found) <= {"Set heartbeats.topic.replication.factor to at most 1"}, "heartbeats may be there"
    assert remedies(look("state", sync=sync_config())) >= {
        "Set offset-syncs.topic.replication.factor to at most 1",
        "Set checkpoints.topic.replication.factor to at most 1",
    }
    nothing = sync_config(offset_syncs=False, checkpoints_interval_s=None, heartbeats_interval_s=None)
    assert look("state", sync=nothing) == []


def test_offset_syncs_that_lie_on_the_source_are_not_asked_for_on_the_target(look, unique):
    sync = sync_config(checkpoints_interval_s=None, heartbeats_interval_s=None)
    assert remedies(look("state", sync=sync)) == {"Set offset-syncs.topic.replication.factor to at most 1"}
    there = f"mm2-offset-syncs.{unique}b.internal"
    assert look("state", sync=sync, made_on_source=[there]) == []


def test_positions_that_cannot_be_kept_are_an_error(look, unique):
    (found,) = look("positions")
    assert (found.level, str(found)) == (
        Level.OK,
        f"Positions will be kept in {unique}-o on {unique}b, which is to be created",
    )
    (found,) = look("positions", offsets_topic=InternalTopic(f"{unique}-o", 1, 3))
    assert (found.level, found.remedy) == (Level.ERROR, "Set offset.storage.replication.factor to at most 1")


def test_a_group_that_nobody_has_is_free(look, unique):
    (found,) = look("group", group_id=unique)
    assert (found.level, str(found)) == (Level.OK, f"Group {unique} on {unique}b is free")
    assert look("producer") == []
