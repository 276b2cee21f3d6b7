"""One configuration file to one :class:`Config`: the order of the steps, and nothing else.

Read the properties, give old spellings today's names, replace references, find clusters and flows, build each flow,
judge every key, check the patterns. Everything that cannot work is gathered, each with file, line and remedy, and
raised together; what merely has no effect is a warning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from heliograph.config.client_options import CLIENT_OPTIONS
from heliograph.config.connectors.of_file import connector_config
from heliograph.config.connectors.worker_file import is_worker_file
from heliograph.config.flows import (
    build_flow,
    choose_routes,
    find_aliases,
    find_http_listener,
    find_ready_requires,
    find_routes,
    find_total_limit,
    find_watches,
    way_of,
)
from heliograph.config.javaregex import compile_java_list, looks_like_glob
from heliograph.config.judge import Judge, loop_warnings, lost_warnings, merge_warnings
from heliograph.config.loops import find_merging
from heliograph.config.mirror_options import MIRROR_OPTIONS
from heliograph.config.model import Config, FlowConfig, Policy, RestConfig, Warned
from heliograph.config.options import Family, Table
from heliograph.config.places import Route
from heliograph.config.problems import Problems
from heliograph.config.properties import PropertiesFile, read_properties
from heliograph.config.renamed import rename
from heliograph.config.resolve import Found, Resolver
from heliograph.config.rest import OWN, family_of, find_rest
from heliograph.config.typed import has_trailing_comment
from heliograph.config.variables import Variables
from heliograph.errors import ConfigError

INTERNAL_REST = "dedicated.mode.enable.internal.rest"
OPTIONS = Table((*MIRROR_OPTIONS, *CLIENT_OPTIONS))
"""Every option there is."""


def load(
    path: Path,
    *,
    environ: Mapping[str, str],
    only_targets: Sequence[str] = (),
    only_flows: Sequence[str] = (),
    now: datetime | None = None,
) -> Config:
    """Load the MirrorMaker 2 properties file at ``path``.

    ``environ`` gives the values of ``${NAME}``. ``only_targets`` are the aliases of MM2's ``--clusters``: only flows
    into them are built, and ``clusters`` of the result holds only what these flows use. ``only_flows`` names flows
    (``A->B``) that are built, and no others, whether they are enabled or not. ``now`` is the time by which
    certificates are judged (None: the clock). Raises ConfigError.
    """
    file = read_file(path)
    if is_worker_file(file):
        remedy = "Name a file of MirrorMaker 2 here"
        raise ConfigError(f"{path} is the file of a Kafka Connect worker, which has no flows of its own", remedy=remedy)
    return make_config(file, environ=environ, only_targets=only_targets, only_flows=only_flows, now=now)


def read_file(path: Path) -> PropertiesFile:
    """Read a file of either kind. Raises ConfigError."""
    if path.suffix.lower() in (".yaml", ".yml"):
        raise ConfigError(f"{path} is YAML, which this version does not read", remedy="Give a .properties file")
    return read_properties(path)


def make_config(
    file: PropertiesFile,
    *,
    environ: Mapping[str, str],
    only_targets: Sequence[str] = (),
    only_flows: Sequence[str] = (),
    now: datetime | None = None,
) -> Config:
    """Make a :class:`Config` of properties, wherever they came from; see :func:`load`."""
    path, problems = file.path, Problems()
    entries, warnings = rename(file.entries)
    file = replace(file, entries=entries)
    variables = Variables(file, environ, problems)
    values = {key: (entry, variables.expand(entry)) for key, entry in entries.items()}
    resolver = Resolver(file, values, OPTIONS, problems)
    aliases = problems.attempt(lambda: find_aliases(resolver, file), ())
    if not aliases:
        problems.raise_all(path)
    routes = _named_routes(file, aliases, only_flows) if only_flows else find_routes(resolver, file, aliases)
    chosen = problems.attempt(lambda: choose_routes(routes, file, aliases, only_targets), ())
    built = [
        build_flow(resolver, route, now or datetime.now(UTC), reverse_runs=Route(route.target, route.source) in routes)
        for route in chosen
    ]
    flows = tuple(flow for flow, _ in built)
    http_listener = problems.attempt(lambda: find_http_listener(resolver), None)
    ready_requires = find_ready_requires(resolver)
    total_limit = find_total_limit(resolver)
    rest = problems.attempt(lambda: _find_rest(resolver, chosen, warnings), None)
    warnings.extend(warning for _, found in built for warning in found)
    judged = [*Judge(file, OPTIONS, resolver, aliases, routes).warnings(values), *_file_warnings(file)]
    warnings.extend(judged)
    warnings.extend(lost_warnings(resolver.lost))
    before = len(problems)
    warnings.extend(warning for flow in flows for warning in _flow_warnings(flow, file, problems))
    warnings.extend(_shared_warnings(flows))
    if len(problems) == before:  # where a pattern is wrong, nothing can be said of what it selects
        apart = Resolver(file, values, OPTIONS, problems)  # nobody asks what the flows of other processes look up
        ways = [way_of(apart, route) for route in routes]
        loops = problems.attempt(lambda: tuple(loop_warnings(ways, chosen, file)), ())
        warnings = [*loops, *warnings]  # the first about a key is kept
        merging = problems.attempt(lambda: find_merging(ways), {})
        flows = tuple(replace(flow, merges=flow.name in merging) for flow in flows)
        warnings.extend(merge_warnings(merging, flows, file))
    if rest is not None:
        flows = tuple(replace(flow, worker_id=rest.worker_id) for flow in flows)
    problems.raise_all(path, (_told(each, file) for each in _one_each(judged)))
    clusters = {cluster.alias: cluster for flow in reversed(flows) for cluster in (flow.source, flow.target)}
    return Config(
        path=path,
        clusters={alias: clusters[alias] for alias in aliases if alias in clusters},
        flows=flows,
        http_listener=http_listener,
        rest=rest,
        connectors={route.prefix[:-1]: connector_config(entries, route, aliases) for route in chosen},
        ready_requires=ready_requires,
        total_limit=total_limit,
        watches=find_watches(resolver),
        warnings=_one_each(warnings),
        effective=resolver.effective(),
    )


def _find_rest(resolver: Resolver, routes: Sequence[Route], warnings: list[Warned]) -> RestConfig | None:
    """Return where Connect's API is served: as the bare keys say, or those of a target."""
    internal = resolver.find(Family.FILE, INTERNAL_REST, (INTERNAL_REST,), INTERNAL_REST)
    if internal.text.strip().lower() == "true":  # by those listeners MM2's nodes talk to each other (KIP-710)
        return None
    fronts = ["", *dict.fromkeys(f"{route.target}." for route in routes)]

    def find(prefix: str, name: str) -> Found:
        keys = [front + prefix + name for front in fronts]
        if name.startswith(OWN):
            del keys[1:]
        each = [resolver.find(family_of(name, behind=key is not keys[0]), name, (key,), key) for key in keys]
        return next((found for found in each if found.entry is not None), each[0])

    return find_rest(find, warnings, always=False)


def _named_routes(file: PropertiesFile, aliases: Sequence[str], names: Sequence[str]) -> tuple[Route, ...]:
    """Return the flows that are named; raises ConfigError for one that the file's clusters do not allow."""
    possible = {f"{source}->{target}": Route(source, target) for source in aliases for target in aliases}
    for name in names:
        route = possible.get(name)
        if route is None or route.source == route.target:
            raise ConfigError(
                f"{file.path} has no flow {name!r}", remedy=f"Its clusters are {', '.join(aliases)}: write A->B"
            )
    return tuple(possible[name] for name in names)


def _told(warning: Warned, file: PropertiesFile) -> str:
    return warning.message if warning.line is None else f"{file.where(warning.line)} {warning.message}"


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


def _flow_warnings(flow: FlowConfig, file: PropertiesFile, problems: Problems) -> Iterable[Warned]:
    prefix = f"{flow.name}."
    for name, patterns in (
        ("topics", flow.topics),
        ("topics.exclude", flow.topics_exclude),
        ("config.properties.exclude", flow.config_properties_exclude),
        ("groups", flow.sync.groups),
        ("groups.exclude", flow.sync.groups_exclude),
    ):
        entry = file.entries.get(prefix + name) or file.entries.get(name)
        key = entry.key if entry else name
        line = entry.line if entry else None
        problems.attempt(partial(_check_patterns, patterns, key, file.where(line)), None)
        for pattern in patterns:
            if looks_like_glob(pattern):
                meant = pattern.replace("*", ".*")
                message = (
                    f"{key} has {pattern}, which as a regular expression is no wildcard; {meant} was probably meant"
                )
                yield Warned(key, message, line)
    if flow.policy is Policy.DEFAULT and flow.separator and flow.separator in flow.source_name:
        message = (
            f"clusters has the alias {flow.source_name}, which holds the separator {flow.separator!r}: "
            "topics copied from it are not recognised as copies"
        )
        yield Warned("clusters", message, file.entries["clusters"].line)
    if not flow.separator:
        entry = (
            file.entries.get(f"{prefix}replication.policy.separator") or file.entries["replication.policy.separator"]
        )
        yield Warned(entry.key, f"{entry.key} is empty: {_without_separator(flow)}", entry.line)


def _without_separator(flow: FlowConfig) -> str:
    source = flow.source_name
    syncs = f"mm2-offset-syncs{flow.internal_separator}{flow.target_name}{flow.internal_separator}internal"
    internal = f"internal topics have names such as {syncs}; MM2 before 3.1 named them with dots"
    if not source:
        return (
            f"source.cluster.alias is empty too, so topics keep their names; heartbeats are not copied, and {internal}"
        )
    if flow.policy is Policy.IDENTITY:
        return f"heartbeats are copied to {source}heartbeats, and {internal}"
    return (
        f"orders is copied to {source}orders, which does not tell where the alias ends, so no other process may copy "
        f"such topics back; {internal}"
    )


def _check_patterns(patterns: Sequence[str], key: str, where: str) -> None:
    try:
        compile_java_list(patterns)
    except ConfigError as error:
        raise ConfigError(f"{where} {key}: {error.message}", remedy=error.remedy) from None


def _shared_warnings(flows: Sequence[FlowConfig]) -> Iterable[Warned]:
    """Warn of two flows into one cluster that share the group which divides the work, or the stored positions."""
    seen: dict[tuple[str, str], str] = {}
    for flow in flows:
        for key, name in (
            ("group.id", flow.group_id),
            ("offset.storage.topic", flow.offsets_topic.name),
            ("config.storage.topic", flow.config_topic.name),
        ):
            other = seen.setdefault((flow.target.alias, f"{key}={name}"), flow.name)
            if other != flow.name:
                message = f"{key}={name} is shared by {other} and {flow.name}; give each its own"
                yield Warned(f"{flow.name}.{key}", message, None)
