"""Configurations judged key by key; the sentences are those that a real Connect worker gave."""

import re

import pytest

from heliograph.config.connectors.validation import Checked, connector_of, validate
from heliograph.config.model import Part
from heliograph.errors import ConfigError

MIRROR = "org.apache.kafka.connect.mirror."
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


def config(part: Part = Part.SOURCE, **more: str | None) -> dict[str, str | None]:
    return {"connector.class": MIRROR + part, "name": "copy", "source.cluster.alias": "west", **more}


def key(name: str, given: dict[str, str | None], *, exactly_once: bool = False) -> Checked:
    return next(each for each in validate(given, exactly_once=exactly_once).keys if each.name == name)


def judged(name: str, value: str | None, part: Part = Part.SOURCE) -> tuple[str | None, tuple[str, ...]]:
    found = key(name, config(part, **{name: value}))
    return found.value, found.errors


@pytest.mark.parametrize("part", Part)
def test_nothing_is_wrong_with_what_must_be_there(part):
    found = validate(config(part), exactly_once=False)
    assert found.errors == ()
    assert found.connector_class == MIRROR + part
    assert key("name", config(part)).value == "copy"


def test_defaults_stand_in_for_what_is_not_given():
    assert key("offset.lag.max", config()).value == "100"
    assert key("tasks.max", config()).value == "1"
    assert key("sasl.jaas.config", config()).value is None


@pytest.mark.parametrize(
    ("name", "value", "read", "errors"),
    [
        ("tasks.max", " 3 ", "3", ()),
        ("tasks.max", "0", "0", ("Invalid value 0 for configuration tasks.max: Value must be at least 1",)),
        (
            "tasks.max",
            " x ",
            None,
            (
                "Invalid value  x  for configuration tasks.max: Not a number of type INT",
                "Invalid value null for configuration tasks.max: Value must be non-null",
            ),
        ),
        ("offset.lag.max", "+5", "5", ()),
        ("offset.lag.max", None, None, ()),
        ("offset.lag.max", "", None, ("Invalid value  for configuration offset.lag.max: Not a number of type LONG",)),
        (
            "offset.lag.max",
            "9" * 100_000,
            None,
            (f"Invalid value {'9' * 100_000} for configuration offset.lag.max: Not a number of type LONG",),
        ),
        (
            "offset-syncs.topic.replication.factor",
            "40000",
            None,
            (
                (
                    "Invalid value 40000 for configuration offset-syncs.topic.replication.factor: "
                    "Not a number of type SHORT"
                ),
            ),
        ),
        ("sasl.kerberos.ticket.renew.jitter", "1e3", "1000.0", ()),
        (
            "sasl.kerberos.ticket.renew.jitter",
            "x",
            None,
            ("Invalid value x for configuration sasl.kerberos.ticket.renew.jitter: Not a number of type DOUBLE",),
        ),
        ("emit.offset-syncs.enabled", " TRUE ", "true", ()),
        (
            "emit.offset-syncs.enabled",
            "yes",
            None,
            (
                (
                    "Invalid value yes for configuration emit.offset-syncs.enabled: "
                    "Expected value to be either true or false"
                ),
            ),
        ),
        ("topics", "a, b ,c", "a,b,c", ()),
        ("topics", "", "", ()),
        ("topics", "a,,b", "a,,b", ("Configuration 'topics' values must not be empty.",)),
        ("topics", None, None, ("Configuration 'topics' values must not be null.",)),
        ("name", " x ", "x", ()),
        ("name", "", "", ("Invalid value  for configuration name: String may not be empty",)),
        ("security.protocol", "ssl", "ssl", ()),
        ("transforms", "a", "a", ("Invalid value [a] for configuration transforms: Java code that cannot run here",)),
        ("sasl.jaas.config", "hush", "[hidden]", ()),
        ("ssl.engine.factory.class", "com.example.Own", "com.example.Own", ()),
        ("sasl.client.callback.handler.class", "com.example.Own", "com.example.Own", ()),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_one_key(name, value, read, errors):
    assert judged(name, value) == (read, errors)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key.converter", "org.example.Nothing"),
        ("value.converter", " No "),
        ("header.converter", ""),
        ("topic.filter.class", "org.example.Nothing"),
        ("forwarding.admin.class", "org.example.Nothing"),
        ("replication.policy.class", "org.example.Nothing"),
    ],
)
def test_classes_that_are_not_there(name, value):
    error = f"Invalid value {value} for configuration {name}: Class {value} could not be found."
    assert judged(name, value) == (None, (error,))


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("key.converter", BYTES, BYTES),
        ("key.converter", f" {BYTES}", BYTES),
        ("key.converter", "ByteArrayConverter", BYTES),
        ("key.converter", "ByteArray", BYTES),
        ("topic.filter.class", f"{MIRROR}DefaultTopicFilter", f"{MIRROR}DefaultTopicFilter"),
        ("replication.policy.class", f"{MIRROR}IdentityReplicationPolicy", f"{MIRROR}IdentityReplicationPolicy"),
        ("replication.policy.class", "com.example.IdentityReplicationPolicy", "com.example.IdentityReplicationPolicy"),
    ],
)
def test_classes_that_are(name, value, found):
    assert judged(name, value) == (found, ())


def test_a_policy_of_somebody_is_known_once_something_says_what_it_means():
    given = config(**{"replication.policy.class": "com.example.Own", "heliograph.replication.policy": "identity"})
    assert key("replication.policy.class", given).errors == ()


def test_what_must_be_there_and_is_not():
    found = validate({"connector.class": "MirrorSource"}, exactly_once=False)
    assert found.errors == (
        'Missing required configuration "name" which has no default value.',
        'Missing required configuration "source.cluster.alias" which has no default value.',
    )


@pytest.mark.parametrize("name", ["tasks.max", "topics", "key.converter", "sasl.jaas.config"])
def test_what_a_reference_stands_for_is_not_asked(name):
    value, errors = judged(name, "${file:/etc/secrets:x}")
    assert errors == ()
    assert value == ("[hidden]" if name == "sasl.jaas.config" else "${file:/etc/secrets:x}")


@pytest.mark.parametrize(
    ("part", "more", "name", "error"),
    [
        (
            Part.SOURCE,
            {"emit.offset-syncs.enabled": "false", "offset-syncs.topic.location": "target"},
            "emit.offset-syncs.enabled",
            "MirrorSourceConnector can't setup offset-syncs feature while emit.offset-syncs.enabled set to false",
        ),
        (
            Part.CHECKPOINT,
            {"emit.checkpoints.enabled": "false"},
            "emit.checkpoints.enabled",
            "MirrorCheckpointConnector can't run with emit.checkpoints.enabled set to false",
        ),
        (
            Part.CHECKPOINT,
            {"emit.offset-syncs.enabled": "false"},
            "emit.offset-syncs.enabled",
            "MirrorCheckpointConnector can't run without offset syncs",
        ),
        (
            Part.SOURCE,
            {"exactly.once.support": "required"},
            "exactly.once.support",
            "This worker does not have exactly-once source support enabled.",
        ),
        (
            Part.HEARTBEAT,
            {"transaction.boundary": "connector"},
            "transaction.boundary",
            (
                "The connector does not support connector-defined transaction boundaries with the given configuration. "
                "Please reconfigure it to use a different transaction boundary definition."
            ),
        ),
        (
            Part.SOURCE,
            {"connector.plugin.version": "3.9.0"},
            "connector.plugin.version",
            (
                f"Plugin {MIRROR}MirrorSourceConnector not found that matches the version range [3.9.0,3.9.0], "
                "available versions: [4.3.1]"
            ),
        ),
    ],
)
def test_what_does_not_go_together(part, more, name, error):
    given = config(part, **more)
    assert key(name, given).errors == (error,)
    assert set(validate(given, exactly_once=False).errors) == {error}


@pytest.mark.parametrize("version", ["4.3.1", "[4,5)"])
def test_the_version_that_there_is(version):
    assert judged("connector.plugin.version", version) == (version, ())


def test_exactly_once_where_the_worker_can():
    assert key("exactly.once.support", config(**{"exactly.once.support": "required"}), exactly_once=True).errors == ()


def test_a_converter_brings_a_key_of_its_own():
    given = config(**{"key.converter": BYTES, "value.converter": f" {BYTES}", "header.converter": BYTES})
    names = [each.name for each in validate(given, exactly_once=False).keys]
    assert names[-2:] == ["header.converter.converter.type", "key.converter.converter.type"]
    assert key("key.converter.converter.type", given).value == "key"
    assert key("value.converter.plugin.version", given).visible
    assert not key("value.converter.plugin.version", config()).visible


@pytest.mark.parametrize(("version", "there"), [("4.3.1", True), ("3.9.0", False)])
def test_a_converter_of_another_version_brings_nothing(version, there):
    given = config(**{"key.converter": BYTES, "key.converter.plugin.version": version})
    names = [each.name for each in validate(given, exactly_once=False).keys]
    assert ("key.converter.converter.type" in names) is there


def test_a_key_that_the_connector_does_not_have_comes_first():
    given = config(Part.CHECKPOINT, **{"emit.offset-syncs.enabled": "false"})
    first = validate(given, exactly_once=False).keys[0]
    assert (first.name, first.definition, first.value) == ("emit.offset-syncs.enabled", None, None)


def test_no_class():
    given = {"name": "copy", "b": "c", "ssl.key.password": "hush", "a": None}
    words = "Connector config {a=null, b=c, name=copy, ssl.key.password=[hidden]} contains no connector type"
    with pytest.raises(ConfigError, match=re.escape(words)):
        connector_of(given)


def test_another_class():
    words = "Failed to find any class that implements Connector and which name matches org.example.Nothing, available"
    with pytest.raises(ConfigError, match=words):
        validate({"connector.class": "org.example.Nothing"}, exactly_once=False)
