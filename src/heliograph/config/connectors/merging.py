"""Connectors to flows: the two or three connectors between one pair of clusters are one flow here.

A connector's keys are those of MirrorMaker 2's flows, with ``source.cluster.`` and ``target.cluster.`` in front of what
concerns a cluster. Records are written by the Connect worker's producer, so of the target only the worker's file says
how to reach it. Where connectors of one flow differ in a key, the one counts whose work it is: ``groups`` is the
checkpoint connector's, ``emit.heartbeats.enabled`` the heartbeat connector's, all else the source connector's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from heliograph.config.connectors.worker_file import ConnectWorker, synthetic
from heliograph.config.model import Config, FlowConfig, Part, Warned
from heliograph.config.properties import PropertiesFile
from heliograph.config.resolve import DEFAULT, DERIVED
from heliograph.errors import ConfigError, ConfigErrors

CLASS = "connector.class"
TARGET = "target.cluster."
SERVERS = "target.cluster.bootstrap.servers"
SOURCE_ALIAS, TARGET_ALIAS = "source.cluster.alias", "target.cluster.alias"
PACKAGE = "org.apache.kafka.connect.mirror."
_OWN = ("name", CLASS, "tasks.max", "connector.plugin.version", "clusters")
"""What says something of a connector, not of what it does."""
_OF_PART = {
    Part.CHECKPOINT: ("groups", "emit.checkpoints.", "sync.group.offsets.", "refresh.groups.", "checkpoints.topic."),
    Part.HEARTBEAT: ("emit.heartbeats.", "heartbeats.topic."),
}
"""How the keys begin that are a part's work."""
_ABSENT = {
    Part.CHECKPOINT: ("emit.checkpoints.enabled", "sync.group.offsets.enabled"),
    Part.HEARTBEAT: ("emit.heartbeats.enabled",),
}
"""What is not done where there is no such connector."""

Connectors = Mapping[str, Mapping[str, str]]
"""Configurations by name."""
Make = Callable[[PropertiesFile], Config]


@dataclass(frozen=True, slots=True)
class Pair:
    """Between which clusters a connector works."""

    source: str
    target: str

    @property
    def flow(self) -> str:
        """Name of the flow."""
        return f"{self.source}->{self.target}"


@dataclass(frozen=True, slots=True)
class Merged:
    """What connectors come to."""

    config: Config
    flows: Mapping[str, str]
    """The flow of each connector that has one."""
    wrong: Mapping[str, str]
    """Connectors that cannot run, and why."""


def part_of(config: Mapping[str, str]) -> Part:
    """Return what a connector does. Raises ConfigError where its class is none of MirrorMaker 2's."""
    told = config.get(CLASS, "").strip()
    short = told.removeprefix(PACKAGE)
    for part in Part:
        if short in (part.value, part.value.removesuffix("Connector")):
            return part
    remedy = f"{PACKAGE}{Part.SOURCE}, {Part.CHECKPOINT} and {Part.HEARTBEAT} can"
    raise ConfigError(f"{CLASS} is {told!r}, which cannot run here" if told else f"{CLASS} is missing", remedy=remedy)


def pair_of(config: Mapping[str, str]) -> Pair:
    """Return between which clusters a connector works. Raises ConfigError where it does not say so."""
    aliases = [config.get(key, "").strip() for key in (SOURCE_ALIAS, TARGET_ALIAS)]
    for key, alias in zip((SOURCE_ALIAS, TARGET_ALIAS), aliases, strict=True):
        if not alias or "->" in alias or any(char.isspace() for char in alias):
            problem = f"{key} is {alias!r}, which cannot be an alias" if alias else f"{key} is missing or empty"
            raise ConfigError(problem, remedy="Give each cluster a name, without blanks and ->")
    if aliases[0] == aliases[1]:
        raise ConfigError(
            f"{SOURCE_ALIAS} and {TARGET_ALIAS} are both {aliases[0]}", remedy="Give each a name of its own"
        )
    return Pair(*aliases)


def merge(worker: ConnectWorker, connectors: Connectors, make: Make) -> Merged:
    """Make flows of connectors; ``make`` makes a configuration of properties, and raises ConfigError.

    What is wrong with one flow leaves the others alone.
    """
    wrong: dict[str, str] = {}
    pairs: dict[Pair, dict[Part, str]] = {}
    for name, config in sorted(connectors.items()):
        try:
            pair, part = pair_of(config), part_of(config)
        except ConfigError as error:
            wrong[name] = str(error)
            continue
        other = pairs.setdefault(pair, {}).setdefault(part, name)
        if other != name:
            wrong[name] = (
                f"{other} is the {part} from {pair.source} to {pair.target} already. Put the topics of both into one, "
                "or give a cluster another alias in one of them"
            )
    made: list[tuple[FlowConfig, Config]] = []
    flows: dict[str, str] = {}
    for pair, parts in pairs.items():
        try:
            made.append(flow_of(worker, pair, {part: (name, connectors[name]) for part, name in parts.items()}, make))
        except ConfigError as error:
            wrong |= dict.fromkeys(parts.values(), str(error))
        else:
            flows |= dict.fromkeys(parts.values(), pair.flow)
    clusters = {alias: cluster for _, config in made for alias, cluster in config.clusters.items()}
    warnings = (*worker.base.warnings, *(each for _, config in made for each in config.warnings))
    whole = replace(worker.base, flows=tuple(flow for flow, _ in made), clusters=clusters, warnings=warnings)
    whole = replace(whole, effective=tuple(sorted({row for each in made for row in _effective(worker, *each)})))
    return Merged(whole, flows, wrong)


def flow_of(
    worker: ConnectWorker, pair: Pair, parts: Mapping[Part, tuple[str, Mapping[str, str]]], make: Make
) -> tuple[FlowConfig, Config]:
    """Return the flow that some connectors are, and the configuration that it was made from. Raises ConfigErrors."""
    prefix = f"{pair.flow}."
    values = {"clusters": f"{pair.source}, {pair.target}", f"{prefix}enabled": "true", **worker.keys_for(pair.target)}
    keys = dict(_keys(parts))
    values |= {prefix + key: value for key, value in keys.items() if not key.startswith(TARGET) or key == TARGET_ALIAS}
    names = {part: name for part, (name, _) in parts.items()}
    if f"{prefix}producer.override.bootstrap.servers" in values:
        problem = (
            "producer.override.bootstrap.servers would have records written to another cluster than their positions"
        )
        raise ConfigError(problem, remedy="Remove it, and give the Connect worker's file that cluster")
    try:
        config = make(synthetic(" and ".join(names.values()), values))
    except ConfigErrors as errors:
        plain = [ConfigError(each.message.replace(f" {prefix}", " "), remedy=each.remedy) for each in errors.errors]
        raise ConfigErrors(plain, notes=errors.notes) from None
    (flow,) = config.flows
    config = replace(config, warnings=(*config.warnings, *_elsewhere(worker, keys, names)))
    group_id = flow.group_id
    flow = replace(
        flow,
        sync=replace(flow.sync, reverse_heartbeats_interval_s=None),
        group_id=f"{group_id}-{pair.flow}",
        connect_group_id=group_id,
        worker_id="" if worker.base.rest is None else worker.base.rest.worker_id,
        connector_name=names.get(Part.SOURCE, ""),
        checkpoint_connector=names.get(Part.CHECKPOINT, ""),
        heartbeat_connector=names.get(Part.HEARTBEAT, ""),
    )
    return flow, config


def _effective(worker: ConnectWorker, flow: FlowConfig, config: Config) -> Iterator[tuple[str, str, str]]:
    """Yield what a flow goes by, and where it stands: in connectors, or in the worker's file."""
    target = flow.target.alias
    lines = {
        key if key in worker.keys_for(target) else f"{target}.{key}": worker.file.where(entry.line)
        for key, entry in worker.file.entries.items()
    }
    for key, value, origin in config.effective:
        derived = origin in (DEFAULT, DERIVED)
        yield key, value, origin if derived else lines.get(key, origin)


def _elsewhere(worker: ConnectWorker, keys: Mapping[str, str], names: Mapping[Part, str]) -> Iterator[Warned]:
    """Warn of a target that looks like another cluster than the worker's."""
    told = {each.strip() for each in keys.get(SERVERS, "").split(",")} - {""}
    ours = {each.strip() for each in worker.file.entries["bootstrap.servers"].value.split(",")}
    if told and not told & ours:
        name = next(iter(names.values()))
        yield Warned(
            f"{name} {SERVERS}",
            f"{name} has {SERVERS}={keys[SERVERS]}, but records and positions go to bootstrap.servers of the worker's "
            "file, as with Kafka Connect",
        )


def _keys(parts: Mapping[Part, tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, str]]:
    """Yield the keys of all connectors of a flow, each once."""
    configs = {part: config for part, (_, config) in parts.items()}
    for key in dict.fromkeys(key for config in configs.values() for key in config):
        if key in _OWN:
            continue
        owner = next((part for part, fronts in _OF_PART.items() if key.startswith(fronts)), Part.SOURCE)
        for part in (owner, *Part):
            if key in configs.get(part, {}):
                yield key, configs[part][key]
                break
    if tasks := configs.get(Part.SOURCE, {}).get("tasks.max"):
        yield "tasks.max", tasks
    for part, keys in _ABSENT.items():
        if part not in configs:
            yield from ((key, "false") for key in keys)
