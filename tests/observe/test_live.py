import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from heliograph.config.model import CauseKind
from heliograph.observe.live import LiveView, Trend, fair_shares, render, sparkline
from heliograph.observe.model import (
    Cause,
    FlowState,
    FlowView,
    LaneState,
    LaneView,
    LossCount,
    LossView,
    ProcessView,
    WorkerView,
)


def lanes(topic, count, *, state=LaneState.RUNNING, states=(), lag=0, rate=0.0):
    return tuple(
        LaneView(
            topic,
            f"west.{topic}",
            partition,
            states[partition] if partition < len(states) else state,
            lag=lag,
            records_per_s=rate,
            bytes_per_s=rate * 1000,
        )
        for partition in range(count)
    )


FLOW = FlowView(
    "west->east",
    FlowState.RUNNING,
    topics=4,
    lanes=(
        *lanes("idle", 2),
        *lanes("orders", 12, lag=10, rate=2000.0),
        *lanes("payments", 6, states=(LaneState.FAILED,)),
        *lanes("stock", 3, states=(LaneState.RUNNING, LaneState.RETRYING), lag=7, rate=0.1),
    ),
    records=12_345_678,
    bytes=10_000_000_000,
    records_per_s=24_000.3,
    bytes_per_s=24_000_300,
    latency_p50_ms=1.84,
    latency_p99_ms=11.2,
    errors=("payments-0: asked east to write west.payments: not authorized. Grant Write on topic west.payments",),
)
WAITING = FlowView("east->west", FlowState.WAITING, cause="MirrorMaker still runs as group east-mm2")
VIEW = ProcessView("0.1.0", "compiled", 3725.0, 112.0, 84_000_000, (FLOW, WAITING))


def test_limits_stand_beside_what_they_limit():
    flow = replace(FLOW, limit_bytes_per_s=25e6, held_back=True)
    lines = render(replace(VIEW, flows=(flow,), limit_bytes_per_s=40e6), 140, 30).lines
    header, sums = ("".join(piece.text for piece in line) for line in (lines[0], lines[3]))
    assert " · memory 84 MB · limit 40 MB/s · " in header
    assert sums.startswith(" 24,000 records/s · 24 MB/s of 25 MB/s · lag 141 · ")
    assert next(piece.style for piece in lines[3] if "25 MB/s" in piece.text) == "yellow"


def test_at_120_columns():
    assert render(VIEW, 120, 30, Trend(0.034, {"west->east": (1.0, 2.0, 4.0)})).to_text().splitlines() == [
        " heliograph 0.1.0 · up 1 h 2 min · CPU 3 % · memory 84 MB · kernel compiled · Ctrl-C stops",
        "",
        " west->east  running" + " " * 96 + "▃▅█",
        " 24,000 records/s · 24 MB/s · lag 141 · p50 1.8 ms, p99 11 ms · 4 topics, 23 partitions · 12.3 M records, 10 GB in all",
        "   topic     partitions    records/s      MB/s          lag  state",
        "   payments           6            0         0            0  failed 1 of 6",
        "   stock              3          0.3      0.00           21  retrying 1 of 3",
        "   orders            12       24,000      24.0          120  running",
        "   idle               2            0         0            0  running",
        "   error  payments-0: asked east to write west.payments: not authorized. Grant Write on topic west.payments",
        "",
        " east->west  waiting  MirrorMaker still runs as group east-mm2",
    ]


def test_at_80_columns():
    assert render(VIEW, 80, 11).to_text().splitlines() == [
        " heliograph 0.1.0 · up 1 h 2 min · CPU 3 % · memory 84 MB · kernel compiled",
        "",
        " west->east  running",
        " 24,000 records/s · 24 MB/s · lag 141 · p50 1.8 ms, p99 11 ms",
        "   topic     parts  records/s    MB/s        lag  state",
        "   payments      6          0       0          0  failed 1 of 6",
        "   stock         3        0.3    0.00         21  retrying 1 of 3",
        "   … 2 more topics · 24,000 records/s · 24 MB/s · lag 120",
        "   error  payments-0: asked east to write west.payments: not authorized. Grant …",
        "",
        " east->west  waiting  MirrorMaker still runs as group east-mm2",
    ]


BIG = replace(
    FLOW,
    lanes=tuple(
        lane for number in range(200) for lane in lanes(f"topic-{number:03}" + "x" * (number % 90), 10, rate=number)
    ),
)


@pytest.mark.parametrize("flows", [(), (FLOW,), (FLOW, WAITING), (BIG, WAITING, FLOW), (BIG,) * 7, (WAITING,) * 40])
@pytest.mark.parametrize("width", [20, 40, 71, 72, 99, 100, 200])
@pytest.mark.parametrize("height", [2, 3, 5, 8, 24, 60])
def test_never_larger_than_the_terminal(flows, width, height):
    rates = {flow.name: tuple(float(number) for number in range(60)) for flow in flows}
    lines = render(replace(VIEW, flows=flows), width, height, Trend(0.5, rates)).to_text().splitlines()
    assert len(lines) <= height
    assert max(cell_len(line) for line in lines) <= width


def test_names_of_any_width_stay_aligned():
    flow = replace(FLOW, name="東京->大阪", lanes=(*lanes("a", 1), *lanes("b" * 100, 1)), errors=("日本" * 60,))
    lines = render(replace(VIEW, flows=(flow,)), 80, 24, Trend(0.5, {"東京->大阪": (1.0,) * 60})).to_text().splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    assert len({line.index("running") for line in lines if line.endswith("running")}) == 1


def test_a_failed_flow_comes_first():
    failed = FlowView("a->b", FlowState.FAILED, cause="b does not answer")
    lines = render(replace(VIEW, flows=(WAITING, failed)), 80, 24).to_text().splitlines()
    assert lines[2] == " a->b  failed  b does not answer"


def test_flows_without_room_are_counted():
    lines = render(replace(VIEW, flows=(WAITING,) * 9), 80, 12).to_text().splitlines()
    assert lines[-1] == " … and 6 flows more"


@pytest.mark.parametrize(
    ("wanted", "room", "given"),
    [([], 5, []), ([3, 3], 10, [3, 3]), ([20, 4], 12, [8, 4]), ([20, 30, 4], 24, [10, 10, 4]), ([5, 5], 3, [1, 2])],
)
def test_fair_shares(wanted, room, given):
    assert fair_shares(wanted, room) == given


def test_sparklines():
    assert sparkline((), 10) == ""
    assert sparkline((0.0, 0.0), 10) == ""
    assert sparkline((0.0, 1.0, 2.0), 10) == "▁▅█"
    assert sparkline((8.0, 1.0, 2.0), 2) == "▅█"
    assert sparkline((1.0,), 0) == ""


def test_it_draws_on_a_terminal():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24, color_system="standard")
    with LiveView(console) as live:
        live.show(VIEW)
        live.show(replace(VIEW, uptime_s=3727.0, cpu_s=112.5))
    drawn = file.getvalue()
    assert "west->east" in drawn
    assert "CPU 25 %" in drawn
    assert drawn.count("heliograph 0.1.0") >= 2


def test_a_parent_shows_how_many_of_its_workers_run():
    both = replace(VIEW, workers=(WorkerView(1, 7), WorkerView(2, 8)))
    (piece,) = [each for each in render(both, 120, 20).lines[0] if "worker" in each.text]
    assert (piece.text, piece.style) == ("2 of 2 workers", "")
    one = replace(VIEW, workers=(WorkerView(1, 7), WorkerView(2, None)))
    (piece,) = [each for each in render(one, 120, 20).lines[0] if "worker" in each.text]
    assert (piece.text, piece.style) == ("1 of 2 workers", "yellow")


def test_it_is_silent_elsewhere():
    file = io.StringIO()
    with LiveView(Console(file=file)) as live:
        live.show(VIEW)
    assert file.getvalue() == ""


def test_topics_that_share_partitions_or_have_no_source():
    shared = tuple(replace(lane, target_partition=lane.partition % 2) for lane in lanes("wide", 3))
    flow = replace(FLOW, topics=1, lanes=(*shared, *lanes("left", 2, state=LaneState.GONE)), errors=())
    lines = render(replace(VIEW, flows=(flow,)), 120, 30).to_text().splitlines()
    assert "1 topic, 3 partitions" in lines[3]
    assert lines[5].split() == ["wide", "3", "0", "0", "0", "running,", "shared"]
    assert lines[6].split()[-2:] == ["source", "gone"]


def test_why_a_flow_is_degraded_is_shown():
    causes = (
        Cause(CauseKind.STANDING_STILL, "payments-0: no permission", 6, 42.0),
        Cause(CauseKind.JOB, "store positions: no answer", 0, 61.0),
    )
    text = render(replace(VIEW, flows=(replace(FLOW, errors=(), degraded=causes),)), 120, 30).to_text()
    assert text.splitlines()[-2:] == [
        "   degraded  standing-still, partitions=6: payments-0: no permission (for 42 s)",
        "   degraded  job: store positions: no answer (for 1 min 1 s)",
    ]


def test_that_a_flow_does_not_run_stands_in_its_title_alone():
    causes = (Cause(CauseKind.FLOW, "waiting MirrorMaker still runs", 0, 42.0),)
    text = render(replace(VIEW, flows=(replace(WAITING, degraded=causes),)), 120, 30).to_text()
    assert "degraded" not in text


def test_losses_are_shown_with_their_range_and_stay():
    losses = tuple(LossView("retention", "orders", number, 10, 15, 0.0, 15) for number in range(3))
    counts = tuple(LossCount("retention", "orders", number, times=1, offsets=5) for number in range(3))
    halted = lanes("orders", 3, states=(LaneState.HALTED,))
    view = replace(VIEW, flows=(replace(FLOW, lanes=halted, errors=(), losses=losses, loss_counts=counts),))
    text = render(view, 120, 30).to_text()
    assert "halted by a loss 1 of 3"[:20] in text
    assert text.splitlines()[-3:] == [
        "   loss   retention: orders-0, offsets 10..14",
        "   loss   retention: orders-1, offsets 10..14",
        "          … and 1 more",
    ]
