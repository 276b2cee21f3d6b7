"""The results as tables, in the terminal and in Markdown, and as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contenders import FRANZ, HELIOGRAPH, MM2, MM2_ONCE, MM2_TUNED, ONCE, RELAY
from goals import findings, relation
from latency import RATES
from results import LoadResult, Results, median_flow, spread_percent

WORDS = ("who", "beside", "Heliograph", "goal", "met")
"""Columns of words, not of figures."""

ORDER = (HELIOGRAPH, ONCE, FRANZ, MM2_TUNED, MM2, MM2_ONCE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table, before it is drawn."""

    title: str
    """Stands above it."""
    head: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[str, ...], ...]
    """All cells as text."""


def sheets(results: Results) -> list[Sheet]:
    """Make all tables that have rows."""
    makers: Sequence[Callable[[Results], Sheet]] = (_loads, _relations, _quiet, _latency, _many, _goals)
    made = [maker(results) for maker in makers]
    return [sheet for sheet in made if sheet.rows]


def _times(theirs: float, ours: float | None) -> str:
    return "" if not ours else f"{theirs / ours:.1f}"


def _load_rows(result: LoadResult) -> list[tuple[str, ...]]:
    """Make one load's rows: its own, one for each contender, and one for the floor."""
    medians = {name: median_flow(flows) for name, flows in result.flows.items() if flows}
    ours = medians.get(HELIOGRAPH)
    shape = result.shape
    size = f"{shape.records / 1e6:g} M, {shape.log_bytes / 1e6:,.0f} MB"
    rows = [(f"{result.load.title}: {size}", *[""] * 8)]
    for name in sorted(medians, key=ORDER.index):
        flow, flows = medians[name], result.flows[name]
        spread = spread_percent([each.cpu_s for each in flows])
        rows.append(
            (
                name,
                f"{flow.cpu_s:.2f}",
                _times(flow.cpu_s, ours.cpu_s if ours else None),
                _times(flow.cpu_late_s, ours.cpu_late_s if ours else None),
                f"{flow.wall_s:.2f}",
                _times(flow.wall_s, ours.wall_s if ours else None),
                f"{flow.memory_mb:.0f}",
                f"{flow.start_s:.1f}",
                f"{len(flows)}" if spread is None else f"{len(flows)} ±{spread / 2:.0f}%",
            )
        )
    if result.floor:
        floor = result.floor
        less = _times(floor.cpu_s, ours.cpu_s if ours else None)
        rows.append(
            (RELAY, f"{floor.cpu_s:.2f}", less, "", f"{floor.wall_s:.2f}", "", f"{floor.memory_mb:.0f}", "", "1")
        )
    return rows


def _loads(results: Results) -> Sheet:
    head = (
        "who",
        "CPU s",
        "CPU, x ours",
        "late CPU, x ours",
        "time s",
        "time, x ours",
        "peak MB",
        "first record s",
        "runs",
    )
    rows = [row for result in results.loads for row in _load_rows(result)]
    return Sheet("Copying full topics", head, tuple(rows))


def _relations(results: Results) -> Sheet:
    """Make the means over all loads."""
    rows = []
    for rival in (FRANZ, MM2_TUNED, MM2):
        ratios = [relation(results, rival, what) for what in ("cpu_s", "wall_s", "memory_mb")]
        if ratios[0] is not None:
            rows.append((rival, *(f"{ratio:.1f}" for ratio in ratios if ratio is not None)))
    return Sheet("Geometric mean over the loads, times ours", ("who", "CPU", "time", "memory"), tuple(rows))


def _quiet(results: Results) -> Sheet:
    rows = tuple(
        (
            name,
            f"{q.first_start_s:.2f}",
            f"{q.start_s:.2f}",
            f"{q.start_cpu_s:.2f}",
            f"{q.idle_percent:.2f}",
            f"{q.memory_mb:.0f}",
        )
        for name, q in results.quiet.items()
    )
    head = (
        "who",
        "first record, nothing there yet, s",
        "on existing topics, s",
        "CPU until then, s",
        "idle, % of a core",
        "peak MB",
    )
    return Sheet("Start and idle, 4 partitions", head, rows)


def _latency(results: Results) -> Sheet:
    points = ("p50", "p90", "p99", "p99.9", "p100")
    rows = []
    for rate in RATES:
        for name, measured in results.latency.items():
            rows += [
                (f"{rate:,}", name, *(f"{each.percentiles_ms[point]:.1f}" for point in points))
                for each in measured
                if each.rate == rate
            ]
    return Sheet("Latency in ms, producer to consumer", ("records/s", "who", *points), tuple(rows))


def _many(results: Results) -> Sheet:
    rows = tuple(
        (
            name,
            f"{m.first_start_s:.1f}",
            f"{m.start_s:.1f}",
            f"{m.cpu_percent:.1f}",
            f"{m.silence_s:.2f}",
            f"{m.memory_mb:.0f}",
        )
        for name, m in results.many.items()
    )
    head = (
        "who",
        "all copied, nothing there yet, s",
        "on existing topics, s",
        "% of a core at 2,000 records/s",
        "longest silence s",
        "peak MB",
    )
    return Sheet("200 topics of 10 partitions, 100 partitions busy", head, rows)


def _goals(results: Results) -> Sheet:
    rows = tuple(
        (each.what, each.ours, each.theirs, each.reached, each.goal, "yes" if each.met else "no")
        for each in findings(results)
    )
    return Sheet("Goals", ("what", "Heliograph", "beside", "reached", "goal", "met"), rows)


def machine_line(results: Results) -> str:
    """Say in one line what it ran on."""
    machine = results.machine
    return (
        f"{machine.cores} cores, {machine.memory_gb:g} GB, {machine.kernel}; Python {machine.python}, "
        f"Java {machine.java}, Kafka {machine.kafka}; Heliograph {machine.heliograph}; scale {results.scale:g}; "
        f"load average before the run {results.busy_before:.1f}"
    )


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left")
    for number, name in enumerate(sheet.head):
        words = number == 0 or name in WORDS
        table.add_column(name, justify="left" if words else "right", no_wrap=number == 0)
    for row in sheet.rows:
        if not any(row[1:]):
            table.add_section()
        table.add_row(*row, style="red" if row[-1] == "no" else "")
    return table


def brief(value: object) -> str:
    """Write one measurement as words for a line of progress."""
    if isinstance(value, list):
        return "; ".join(brief(each) for each in value)
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {brief(each)}" for name, each in value.items())
    return brief(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else str(value)


def show(results: Results, console: Console) -> None:
    """Print everything."""
    for sheet in sheets(results):
        console.print(_table(sheet))
    for failure in results.failures:
        console.print(f"failed: {failure}", style="red", markup=False)
    console.print(machine_line(results), markup=False)


def markdown(results: Results) -> str:
    """Return everything as Markdown."""
    parts = [machine_line(results) + ".\n"]
    for sheet in sheets(results):
        lines = [f"### {sheet.title}\n", _row(sheet.head), _row(["---"] * len(sheet.head)), *map(_row, sheet.rows), ""]
        parts.append("\n".join(lines))
    if results.failures:
        parts.append("\n".join(["### What failed\n", *(f"- {failure}" for failure in results.failures), ""]))
    return "\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    """Write a row; one that has only its first cell is a heading within the table."""
    if cells[0] and not any(cells[1:]):
        cells = [f"**{cells[0]}**", *cells[1:]]
    return "| " + " | ".join(cells) + " |"


def write_json(results: Results, path: Path) -> None:
    """Write all single measurements and the verdicts."""
    told = {**asdict(results), "goals": [asdict(each) for each in findings(results)]}
    path.write_text(json.dumps(told, indent=1))
