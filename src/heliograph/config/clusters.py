"""How to reach a cluster, for one flow: addresses, security, time-outs."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from heliograph.config.model import ClusterConfig, Warned
from heliograph.config.options import Family
from heliograph.config.places import (
    Route,
    source_client_keys,
    source_connection_keys,
    target_client_keys,
    target_connection_keys,
)
from heliograph.config.problems import Problems
from heliograph.config.resolve import Found, Resolver
from heliograph.config.security import build_security
from heliograph.errors import ConfigError

BOOTSTRAP_MAX = 1_000
"""Most bootstrap servers of one cluster."""
_ADDRESS = re.compile(
    r"(?:[0-9A-Za-z_.%-]*://)?(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>[0-9]{1,5})"
)


def build_source(resolver: Resolver, route: Route, now: datetime) -> tuple[ClusterConfig, tuple[Warned, ...]]:
    """Return how ``route`` reaches its source; what is wrong is added to the resolver's problems."""

    def connection(name: str) -> Found:
        return resolver.find(Family.CONNECTION, name, source_connection_keys(route, name), f"{route.source}.{name}")

    def client(name: str) -> Found:
        shown_as = f"{route.source}.consumer.{name}"
        return resolver.find(Family.CLIENT, name, source_client_keys(route, name), shown_as)

    return _build(route.source, connection, client, now, resolver.problems)


def build_target(resolver: Resolver, route: Route, now: datetime) -> tuple[ClusterConfig, tuple[Warned, ...]]:
    """Return how ``route`` reaches its target; what is wrong is added to the resolver's problems."""

    def connection(name: str) -> Found:
        return resolver.find(Family.CONNECTION, name, target_connection_keys(route, name), f"{route.target}.{name}")

    def client(name: str) -> Found:
        shown_as = f"{route.target}.producer.{name}"
        return resolver.find(Family.CLIENT, name, target_client_keys(route, name), shown_as)

    return _build(route.target, connection, client, now, resolver.problems)


def _address_remedy(item: str) -> str:
    if re.fullmatch(r"[A-Z0-9_]+|<.*>", item):
        return "Fill in the placeholder"
    scheme, separator, rest = item.rpartition("://")
    address = rest.partition("/")[0]
    if separator and ":" in address:
        return f"Leave out {scheme}://{' and what follows the port' if '/' in rest else ''}: write {address[:100]}"
    return "Write host:port"


def _scheme_warnings(found: Found, protocol: str) -> Iterable[Warned]:
    """Yield a warning of a scheme before an address, which Kafka's clients pass over, unless it says what holds."""
    schemes = dict.fromkeys(item.partition("://")[0] for item in found.items if "://" in item)
    wrong = [scheme for scheme in schemes if scheme.upper() != protocol]
    if wrong and found.entry is not None:
        message = (
            f"{found.key} has {wrong[0]}:// before an address, which has no effect: leave it out; "
            f"how to connect is said by security.protocol, which is {protocol}"
        )
        yield Warned(found.key, message, found.entry.line)


def _build(
    alias: str,
    connection: Callable[[str], Found],
    client: Callable[[str], Found],
    now: datetime,
    problems: Problems,
) -> tuple[ClusterConfig, tuple[Warned, ...]]:
    servers = connection("bootstrap.servers")
    bootstrap = problems.attempt(lambda: parse_bootstrap(servers, alias), ())
    security = build_security(connection, alias, now, problems)
    cluster = ClusterConfig(
        alias=alias,
        bootstrap=bootstrap,
        tls=security.tls,
        sasl=security.sasl,
        client_id=client("client.id").text,
        request_timeout_ms=client("request.timeout.ms").number,
        connect_timeout_ms=client("socket.connection.setup.timeout.ms").number,
        reconnect_backoff_ms=client("reconnect.backoff.ms").number,
        reconnect_backoff_max_ms=client("reconnect.backoff.max.ms").number,
        retry_backoff_ms=client("retry.backoff.ms").number,
        retry_backoff_max_ms=client("retry.backoff.max.ms").number,
        metadata_max_age_ms=client("metadata.max.age.ms").number,
    )
    return cluster, (*security.warnings, *_scheme_warnings(servers, cluster.protocol))


def parse_bootstrap(found: Found, alias: str) -> tuple[tuple[str, int], ...]:
    """Return host and port of each server. Raises ConfigError when there is none, or one is malformed."""
    if found.broken:
        return ()
    if not found.items:
        raise ConfigError(
            f"{alias}.bootstrap.servers is missing or empty", remedy="Set it to host:port of some brokers"
        )
    if len(found.items) > BOOTSTRAP_MAX:
        raise ConfigError(f"{found.where} names more than {BOOTSTRAP_MAX} servers")
    servers = []
    for item in found.items:
        match = _ADDRESS.fullmatch(item)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ConfigError(
                f"{found.where} has {item[:100]!r}, which is no host:port",
                remedy=_address_remedy(item),
            )
        servers.append((match["v6"] or match["host"], int(match["port"])))
    return tuple(servers)
