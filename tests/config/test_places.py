import pytest

from heliograph.config.options import Family
from heliograph.config.places import Route, find_route, place

NAMES = frozenset({"topics", "admin.timeout.ms", "consumer.poll.timeout.ms", "source.cluster.alias"})
ALIASES = ("us", "us.west", "kp-remote", "target")


@pytest.mark.parametrize(
    ("key", "prefix", "name", "family"),
    [
        ("topics", "", "topics", Family.FLOW),
        ("us->target.topics", "us->target.", "topics", Family.FLOW),
        ("us.west->target.topics", "us.west->target.", "topics", Family.FLOW),
        ("target->us.west.topics", "target->us.west.", "topics", Family.FLOW),
        ("kp-remote->us.consumer.poll.timeout.ms", "kp-remote->us.", "consumer.poll.timeout.ms", Family.FLOW),
        ("kp-remote->us.consumer.client.id", "kp-remote->us.consumer.", "client.id", Family.CLIENT),
        ("us->target.source.consumer.x", "us->target.source.consumer.", "x", Family.CONSUMER),
        ("us->target.source.cluster.x", "us->target.source.cluster.", "x", Family.CONNECTION),
        ("us->target.producer.override.x", "us->target.producer.override.", "x", Family.PRODUCER),
        ("us.west.bootstrap.servers", "us.west.", "bootstrap.servers", Family.CONNECTION),
        ("us.consumer.x", "us.consumer.", "x", Family.CONSUMER),
        ("us.admin.x", "us.admin.", "x", Family.CLIENT),
        ("target.group.id", "target.", "group.id", Family.WORKER),
        ("offset.storage.topic", "", "offset.storage.topic", Family.STORAGE),
        ("unknown.group.id", "", "unknown.group.id", Family.FILE),
    ],
)
def test_each_key_has_its_place(key, prefix, name, family):
    found = place(key, ALIASES, NAMES)
    assert (found.prefix, found.name, found.dead) == (prefix, name, "")
    assert family in found.families


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("us->target.producer.linger.ms", "us->target.producer.override.linger.ms"),
        ("us->target.target.producer.acks", "us->target.producer.override.acks"),
        ("us->target.consumer.override.x", "us->target.source.consumer.x"),
        ("consumer.isolation.level", "write us.consumer.isolation.level or us.west.consumer.isolation.level or kp-"),
        ("producer.acks", "write us.producer.acks or"),
    ],
)
def test_places_without_any_effect_name_the_right_one(key, right):
    assert right in place(key, ALIASES, NAMES).dead


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("consumer.x", "write us.consumer.x"),
        ("producer.x", "write target.producer.x"),
        ("admin.x", "write us.admin.x or target.admin.x"),
    ],
)
def test_with_flows_their_clusters_are_named(key, right):
    assert place(key, ALIASES, NAMES, (Route("us", "target"),)).dead.endswith(right)


def test_the_longer_of_two_flows_is_meant():
    assert find_route("us->us.west.topics", ALIASES) == Route("us", "us.west")
    assert find_route("us->nowhere.topics", ALIASES) is None
    assert find_route("topics", ALIASES) is None
