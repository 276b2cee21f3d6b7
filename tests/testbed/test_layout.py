from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import layout
from heliograph.testbed.releases import KafkaVersion

PORTS = {"INTERNAL": 1, "CONTROLLER": 2, "PLAINTEXT": 3, "SASL_SSL": 4}


def make(
    version: str = "4.3.1", *, authorizer: bool = False, proxied: bool = False, **properties: str
) -> layout.Layout:
    told = {**PORTS, "PLAINTEXT": 33} if proxied else PORTS
    nodes = tuple(layout.Node(number, Path(f"/c/broker-{number}"), PORTS, told) for number in (1, 2))
    security = layout.Security(
        super_password="s3cret",
        users={"alice": 'a"\\b'},
        authorizer=authorizer,
        key_store=Path("/c/server.p12"),
        trust_store=Path("/c/authority.p12"),
        store_password="st0re",
    )
    kafka = KafkaVersion.parse(version)
    zookeeper = None if kafka.uses_kraft else 9
    return layout.Layout(kafka, ("PLAINTEXT", "SASL_SSL"), nodes, security, properties, zookeeper)


def told(cluster: layout.Layout) -> dict[str, str]:
    return layout.server_properties(cluster, cluster.nodes[0])


def test_every_listener_has_its_address_and_protocol() -> None:
    properties = told(make(proxied=True))
    assert properties["listeners"].split(",") == [
        "INTERNAL://127.0.0.1:1",
        "PLAINTEXT://127.0.0.1:3",
        "SASL_SSL://127.0.0.1:4",
        "CONTROLLER://127.0.0.1:2",
    ]
    assert "PLAINTEXT://127.0.0.1:33" in properties["advertised.listeners"]
    assert "CONTROLLER" not in properties["advertised.listeners"]
    assert "INTERNAL:PLAINTEXT" in properties["listener.security.protocol.map"]


def test_all_nodes_vote() -> None:
    assert told(make())["controller.quorum.voters"] == "1@127.0.0.1:2,2@127.0.0.1:2"


def test_old_versions_are_told_of_zookeeper_and_not_of_controllers() -> None:
    properties = told(make("1.1.1"))
    assert properties["zookeeper.connect"] == "127.0.0.1:9"
    assert not [name for name in properties if name.startswith(("controller.", "process."))]
    assert "CONTROLLER" not in properties["listeners"]


def test_with_an_authorizer_the_inner_listener_asks_for_the_super_user() -> None:
    properties = told(make(authorizer=True))
    assert "INTERNAL:SASL_PLAINTEXT" in properties["listener.security.protocol.map"]
    assert 'password="s3cret"' in properties["listener.name.internal.plain.sasl.jaas.config"]
    assert properties["super.users"] == "User:admin"


def test_without_one_nothing_is_authorised() -> None:
    assert "authorizer.class.name" not in told(make())


def test_passwords_are_quoted_for_jaas() -> None:
    assert r'user_alice="a\"\\b"' in told(make())["listener.name.sasl_ssl.plain.sasl.jaas.config"]


def test_the_caller_wins() -> None:
    assert told(make(**{"num.io.threads": "9"}))["num.io.threads"] == "9"


def test_secrets_do_not_show_in_representations() -> None:
    shown = repr(make())
    assert "s3cret" not in shown
    assert "st0re" not in shown


@pytest.mark.parametrize("listeners", [(), ("SSL", "SSL"), ("TLS",), ("INTERNAL",)])
def test_impossible_listeners_are_refused(listeners: tuple[str, ...]) -> None:
    with pytest.raises(HeliographError, match="cannot have the listeners"):
        layout.check_listeners(listeners)


def test_bootstrap_names_what_is_advertised() -> None:
    assert make(proxied=True).bootstrap("PLAINTEXT") == "127.0.0.1:33,127.0.0.1:33"
