"""At most one warning a key, and what it says."""

import pytest

from heliograph.errors import ConfigError

BASE_LINES = 4

WARNED = [
    ("internal.topic.replication.factor=1", "checkpoints.topic.replication.factor"),
    ("B.configs.storage.topic=x", "B.config.storage.topic was probably meant"),
    ("A.configs.storage.topic=x", "B.config.storage.topic was probably meant"),
    ("A.offset.storage.topic=x", "no enabled flow writes to A; B.offset.storage.topic was probably meant"),
    ("A.status.storage.topic=x", "B.status.storage.topic was probably meant"),
    ("blacklist = [a, b]", "config.properties.exclude"),
    ("A->B.topic=x", "A->B.topics was probably meant"),
    ("A->B.topcis=x", "A->B.topics was probably meant"),
    ("A->B.refresh.topics.interval.second=5", "A->B.refresh.topics.interval.seconds was probably meant"),
    ("A.topics=x", "A->B.topics was probably meant"),
    ("A.consumer.isolation.levl=x", "A.consumer.isolation.level was probably meant"),
    ("offset.flush.interval.ms=5", " B.offset.flush.interval.ms was probably meant"),
    ("A->B.offset.flush.interval.ms=5", "B.offset.flush.interval.ms was probably meant"),
    ("use.defaults.from=source", "A->B.use.defaults.from was probably meant"),
    ("isolation.level=read_committed", " A.consumer.isolation.level was probably meant"),
    ("consumer.isolation.level=read_committed", "write A.consumer.isolation.level"),
    ("B.consumer.isolation.level=read_committed", "A.consumer.isolation.level was probably meant"),
    ("A.request.timeout.ms=5000", "A.consumer.request.timeout.ms was probably meant"),
    ("A.producer.linger.ms=5", "B.producer.linger.ms was probably meant"),
    ("A->B.producer.linger.ms=5", "write A->B.producer.override.linger.ms"),
    ("producer.linger.ms=5", "write B.producer.linger.ms"),
    ("admin.retries=5", "write A.admin.retries or B.admin.retries"),
    ("group.id=x", " B.group.id was probably meant"),
    ("max.tasks=20", " tasks.max was probably meant"),
    ("plugin.path=8083", "has no effect: an option of Kafka Connect"),
    ("A->B.group.id=g", "is used here, but MM2 ignores it and uses B.group.id or A-mm2"),
    ("enabled=true", "does not switch a flow on; write A->B.enabled"),
    ("emit.heartbeats=false", "emit.heartbeats.enabled was probably meant"),
    ("utterly.strange=1", "is unknown and has no effect"),
    ("use.incremental.alter.configs=x", "was removed in Kafka 4.0"),
    ("B.producer.compression.type=zstd", "batches keep the compression"),
    ("B.producer.acks=1", "all in-sync replicas"),
    ("B.exactly.once.source.support=preparing", "is like disabled here"),
    ("errors.tolerance=all", "no record is skipped"),
    ("A.consumer.group.id=g", "no consumer group is used"),
    ("B.ssl.engine.factory.class=com.acme.X", "Java class"),
    (
        "A.consumer.fetch.max.bytes=1\nA->B.consumer.fetch.max.bytes=2",
        "A.consumer.fetch.max.bytes (line 5) is stronger",
    ),
    ("offset.storage.topic=x\nB.offset.storage.topic=y", "offset.storage.topic (line 5) is stronger"),
]
QUIET = [
    "tasks.max=10",
    "A->B.tasks.max=3",
    "sync.topic.acls.enabled=false",
    "sync.group.offsets.enabled=false",
    "refresh.groups.interval.seconds=10",
    "checkpoints.topic.replication.factor=3",
    "config.storage.replication.factor=2",
    "status.storage.replication.factor=3",
    "B.config.storage.topic=x",
    "B.scheduled.rebalance.max.delay.ms=0",
    "B.producer.acks=all",
    "B.producer.linger.ms=5",
    "A.consumer.max.poll.records=500",
    "B.exactly.once.source.support=disabled",
    "B.exactly.once.source.support=Enabled",
    "B.exactly.once.source.support=enabled\nA->B.exactly.once.support=required",
    "A->B.transaction.boundary=interval\nA->B.transaction.boundary.interval.ms=500",
    "key.converter=org.apache.kafka.connect.converters.ByteArrayConverter",
    "dedicated.mode.enable.internal.rest=true",
    "topics=x\nA->B.topics=y",
    "B->A.enabled=false\nB->A.topics=z",
    "security.protocol=PLAINTEXT",
    "ssl.endpoint.identification.algorithm=",
    "A->B.topic.creation.default.partitions=1",
    "sasl.kerberos.service.name=kafka",
    "a=b\na=b",
]


@pytest.mark.parametrize(("text", "expected"), WARNED)
def test_a_key_that_does_not_do_what_it_seems_to_gets_one_warning(load_text, text, expected):
    (warning,) = load_text(text).warnings
    assert expected in warning.message
    assert warning.message.startswith(warning.key + " ")
    assert warning.line is not None
    assert warning.line > BASE_LINES


@pytest.mark.parametrize("text", [text for text in QUIET if not text.startswith("a=")])
def test_keys_that_harm_nobody_are_taken_quietly(load_text, text):
    assert load_text(text).warnings == ()


def test_the_second_line_of_a_broken_login_is_recognised(load_text):
    (warning,) = load_text('username="token" password="secret";').warnings
    assert "second line of sasl.jaas.config" in warning.message
    assert "secret" not in warning.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A->B.transforms=mask", "names Java code that cannot run here, so records would be copied unchanged"),
        ("topic.filter.class=com.acme.MyFilter", "other topics would be copied"),
        ("A->B.forwarding.admin.class=com.acme.Admin", "plain requests"),
        ("A->B.exactly.once.support=required", "exactly-once"),
        ("tasks.max=ten", "must be a whole number, not 'ten'"),
    ],
)
def test_running_without_these_would_copy_the_wrong_thing(load_text, text, problem):
    with pytest.raises(ConfigError, match=problem) as refusal:
        load_text(text)
    assert "mm2.properties:5" in str(refusal.value)


def test_settings_of_the_other_direction_count_when_it_is_enabled(load_text):
    config = load_text("B->A.enabled=true\nA.offset.storage.topic=x")
    assert config.warnings == ()
    assert {flow.name: flow.offsets_topic.name for flow in config.flows} == {
        "A->B": "mm2-offsets.A.internal",
        "B->A": "x",
    }


def test_what_has_no_effect_says_so_in_the_effective_configuration(load_text):
    effective = {key: (value, origin) for key, value, origin in load_text("tasks.max.enforce=false").effective}
    value, origin = effective["tasks.max.enforce"]
    assert value == "false"
    assert origin.endswith("mm2.properties:5 (no effect in this version)")
