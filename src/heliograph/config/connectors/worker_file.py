"""A Kafka Connect worker's file: it names one cluster and the topics of the Connect cluster, and no flows.

Flows come later, as connectors that somebody gives to the REST API, or that are there from before. What the file says
of producers, of security and of positions holds for all of them, as with Connect: their records are written by the
worker's producer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from heliograph.config.clusters import build_target
from heliograph.config.flows import find_http_listener, find_ready_requires, find_total_limit, find_watches
from heliograph.config.judge import Judge
from heliograph.config.model import ClusterConfig, Config, InternalTopic, Warned
from heliograph.config.options import Family, Table
from heliograph.config.places import Route
from heliograph.config.problems import Problems
from heliograph.config.properties import PropertiesFile, Property
from heliograph.config.resolve import Found, Resolver
from heliograph.config.rest import family_of, find_rest
from heliograph.config.variables import Variables
from heliograph.errors import ConfigError

ALIAS = "connect"
"""Of its cluster, where no connector gives it another."""
MARKS = ("bootstrap.servers", "group.id", "config.storage.topic")
"""Keys that a worker's file has; those of MirrorMaker 2 have ``clusters`` in their place."""
BARE = ("config.providers", "heliograph.")
"""How the keys begin that hold for the process, whatever flows it has."""
REPLICAS = 3
"""Of a topic of the Connect cluster, where the file does not say."""
NOT_FOR_FLOWS = (
    "listeners",
    "rest.",
    "admin.listeners",
    "access.control.",
    "response.http.",
    "ssl.client.auth",
    "consumer.",
    "admin.",
    "plugin.",
)
"""How the keys begin that concern the REST API, or sink connectors."""


@dataclass(frozen=True, slots=True)
class ConnectWorker:
    """What a worker's file says."""

    file: PropertiesFile
    """With every key as it stands there."""
    base: Config
    """The process without any flow."""
    cluster: ClusterConfig
    """Where the Connect cluster keeps its state, and where its connectors' records go."""
    group_id: str
    exactly_once: bool
    """Whether its connectors may write records and positions in the same transactions."""
    config_topic: InternalTopic
    offsets_topic: InternalTopic
    status_topic: InternalTopic

    def keys_for(self, alias: str) -> dict[str, str]:
        """Return what the file says as keys of a flow to the cluster ``alias``."""
        return {
            key if key.startswith(BARE) else f"{alias}.{key}": entry.value
            for key, entry in self.file.entries.items()
            if not key.startswith(NOT_FOR_FLOWS)
        }


def is_worker_file(file: PropertiesFile) -> bool:
    """Say whether a file is a worker's, not MirrorMaker 2's."""
    return "clusters" not in file.entries and all(key in file.entries for key in MARKS)


def read_worker(file: PropertiesFile, options: Table, *, environ: Mapping[str, str], now: datetime) -> ConnectWorker:
    """Make sense of a worker's file. Raises ConfigErrors with all that is wrong."""
    problems = Problems()
    entries = {key if key.startswith(BARE) else f"{ALIAS}.{key}": entry for key, entry in file.entries.items()}
    shown = replace(file, entries=entries)
    variables = Variables(shown, environ, problems)
    values = {key: (entry, variables.expand(entry)) for key, entry in entries.items()}
    resolver = Resolver(shown, values, options, problems)
    route = Route(ALIAS, ALIAS)
    cluster, warnings = build_target(resolver, route, now)
    worker = _Worker(resolver, file)
    told: list[Warned] = []
    listener = problems.attempt(lambda: find_http_listener(resolver), None)
    base = Config(
        path=file.path,
        clusters={},
        flows=(),
        http_listener=listener,
        rest=problems.attempt(lambda: find_rest(worker.rest, told, always=True), None),
        ready_requires=find_ready_requires(resolver),
        watches=find_watches(resolver),
        total_limit=find_total_limit(resolver),
        warnings=(*warnings, *told),
    )
    judged = map(_as_written, Judge(shown, options, resolver, (ALIAS,), (route,)).warnings(values))
    found = ConnectWorker(
        file,
        replace(base, warnings=(*judged, *base.warnings)),
        cluster,
        worker.text("group.id"),
        worker.exactly_once(),
        worker.topic("config"),
        worker.topic("offset"),
        worker.topic("status"),
    )
    problems.raise_all(file.path)
    return found


def _as_written(warned: Warned) -> Warned:
    """Return a warning without the alias, which the file does not have."""
    message = warned.message.replace(f"{ALIAS}->{ALIAS}.", "a connector's ").replace(f"{ALIAS}.", "")
    return replace(warned, key=warned.key.removeprefix(f"{ALIAS}."), message=message)


@dataclass(frozen=True, slots=True)
class _Worker:
    """Looks up what only a worker's file has."""

    resolver: Resolver
    file: PropertiesFile

    def text(self, name: str) -> str:
        text = self._find(Family.WORKER if name == "group.id" else Family.STORAGE, name).text
        if not text:
            remedy = "Every worker of a Connect cluster has it; a file of MirrorMaker 2 has clusters"
            self.resolver.problems.add(ConfigError(f"{self.file.path}: {name} is missing or empty", remedy=remedy))
        return text

    def rest(self, prefix: str, name: str) -> Found:
        key = f"{prefix}{name}"
        stands = key if key.startswith(BARE) else f"{ALIAS}.{key}"
        return self.resolver.find(family_of(name, behind=True), name, (stands,), key)

    def exactly_once(self) -> bool:
        return self._find(Family.WORKER, "exactly.once.source.support").text == "enabled"

    def topic(self, kind: str) -> InternalTopic:
        name = self.text(f"{kind}.storage.topic")
        factor = self._find(Family.STORAGE, f"{kind}.storage.replication.factor")
        count = 1 if kind == "config" else self._find(Family.STORAGE, f"{kind}.storage.partitions").number
        return InternalTopic(name, count, REPLICAS if factor.value is None else factor.number)

    def _find(self, family: Family, name: str) -> Found:
        return self.resolver.find(family, name, (f"{ALIAS}.{name}",), name)


def synthetic(path: str, values: Mapping[str, str]) -> PropertiesFile:
    """Return keys and values as if they stood in a file; ``path`` is what errors call it."""
    return PropertiesFile(
        Path(path), {key: Property(key, value, 0) for key, value in values.items()}, overridden=(), utf8_line=None
    )
