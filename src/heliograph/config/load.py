"""One configuration file to one :class:`Config`: the order of the steps, and nothing else.

Read the properties, give old spellings today's names, replace references, find clusters and flows, build each flow,
judge every key, check the patterns. The first thing that cannot work is raised as ConfigError with file, line and
remedy; what merely has no effect is a warning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from heliograph.config.client_options import CLIENT_OPTIONS
from heliograph.config.flows import build_flow, choose_routes, find_aliases, find_http_listener, find_routes
from heliograph.config.javaregex import compile_java_list, looks_like_glob
from heliograph.config.judge import Judge, lost_warnings
from heliograph.config.mirror_options import MIRROR_OPTIONS
from heliograph.config.model import Config, FlowConfig, Policy, Warned
from heliograph.config.options import Table
from heliograph.config.properties import PropertiesFile, read_properties
from heliograph.config.renamed import rename
from heliograph.config.resolve import Resolver
from heliograph.config.typed import has_trailing_comment
from heliograph.config.variables import Variables
from heliograph.errors import ConfigError

OPTIONS = Table((*MIRROR_OPTIONS, *CLIENT_OPTIONS))
"""Every option there is."""


def load(
    path: Path, *, environ: Mapping[str, str], only_targets: Sequence[str] = (), now: datetime | None = None
) -> Config:
    """Load the MirrorMaker 2 properties file at ``path``.

    ``environ`` gives the values of ``${NAME}``. ``only_targets`` are the aliases of MM2's ``--clusters``: only flows
    into them are built, and ``clusters`` of the result holds only what these flows use. ``now`` is the time by which
    certificates are judged (None: the clock). Raises ConfigError.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        raise ConfigError(f"{path} is YAML, which this version does not read", remedy="Give a .properties file")
    file = read_properties(path)
    entries, warnings = rename(file.entries)
    file = replace(file, entries=entries)
    variables = Variables(file, environ)
    values = {key: (entry, variables.expand(entry)) for key, entry in entries.items()}
    resolver = Resolver(file, values, OPTIONS)
    aliases = find_aliases(resolver, file)
    routes = find_routes(resolver, file, aliases)
    chosen = choose_routes(routes, file, aliases, only_targets)
    built = [build_flow(resolver, route, now or datetime.now(UTC)) for route in chosen]
    flows = tuple(flow for flow, _ in built)
    http_listener = find_http_listener(resolver)
    warnings.extend(warning for _, found in built for warning in found)
    warnings.extend(Judge(file, OPTIONS, resolver, aliases, routes).warnings(values))
    warnings.extend(lost_warnings(resolver.lost))
    warnings.extend(_file_warnings(file))
    warnings.extend(warning for flow in flows for warning in _flow_warnings(flow, file))
    warnings.extend(_shared_warnings(flows))
    clusters = {cluster.alias: cluster for flow in reversed(flows) for cluster in (flow.source, flow.target)}
    return Config(
        path=path,
        clusters={alias: clusters[alias] for alias in aliases if alias in clusters},
        flows=flows,
        http_listener=http_listener,
        warnings=_one_each(warnings),
        effective=resolver.effective(),
    )


def _one_each(warnings: Iterable[Warned]) -> tuple[Warned, ...]:
    """Keep the first warning of each key, in the order of the file."""
    first: dict[str, Warned] = {}
    for warning in warnings:
        first.setdefault(warning.key, warning)
    return tuple(sorted(first.values(), key=lambda warning: warning.line or 0))


def _file_warnings(file: PropertiesFile) -> Iterable[Warned]:
    for lost in file.overridden:
        winner = file.entries.get(lost.key)
        if winner is not None and winner.value != lost.value:
            yield Warned(lost.key, f"{lost.key} stands twice; line {winner.line} counts", lost.line)
    if file.utf8_line is not None:
        message = "the file holds UTF-8, but Java reads Latin-1, and so does this; write such characters as \\uXXXX"
        yield Warned("", message, file.utf8_line)
    for entry in file.entries.values():
        if has_trailing_comment(entry.value) and not entry.key.endswith(("jaas.config", "password")):
            message = f"{entry.key} holds a # behind its value; a comment must have a line of its own"
            yield Warned(entry.key, message, entry.line)


def _flow_warnings(flow: FlowConfig, file: PropertiesFile) -> Iterable[Warned]:
    prefix = f"{flow.name}."
    for name, patterns in (
        ("topics", flow.topics),
        ("topics.exclude", flow.topics_exclude),
        ("config.properties.exclude", flow.config_properties_exclude),
    ):
        entry = file.entries.get(prefix + name) or file.entries.get(name)
        key = entry.key if entry else name
        line = entry.line if entry else None
        _check_patterns(patterns, key, file.where(line))
        for pattern in patterns:
            if looks_like_glob(pattern):
                meant = pattern.replace("*", ".*")
                message = (
                    f"{key} has {pattern}, which as a regular expression is no wildcard; {meant} was probably meant"
                )
                yield Warned(key, message, line)
    if flow.policy is Policy.DEFAULT and flow.separator and flow.separator in flow.source.alias:
        message = (
            f"clusters has the alias {flow.source.alias}, which holds the separator {flow.separator!r}: "
            "topics copied from it are not recognised as copies"
        )
        yield Warned("clusters", message, file.entries["clusters"].line)
    if not flow.separator:
        entry = (
            file.entries.get(f"{prefix}replication.policy.separator") or file.entries["replication.policy.separator"]
        )
        message = f"{entry.key} is empty: names such as {flow.source.alias}heartbeats cannot be told from other topics"
        yield Warned(entry.key, message, entry.line)


def _check_patterns(patterns: Sequence[str], key: str, where: str) -> None:
    try:
        compile_java_list(patterns)
    except ConfigError as error:
        raise ConfigError(f"{where} {key}: {error.message}", remedy=error.remedy) from None


def _shared_warnings(flows: Sequence[FlowConfig]) -> Iterable[Warned]:
    """Warn of two flows into one cluster that share the group which divides the work, or the stored positions."""
    seen: dict[tuple[str, str], str] = {}
    for flow in flows:
        for key, name in (("group.id", flow.group_id), ("offset.storage.topic", flow.offsets_topic.name)):
            other = seen.setdefault((flow.target.alias, f"{key}={name}"), flow.name)
            if other != flow.name:
                message = f"{key}={name} is shared by {other} and {flow.name}; give each its own"
                yield Warned(f"{flow.name}.{key}", message, None)
