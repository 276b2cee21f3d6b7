import pytest

from heliograph.config import OPTIONS
from heliograph.config.options import Effect, Family, Option, Table
from heliograph.config.typed import Kind, parse

ALL = OPTIONS.options


@pytest.mark.parametrize("option", ALL, ids=[f"{option.family} {option.name}" for option in ALL])
def test_each_option_is_whole(option):
    assert option.meaning.endswith(".")
    for default in (option.default, option.mm2_default):
        if default is not None:
            value = parse(option.kind, default)
            chosen = set(value) if isinstance(value, tuple) else {default}
            assert not option.choices or chosen <= set(option.choices) or default == option.mm2_default
    assert option.mm2_default != option.default or option.default is None
    if option.refused:
        assert option.without
    if option.effect is Effect.NOW:
        assert not option.without
    assert all(value == value.lower() for value in option.acts_like)


def test_an_option_declared_twice_is_a_mistake():
    option = Option("a", Family.FLOW, Kind.INT, "1", "A.")
    with pytest.raises(AssertionError, match="declared twice"):
        Table((option, option))


def test_an_exact_name_is_stronger_than_an_open_one():
    assert OPTIONS.find("offset.storage.topic", (Family.STORAGE,)).effect is Effect.NOW
    assert OPTIONS.find("offset.storage.segment.bytes", (Family.STORAGE,)).name == "offset.storage.*"
    assert OPTIONS.find("topics", (Family.STORAGE,)) is None


def test_what_differs_from_mm2_is_declared():
    changed = {option.name: (option.default, option.mm2_default) for option in ALL if option.mm2_default is not None}
    assert changed["refresh.topics.interval.seconds"] == ("10", "600")
    assert changed["isolation.level"] == ("read_committed", "read_uncommitted")
    assert changed["offset-syncs.topic.location"] == (None, "source")
    assert set(changed) == {
        "refresh.topics.interval.seconds",
        "refresh.groups.interval.seconds",
        "config.storage.replication.factor",
        "isolation.level",
        "offset-syncs.topic.location",
        "topics.exclude",
        "offset.flush.interval.ms",
        "fetch.max.bytes",
        "max.request.size",
        "compression.type",
        "sasl.mechanism",
        "ssl.truststore.type",
        "ssl.keystore.type",
    }


def test_secrets_are_declared_as_such():
    for name in ("sasl.jaas.config", "ssl.truststore.password", "ssl.keystore.password", "ssl.key.password"):
        assert OPTIONS.get(Family.CONNECTION, name).secret
