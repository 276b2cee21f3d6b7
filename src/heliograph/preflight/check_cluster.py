"""Can a cluster be reached as configured: every bootstrap server, then every broker that the cluster names.

A bootstrap server that does not answer is a warning as long as another does. A broker that the cluster names and that
cannot be reached from here (``advertised.listeners``) is an error: it leads partitions that nobody else serves.
"""

from dataclasses import dataclass

from heliograph.broker.connection import Connection
from heliograph.cluster.cluster import Cluster
from heliograph.concurrency import each_of
from heliograph.config.model import ClusterConfig
from heliograph.errors import HeliographError
from heliograph.observe.text import plural
from heliograph.preflight.finding import Finding, Level
from heliograph.wire.operations import kafka_release
from heliograph.wire.versions import Versions

AT_ONCE = 8
"""Connections tried at the same time."""
ADDRESSES_MAX = 50
"""Most addresses tried of one kind."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of the attempt."""

    findings: tuple[Finding, ...]
    cluster: Cluster | None
    """Started, to be closed by the caller; None when no server answers."""


async def reach(config: ClusterConfig) -> Reached:
    """Try the bootstrap servers, then the brokers that they name."""
    outcomes = await _try_all(config, config.bootstrap[:ADDRESSES_MAX])
    failures = [error for error in outcomes.values() if isinstance(error, HeliographError)]
    versions = next((each for each in outcomes.values() if isinstance(each, Versions)), None)
    if versions is None:
        return Reached(tuple(Finding.of_error(config.alias, error) for error in failures), None)
    findings = [Finding.of_error(config.alias, error, Level.WARNING) for error in failures]
    answering = len(outcomes) - len(failures)
    findings.append(
        Finding(
            Level.OK,
            config.alias,
            f"{answering} of {plural(len(outcomes), 'bootstrap server')} answered ({_how(config)})",
        )
    )
    cluster = Cluster(config)
    try:
        await cluster.start()
        findings += await _brokers(cluster, versions, set(outcomes))
    except HeliographError as error:
        await cluster.close()
        return Reached((*findings, Finding.of_error(config.alias, error)), None)
    return Reached(tuple(findings), cluster)


async def _brokers(cluster: Cluster, versions: Versions, tried: set[Address]) -> list[Finding]:
    alias, metadata = cluster.alias, cluster.metadata
    brokers = sorted(metadata.brokers.values(), key=lambda each: each.node_id)
    told = f"{kafka_release(versions)}, cluster id {metadata.cluster_id or '-'}, {plural(len(brokers), 'broker')}"
    findings = [Finding(Level.OK, alias, told)]
    named = {(each.host, each.port): each for each in brokers if (each.host, each.port) not in tried}
    outcomes = await _try_all(cluster.config, tuple(named)[:ADDRESSES_MAX])
    for address, outcome in outcomes.items():
        if isinstance(outcome, HeliographError):
            text = f"The cluster names broker {named[address].node_id}, which cannot be used: {outcome.message}"
            remedy = f"{outcome.remedy}; brokers are named by advertised.listeners" if outcome.remedy else ""
            findings.append(Finding(Level.ERROR, alias, text, remedy))
    return findings


async def _try_all(config: ClusterConfig, addresses: tuple[Address, ...]) -> dict[Address, Versions | HeliographError]:
    """Open and close a connection to each address: what it speaks, or what went wrong, in the order given."""

    async def one(address: Address) -> Versions:
        connection = await Connection.open(config, *address)
        connection.close()
        return connection.versions

    return await each_of(addresses, one, AT_ONCE)


def _how(config: ClusterConfig) -> str:
    if config.sasl is None:
        return config.protocol
    return f"{config.protocol}, {config.sasl.mechanism} as {config.sasl.username}"
