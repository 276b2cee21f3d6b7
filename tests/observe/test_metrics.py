"""The exposition, read by the library's own parser."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from heliograph.config.model import CauseKind
from heliograph.observe import metrics
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, LossCount, ProcessView, WorkerView


def found(view: ProcessView) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.exposition(view).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def lane(partition: int, **more) -> LaneView:
    return LaneView("t", "A.t", partition, **{"state": LaneState.RUNNING, **more})


def test_lanes_have_mm2s_names():
    flow = FlowView("A->B", FlowState.RUNNING, lanes=(lane(0, records=7, bytes=70, records_per_s=1.5), lane(1)))
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    where = (("partition", "0"), ("source", "A"), ("target", "B"), ("topic", "A.t"))
    assert samples["kafka_connect_mirror_mirrorsourceconnector_record_count", where] == 7
    assert samples["kafka_connect_mirror_mirrorsourceconnector_record_rate", where] == 1.5
    assert samples["kafka_connect_mirror_mirrorsourceconnector_byte_count", where] == 70


def test_a_lag_that_is_not_known_is_left_out():
    flow = FlowView("A->B", FlowState.RUNNING, lanes=(lane(0, lag=5), lane(1)))
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    lags = {
        dict(labels)["partition"]: value for (name, labels), value in samples.items() if name.endswith("lag_records")
    }
    assert lags == {"0": 5}


def test_one_state_holds():
    flow = FlowView("A->B", FlowState.WAITING)
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    states = {
        dict(labels)["state"]: value for (name, labels), value in samples.items() if name == "heliograph_flow_state"
    }
    assert states == {state.value: float(state is FlowState.WAITING) for state in FlowState}


def test_standing_still():
    flow = FlowView(
        "A->B", FlowState.RUNNING, lanes=(lane(0, state=LaneState.FAILED, cause="x", stands_still=True), lane(1))
    )
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    still = {
        dict(labels)["partition"]: v for (name, labels), v in samples.items() if name == "heliograph_standing_still"
    }
    assert still == {"0": 1, "1": 0}


def test_what_is_paused():
    flow = FlowView("A->B", FlowState.RUNNING, lanes=(lane(0, state=LaneState.PAUSED), lane(1)))
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    paused = {dict(labels)["partition"]: v for (name, labels), v in samples.items() if name == "heliograph_paused"}
    assert paused == {"0": 1, "1": 0}


def test_losses_are_counted():
    flow = FlowView("A->B", FlowState.RUNNING, loss_counts=(LossCount("retention", "t", 3, 2, 50),))
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,)))
    where = (("kind", "retention"), ("partition", "3"), ("source", "A"), ("target", "B"), ("topic", "t"))
    assert samples["heliograph_losses_total", where] == 2
    assert samples["heliograph_lost_offsets_total", where] == 50


def test_workers_of_a_parent():
    workers = (WorkerView(1, 4711), WorkerView(2, None, 3, "SIGKILL"))
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, (), workers))
    assert [samples["heliograph_worker_up", (("worker", number),)] for number in "12"] == [1, 0]
    assert [samples["heliograph_worker_restarts_total", (("worker", number),)] for number in "12"] == [0, 3]
    assert not any("worker" in name for name, _ in found(ProcessView("1", "compiled", 1.0, 0.1, 1)))


def test_limits_and_whom_they_hold_back():
    flows = (
        FlowView("A->B", FlowState.RUNNING, limit_bytes_per_s=4e6, held_back=True),
        FlowView("B->A", FlowState.RUNNING),
    )
    samples = found(ProcessView("1", "compiled", 1.0, 0.1, 1, flows, limit_bytes_per_s=9e6))
    there, back = (("source", "A"), ("target", "B")), (("source", "B"), ("target", "A"))
    assert samples["heliograph_limit_bytes_per_second", there] == 4e6
    assert ("heliograph_limit_bytes_per_second", back) not in samples
    assert [samples["heliograph_held_back", flow] for flow in (there, back)] == [1, 0]
    assert samples["heliograph_total_limit_bytes_per_second", ()] == 9e6


def test_every_metric_is_documented_and_no_other():
    flow = FlowView(
        "A->B",
        FlowState.RUNNING,
        lanes=(lane(0, lag=1),),
        latency_p50_ms=1.0,
        latency_p99_ms=2.0,
        loss_counts=(LossCount("retention", "t", 0, 1, 5),),
        limit_bytes_per_s=5.0,
    )
    names = {name for name, _ in found(ProcessView("1", "compiled", 1.0, 0.1, 1, (flow,), (WorkerView(1, 7),), 9.0))}
    assert names == first_cells("## Metrics")


def test_every_cause_is_documented_and_no_other():
    assert set(CauseKind) == first_cells("## What makes a flow degraded")


def first_cells(heading: str) -> set[str]:
    """The first cells of the table under a heading of the page."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    section = page.partition(f"{heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))
