"""The process in Prometheus' text format: MirrorMaker 2's names where the meaning is the same, and our own.

MM2's names are those that the JMX exporter makes of its MBeans with the rules that Strimzi ships: all of them gauges,
labelled ``source``, ``target``, ``topic`` (its name on the target) and ``partition``. Where our figure differs from
MM2's it is said in ``docs/reference/metrics.md``.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from heliograph.config.model import CauseKind
from heliograph.observe.model import FlowState, FlowView, LaneState, ProcessView

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MM2 = "kafka_connect_mirror_mirrorsourceconnector"
LANE_LABELS = ("source", "target", "topic", "partition")
FLOW_LABELS = ("source", "target")


def exposition(view: ProcessView) -> bytes:
    """Return all metrics of ``view``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(view))
    return generate_latest(registry)


class _Once(Collector):
    """One picture, handed to the library."""

    def __init__(self, view: ProcessView) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        yield from _process(self._view)
        yield from _workers(self._view)
        yield from _flows(self._view)
        yield from _lanes(self._view)
        yield from _losses(self._view)


def _process(view: ProcessView) -> Iterator[Metric]:
    built = GaugeMetricFamily("heliograph_build", "1; version and kernel are labels.", labels=("version", "kernel"))
    built.add_metric((view.version, view.kernel), 1)
    yield built
    yield GaugeMetricFamily("heliograph_uptime_seconds", "Seconds since the process began.", view.uptime_s)
    yield CounterMetricFamily("process_cpu_seconds", "Processor time used, user and system.", view.cpu_s)
    yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", view.rss_bytes)
    if view.limit_bytes_per_s is not None:
        name = "heliograph_total_limit_bytes_per_second"
        yield GaugeMetricFamily(name, "What all flows together may read.", view.limit_bytes_per_s)


def _workers(view: ProcessView) -> Iterator[Metric]:
    if not view.workers:
        return
    up = GaugeMetricFamily("heliograph_worker_up", "1 where a worker of this parent runs.", labels=("worker",))
    restarts = CounterMetricFamily("heliograph_worker_restarts", "How often it was started again.", labels=("worker",))
    for worker in view.workers:
        up.add_metric((str(worker.number),), int(worker.pid is not None))
        restarts.add_metric((str(worker.number),), worker.restarts)
    yield from (up, restarts)


def _flows(view: ProcessView) -> Iterator[Metric]:
    state = GaugeMetricFamily("heliograph_flow_state", "1 for the state a flow is in.", labels=(*FLOW_LABELS, "state"))
    topics = GaugeMetricFamily("heliograph_flow_topics", "Topics that a flow copies.", labels=FLOW_LABELS)
    latency = GaugeMetricFamily(
        "heliograph_replication_latency_ms",
        "From a record's timestamp to the target's acknowledgement, over the last samples.",
        labels=(*FLOW_LABELS, "quantile"),
    )
    degraded = GaugeMetricFamily(
        "heliograph_degraded", "1 where something keeps a flow from copying everything.", labels=(*FLOW_LABELS, "cause")
    )
    limit = GaugeMetricFamily("heliograph_limit_bytes_per_second", "What a flow may read.", labels=FLOW_LABELS)
    held_back = GaugeMetricFamily("heliograph_held_back", "1 where a limit keeps a flow from more.", labels=FLOW_LABELS)
    for flow in view.flows:
        where = _ends(flow)
        held_back.add_metric(where, int(flow.held_back))
        if flow.limit_bytes_per_s is not None:
            limit.add_metric(where, flow.limit_bytes_per_s)
        for each in FlowState:
            state.add_metric((*where, each.value), int(flow.state is each))
        topics.add_metric(where, flow.topics)
        kinds = {cause.kind for cause in flow.degraded}
        for kind in CauseKind:
            degraded.add_metric((*where, kind.value), int(kind in kinds))
        for quantile, value in (("0.5", flow.latency_p50_ms), ("0.99", flow.latency_p99_ms)):
            if value is not None:
                latency.add_metric((*where, quantile), value)
    yield from (state, topics, degraded, latency, limit, held_back)


def _lanes(view: ProcessView) -> Iterator[Metric]:
    lanes = [(flow, lane) for flow in view.flows for lane in flow.lanes]
    for name, text, value in (
        (f"{MM2}_record_count", "Records acknowledged by the target.", lambda lane: lane.records),
        (f"{MM2}_record_rate", "The same a second.", lambda lane: lane.records_per_s),
        (f"{MM2}_byte_count", "Bytes of the batches acknowledged.", lambda lane: lane.bytes),
        (f"{MM2}_byte_rate", "The same a second.", lambda lane: lane.bytes_per_s),
        ("heliograph_position", "Source offset up to which everything is acknowledged.", lambda lane: lane.settled),
        ("heliograph_lag_records", "Offsets between position and the partition's end.", lambda lane: lane.lag),
        (
            "heliograph_standing_still",
            "1 where a partition stands still because of an error.",
            lambda lane: int(lane.stands_still),
        ),
        (
            "heliograph_paused",
            "1 where a person has paused a partition.",
            lambda lane: int(lane.state is LaneState.PAUSED),
        ),
        (
            "heliograph_held_up_seconds",
            "For how long an open transaction on the source has held the partition up.",
            lambda lane: lane.held_up_s,
        ),
    ):
        family = GaugeMetricFamily(name, text, labels=LANE_LABELS)
        for flow, lane in lanes:
            number = value(lane)
            if number is not None:
                family.add_metric((*_ends(flow), lane.target_topic, str(lane.partition)), number)
        yield family


def _losses(view: ProcessView) -> Iterator[Metric]:
    labels = (*FLOW_LABELS, "kind", "topic", "partition")
    times = CounterMetricFamily("heliograph_losses", "How often something was lost.", labels=labels)
    offsets = CounterMetricFamily("heliograph_lost_offsets", "Offsets concerned by losses.", labels=labels)
    for flow in view.flows:
        for count in flow.loss_counts:
            where = (*_ends(flow), count.kind, count.topic, str(count.partition))
            times.add_metric(where, count.times)
            offsets.add_metric(where, count.offsets)
    yield from (times, offsets)


def _ends(flow: FlowView) -> tuple[str, str]:
    source, _, target = flow.name.partition("->")
    return source, target
