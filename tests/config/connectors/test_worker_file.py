"""A Kafka Connect worker's file: told from one of MirrorMaker 2, read, and what it lacks named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from connect_files import WORKER, worker

from heliograph.config.connectors.worker_file import is_worker_file, read_worker
from heliograph.config.load import OPTIONS, load
from heliograph.config.model import RestListener
from heliograph.config.properties import parse_properties
from heliograph.errors import ConfigError


def test_a_workers_file_is_told_from_one_of_mirror_maker():
    file = parse_properties(WORKER.encode(), Path("worker.properties"))
    assert is_worker_file(file)
    assert not is_worker_file(parse_properties(b"clusters=a,b\nbootstrap.servers=x:1\n", Path("mm2.properties")))


@pytest.mark.parametrize("missing", ["group.id", "offset.storage.topic", "status.storage.topic", "bootstrap.servers"])
def test_what_a_workers_file_lacks_is_named(missing):
    text = "\n".join(line for line in WORKER.splitlines() if not line.startswith(f"{missing}="))
    with pytest.raises(ConfigError, match=missing):
        worker(text)


def test_what_it_says_of_the_process():
    found = worker(WORKER + "listeners=http://127.0.0.1:18083\nheliograph.http.listener=127.0.0.1:9400\n")
    assert found.base.rest is not None
    assert found.base.rest.listeners == (RestListener("127.0.0.1", 18083, tls=False),)
    assert found.base.http_listener == ("127.0.0.1", 9400)
    assert (found.group_id, found.config_topic.name, found.config_topic.partitions) == (
        "connect-cluster",
        "cc-configs",
        1,
    )
    assert (found.status_topic.name, found.status_topic.partitions, found.status_topic.replication_factor) == (
        "cc-status",
        5,
        3,
    )
    assert found.cluster.bootstrap == (("127.0.0.1", 9092),)


def test_the_api_is_served_on_its_usual_port_where_the_file_says_nothing():
    rest = worker().base.rest
    assert rest is not None
    assert (rest.listeners, rest.worker_id) == ((RestListener("127.0.0.1", 8083, tls=False),), "127.0.0.1:8083")


def test_what_holds_for_a_flow():
    keys = worker(WORKER + "heliograph.limit.bytes.per.second=5MB\nconfig.providers=\n").keys_for("east")
    assert keys["east.offset.flush.interval.ms"] == "1000"
    assert keys["east.producer.max.request.size"] == "2000000"
    assert keys["heliograph.limit.bytes.per.second"] == "5MB"
    assert keys["config.providers"] == ""
    assert not any("consumer" in key for key in keys), "they are for sink connectors"


def test_a_password_may_come_from_a_file(tmp_path):
    (tmp_path / "secrets").write_text("password=hush\n")
    text = (
        WORKER
        + "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
        + 'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="u" '
        + f'password="${{file:{tmp_path / "secrets"}:password}}";\n'
        + "config.providers=file\n"
        + "config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"
    )
    sasl = worker(text).cluster.sasl
    assert sasl is not None
    assert sasl.password.reveal() == "hush"


def test_it_has_no_flows_by_itself(tmp_path):
    file = tmp_path / "worker.properties"
    file.write_text(WORKER)
    with pytest.raises(ConfigError, match="file of a Kafka Connect worker, which has no flows"):
        load(file, environ={})


def test_all_mistakes_are_told_at_once():
    file = parse_properties(b"bootstrap.servers=nowhere\ngroup.id=\nconfig.storage.topic=c\n", Path("w.properties"))
    with pytest.raises(ConfigError) as told:
        read_worker(file, OPTIONS, environ={}, now=datetime.now(UTC))
    for words in ("'nowhere', which is no host:port", "group.id is missing", "offset.storage.topic is missing"):
        assert words in str(told.value)


def test_exactly_once_is_the_workers_to_switch_on():
    assert not worker().exactly_once
    assert worker(f"{WORKER}\nexactly.once.source.support=enabled").exactly_once


def test_what_has_no_effect_is_told_by_the_names_of_the_file():
    text = f"{WORKER}\nprodcer.linger.ms=5\noffsets.storage.topic=c\ntasks.max=4\nadmin.listeners=http://127.0.0.1:1\n"
    told = {warned.key: (warned.message, warned.line) for warned in worker(text).base.warnings}
    lines = text.splitlines()
    for key, words in (
        ("prodcer.linger.ms", "is unknown and has no effect"),
        ("offsets.storage.topic", "is unknown; offset.storage.topic was probably meant"),
        ("tasks.max", "has no effect here; a connector's tasks.max was probably meant"),
        ("admin.listeners", "has no effect: /admin is served where the rest is, to whom the rules of access say"),
    ):
        number = next(number for number, line in enumerate(lines, 1) if line.startswith(f"{key}="))
        assert told[key] == (f"{key} {words}", number)


def test_a_file_as_connect_comes_with_it_has_nothing_unknown():
    usual = """
        key.converter=org.apache.kafka.connect.converters.ByteArrayConverter
        key.converter.schemas.enable=true
        offset.flush.interval.ms=10000
        plugin.path=/usr/local/share/java
        connector.client.config.override.policy=All
        scheduled.rebalance.max.delay.ms=10000
        consumer.fetch.max.bytes=1000
        admin.retries=5
        rest.advertised.host.name=a
    """
    text = f"{WORKER}\n{usual}"
    assert worker(text).base.warnings == ()
