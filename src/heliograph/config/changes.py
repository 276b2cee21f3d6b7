"""What one configuration changes in another, and how far that reaches: pure, for ``plan`` and for a running process.

Most options change in place: partitions that they do not concern go on without a pause. Some decide what a flow *is*,
or how its records travel: for them the flow is stopped in good order and started again, which takes about a second.
A few belong to the process, and wait for its next start.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from heliograph.config.model import ClusterConfig, Config, FlowConfig, SyncConfig


class Extent(StrEnum):
    """How far the change of an option reaches."""

    IN_PLACE = "in place"
    """Nothing pauses that it does not concern."""
    FLOW = "flow"
    """The flow is stopped in good order and started again."""
    PROCESS = "process"
    """It takes effect when the process is started again."""


FLOW_FIELDS: Mapping[str, tuple[str, Extent]] = {
    "topics": ("topics", Extent.IN_PLACE),
    "topics_exclude": ("topics.exclude", Extent.IN_PLACE),
    "policy": ("replication.policy.class", Extent.FLOW),
    "source_name": ("source.cluster.alias", Extent.FLOW),
    "target_name": ("target.cluster.alias", Extent.FLOW),
    "separator": ("replication.policy.separator", Extent.FLOW),
    "internal_separator": ("replication.policy.internal.topic.separator.enabled", Extent.FLOW),
    "merges": ("topics", Extent.IN_PLACE),
    "replicate_heartbeats": ("heartbeats.replication.enabled", Extent.IN_PLACE),
    "replication_factor": ("replication.factor", Extent.IN_PLACE),
    "refresh_topics_interval_s": ("refresh.topics.interval.seconds", Extent.IN_PLACE),
    "sync_topic_configs_interval_s": ("sync.topic.configs.interval.seconds", Extent.IN_PLACE),
    "config_properties_exclude": ("config.properties.exclude", Extent.IN_PLACE),
    "use_defaults_from": ("use.defaults.from", Extent.IN_PLACE),
    "delete_topics": ("heliograph.delete.topics", Extent.IN_PLACE),
    "read_committed": ("isolation.level", Extent.FLOW),
    "start_at_latest": ("auto.offset.reset", Extent.FLOW),
    "fetch_max_bytes": ("fetch.max.bytes", Extent.FLOW),
    "fetch_max_partition_bytes": ("max.partition.fetch.bytes", Extent.FLOW),
    "fetch_max_wait_ms": ("fetch.max.wait.ms", Extent.FLOW),
    "client_rack": ("client.rack", Extent.FLOW),
    "window_bytes": ("heliograph.window.bytes", Extent.FLOW),
    "limit_bytes_per_s": ("heliograph.limit.bytes.per.second", Extent.IN_PLACE),
    "limit_entries": ("heliograph.limit.schedule", Extent.IN_PLACE),
    "limit_time_zone": ("heliograph.limit.time.zone", Extent.IN_PLACE),
    "stop_on_loss": ("heliograph.stop.on.loss", Extent.IN_PLACE),
    "batch_max_bytes": ("max.request.size", Extent.FLOW),
    "produce_timeout_ms": ("request.timeout.ms", Extent.FLOW),
    "group_id": ("group.id", Extent.FLOW),
    "tasks_max": ("tasks.max", Extent.IN_PLACE),
    "instance_id": ("group.instance.id", Extent.FLOW),
    "instance_watched": ("group.instance.id", Extent.FLOW),
    "session_timeout_ms": ("session.timeout.ms", Extent.FLOW),
    "heartbeat_interval_ms": ("heartbeat.interval.ms", Extent.FLOW),
    "rebalance_timeout_ms": ("rebalance.timeout.ms", Extent.FLOW),
    "offsets_topic": ("offset.storage.topic", Extent.FLOW),
    "config_topic": ("config.storage.topic", Extent.FLOW),
    "transactions": ("exactly.once.source.support", Extent.FLOW),
    "worker_id": ("rest.advertised.host.name", Extent.IN_PLACE),
    "connector_name": ("name", Extent.FLOW),
    "checkpoint_connector": ("name", Extent.IN_PLACE),
    "heartbeat_connector": ("name", Extent.IN_PLACE),
    "connect_group_id": ("group.id", Extent.FLOW),
    "offset_flush_interval_ms": ("offset.flush.interval.ms", Extent.IN_PLACE),
    "shutdown_timeout_ms": ("task.shutdown.graceful.timeout.ms", Extent.IN_PLACE),
}
"""Each field of a flow with the option that decides it. The configs of both clusters and ``sync`` have tables below."""

SYNC_FIELDS: Mapping[str, tuple[str, Extent]] = {
    "offset_syncs": ("emit.offset-syncs.enabled", Extent.IN_PLACE),
    "offset_syncs_location": ("offset-syncs.topic.location", Extent.FLOW),
    "offset_syncs_replication_factor": ("offset-syncs.topic.replication.factor", Extent.FLOW),
    "offset_lag_max": ("offset.lag.max", Extent.FLOW),
    "groups": ("groups", Extent.IN_PLACE),
    "groups_exclude": ("groups.exclude", Extent.IN_PLACE),
    "refresh_groups_interval_s": ("refresh.groups.interval.seconds", Extent.IN_PLACE),
    "checkpoints_interval_s": ("emit.checkpoints.interval.seconds", Extent.IN_PLACE),
    "checkpoints_replication_factor": ("checkpoints.topic.replication.factor", Extent.IN_PLACE),
    "group_offsets_interval_s": ("sync.group.offsets.interval.seconds", Extent.IN_PLACE),
    "heartbeats_interval_s": ("emit.heartbeats.interval.seconds", Extent.IN_PLACE),
    "heartbeats_replication_factor": ("heartbeats.topic.replication.factor", Extent.IN_PLACE),
    "reverse_heartbeats_interval_s": ("emit.heartbeats.interval.seconds", Extent.IN_PLACE),
    "acls_interval_s": ("sync.topic.acls.interval.seconds", Extent.IN_PLACE),
    "acls_mode": ("heliograph.sync.acls.mode", Extent.IN_PLACE),
}

CLUSTER_FIELDS: Mapping[str, tuple[str, Extent]] = {
    "alias": ("clusters", Extent.FLOW),
    "bootstrap": ("bootstrap.servers", Extent.IN_PLACE),
    "tls": ("ssl.*", Extent.IN_PLACE),
    "sasl": ("sasl.*", Extent.IN_PLACE),
    "client_id": ("client.id", Extent.IN_PLACE),
    "request_timeout_ms": ("request.timeout.ms", Extent.IN_PLACE),
    "connect_timeout_ms": ("socket.connection.setup.timeout.ms", Extent.IN_PLACE),
    "reconnect_backoff_ms": ("reconnect.backoff.ms", Extent.IN_PLACE),
    "reconnect_backoff_max_ms": ("reconnect.backoff.max.ms", Extent.IN_PLACE),
    "retry_backoff_ms": ("retry.backoff.ms", Extent.IN_PLACE),
    "retry_backoff_max_ms": ("retry.backoff.max.ms", Extent.IN_PLACE),
    "metadata_max_age_ms": ("metadata.max.age.ms", Extent.IN_PLACE),
}

_PROCESS_FIELDS: Mapping[str, str] = {
    "http_listener": "heliograph.http.listener",
    "rest": "listeners",
    "ready_requires": "heliograph.ready.requires",
    "watches": "heliograph.reload.on.change",
}

_TOTAL_LIMIT_FIELDS: Mapping[str, str] = {
    "bytes_per_s": "heliograph.total.limit.bytes.per.second",
    "entries": "heliograph.total.limit.schedule",
    "time_zone": "heliograph.total.limit.time.zone",
}


@dataclass(frozen=True, slots=True)
class FlowChange:
    """What changes in one flow, by option."""

    flow: FlowConfig
    """As it is to be."""
    options: Mapping[str, Extent]
    """Empty: nothing changes. Those of a cluster have its alias in front: ``B.sasl.*``."""

    @property
    def starts_again(self) -> tuple[str, ...]:
        """Options for which the flow must be started again."""
        return tuple(name for name, extent in self.options.items() if extent is Extent.FLOW)


@dataclass(frozen=True, slots=True)
class Changes:
    """What one configuration changes in another."""

    begin: tuple[FlowConfig, ...]
    """Flows that only the new one has."""
    end: tuple[FlowConfig, ...]
    """Flows that only the old one has."""
    flows: tuple[FlowChange, ...]
    """Flows that both have, and that differ."""
    process: tuple[str, ...]
    """Options that wait for the next start of the process."""
    process_in_place: tuple[str, ...]
    """Options of the process that do not."""
    clusters: tuple[ClusterConfig, ...]
    """Clusters of flows that go on, as they are to be reached from now on."""

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.begin or self.end or self.flows or self.process or self.process_in_place)


def changes_of(old: Config, new: Config) -> Changes:
    """Compare two configurations."""
    before, after = ({flow.name: flow for flow in config.flows} for config in (old, new))
    compared = [flow_change(before[name], flow) for name, flow in after.items() if name in before]
    changed = tuple(each for each in compared if each.options)
    reached = {
        side.alias: side
        for each in changed
        for side, was in (
            (each.flow.source, before[each.flow.name].source),
            (each.flow.target, before[each.flow.name].target),
        )
        if side != was
    }
    return Changes(
        begin=tuple(flow for name, flow in after.items() if name not in before),
        end=tuple(flow for name, flow in before.items() if name not in after),
        flows=changed,
        process=tuple(
            option for field, option in _PROCESS_FIELDS.items() if getattr(old, field) != getattr(new, field)
        ),
        process_in_place=tuple(
            option
            for field, option in _TOTAL_LIMIT_FIELDS.items()
            if _value(old.total_limit, field) != _value(new.total_limit, field)
        ),
        clusters=tuple(reached.values()),
    )


def flow_change(old: FlowConfig, new: FlowConfig) -> FlowChange:
    """Compare one flow's old and new configuration."""
    options = dict(_differing(old, new, FLOW_FIELDS))
    if old.separator != new.separator:  # which is the one of internal topics too
        options.pop(FLOW_FIELDS["internal_separator"][0], None)
    options |= _differing(old.sync, new.sync, SYNC_FIELDS)
    for side in ("source", "target"):
        was, will = getattr(old, side), getattr(new, side)
        options |= {f"{will.alias}.{option}": extent for option, extent in _differing(was, will, CLUSTER_FIELDS)}
    return FlowChange(new, options)


def _differing(
    old: FlowConfig | SyncConfig | ClusterConfig,
    new: FlowConfig | SyncConfig | ClusterConfig,
    table: Mapping[str, tuple[str, Extent]],
) -> Iterator[tuple[str, Extent]]:
    for each in fields(new):
        if each.name in table and _value(old, each.name) != _value(new, each.name):
            yield table[each.name]


def _value(of: Any, name: str) -> object:
    return getattr(of, name)
