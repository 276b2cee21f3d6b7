"""How an application tells the translator what to ask; the answers are shown by a scenario."""

import asyncio
from datetime import UTC, datetime

import pytest

import heliograph
from heliograph import OffsetTranslator
from heliograph.config.model import Policy
from heliograph.errors import ConfigError, Unreachable
from heliograph.translate import _kafka_names

BOTH = {
    "clusters": "a, b",
    "a.bootstrap.servers": "127.0.0.1:1",
    "b.bootstrap.servers": "127.0.0.1:1",
    "a->b.enabled": "true",
}


def flow_of(*arguments, **options):
    translator = OffsetTranslator(*arguments, **options)
    translator.close()
    return translator._flow


def test_a_dict_of_a_file():
    assert flow_of(BOTH).name == "a->b"
    both_ways = {**BOTH, "b->a.enabled": "true"}
    assert flow_of(both_ways, flow="b->a").name == "b->a"
    for wrong in ({}, {"flow": "x->y"}):
        with pytest.raises(ConfigError, match="a->b, b->a"):
            OffsetTranslator(both_ways, **wrong)


def test_a_file(tmp_path):
    file = tmp_path / "mm2.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in BOTH.items()))
    assert flow_of(file).name == flow_of(str(file)).name == "a->b"


def test_client_settings_of_librdkafka(tmp_path):
    client = {
        "bootstrap.servers": "127.0.0.1:9",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-256",
        "sasl.username": "app",
        "sasl.password": 'a "quoted\\" word; and more',
        "group.id": "of the application",
        "auto.offset.reset": "earliest",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
    }
    flow = flow_of(client, source="target")
    assert flow.name == "target->target-cluster"
    assert flow.policy is Policy.IDENTITY
    assert (flow.target.protocol, flow.target.sasl.mechanism) == ("SASL_PLAINTEXT", "SCRAM-SHA-256")
    assert (flow.target.sasl.username, flow.target.sasl.password.reveal()) == ("app", client["sasl.password"])
    assert flow.source.sasl is None

    authority = tmp_path / "ca.pem"
    authority.write_text("-- a certificate --")
    assert _kafka_names({"ssl.ca.location": str(authority)}) == {"ssl.truststore.certificates": "-- a certificate --"}
    with pytest.raises(ConfigError, match=r"ssl\.key\.location"):
        _kafka_names({"ssl.key.location": str(tmp_path / "missing.pem")})


def test_the_source_must_be_named():
    with pytest.raises(ConfigError, match="nothing about the source"):
        OffsetTranslator({"bootstrap.servers": "127.0.0.1:9"})


def test_a_cluster_that_does_not_answer():
    with OffsetTranslator(BOTH) as translator, pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        translator.group("g")


def test_moments_without_a_zone_are_utc():
    with OffsetTranslator(BOTH) as translator, pytest.raises(Unreachable):
        translator.timestamp("t", datetime(2026, 1, 31))  # noqa: DTZ001
    with OffsetTranslator(BOTH) as translator, pytest.raises(Unreachable):
        translator.timestamp("t", datetime(2026, 1, 31, tzinfo=UTC))


def test_inside_a_coroutine_it_says_what_is_wrong():
    async def inside():
        with OffsetTranslator(BOTH) as translator:
            translator.group("g")

    with pytest.raises(RuntimeError, match="to_thread"):
        asyncio.run(inside())


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'Translator'"):
        _ = heliograph.Translator
