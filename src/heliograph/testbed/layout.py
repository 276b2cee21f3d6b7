"""What a cluster of the testbed looks like: its nodes, ports and server properties. Pure.

Every broker has the listeners that were asked for, each named like its protocol, and one more, ``INTERNAL``, for the
brokers among themselves and for Apache's tools. Without an authorizer ``INTERNAL`` is plaintext; with one it asks for
the super user's password, so that an anonymous client of the ``PLAINTEXT`` listener gains nothing. KRaft adds
``CONTROLLER``, which follows the same rule.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from heliograph.errors import HeliographError
from heliograph.testbed.ports import LOOPBACK
from heliograph.testbed.releases import KafkaVersion

INTERNAL = "INTERNAL"
"""The listener of brokers among themselves and of the tools."""

CONTROLLER = "CONTROLLER"
"""The listener of KRaft's quorum."""

CLIENT_LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""The listeners that a caller may ask for."""

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""The SASL mechanisms that the testbed sets up."""

SUPER_USER = "admin"
"""The user whom the authorizer lets do everything."""

SPLIT_SCRAM = "SCRAM"
"""How a SCRAM mechanism's name begins."""

ClientAuth = Literal["none", "requested", "required"]
"""What an SSL listener wants to see of a client's certificate."""


@dataclass(frozen=True, slots=True)
class Security:
    """Who may connect how."""

    super_password: str = field(repr=False)
    """The password of ``SUPER_USER``."""
    users: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Further users and their passwords, for all mechanisms."""
    authorizer: bool = False
    """Whether ACLs decide."""
    ssl_client_auth: ClientAuth = "none"
    """Client certificates on SSL and SASL_SSL."""
    key_store: Path | None = None
    """The servers' PKCS12 key store."""
    trust_store: Path | None = None
    """The PKCS12 store of the authorities whom the servers trust."""
    store_password: str = field(repr=False, default="")
    """Opens both stores."""

    @property
    def credentials(self) -> dict[str, str]:
        """All users, the super user among them, and their passwords."""
        return {**self.users, SUPER_USER: self.super_password}


@dataclass(frozen=True, slots=True)
class Node:
    """One server."""

    node_id: int
    """Counts from 1."""
    folder: Path
    """Holds its properties, log and data."""
    ports: Mapping[str, int]
    """The port that it listens on, by listener."""
    advertised: Mapping[str, int]
    """The port that clients are told, by listener: another one where a proxy stands in front."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole cluster before it runs."""

    version: KafkaVersion
    """Of the brokers and tools."""
    listeners: tuple[str, ...]
    """What was asked for, in order."""
    nodes: tuple[Node, ...]
    """All brokers."""
    security: Security
    """Who may connect how."""
    properties: Mapping[str, str]
    """Server properties from the caller; they win over ours."""
    zookeeper_port: int | None = None
    """Where ZooKeeper listens, for versions that need it."""

    @property
    def zookeeper(self) -> str | None:
        """ZooKeeper's address, or None under KRaft."""
        return f"{LOOPBACK}:{self.zookeeper_port}" if self.zookeeper_port else None

    def bootstrap(self, listener: str) -> str:
        """Return the ``bootstrap.servers`` of one listener."""
        return ",".join(f"{LOOPBACK}:{node.advertised[listener]}" for node in self.nodes)


def check_listeners(listeners: Sequence[str]) -> tuple[str, ...]:
    """Return the listeners as a tuple. Raises HeliographError for an unknown, repeated or missing one."""
    unknown = [name for name in listeners if name not in CLIENT_LISTENERS]
    if unknown or not listeners or len(set(listeners)) != len(listeners):
        raise HeliographError(
            f"A cluster cannot have the listeners {', '.join(listeners) or '(none)'}",
            remedy=f"Choose from {', '.join(CLIENT_LISTENERS)}, each at most once",
        )
    return tuple(listeners)


def check_users(users: Mapping[str, str]) -> dict[str, str]:
    """Return the users as a new dict. Raises HeliographError for what Kafka's own tools could not be told."""
    for user, password in users.items():
        if not re.fullmatch(r"[A-Za-z0-9._-]+", user) or not password or re.search(r"[\[\],]", password):
            raise HeliographError(
                f"The testbed cannot make the user {user!r}",
                remedy="Use letters, digits, dots, dashes in names, and no comma or square bracket in passwords",
            )
    return dict(users)


def needs_certificates(listeners: Sequence[str]) -> bool:
    """Whether any of the listeners speaks TLS."""
    return any(name.endswith("SSL") for name in listeners)


def jaas(mechanism: str, options: Mapping[str, str]) -> str:
    """Return a login module with its options, as ``sasl.jaas.config`` wants it."""
    scram = mechanism.startswith(SPLIT_SCRAM)
    package, module = ("scram", "ScramLoginModule") if scram else ("plain", "PlainLoginModule")
    quoted = [f'{name}="{escape_jaas(value)}"' for name, value in options.items()]
    return " ".join([f"org.apache.kafka.common.security.{package}.{module}", "required", *quoted]) + ";"


def escape_jaas(value: str) -> str:
    """Escape what would end a quoted string of JAAS."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def server_properties(layout: Layout, node: Node) -> dict[str, str]:
    """Return everything that one broker is told."""
    names = [INTERNAL, *layout.listeners]
    told = {
        "listeners": _addresses(names, node.ports),
        "advertised.listeners": _addresses(names, node.advertised),
        "listener.security.protocol.map": _protocols(layout, names),
        "inter.broker.listener.name": INTERNAL,
        "log.dirs": str(node.folder / "data"),
        **_small_cluster(len(layout.nodes)),
        **(_kraft(layout, node) if layout.version.uses_kraft else _zookeeper(layout, node)),
        **_sasl(layout),
        **_ssl(layout),
        **_acls(layout),
    }
    return {**told, **layout.properties}


def _addresses(names: Sequence[str], ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{ports[name]}" for name in names)


def _inner_protocol(layout: Layout) -> str:
    """Return how brokers, controllers and tools speak with each other."""
    return "SASL_PLAINTEXT" if layout.security.authorizer else "PLAINTEXT"


def _protocols(layout: Layout, names: Sequence[str]) -> str:
    inner = [INTERNAL, *([CONTROLLER] if layout.version.uses_kraft else [])]
    return ",".join(
        [f"{name}:{_inner_protocol(layout)}" for name in inner]
        + [f"{name}:{name}" for name in names if name != INTERNAL]
    )


def _small_cluster(brokers: int) -> dict[str, str]:
    """Keep inner topics small and copied as often as the brokers allow, and wait for no group members."""
    copies = str(min(3, brokers))
    return {
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": "16777216",
        "controlled.shutdown.max.retries": "1",
    }


def _kraft(layout: Layout, node: Node) -> dict[str, str]:
    """Make each node broker and controller; all nodes vote (KIP-595)."""
    voters = ",".join(f"{each.node_id}@{LOOPBACK}:{each.ports[CONTROLLER]}" for each in layout.nodes)
    names = [INTERNAL, *layout.listeners, CONTROLLER]
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": voters,
        "controller.listener.names": CONTROLLER,
        "listeners": _addresses(names, node.ports),
        # How long a broker that crashed counts as alive, and is refused when it comes back (KIP-631).
        "broker.session.timeout.ms": "5000",
        "broker.heartbeat.interval.ms": "1000",
        # An idle controller writes a record to say that nothing happens; twice a second is half of what it costs.
        "metadata.max.idle.interval.ms": "5000",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": str(min(3, len(layout.nodes))),
        "share.coordinator.state.topic.min.isr": "1",
    }


def _zookeeper(layout: Layout, node: Node) -> dict[str, str]:
    return {
        "broker.id": str(node.node_id),
        "zookeeper.connect": str(layout.zookeeper),
        "zookeeper.connection.timeout.ms": "30000",
        # How long a broker that crashed stays in the registry, and cannot be started again.
        "zookeeper.session.timeout.ms": "6000",
    }


def _sasl(layout: Layout) -> dict[str, str]:
    """Set mechanisms and users of every SASL listener; the inner ones know the super user alone."""
    told: dict[str, str] = {}
    security = layout.security
    outer = [name for name in layout.listeners if name.startswith("SASL")]
    if outer:
        told["sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
    for name in outer:
        prefix = f"listener.name.{name.lower()}"
        passwords = {f"user_{user}": password for user, password in security.credentials.items()}
        told[f"{prefix}.plain.sasl.jaas.config"] = jaas("PLAIN", passwords)
        for mechanism in MECHANISMS[1:]:
            told[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = jaas(mechanism, {})
    if security.authorizer:
        told |= {"sasl.mechanism.inter.broker.protocol": "PLAIN", "sasl.mechanism.controller.protocol": "PLAIN"}
        itself = {
            "username": SUPER_USER,
            "password": security.super_password,
            f"user_{SUPER_USER}": security.super_password,
        }
        for name in (INTERNAL, CONTROLLER):
            prefix = f"listener.name.{name.lower()}"
            told[f"{prefix}.sasl.enabled.mechanisms"] = "PLAIN"
            told[f"{prefix}.plain.sasl.jaas.config"] = jaas("PLAIN", itself)
    return told


def _ssl(layout: Layout) -> dict[str, str]:
    security = layout.security
    if security.key_store is None or security.trust_store is None:
        return {}
    told = {
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(security.key_store),
        "ssl.keystore.password": security.store_password,
        "ssl.key.password": security.store_password,
        "ssl.truststore.type": "PKCS12",
        "ssl.truststore.location": str(security.trust_store),
        "ssl.truststore.password": security.store_password,
        "ssl.client.auth": security.ssl_client_auth,
    }
    if layout.version.maps_principals:
        # A certificate's user is then called like a SASL user, so that one ACL serves both.
        told["ssl.principal.mapping.rules"] = "RULE:^CN=([^,]+).*$/$1/,DEFAULT"
    return told


def _acls(layout: Layout) -> dict[str, str]:
    if not layout.security.authorizer:
        return {}
    return {
        "authorizer.class.name": layout.version.authorizer,
        "super.users": f"User:{SUPER_USER}",
        "allow.everyone.if.no.acl.found": "false",
    }
