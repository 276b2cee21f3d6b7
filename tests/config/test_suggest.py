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
        ("a.max.request.size", "a.producer.max.request.size"),
    ],
)
def test_the_key_that_was_probably_meant_is_named(key, meant):
    where = place(key, ("a", "b"), NAMES)
    assert f" {meant} was probably meant" in explain_unknown(where, OPTIONS, where.prefix)


def test_a_key_like_no_other_is_just_unknown():
    where = Place("a->b.", "zzz", (Family.FLOW,), route=Route("a", "b"))
    assert explain_unknown(where, OPTIONS, "") == "is unknown and has no effect"
