"""How a client connects to a cluster of the testbed, in Java's spelling and in librdkafka's. Pure."""

from dataclasses import dataclass
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.layout import INTERNAL, MECHANISMS, SUPER_USER, Layout, jaas
from heliograph.testbed.releases import KafkaVersion


@dataclass(frozen=True, slots=True)
class ClientStores:
    """Files that a client of a TLS listener needs."""

    authority_pem: Path
    """The certificate of the authority that signed the servers'."""
    trust_store: Path
    """The same as PKCS12, for Java clients that know no PEM."""
    identity_pem: Path | None
    """The client's private key and certificate, or None for a client without one."""
    identity_store: Path | None
    """The same as PKCS12."""
    password: str
    """Opens the PKCS12 stores; PEM files are not encrypted."""


@dataclass(frozen=True, slots=True)
class Access:
    """One user's way into a cluster through one listener."""

    protocol: str
    """``security.protocol``."""
    bootstrap: str
    """``bootstrap.servers``."""
    mechanism: str | None
    """``sasl.mechanism``, or None without SASL."""
    user: str
    """The user's name for SASL."""
    password: str
    """The user's password for SASL."""
    stores: ClientStores | None
    """Present with TLS."""


def access(layout: Layout, listener: str, user: str | None, mechanism: str, stores: ClientStores | None) -> Access:
    """Work out how ``user`` (the super user when None) connects.

    Raises HeliographError for an unknown listener, user or mechanism.
    """
    if listener not in (INTERNAL, *layout.listeners):
        raise HeliographError(f"The cluster has no listener {listener}", remedy=f"It has {', '.join(layout.listeners)}")
    protocol = listener
    if listener == INTERNAL:
        protocol = "SASL_PLAINTEXT" if layout.security.authorizer else "PLAINTEXT"
        mechanism = "PLAIN"
    if mechanism not in MECHANISMS:
        raise HeliographError(f"The testbed knows no SASL mechanism {mechanism}", remedy=f"Use {', '.join(MECHANISMS)}")
    who = user or SUPER_USER
    sasl = protocol.startswith("SASL")
    credentials = layout.security.credentials
    if sasl and who not in credentials:
        raise HeliographError(f"The cluster has no user {who}", remedy="Name it in users when the cluster is made")
    return Access(
        protocol=protocol,
        bootstrap=layout.bootstrap(listener),
        mechanism=mechanism if sasl else None,
        user=who,
        password=credentials.get(who, ""),
        stores=stores if protocol.endswith("SSL") else None,
    )


def java_properties(way: Access, version: KafkaVersion) -> dict[str, str]:
    """Return the properties of a Java client, with PEM files where the version reads them and PKCS12 where not."""
    told = {"bootstrap.servers": way.bootstrap, "security.protocol": way.protocol}
    if way.mechanism:
        told["sasl.mechanism"] = way.mechanism
        told["sasl.jaas.config"] = jaas(way.mechanism, {"username": way.user, "password": way.password})
    if way.stores:
        told |= _pem_stores(way.stores) if version.knows_pem else _pkcs12_stores(way.stores)
    return told


def _pem_stores(stores: ClientStores) -> dict[str, str]:
    told = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(stores.authority_pem)}
    if stores.identity_pem:
        told |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(stores.identity_pem)}
    return told


def _pkcs12_stores(stores: ClientStores) -> dict[str, str]:
    told = {
        "ssl.truststore.type": "PKCS12",
        "ssl.truststore.location": str(stores.trust_store),
        "ssl.truststore.password": stores.password,
    }
    if stores.identity_store:
        told |= {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(stores.identity_store),
            "ssl.keystore.password": stores.password,
            "ssl.key.password": stores.password,
        }
    return told


def librdkafka_properties(way: Access) -> dict[str, str]:
    """Return the configuration of a confluent-kafka client."""
    told = {"bootstrap.servers": way.bootstrap, "security.protocol": way.protocol}
    if way.mechanism:
        told |= {"sasl.mechanism": way.mechanism, "sasl.username": way.user, "sasl.password": way.password}
    if way.stores:
        told["ssl.ca.location"] = str(way.stores.authority_pem)
        if way.stores.identity_pem:
            identity = str(way.stores.identity_pem)
            told |= {"ssl.key.location": identity, "ssl.certificate.location": identity}
    return told
