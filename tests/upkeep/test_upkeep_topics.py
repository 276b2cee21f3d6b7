"""A look at the topics says what it created, without which configs, and what could not be created."""

import asyncio

import pytest
from plain_client import create_topic, topic_config

from configs import flow_config
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import ClusterConfig
from heliograph.errors import BrokerError
from heliograph.mirror.topics import ConfigEntry, CreateTopic, topic_rules_of
from heliograph.upkeep.topics import TopicJob
from heliograph.wire import errors as codes

pytestmark = pytest.mark.brokers


def config_of(kafka, alias):
    host, port = kafka.bootstrap().split(",")[0].split(":")
    return ClusterConfig(alias, ((host, int(port)),))


def looked(source_kafka, target_kafka, **more):
    """Look twice at the topics of a flow; returns what was found."""
    source, target = (Cluster(config_of(kafka, alias)) for kafka, alias in ((source_kafka, "A"), (target_kafka, "B")))

    async def scenario():
        await source.start()
        await target.start()
        try:
            job = TopicJob(source, target, topic_rules_of(flow_config("A", target.config, **more)))
            return await job.look({}), await job.look({})
        finally:
            await source.close()
            await target.close()

    return asyncio.run(scenario())


def test_a_topic_that_cannot_be_created_is_a_problem_at_every_look(source_kafka, target_kafka, unique):
    create_topic(source_kafka, unique)
    # Other tests leave heartbeats topics on these clusters.
    only = {"topics": (unique,), "replicate_heartbeats": False}
    for found in looked(source_kafka, target_kafka, **only, replication_factor=7):
        assert found.created == ()
        assert [lane.source_topic for lane in found.lanes] == [unique]
        problem = found.problems[f"A.{unique}"]
        assert isinstance(problem, BrokerError)
        assert problem.code == codes.INVALID_REPLICATION_FACTOR


def test_a_refused_config_does_not_keep_a_topic_from_being_created(target_kafka, unique):
    """The broker refuses tiers of storage without naming the config, and a segment that is too small by its name."""
    cluster = Cluster(config_of(target_kafka, "B"))
    configs = {"flush.ms": "5", "remote.storage.enable": "true", "segment.bytes": "1000"}

    async def scenario():
        await cluster.start()
        try:
            rules = topic_rules_of(flow_config("A", cluster.config))
            given = rules.creation_configs({name: ConfigEntry(value) for name, value in configs.items()})
            problems = {}
            action = CreateTopic(unique, 1, 1, given)
            created = await TopicJob(cluster, cluster, rules)._create([action], problems)
            return created, problems
        finally:
            await cluster.close()

    (created, refused), problems = asyncio.run(scenario())
    assert (created, problems) == ([unique], {})
    assert {each.name: each.value for each in refused} == {"remote.storage.enable": "true", "segment.bytes": "1000"}
    assert "Tiered Storage" in next(each.reason for each in refused if each.name == "remote.storage.enable")
    assert topic_config(target_kafka, unique)["flush.ms"] == "5"
