from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.clients import ClientStores, access, java_properties, librdkafka_properties
from heliograph.testbed.layout import Layout, Node, Security
from heliograph.testbed.releases import KafkaVersion

NEW, OLD = KafkaVersion.parse("4.3.1"), KafkaVersion.parse("1.1.1")
NAMES = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
PORTS = {name: number for number, name in enumerate(("INTERNAL", *NAMES), start=1)}
STORES = ClientStores(Path("/c/ca.pem"), Path("/c/ca.p12"), Path("/c/me.pem"), Path("/c/me.p12"), "st0re")


def layout(*, authorizer: bool = False) -> Layout:
    node = Node(1, Path("/c/broker-1"), PORTS, PORTS)
    security = Security("s3cret", {"alice": "in wonderland"}, authorizer)
    return Layout(NEW, NAMES, (node,), security, {})


def test_plaintext_needs_no_more_than_an_address() -> None:
    way = access(layout(), "PLAINTEXT", None, "PLAIN", STORES)
    expected = {"bootstrap.servers": "127.0.0.1:2", "security.protocol": "PLAINTEXT"}
    assert java_properties(way, NEW) == librdkafka_properties(way) == expected


def test_sasl_over_tls_in_both_spellings() -> None:
    way = access(layout(), "SASL_SSL", "alice", "SCRAM-SHA-512", STORES)
    java = java_properties(way, NEW)
    assert java["sasl.jaas.config"].startswith("org.apache.kafka.common.security.scram.ScramLoginModule required ")
    assert 'username="alice" password="in wonderland";' in java["sasl.jaas.config"]
    assert java["ssl.truststore.location"] == "/c/ca.pem"
    told = librdkafka_properties(way)
    assert (told["sasl.mechanism"], told["sasl.username"]) == ("SCRAM-SHA-512", "alice")
    assert (told["ssl.ca.location"], told["ssl.certificate.location"]) == ("/c/ca.pem", "/c/me.pem")


def test_old_clients_get_pkcs12() -> None:
    java = java_properties(access(layout(), "SSL", "alice", "PLAIN", STORES), OLD)
    assert (java["ssl.truststore.type"], java["ssl.keystore.location"]) == ("PKCS12", "/c/me.p12")


def test_the_inner_listener_is_entered_as_the_super_user_when_acls_decide() -> None:
    told = librdkafka_properties(access(layout(authorizer=True), "INTERNAL", None, "SCRAM-SHA-256", None))
    assert (told["sasl.username"], told["sasl.mechanism"]) == ("admin", "PLAIN")
    assert access(layout(), "INTERNAL", None, "PLAIN", None).protocol == "PLAINTEXT"


@pytest.mark.parametrize(
    ("listener", "user", "mechanism", "message"),
    [
        ("TLS", None, "PLAIN", "no listener TLS"),
        ("SASL_SSL", "bob", "PLAIN", "no user bob"),
        ("SASL_SSL", "alice", "GSSAPI", "no SASL mechanism GSSAPI"),
    ],
)
def test_what_is_not_there_is_named(listener: str, user: str | None, mechanism: str, message: str) -> None:
    with pytest.raises(HeliographError, match=message):
        access(layout(), listener, user, mechanism, STORES)
