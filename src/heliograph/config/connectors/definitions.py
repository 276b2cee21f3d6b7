"""The keys that Kafka Connect knows of MirrorMaker 2's three connectors, as ``/connector-plugins/…/config`` tells them.

Kind, default and meaning of a key come from our own tables of options wherever these say them; what stands here beside
is importance, place in a form, and the facts of keys that govern nothing here. Everything is held to a real worker's
answer by a test. Source: what Kafka 4.3.1 answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from heliograph.config.client_options import CLIENT_OPTIONS
from heliograph.config.connectors.checks import (
    Check,
    aliases,
    anything,
    at_least,
    connector_name,
    items,
    no_aliases,
    not_empty,
    one_of,
    one_of_any_case,
    some_of,
    within,
)
from heliograph.config.connectors.merging import PACKAGE
from heliograph.config.mirror_options import MIRROR_OPTIONS
from heliograph.config.model import Part
from heliograph.config.typed import Kind, parse_list

VERSION = "4.3.1"
"""Of Kafka Connect and of MirrorMaker 2's connectors, whose work and whose words these are."""
HIGH, MEDIUM, LOW = "HIGH", "MEDIUM", "LOW"
SHORT, LONG = "SHORT", "LONG"
_TABLE: Final = "as our table of options says"
_OPTIONS = (*MIRROR_OPTIONS, *CLIENT_OPTIONS)
_BY_NAME = {option.name: option for option in reversed(_OPTIONS)}
_OPEN = tuple(option for option in _OPTIONS if option.name.endswith(".*"))
_CONNECT = PACKAGE.removesuffix("mirror.")
_OAUTH = "org.apache.kafka.common.security.oauthbearer."
CONVERTERS = tuple(
    f"{_CONNECT}{name}Converter"
    for name in (
        *(f"converters.{kind}" for kind in ("Boolean", "ByteArray", "Double", "Float", "Integer", "Long", "Short")),
        "json.Json",
        "storage.String",
        "storage.SimpleHeader",
    )
)
"""Classes of converters that come with Kafka. None is needed here, so each may be named."""
_MEANINGS = {
    "name": "What the connector is called; no other one of this Connect cluster has that name.",
    "connector.class": "Which of MirrorMaker 2's connectors it is.",
    "connector.plugin.version": f"Version of the class, which is always {VERSION} here.",
    "transforms": "Must be empty: records are copied as they are, and Java code cannot run here.",
    "predicates": "Must be empty, as transforms.",
}
"""Of keys that say something of a connector, not of a flow."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What is known of one key."""

    name: str
    kind: Kind
    default: str | None
    required: bool
    """Whether there must be a value: there is no default, not even null."""
    importance: str
    documentation: str
    check: Check = anything
    classes: tuple[str, ...] | None = None
    """The only Java classes that may be named, in small letters; None: nothing is known of them."""
    group: str | None = None
    order: int = -1
    """Within the group, from 1."""
    width: str = "NONE"
    display_name: str = ""


def _key(
    name: str,
    importance: str = LOW,
    kind: Kind | None = None,
    default: str | None = _TABLE,
    *,
    check: Check | None = None,
    required: bool = False,
) -> Definition:
    """Define a key; kind and default are those of our tables unless they are given."""
    option = _BY_NAME.get(name) or next(option for option in _OPEN if option.covers(name))
    kind = kind or option.kind
    if default is _TABLE:
        default = option.default if option.mm2_default is None else option.mm2_default
    if kind is Kind.LIST:
        default = ",".join(parse_list(default or ""))
    return Definition(
        name,
        kind,
        default,
        required,
        importance,
        _MEANINGS.get(name, option.meaning),
        check or (items if kind is Kind.LIST else anything),
        option.acts_like if option.refused and kind is Kind.CLASS else None,
        display_name=name,
    )


def _in_form(width: str, display_name: str, definition: Definition) -> Definition:
    """Return a key with its place in a form; its order comes with its group."""
    return replace(definition, width=width, display_name=display_name)


def _group(
    name: str, keys: Iterable[Definition], elsewhere: Mapping[str, str] = MappingProxyType({})
) -> tuple[Definition, ...]:
    """Return keys with their group and order; ``elsewhere`` names the groups of those only counted with it."""
    return tuple(replace(key, group=elsewhere.get(key.name, name), order=order) for order, key in enumerate(keys, 1))


def _converter(kind: str) -> tuple[Definition, Definition]:
    """Define how keys, values or headers are written: not at all, they are copied."""
    shown = kind.capitalize()
    return (
        _in_form(SHORT, f"{shown} converter class", _key(f"{kind}.converter", LOW, Kind.CLASS, None)),
        _in_form(SHORT, f"{shown} converter version", _key(f"{kind}.converter.plugin.version")),
    )


_COMMON = _group(
    "Common",
    (
        _in_form(MEDIUM, "Connector name", _key("name", HIGH, required=True, check=connector_name)),
        _in_form(LONG, "Connector class", _key("connector.class", HIGH, required=True)),
        _in_form(MEDIUM, "Connector version", _key("connector.plugin.version", MEDIUM)),
        _in_form(SHORT, "Tasks max", _key("tasks.max", HIGH, Kind.INT, "1", check=within(1))),
        _in_form(SHORT, "Enforce tasks max", _key("tasks.max.enforce", LOW, Kind.BOOLEAN, "true")),
        *_converter("key"),
        *_converter("value"),
        *_converter("header"),
        _in_form(LONG, "Transforms", _key("transforms", LOW, Kind.LIST, "", check=no_aliases)),
        _in_form(LONG, "Predicates", _key("predicates", LOW, Kind.LIST, "", check=no_aliases)),
        _in_form(
            MEDIUM,
            "Reload Action",
            _key("config.action.reload", LOW, Kind.STRING, "restart", check=one_of("none", "restart")),
        ),
    ),
    {"transforms": "Transforms", "predicates": "Predicates"},
)
_ERRORS = _group(
    "Error Handling",
    (
        _in_form(MEDIUM, "Retry Timeout for Errors", _key("errors.retry.timeout", MEDIUM, Kind.LONG, "0")),
        _in_form(
            MEDIUM,
            "Maximum Delay Between Retries for Errors",
            _key("errors.retry.delay.max.ms", MEDIUM, Kind.LONG, "60000"),
        ),
        _in_form(SHORT, "Error Tolerance", _key("errors.tolerance", MEDIUM, check=one_of("none", "all"))),
        _in_form(SHORT, "Log Errors", _key("errors.log.enable", MEDIUM, Kind.BOOLEAN, "false")),
        _in_form(SHORT, "Log Error Details", _key("errors.log.include.messages", MEDIUM, Kind.BOOLEAN, "false")),
    ),
)
_SOURCES = (
    *_group(
        "Exactly Once Support",
        (
            _in_form(LONG, "Topic Creation Groups", _key("topic.creation.groups", LOW, Kind.LIST, "", check=aliases)),
            _in_form(
                SHORT,
                "Exactly once support",
                _key("exactly.once.support", MEDIUM, check=one_of_any_case("REQUIRED", "REQUESTED")),
            ),
            _in_form(
                SHORT,
                "Transaction Boundary",
                _key("transaction.boundary", MEDIUM, check=one_of_any_case("INTERVAL", "POLL", "CONNECTOR")),
            ),
            _in_form(
                SHORT, "Transaction boundary interval", _key("transaction.boundary.interval.ms", check=at_least(0))
            ),
        ),
        {"topic.creation.groups": "Topic Creation"},
    ),
    *_group("offsets.topic", (_in_form(LONG, "Offsets topic", _key("offsets.storage.topic", check=not_empty)),)),
)
"""What all connectors have that read from somewhere."""
_MIRRORS = (
    _key("enabled", LOW, Kind.BOOLEAN, "true"),
    _key("source.cluster.alias", HIGH, required=True),
    _key("target.cluster.alias", HIGH, Kind.STRING, "target"),
    _key("admin.timeout.ms", LOW, Kind.LONG, "60000"),
    _key("replication.policy.class"),
    _key("replication.policy.separator"),
    _key("replication.policy.internal.topic.separator.enabled"),
    _key("forwarding.admin.class", LOW, Kind.CLASS, "org.apache.kafka.clients.admin.ForwardingAdmin"),
    _key("metric.reporters", LOW, Kind.LIST, "org.apache.kafka.common.metrics.JmxReporter"),
    _key("security.protocol", MEDIUM, check=one_of_any_case("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT")),
    _key("config.providers"),
    _key("ssl.protocol", MEDIUM),
    _key("ssl.provider", MEDIUM),
    _key("ssl.cipher.suites"),
    _key("ssl.enabled.protocols", MEDIUM),
    _key("ssl.keystore.type", MEDIUM),
    _key("ssl.keystore.location", HIGH),
    _key("ssl.keystore.password", HIGH),
    _key("ssl.key.password", HIGH),
    _key("ssl.keystore.key", HIGH),
    _key("ssl.keystore.certificate.chain", HIGH),
    _key("ssl.truststore.certificates", HIGH),
    _key("ssl.truststore.type", MEDIUM),
    _key("ssl.truststore.location", HIGH),
    _key("ssl.truststore.password", HIGH),
    _key("ssl.keymanager.algorithm", LOW, Kind.STRING, "SunX509"),
    _key("ssl.trustmanager.algorithm", LOW, Kind.STRING, "PKIX"),
    _key("ssl.endpoint.identification.algorithm"),
    _key("ssl.secure.random.implementation"),
    _key("ssl.engine.factory.class", LOW, Kind.CLASS),
    _key("sasl.kerberos.service.name", MEDIUM),
    _key("sasl.kerberos.kinit.cmd", LOW, Kind.STRING, "/usr/bin/kinit"),
    _key("sasl.kerberos.ticket.renew.window.factor", LOW, Kind.DOUBLE, "0.8"),
    _key("sasl.kerberos.ticket.renew.jitter", LOW, Kind.DOUBLE, "0.05"),
    _key("sasl.kerberos.min.time.before.relogin", LOW, Kind.LONG, "60000"),
    _key("sasl.login.refresh.window.factor", LOW, Kind.DOUBLE, "0.8", check=within(0.5, 1.0)),
    _key("sasl.login.refresh.window.jitter", LOW, Kind.DOUBLE, "0.05", check=within(0.0, 0.25)),
    _key("sasl.login.refresh.min.period.seconds", LOW, Kind.SHORT, "60", check=within(0, 900)),
    _key("sasl.login.refresh.buffer.seconds", LOW, Kind.SHORT, "300", check=within(0, 3600)),
    _key("sasl.mechanism", MEDIUM),
    _key("sasl.jaas.config", MEDIUM),
    _key("sasl.client.callback.handler.class", MEDIUM, Kind.CLASS),
    _key("sasl.login.callback.handler.class", MEDIUM, Kind.CLASS),
    _key("sasl.login.class", MEDIUM, Kind.CLASS),
    _key("sasl.login.connect.timeout.ms", LOW, Kind.INT),
    _key("sasl.login.read.timeout.ms", LOW, Kind.INT),
    _key("sasl.login.retry.backoff.max.ms", LOW, Kind.LONG, "10000"),
    _key("sasl.login.retry.backoff.ms", LOW, Kind.LONG, "100"),
    _key("sasl.oauthbearer.jwt.retriever.class", MEDIUM, Kind.CLASS, f"{_OAUTH}DefaultJwtRetriever"),
    _key("sasl.oauthbearer.jwt.validator.class", MEDIUM, Kind.CLASS, f"{_OAUTH}DefaultJwtValidator"),
    _key("sasl.oauthbearer.scope", MEDIUM),
    _key("sasl.oauthbearer.client.credentials.client.id", MEDIUM),
    _key("sasl.oauthbearer.client.credentials.client.secret", MEDIUM, Kind.PASSWORD),
    _key("sasl.oauthbearer.assertion.algorithm", MEDIUM, Kind.STRING, "RS256", check=one_of_any_case("ES256", "RS256")),
    _key("sasl.oauthbearer.assertion.claim.aud", MEDIUM),
    _key("sasl.oauthbearer.assertion.claim.exp.seconds", LOW, Kind.INT, "300", check=within(0, 86400)),
    _key("sasl.oauthbearer.assertion.claim.iss", MEDIUM),
    _key("sasl.oauthbearer.assertion.claim.jti.include", MEDIUM, Kind.BOOLEAN, "false"),
    _key("sasl.oauthbearer.assertion.claim.nbf.seconds", LOW, Kind.INT, "60", check=within(0, 3600)),
    _key("sasl.oauthbearer.assertion.claim.sub", MEDIUM),
    _key("sasl.oauthbearer.assertion.file", MEDIUM),
    _key("sasl.oauthbearer.assertion.private.key.file", MEDIUM),
    _key("sasl.oauthbearer.assertion.private.key.passphrase", MEDIUM, Kind.PASSWORD),
    _key("sasl.oauthbearer.assertion.template.file", MEDIUM),
    _key("sasl.oauthbearer.scope.claim.name", LOW, Kind.STRING, "scope"),
    _key("sasl.oauthbearer.sub.claim.name", LOW, Kind.STRING, "sub"),
    _key("sasl.oauthbearer.token.endpoint.url", MEDIUM),
    _key("sasl.oauthbearer.jwks.endpoint.url", MEDIUM),
    _key("sasl.oauthbearer.jwks.endpoint.refresh.ms", LOW, Kind.LONG, "3600000"),
    _key("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", LOW, Kind.LONG, "10000"),
    _key("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", LOW, Kind.LONG, "100"),
    _key("sasl.oauthbearer.clock.skew.seconds", LOW, Kind.INT, "30"),
    _key("sasl.oauthbearer.expected.audience", HIGH, Kind.LIST, ""),
    _key("sasl.oauthbearer.expected.issuer", HIGH),
    _key("sasl.oauthbearer.header.urlencode", LOW, Kind.BOOLEAN, "false"),
)
"""What MirrorMaker 2's connectors have in common."""
_LOCATION = _key("offset-syncs.topic.location", check=one_of("source", "target"))
_TOPIC_FILTER = _key("topic.filter.class", LOW, Kind.CLASS, f"{PACKAGE}DefaultTopicFilter")
_POLLING = _key("consumer.poll.timeout.ms", LOW, Kind.LONG, "1000")
_METRIC_NAMES = _key("metric.names.formats", LOW, Kind.LIST, "legacy", check=some_of("legacy", "new"))
_OF_PART = {
    Part.SOURCE: (
        _key("topics", HIGH),
        _key("topics.exclude", HIGH),
        _key("config.properties.exclude", HIGH),
        _TOPIC_FILTER,
        _key("config.property.filter.class", LOW, Kind.CLASS, f"{PACKAGE}DefaultConfigPropertyFilter"),
        _POLLING,
        _key("refresh.topics.enabled"),
        _key("refresh.topics.interval.seconds"),
        _key("sync.topic.configs.enabled"),
        _key("sync.topic.configs.interval.seconds"),
        _key("sync.topic.acls.enabled"),
        _key("sync.topic.acls.interval.seconds"),
        _key("replication.factor"),
        _key("offset-syncs.topic.replication.factor"),
        _key("offset.lag.max"),
        _LOCATION,
        _key("emit.offset-syncs.enabled"),
        _key("heartbeats.replication.enabled"),
        _METRIC_NAMES,
    ),
    Part.CHECKPOINT: (
        _POLLING,
        _key("groups", HIGH),
        _key("groups.exclude", HIGH),
        _key("group.filter.class", LOW, Kind.CLASS, f"{PACKAGE}DefaultGroupFilter"),
        _key("refresh.groups.enabled"),
        _key("refresh.groups.interval.seconds"),
        _key("emit.checkpoints.enabled"),
        _key("emit.checkpoints.interval.seconds"),
        _key("sync.group.offsets.enabled"),
        _key("sync.group.offsets.interval.seconds"),
        _key("checkpoints.topic.replication.factor"),
        _LOCATION,
        _TOPIC_FILTER,
        _METRIC_NAMES,
    ),
    Part.HEARTBEAT: (
        _key("emit.heartbeats.enabled"),
        _key("emit.heartbeats.interval.seconds"),
        _key("heartbeats.topic.replication.factor"),
    ),
}
CONVERTER_TYPE = Definition(
    "converter.type",
    Kind.STRING,
    None,
    required=True,
    importance=LOW,
    documentation="Whether it is for keys, values or headers.",
    display_name="converter.type",
)
"""The only key of a converter that leaves bytes as they are."""


def definitions_of(part: Part) -> tuple[Definition, ...]:
    """Return a connector's keys, in the order in which they are told."""
    return (*_COMMON, *_ERRORS, *_MIRRORS, *_OF_PART[part], *_SOURCES)


def validated_of(part: Part) -> tuple[Definition, ...]:
    """Return the same keys in the order in which they are validated: what all source connectors have comes first."""
    return (*_COMMON, *_ERRORS, *_SOURCES, *_MIRRORS, *_OF_PART[part])
