"""``heliograph check`` on what works and on what does not, with real clusters."""

import json
import time

import confluent_kafka
import pytest

DEADLINE_S = 60
KEY = "KAFKA_TARGET_APIKEY"


def findings(ended, level: str) -> list[str]:
    """The text and remedy of all findings of one level."""
    rows = json.loads(ended.out)["findings"]
    return [f"{row['about']}: {row['text']}. {row['remedy']}" for row in rows if row["level"] == level]


def allow(cluster, *arguments: str) -> None:
    made = cluster.tool("kafka-acls", "--add", "--allow-principal", "User:token", *arguments)
    assert made.exit_code == 0, made.stderr


def until(look, good):
    """Look again until it is good, within a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not good(seen := look()) and time.monotonic() < deadline:
        pass
    return seen


@pytest.mark.brokers
def test_all_is_well(heliograph, plain, unique) -> None:
    plain.on_source(**{unique: 3})
    file = plain.file(f"source->target.topics={unique}", "typo.key=1")
    ended = heliograph("check", file)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert f"  source->target.topics = {unique}" in ended.out
    assert any(line.endswith("mm2.properties:2") for line in lines)
    assert any("warning" in line and "typo.key" in line for line in lines)
    assert f"1 topic with 3 partitions will be copied: {unique}" in ended.out
    assert f"1 topic to create on target: source.{unique} (3)" in ended.out
    assert "Kafka 4.1 or newer, cluster id " in ended.out
    assert "Group source-mm2 on target is free" in ended.out
    assert lines[-1] == "Ready to run; 1 to look at"
    assert "typo.key" in lines[-3], "what is to be looked at comes last"
    assert "source->target.group.id = source-mm2" in ended.out, "what follows from the file is shown"
    assert "refresh.topics.interval.seconds" not in ended.out
    assert any("defaults (--all shows them)" in line for line in lines)
    everything = heliograph("check", file, "--all").out
    assert "source->target.refresh.topics.interval.seconds = 10" in everything
    again = heliograph("check", file, "--json")
    told = json.loads(again.out)
    assert told["ready"] is True
    assert told["warnings"][0]["key"] == "typo.key"
    assert {"key": "source->target.topics", "value": unique, "origin": f"{file}:10"} in told["effective"]
    # Nothing was created by looking.
    names = plain.target.tool("kafka-topics", "--list").stdout.splitlines()
    ours = {f"mm2-{kind}.source.internal" for kind in ("offsets", "offset-syncs", "configs")}
    ours |= {"source.checkpoints.internal"}
    assert not [name for name in names if unique in name or name in ours]


@pytest.mark.brokers
def test_a_wrong_password(heliograph, strict) -> None:
    file = strict.file()
    ended = heliograph("check", file, **{KEY: "wr0ng-w0rd"})
    assert ended.code == 3
    assert "refuses the credentials of user token" in ended.out
    assert "wr0ng-w0rd" not in ended.out + ended.err
    assert "source->target  copies .* (orders becomes source.orders)" in ended.out, "the file is explained all the same"
    assert "Not examined: target cannot be used" in ended.out


@pytest.mark.brokers
def test_a_dead_port(heliograph, source_kafka, write) -> None:
    file = write(f"127.0.0.1:1, {source_kafka.bootstrap()}", "127.0.0.1:2")
    ended = heliograph("check", "--json", file)
    assert ended.code == 3
    assert any("127.0.0.1:1" in line for line in findings(ended, "warning")), "another server answers"
    assert any("127.0.0.1:2" in line for line in findings(ended, "error"))


def test_a_wrong_configuration_never_gets_that_far(heliograph, tmp_path) -> None:
    file = tmp_path / "wrong.properties"
    file.write_text("clusters=a, b\na.bootstrap.servers=h:1\nb.bootstrap.servers=h:1\n")
    ended = heliograph("check", file)
    assert (ended.code, ended.out) == (2, "")
    assert "enables no flow" in ended.err


@pytest.mark.brokers
def test_permissions_are_named_one_by_one(heliograph, strict, unique) -> None:
    strict.on_source(**{f"{unique}-a": 1, f"{unique}-b": 1})
    file = strict.file(f"source->target.topics={unique}-.*", f"source->target.group.id={unique}")
    environment = {KEY: strict.target.librdkafka_config("SASL_SSL", "token")["sasl.password"]}
    ended = heliograph("check", "--json", file, **environment)
    assert ended.code == 3
    told = "\n".join(findings(ended, "error"))
    assert f"Permission Create is missing on topic source.{unique}-a, source.{unique}-b" in told
    assert f"Permission Read is missing on group {unique}" in told
    assert "Grant it to token on target" in told
    assert "IdempotentWrite" in told

    allow(strict.target, "--operation", "All", "--topic", "source.", "--resource-pattern-type", "prefixed")
    allow(strict.target, "--operation", "All", "--topic", "mm2-offsets.source.internal")
    allow(strict.target, "--operation", "Read", "--group", unique)
    allow(strict.target, "--operation", "All", "--topic", "mm2-offset-syncs.source.internal")
    allow(strict.target, "--operation", "All", "--topic", "mm2-configs.source.internal")
    allow(strict.target, "--operation", "All", "--topic", "heartbeats")
    strict.on_target(**{f"source.{unique}-a": 1})
    # Later topics have names that the prefix covers as well. Brokers learn of ACLs a moment after the tool ends.
    ended = until(lambda: heliograph("check", "--json", file, **environment), lambda ended: ended.code == 0)
    assert (ended.code, findings(ended, "error"), findings(ended, "warning")) == (0, [], [])

    denied = strict.target.tool(
        *("kafka-acls", "--add", "--deny-principal", "User:token", "--operation", "Write"),
        *("--topic", f"source.{unique}-a"),
    )
    assert denied.exit_code == 0, denied.stderr
    ended = until(lambda: heliograph("check", "--json", file, **environment), lambda ended: ended.code == 3)
    assert ended.code == 3
    told = "\n".join(findings(ended, "error"))
    assert f"Permission Write is missing on topic source.{unique}-a" in told


@pytest.mark.brokers
def test_more_replicas_than_brokers(heliograph, plain, unique) -> None:
    plain.on_source(**{unique: 1})
    file = plain.file(
        f"source->target.topics={unique}",
        "source->target.replication.factor=2",
        f"target.offset.storage.topic=offsets-{unique}",
        "target.offset.storage.replication.factor=3",
        "source->target.checkpoints.topic.replication.factor=3",
    )
    ended = heliograph("check", "--json", file)
    assert ended.code == 3
    told = "\n".join(findings(ended, "error"))
    assert "Set replication.factor to at most 1" in told
    assert "Set offset.storage.replication.factor to at most 1" in told
    told = "\n".join(findings(ended, "warning"))
    assert "Set checkpoints.topic.replication.factor to at most 1" in told


@pytest.mark.brokers
def test_topics_that_hold_state_must_be_compacted(heliograph, plain, unique) -> None:
    plain.on_source(**{unique: 1})
    plain.on_target(**{f"offsets-{unique}": 1})
    file = plain.file(f"source->target.topics={unique}", f"target.offset.storage.topic=offsets-{unique}")
    ended = heliograph("check", file)
    assert ended.code == 0
    *_, warning, empty, last = ended.out.splitlines()
    assert f"Topic offsets-{unique} on target holds the stored positions and has cleanup.policy=delete" in warning
    assert "Set cleanup.policy=compact on it" in warning
    assert (empty, last) == ("", "Ready to run; 1 to look at")


@pytest.mark.brokers
def test_a_smaller_limit_on_the_target(heliograph, plain, unique) -> None:
    plain.on_source(**{unique: 1})
    plain.on_target("--config", "max.message.bytes=50000", **{f"source.{unique}": 1})
    file = plain.file(f"source->target.topics={unique}, not-there")
    ended = heliograph("check", "--json", file)
    assert ended.code == 0
    told = "\n".join(findings(ended, "warning"))
    assert f"max.message.bytes is smaller on target than on the source: source.{unique} (50,000 of 1,048,588" in told
    assert "source has no topic not-there" in told


@pytest.mark.brokers
@pytest.mark.versions
def test_a_config_that_the_target_will_refuse_to_an_existing_copy(heliograph, plain, shared_kafka, write, unique):
    """4.x takes no segment below 1 MiB; the check says so beforehand, and changes nothing."""
    old = shared_kafka("2.8.2", "2.8.2")
    configs = ("--config", "segment.bytes=100000", "--config", "retention.ms=777")
    made = old.tool("kafka-topics", "--create", "--topic", unique, *configs)
    assert made.exit_code == 0, made.stderr
    plain.on_target(**{f"source.{unique}": 1})
    file = write(old.bootstrap(), plain.target.bootstrap(), f"source->target.topics={unique}")
    ended = heliograph("check", "--json", file)
    assert (ended.code, findings(ended, "error")) == (0, [])
    (told,) = [each for each in findings(ended, "warning") if "segment.bytes" in each]
    assert f"target refuses segment.bytes=100000 for topic source.{unique}: " in told
    assert "Value must be at least 1048576" in told
    assert "The topic keeps the value that it has; change it on source to have it follow" in told
    assert "retention.ms" not in "".join(findings(ended, "warning"))
    described = plain.target.tool(
        "kafka-configs", "--describe", "--entity-type", "topics", "--entity-name", f"source.{unique}"
    )
    assert "777" not in described.stdout, "nothing was changed by looking"
    without = write(
        old.bootstrap(), plain.target.bootstrap(), f"source->target.topics={unique}", "sync.topic.configs.enabled=false"
    )
    assert "segment.bytes" not in "".join(findings(heliograph("check", "--json", without), "warning"))


@pytest.mark.brokers
def test_another_program_has_the_group(heliograph, plain, unique) -> None:
    plain.on_target(**{unique: 1})
    consumer = confluent_kafka.Consumer({**plain.target.librdkafka_config(), "group.id": unique})
    try:
        consumer.subscribe([unique])
        deadline = time.monotonic() + DEADLINE_S
        while not consumer.assignment():
            consumer.poll(0.1)
            assert time.monotonic() < deadline
        file = plain.file(f"source->target.group.id={unique}")
        ended = heliograph("check", "--json", file)
    finally:
        consumer.close()
    assert ended.code == 3
    told = "\n".join(findings(ended, "error"))
    assert f"Group {unique} on target belongs to another program" in told
    assert "MirrorMaker 2" in told
