import pytest

from heliograph.config import OPTIONS
from heliograph.config.options import Family
from heliograph.config.places import Place, Route, place
from heliograph.config.suggest import explain_unknown

NAMES = frozenset(option.name for option in OPTIONS.options if option.family is Family.FLOW)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("cluster", "clusters"),
        ("a.bootstrap.server", "a.bootstrap.servers"),
        ("a.sasl.mechanisms", "a.sasl.mechanism"),
        ("a->b.topics.excludes", "a->b.topics.exclude"),
        ("a->b.sync.topic.acl.enabled", "a->b.sync.topic.acls.enabled"),
        ("b.producer.max.request.siz", "b.producer.max.request.size"),
        ("a->b.isolation.level", "a.consumer.isolation.level"),
        ("a.max.request.size", "b.producer.max.request.size"),
        ("max.tasks", "tasks.max"),
        ("a->b.max.tasks", "a->b.tasks.max"),
        ("tasksMax", "tasks.max"),
        ("a->b.tasks_max", "a->b.tasks.max"),
        ("a.bootstrapServers", "a.bootstrap.servers"),
        ("topicsPattern", "topics"),
        ("a->b.groupsPattern", "a->b.groups"),
        ("a->b.topicsExcludePattern", "a->b.topics.exclude"),
        ("sync.group.offests.enabled", "sync.group.offsets.enabled"),
        ("a->b.sync.group.offests.interval.seconds", "a->b.sync.group.offsets.interval.seconds"),
        ("offset.sotrage.replication.factor", "offset.storage.replication.factor"),
        ("factor.replication", "replication.factor"),
        ("a->b.emit.heartbeats.interval", "a->b.emit.heartbeats.interval.seconds"),
        ("a->b.exclude.topics", "a->b.topics.exclude"),
        ("group.id", "b.group.id"),
        ("a.group.id", "b.group.id"),
        ("client.id", "a.consumer.client.id or b.producer.client.id"),
        ("b.topics", "a->b.topics"),
        ("a->b.bootstrap.servers", "a.bootstrap.servers or b.bootstrap.servers"),
    ],
)
def test_the_key_that_was_probably_meant_is_named(key, meant):
    where = place(key, ("a", "b"), NAMES)
    assert f" {meant} was probably meant" in explain_unknown(where, OPTIONS, (Route("a", "b"),), ("a", "b"))


ALIASES = ("primary", "standby", "archive")
ROUTES = (Route("primary", "standby"), Route("primary", "archive"))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("group.id", "standby.group.id or archive.group.id was probably meant"),
        ("enabled", "write primary->standby.enabled or primary->archive.enabled"),
        ("archive.topics", "primary->archive.topics was probably meant"),
        ("primary.group.id", "standby.group.id or archive.group.id was probably meant"),
        ("standy.bootstrap.servers", "standby.bootstrap.servers was probably meant"),
        ("primry.consumer.isolation.level", "primary.consumer.isolation.level was probably meant"),
        ("other.bootstrap.servers", "other is none of clusters, which are primary, standby, archive"),
        ("heartbeats.topic.retention.ms", "was planned for MM2 (KIP-382) and never became one of its keys"),
        ("heartbeats.topic.partitions", "is unknown and has no effect"),
        ("plugin.path", "has no effect: an option of Kafka Connect that has nothing to govern here"),
    ],
)
def test_suggestions_name_the_clusters_of_the_file(key, told):
    where = place(key, ALIASES, NAMES, ROUTES)
    assert told in explain_unknown(where, OPTIONS, ROUTES, ALIASES)


def test_where_no_flow_runs_the_first_clusters_are_named():
    told = explain_unknown(place("group.id", ALIASES, NAMES), OPTIONS, (), ALIASES)
    assert told == "has no effect here; standby.group.id was probably meant"


def test_a_key_like_no_other_is_just_unknown():
    where = Place("a->b.", "zzz", (Family.FLOW,), route=Route("a", "b"))
    assert explain_unknown(where, OPTIONS, (Route("a", "b"),)) == "is unknown and has no effect"
