"""Which flows there are, and what each does: the keys of the file to :class:`FlowConfig`.

A flow exists where ``A->B.enabled=true`` says so. MM2 also starts workers for the reverse of every flow, which write
heartbeats (and three topics of their own) to the source; here the flow itself writes those heartbeats, and nothing
else, and goes on where the source does not allow it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from heliograph.config.clusters import build_source, build_target
from heliograph.config.limits import LIMIT_NAMES, schedule_of
from heliograph.config.loops import Way
from heliograph.config.model import (
    CauseKind,
    ClusterConfig,
    FlowConfig,
    InternalTopic,
    LossKind,
    Policy,
    SyncConfig,
    Warned,
)
from heliograph.config.options import Family
from heliograph.config.places import (
    Route,
    consumer_keys,
    find_route,
    flow_keys,
    one_flow_keys,
    producer_keys,
    storage_keys,
    worker_keys,
)
from heliograph.config.policies import MEANING, policy_of
from heliograph.config.properties import PropertiesFile
from heliograph.config.resolve import DERIVED, Found, Resolver
from heliograph.config.schedules import Schedule
from heliograph.config.transactions import transactions_of
from heliograph.errors import ConfigError

ALIASES_MAX = 100
"""Most clusters in one file."""


def find_aliases(resolver: Resolver, file: PropertiesFile) -> tuple[str, ...]:
    """Return the aliases of ``clusters``; none when they cannot be read, which is noted.

    Raises ConfigError when there are none, or one cannot be an alias.
    """
    found = resolver.find(Family.FILE, "clusters", ("clusters",), "clusters")
    if found.broken:
        return ()
    if not found.items:
        problem = "is empty" if found.entry is not None else "is missing"
        where = f"{file.path}: clusters" if found.entry is None else found.where
        raise ConfigError(f"{where} {problem}", remedy="Name the clusters: clusters=source, target")
    if len(found.items) > ALIASES_MAX:
        raise ConfigError(f"{found.where} names more than {ALIASES_MAX} clusters")
    for alias in found.items:
        if "->" in alias or any(char.isspace() for char in alias):
            raise ConfigError(
                f"{found.where} has {alias!r}, which cannot be an alias", remedy="Leave out blanks and ->"
            )
    return found.items


def find_http_listener(resolver: Resolver) -> tuple[str, int] | None:
    """Return host and port of ``heliograph.http.listener``; raises ConfigError for anything else."""
    name = "heliograph.http.listener"
    found = resolver.find(Family.FILE, name, (name,), name)
    if not found.text:
        return None
    scheme, separator, rest = found.text.rpartition("://")
    if separator:
        address = rest.partition("/")[0] or "127.0.0.1:9400"
        raise ConfigError(
            f"{found.where} must be host:port, not {found.text!r}", remedy=f"Leave out {scheme}://: write {address}"
        )
    host, _, port = found.text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ConfigError(f"{found.where} must be host:port, not {found.text!r}", remedy="Write 127.0.0.1:9400")
    return host.strip("[]"), int(port)


def find_ready_requires(resolver: Resolver) -> frozenset[CauseKind]:
    """Return the causes for which ``/ready`` says no; that a flow does not run is always one."""
    name = "heliograph.ready.requires"
    found = resolver.find(Family.FILE, name, (name,), name)
    if "all" in found.items:
        return frozenset(CauseKind)
    return frozenset({CauseKind.FLOW, *map(CauseKind, found.items)})


def find_watches(resolver: Resolver) -> bool:
    """Say whether the file is to be read again when it changes."""
    name = "heliograph.reload.on.change"
    return resolver.find(Family.FILE, name, (name,), name).value is True


def find_total_limit(resolver: Resolver) -> Schedule:
    """Return the limit for all flows together; what cannot be read of it is noted."""
    keys = [f"heliograph.total.limit.{name}" for name in LIMIT_NAMES]
    return schedule_of(resolver.problems, *(resolver.find(Family.FILE, key, (key,), key) for key in keys))


def find_routes(resolver: Resolver, file: PropertiesFile, aliases: Sequence[str]) -> tuple[Route, ...]:
    """Return the enabled flows.

    MM2 takes any word but ``true`` for false without saying so; here another word than these two is an error. That, a
    flow that names an unknown alias, and that none is enabled, are noted as problems.
    """
    problems = resolver.problems
    before = len(problems)
    for key, entry in file.entries.items():
        if "->" in key and find_route(key, aliases) is None:
            what = f"{file.where(entry.line)} {key} names a flow between clusters that are not in clusters"
            problems.add(ConfigError(what, remedy=f"Use the aliases {', '.join(aliases)}, or add one to clusters"))
    enabled = []
    for route in (Route(source, target) for source in aliases for target in aliases):
        if route.source == route.target and f"{route.prefix}enabled" not in file.entries:
            continue
        found = resolver.find(Family.ONE_FLOW, "enabled", one_flow_keys(route, "enabled"), f"{route.prefix}enabled")
        if not found.value and not found.broken:  # who writes "yes" means the flow to run, and sees its other mistakes
            continue
        if route.source == route.target:
            problems.add(ConfigError(f"{found.where} is a flow from a cluster to itself", remedy="Remove it"))
        else:
            enabled.append(route)
    if not enabled and len(problems) == before:
        example = f"{aliases[0]}->{aliases[1]}" if len(aliases) > 1 else "source->target"
        problems.add(ConfigError(f"{file.path} enables no flow", remedy=f"Write {example}.enabled=true"))
    return tuple(enabled)


def choose_routes(
    routes: Sequence[Route], file: PropertiesFile, aliases: Sequence[str], only_targets: Sequence[str]
) -> tuple[Route, ...]:
    """Return the flows into ``only_targets`` (all, when empty): MM2's ``--clusters``.

    Raises ConfigError when an alias is unknown, or no flow is left.
    """
    for alias in only_targets:
        if alias not in aliases:
            raise ConfigError(f"{file.path} has no cluster {alias!r}", remedy=f"Choose from {', '.join(aliases)}")
    chosen = tuple(route for route in routes if not only_targets or route.target in only_targets)
    if routes and not chosen:
        raise ConfigError(
            f"{file.path} enables no flow into {', '.join(only_targets)}",
            remedy=f"It has flows into {', '.join(dict.fromkeys(route.target for route in routes))}",
        )
    return chosen


def build_flow(
    resolver: Resolver, route: Route, now: datetime, *, reverse_runs: bool
) -> tuple[FlowConfig, tuple[Warned, ...]]:
    """Build one flow; ``reverse_runs``: the one back runs too. What cannot work is added to the resolver's problems."""
    source, source_warnings = build_source(resolver, route, now)
    target, target_warnings = build_target(resolver, route, now)
    flow = _Flow(resolver, route)
    reverse = None if reverse_runs else _Flow(resolver, Route(route.target, route.source))
    policy, policy_warnings = flow.policy()
    config = _config(flow, policy, _sync(flow, reverse), source, target)
    transactions, words = resolver.problems.attempt(
        lambda: transactions_of(
            support=flow.worker("exactly.once.source.support"),
            required=flow.own("exactly.once.support"),
            boundary=flow.own("transaction.boundary"),
            interval=flow.own("transaction.boundary.interval.ms"),
            flush_interval_ms=config.offset_flush_interval_ms,
            read_committed=config.read_committed,
        ),
        (None, ()),
    )
    warnings = (*source_warnings, *target_warnings, *policy_warnings, *words)
    return replace(config, transactions=transactions), warnings


def way_of(resolver: Resolver, route: Route) -> Way:
    """Return what decides whether the flow can be part of a circle."""
    flow = _Flow(resolver, route)
    policy, _ = flow.policy()
    return Way(
        route.source,
        route.target,
        keeps_names=policy is Policy.IDENTITY,
        source_name=flow.name("source"),
        separator=flow.option("replication.policy.separator").text,
        topics=flow.option("topics").items,
        exclude=flow.option("topics.exclude").items,
    )


_INSTANCE_ID = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What brokers take for one."""


class _Flow:
    """Looks up the options of one flow, each family under its own keys."""

    __slots__ = ("_resolver", "_route")

    def __init__(self, resolver: Resolver, route: Route) -> None:
        self._resolver = resolver
        self._route = route

    def option(self, name: str) -> Found:
        return self._find(Family.FLOW, name, flow_keys(self._route, name), self._route.prefix)

    def own(self, name: str) -> Found:
        return self._find(Family.ONE_FLOW, name, one_flow_keys(self._route, name), self._route.prefix)

    def reading(self, name: str) -> Found:
        return self._find(Family.CONSUMER, name, consumer_keys(self._route, name), f"{self._route.source}.consumer.")

    def writing(self, name: str) -> Found:
        return self._find(Family.PRODUCER, name, producer_keys(self._route, name), f"{self._route.target}.producer.")

    def worker(self, name: str) -> Found:
        return self._find(Family.WORKER, name, worker_keys(self._route, name), f"{self._route.target}.")

    def storage(self, name: str) -> Found:
        return self._find(Family.STORAGE, name, storage_keys(self._route, name), f"{self._route.target}.")

    def group_id(self) -> str:
        keys = (f"{self._route.prefix}group.id", *worker_keys(self._route, "group.id"))
        found = self._find(Family.WORKER, "group.id", keys, self._route.prefix)
        return found.text or self._made("group.id", f"{self._route.source}-mm2")

    def instance_id(self) -> str | None:
        """Return the name of this process in the group; None: it has none."""
        found = self.storage("group.instance.id")
        if found.text and (not _INSTANCE_ID.fullmatch(found.text) or found.text in (".", "..")):
            self._resolver.problems.add(
                ConfigError(
                    f"{found.where} may have letters, digits, dots, dashes and underscores, 249 at most",
                    remedy="Use the name of the host or the pod, such as ${HOSTNAME}",
                )
            )
        return found.text or None

    def offsets_topic(self) -> str:
        found = self.storage("offset.storage.topic")
        return found.text or self._made("offset.storage.topic", f"mm2-offsets.{self._route.source}.internal")

    def config_topic(self) -> InternalTopic:
        """Return the topic that Connect keeps its configuration in; it has one partition."""
        found, factor = self.storage("config.storage.topic"), self.storage("config.storage.replication.factor")
        name = found.text or self._made("config.storage.topic", f"mm2-configs.{self._route.source}.internal")
        if factor.value is None:
            return InternalTopic(name, 1, self.replicas(self.storage("offset.storage.replication.factor")))
        return InternalTopic(name, 1, self.replicas(factor))

    def policy(self) -> tuple[Policy, tuple[Warned, ...]]:
        """Return how topics are named, and what is to be said of it."""
        java_class, meaning = self.option("replication.policy.class"), self.option(MEANING)
        policy, warnings = self._resolver.problems.attempt(lambda: policy_of(java_class, meaning), (Policy.DEFAULT, ()))
        if policy is Policy.DEFAULT and not self.name("source"):
            if not self.option("replication.policy.separator").text:
                return Policy.IDENTITY, warnings  # nothing stands before a name: the old way to keep names
            found = self.option("source.cluster.alias")
            remedy = "Remove it, or make replication.policy.separator empty too, to keep topic names"
            problem = f"{found.where} is empty, so names of copies would begin with the separator"
            self._resolver.problems.add(ConfigError(problem, remedy=remedy))
        return policy, warnings

    def limit(self) -> Schedule:
        """Return the limit of its bandwidth."""
        found = (self.option(f"heliograph.limit.{name}") for name in LIMIT_NAMES)
        return schedule_of(self._resolver.problems, *found)

    def name(self, side: str) -> str:
        """Return a cluster's alias in names of topics: MM2 takes it from a key, if there is one."""
        found = self.option(f"{side}.cluster.alias")
        alias = self._route.source if side == "source" else self._route.target
        return alias if found.entry is None or found.broken else found.text

    def replicas(self, found: Found) -> int:
        """Return a number of replicas; -1: as the broker decides."""
        if found.number == 0 or found.number > 32_767:
            problem = f"{found.where} must be -1 or a number of replicas, not {found.number}"
            self._resolver.problems.add(ConfigError(problem))
        return found.number

    def delete_topics(self, *, names_tell: bool) -> bool:
        """Say whether copies are deleted; ``names_tell`` a copy from a topic of the target's own."""
        found = self.option("heliograph.delete.topics")
        if found.value and not names_tell:
            error = ConfigError(
                f"{found.where} cannot be used with the identity policy or an empty separator: a name would not tell a "
                "copy from a topic of the target's own",
                remedy="Remove it, and delete topics on the target by hand",
            )
            self._resolver.problems.add(error)
        return found.value is True

    def interval_s(self, prefix: str) -> float | None:
        """Return an interval in seconds; None when it is switched off or negative, as in MM2."""
        enabled = self.option(f"{prefix}.enabled")
        interval = self.option(f"{prefix}.interval.seconds")
        if interval.number == 0:
            remedy = f"Set {prefix}.enabled=false to switch it off"
            self._resolver.problems.add(ConfigError(f"{interval.where} must not be 0", remedy=remedy))
        return float(interval.number) if enabled.value and interval.number > 0 else None

    def _made(self, name: str, value: str) -> str:
        self._resolver.note(self._route.prefix + name, value, DERIVED)
        return value

    def _find(self, family: Family, name: str, keys: Sequence[str], shown_prefix: str) -> Found:
        return self._resolver.find(family, name, keys, shown_prefix + name)


def _sync(flow: _Flow, reverse: _Flow | None) -> SyncConfig:
    return SyncConfig(
        offset_syncs=flow.option("emit.offset-syncs.enabled").value is True,
        offset_syncs_location=flow.option("offset-syncs.topic.location").text or None,
        offset_syncs_replication_factor=flow.replicas(flow.option("offset-syncs.topic.replication.factor")),
        offset_lag_max=flow.option("offset.lag.max").number,
        groups=flow.option("groups").items,
        groups_exclude=flow.option("groups.exclude").items,
        refresh_groups_interval_s=flow.interval_s("refresh.groups"),
        checkpoints_interval_s=flow.interval_s("emit.checkpoints"),
        checkpoints_replication_factor=flow.replicas(flow.option("checkpoints.topic.replication.factor")),
        group_offsets_interval_s=flow.interval_s("sync.group.offsets"),
        heartbeats_interval_s=flow.interval_s("emit.heartbeats"),
        heartbeats_replication_factor=flow.replicas(flow.option("heartbeats.topic.replication.factor")),
        reverse_heartbeats_interval_s=reverse.interval_s("emit.heartbeats") if reverse else None,
        acls_interval_s=flow.interval_s("sync.topic.acls"),
        acls_mode=flow.option("heliograph.sync.acls.mode").text,
    )


def _config(flow: _Flow, policy: Policy, sync: SyncConfig, source: ClusterConfig, target: ClusterConfig) -> FlowConfig:
    separator = flow.option("replication.policy.separator")
    internal = flow.option("replication.policy.internal.topic.separator.enabled")
    tasks = flow.option("tasks.max")
    limit = flow.limit()
    return FlowConfig(
        source=source,
        target=target,
        topics=flow.option("topics").items,
        topics_exclude=flow.option("topics.exclude").items,
        policy=policy,
        source_name=flow.name("source"),
        target_name=flow.name("target"),
        separator=separator.text,
        internal_separator=separator.text if internal.value else ".",
        replicate_heartbeats=flow.option("heartbeats.replication.enabled").value is True,
        replication_factor=flow.replicas(flow.option("replication.factor")),
        refresh_topics_interval_s=flow.interval_s("refresh.topics"),
        sync_topic_configs_interval_s=flow.interval_s("sync.topic.configs"),
        config_properties_exclude=flow.option("config.properties.exclude").items,
        use_defaults_from=flow.own("use.defaults.from").text,
        delete_topics=flow.delete_topics(names_tell=policy is Policy.DEFAULT and bool(separator.text)),
        read_committed=flow.reading("isolation.level").value == "read_committed",
        start_at_latest=flow.reading("auto.offset.reset").value == "latest",
        fetch_max_bytes=flow.reading("fetch.max.bytes").number,
        fetch_max_partition_bytes=flow.reading("max.partition.fetch.bytes").number,
        fetch_max_wait_ms=flow.reading("fetch.max.wait.ms").number,
        client_rack=flow.reading("client.rack").text,
        window_bytes=flow.option("heliograph.window.bytes").number,
        limit_bytes_per_s=limit.bytes_per_s,
        limit_entries=limit.entries,
        limit_time_zone=limit.time_zone,
        stop_on_loss=_loss_kinds(flow.option("heliograph.stop.on.loss")),
        batch_max_bytes=flow.writing("max.request.size").number,
        produce_timeout_ms=target.request_timeout_ms,
        sync=sync,
        group_id=flow.group_id(),
        instance_id=flow.instance_id(),
        tasks_max=tasks.number if tasks.value is not None else None,
        session_timeout_ms=flow.worker("session.timeout.ms").number,
        heartbeat_interval_ms=flow.worker("heartbeat.interval.ms").number,
        rebalance_timeout_ms=flow.worker("rebalance.timeout.ms").number,
        offsets_topic=InternalTopic(
            flow.offsets_topic(),
            flow.storage("offset.storage.partitions").number,
            flow.replicas(flow.storage("offset.storage.replication.factor")),
        ),
        config_topic=flow.config_topic(),
        offset_flush_interval_ms=flow.worker("offset.flush.interval.ms").number,
        shutdown_timeout_ms=flow.storage("task.shutdown.graceful.timeout.ms").number,
    )


def _loss_kinds(found: Found) -> frozenset[LossKind]:
    """Return the kinds of loss that are named; ``all`` stands for every one."""
    if "all" in found.items:
        return frozenset(LossKind)
    return frozenset(LossKind(item) for item in found.items)
