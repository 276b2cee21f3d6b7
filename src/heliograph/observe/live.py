"""The live view: what the process is doing, on one screen, twice a second.

From top to bottom: the process in a line; for each flow its state and sums, the topics that most deserve a look (what
failed, then what moves, then what lags), and its latest errors. The screen never scrolls and never grows: 200 topics
with 2,000 partitions take the rows there are, and the rest is summed up in one. States are words, so nothing is lost
without colour.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from types import MappingProxyType, TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live

from heliograph.config.model import CauseKind
from heliograph.observe import text
from heliograph.observe.control import Control
from heliograph.observe.health import words_of
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, ProcessView
from heliograph.observe.screen import Line, Piece, Screen, crop, joined, left, right

_EVERY_S = 0.5
_HISTORY = 60
_BARS = "▁▂▃▄▅▆▇█"
_ERRORS_SHOWN = 3
_LOSSES_SHOWN = 2
_FLOW_MIN = 3
_TINY = 50
_NARROW = 72
_WIDE = 100
_INDENT = 3
_STATE_CELLS = 20
_WIDTH_MIN = 20

_STYLES = {
    "starting": "cyan",
    "waiting": "yellow",
    "standby": "cyan",
    "running": "green",
    "retrying": "yellow",
    "failed": "bold red",
    "halted by a loss": "bold red",
    "paused": "yellow",
    "stopped": "dim",
    "source gone": "dim",
}
_URGENCY = {
    LaneState.HALTED: 0,
    LaneState.FAILED: 0,
    LaneState.RETRYING: 1,
    LaneState.HELD_UP: 1,
    LaneState.STARTING: 2,
    LaneState.RUNNING: 2,
    LaneState.PAUSED: 3,
    LaneState.STOPPED: 3,
    LaneState.GONE: 4,
}


_STANDING = (LaneState.FAILED, LaneState.RETRYING, LaneState.HALTED, LaneState.HELD_UP)


@dataclass(frozen=True, slots=True)
class Trend:
    """What a single snapshot cannot tell."""

    cpu_share: float | None = None
    """Of one core, since the snapshot before; None: take the mean since the start."""
    byte_rates: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By flow, oldest first."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in a line of a table; the same for all flows, so that numbers stand in columns."""

    width: int
    """Of the whole line, in cells."""
    name: int
    """Cells for the topic's name."""
    numbers: tuple[tuple[str, int], ...]
    """Heading and cells of each column of numbers."""


@dataclass(slots=True)
class _Row:
    """A topic's lanes, summed up."""

    topic: str
    lanes: int = 0
    records_per_s: float = 0.0
    bytes_per_s: float = 0.0
    lag: int | None = None
    state: LaneState = LaneState.STOPPED
    in_state: int = 0
    shared: bool = False
    """Some of its lanes go to target partitions that are not theirs alone."""

    def add(self, lane: LaneView) -> None:
        self.lanes += 1
        self.shared = self.shared or lane.target_partition is not None
        self.records_per_s += lane.records_per_s
        self.bytes_per_s += lane.bytes_per_s
        if lane.lag is not None:
            self.lag = (self.lag or 0) + lane.lag
        if lane.state == self.state:
            self.in_state += 1
        elif _URGENCY[lane.state] < _URGENCY[self.state] or self.lanes == 1:
            self.state, self.in_state = lane.state, 1

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """Sort by orders of magnitude: by the numbers themselves, similar topics would change places all the time."""
        return _URGENCY[self.state], -int(self.bytes_per_s).bit_length(), -(self.lag or 0).bit_length(), self.topic

    @property
    def state_text(self) -> str:
        if self.in_state < self.lanes and self.state in _STANDING:
            return f"{self.state} {self.in_state} of {self.lanes}"
        return f"{self.state}, shared" if self.shared else str(self.state)


def render(view: ProcessView, width: int, height: int, trend: Trend | None = None) -> Screen:
    """Draw ``view`` into at most ``height`` lines of ``width`` cells."""
    trend = trend or Trend()
    width, height = max(width, _WIDTH_MIN), max(height, 2)
    flows = sorted(view.flows, key=lambda flow: flow.state is not FlowState.FAILED)
    room = height - 1
    shown = min(len(flows), room // _FLOW_MIN or 1)
    if shown < len(flows):
        room -= 1
    tables = [_rows(flow) for flow in flows[:shown]]
    columns = _columns(width, max((len(row.topic) for rows in tables for row in rows), default=0))
    wanted = [_wanted(flow, rows) for flow, rows in zip(flows[:shown], tables, strict=True)]
    lines: list[Line] = [_header(view, trend, width)]
    for flow, rows, given in zip(flows[:shown], tables, fair_shares(wanted, room), strict=True):
        lines.extend(_flow(flow, rows, columns, given, trend))
    if shown < len(flows):
        lines.append((Piece(crop(f" … and {text.plural(len(flows) - shown, 'flow')} more", width), "dim"),))
    return Screen(tuple(lines[:height]))


def fair_shares(wanted: list[int], room: int) -> list[int]:
    """Share ``room`` lines: nobody gets more than wanted, and what one leaves the others may have."""
    given = [0] * len(wanted)
    for number, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[index] = min(wanted[index], room // (len(wanted) - number))
        room -= given[index]
    return given


def _header(view: ProcessView, trend: Trend, width: int) -> Line:
    cpu_share = trend.cpu_share
    if cpu_share is None and view.uptime_s > 0:
        cpu_share = view.cpu_s / view.uptime_s
    up = sum(worker.pid is not None for worker in view.workers)
    workers = f"{up} of {text.plural(len(view.workers), 'worker')}"
    pieces = (
        Piece(f"heliograph {view.version}", "bold"),
        *((Piece(workers, "" if up == len(view.workers) else "yellow"),) if view.workers else ()),
        Piece(f"up {text.duration(view.uptime_s)}"),
        Piece(f"CPU {text.share(cpu_share)}"),
        Piece(f"memory {text.size(view.rss_bytes)}"),
        *((Piece(f"limit {text.byte_rate(view.limit_bytes_per_s)}"),) if view.limit_bytes_per_s is not None else ()),
        Piece(f"kernel {view.kernel}", "yellow" if "pure" in view.kernel.lower() else ""),
        Piece("Ctrl-C stops", "dim"),
    )
    return joined(pieces, width, gap=" · ")


def _wanted(flow: FlowView, rows: list[_Row]) -> int:
    """Return the lines that would show everything: blank, title, sums, table with heading, errors."""
    titles = 3 if _has_numbers(flow) else 2
    troubles = min(len(flow.errors), _ERRORS_SHOWN + 1) + min(len(flow.losses), _LOSSES_SHOWN + 1)
    troubles += len(_degraded(flow, 0))
    return titles + (len(rows) + 1 if rows else 0) + troubles


def _has_numbers(flow: FlowView) -> bool:
    return bool(flow.lanes or flow.records or flow.state is FlowState.RUNNING)


def _flow(flow: FlowView, rows: list[_Row], columns: _Columns, height: int, trend: Trend) -> list[Line]:
    """Draw a flow into at most ``height`` lines; when there is little room, errors come before topics."""
    width = columns.width
    lines: list[Line] = [_title(flow, width, trend)]
    if _has_numbers(flow):
        lines.append(_sums(flow, width))
    if height > len(lines):
        lines.insert(0, ())
    errors = [*_degraded(flow, width), *_errors(flow, width), *_losses(flow, width)][: max(height - len(lines), 0)]
    room = height - len(lines) - len(errors) - 1
    if rows and room > 0:
        lines.extend(_table(rows, columns, room))
    lines.extend(errors)
    return lines[:height]


def _title(flow: FlowView, width: int, trend: Trend) -> Line:
    line = list(joined((Piece(flow.name, "bold"), Piece(str(flow.state), _STYLES[flow.state])), width))
    used = sum(cell_len(piece.text) for piece in line)
    if flow.cause:
        room = width - used - 2
        if room > 10:
            line.append(Piece("  " + crop(flow.cause, room), "" if flow.state is FlowState.RUNNING else "yellow"))
        return tuple(line)
    spark = sparkline(trend.byte_rates.get(flow.name, ()), min(width - used - 4, _HISTORY, width // 3))
    if spark:
        line.append(Piece(" " * (width - used - len(spark) - 1)))
        line.append(Piece(spark, "cyan"))
    return tuple(line)


def _sums(flow: FlowView, width: int) -> Line:
    held = "yellow" if flow.held_back else ""
    limit = "" if flow.limit_bytes_per_s is None else f" of {text.byte_rate(flow.limit_bytes_per_s)}"
    pieces = [
        Piece(text.record_rate(flow.records_per_s)),
        Piece(text.byte_rate(flow.bytes_per_s) + limit, held),
        Piece(f"lag {text.count(flow.lag)}"),
    ]
    if flow.latency_p50_ms is not None:
        pieces.append(Piece(f"p50 {text.latency(flow.latency_p50_ms)}, p99 {text.latency(flow.latency_p99_ms)}"))
    lanes = sum(lane.state is not LaneState.GONE for lane in flow.lanes)
    pieces.append(Piece(f"{text.plural(flow.topics, 'topic')}, {text.plural(lanes, 'partition')}"))
    pieces.append(Piece(f"{text.count(flow.records)} records, {text.size(flow.bytes)} in all", "dim"))
    return joined(tuple(pieces), width, gap=" · ")


def _rows(flow: FlowView) -> list[_Row]:
    rows: dict[str, _Row] = {}
    for lane in flow.lanes:
        row = rows.get(lane.topic)
        if row is None:
            row = rows[lane.topic] = _Row(lane.topic)
        row.add(lane)
    return list(rows.values())


def _table(rows: list[_Row], columns: _Columns, room: int) -> list[Line]:
    """Draw heading and rows into ``room + 1`` lines, the last of them the sum of what found no place."""
    shown = len(rows) if len(rows) <= room else room - 1
    top = nsmallest(shown, rows, key=lambda row: row.rank)
    lines = [_line("topic", {heading: heading for heading, _ in columns.numbers}, ("state", "dim"), columns, "dim")]
    lines.extend(_topic(row, columns) for row in top)
    if shown < len(rows):
        kept = {row.topic for row in top}
        lines.append(_rest([row for row in rows if row.topic not in kept], columns.width))
    return lines


def _columns(width: int, longest: int) -> _Columns:
    """Choose the columns; narrow terminals do without partitions and MB/s."""
    numbers: tuple[tuple[str, int], ...]
    if width < _TINY:
        numbers = (("lag", 9),)
    elif width < _NARROW:
        numbers = (("records/s", 11), ("lag", 10))
    elif width < _WIDE:
        numbers = (("parts", 7), ("records/s", 11), ("MB/s", 8), ("lag", 11))
    else:
        numbers = (("partitions", 12), ("records/s", 13), ("MB/s", 10), ("lag", 13))
    room = width - sum(cells for _, cells in numbers) - _STATE_CELLS - _INDENT
    return _Columns(width, max(min(room, longest, 60), 5), numbers)


def _topic(row: _Row, columns: _Columns) -> Line:
    quiet = row.bytes_per_s == 0 and not row.lag and row.state is LaneState.RUNNING
    style = "dim" if quiet else ""
    partitions = text.count(row.lanes)
    cells = {
        "parts": partitions,
        "partitions": partitions,
        "records/s": text.rate(row.records_per_s),
        "MB/s": text.megabytes(row.bytes_per_s),
        "lag": text.count(row.lag),
    }
    return _line(row.topic, cells, (row.state_text, style or _STYLES[row.state]), columns, style)


def _line(name: str, cells: Mapping[str, str], state: tuple[str, str], columns: _Columns, style: str) -> Line:
    middle = "".join(right(cells[heading], size) for heading, size in columns.numbers)
    rest = columns.width - _INDENT - columns.name - len(middle) - 2
    state_text, state_style = state
    front = " " * _INDENT + left(name, columns.name) + middle + "  "
    return Piece(front, style), Piece(crop(state_text, rest), state_style)


def _rest(rows: list[_Row], width: int) -> Line:
    pieces = (
        Piece(f"… {text.plural(len(rows), 'more topic')}"),
        Piece(text.record_rate(sum(row.records_per_s for row in rows))),
        Piece(text.byte_rate(sum(row.bytes_per_s for row in rows))),
        Piece(f"lag {text.count(sum(row.lag or 0 for row in rows))}"),
    )
    return tuple(Piece(piece.text, "dim") for piece in joined(pieces, width, indent=3, gap=" · "))


def _degraded(flow: FlowView, width: int) -> list[Line]:
    """Draw why a flow does not copy all that it should; that it does not run stands in its title."""
    return [
        (Piece("   degraded  ", "yellow"), Piece(crop(words_of(cause), width - 13)))
        for cause in flow.degraded
        if cause.kind is not CauseKind.FLOW
    ]


def _errors(flow: FlowView, width: int) -> list[Line]:
    lines: list[Line] = [
        (Piece("   error  ", "red"), Piece(crop(error, width - 10))) for error in flow.errors[:_ERRORS_SHOWN]
    ]
    more = len(flow.errors) - _ERRORS_SHOWN
    if more > 0:
        lines.append((Piece(f"          … and {text.count(more)} more", "dim"),))
    return lines


def _losses(flow: FlowView, width: int) -> list[Line]:
    """Draw the newest losses; they stay for the life of the process, because nothing makes them undone."""
    lines: list[Line] = []
    for loss in flow.losses[:_LOSSES_SHOWN]:
        last = max(loss.first_offset, loss.next_offset - 1)
        offsets = f"{loss.first_offset}..{last}" if loss.next_offset > loss.first_offset else "unknown"
        said = f"{loss.kind}: {loss.topic}-{loss.partition}, offsets {offsets}"
        lines.append((Piece("   loss   ", "red"), Piece(crop(said, width - 10))))
    more = sum(count.times for count in flow.loss_counts) - len(lines)
    if lines and more > 0:
        lines.append((Piece(f"          … and {text.count(more)} more", "dim"),))
    return lines


def sparkline(rates: tuple[float, ...], width: int) -> str:
    """Draw the last ``width`` rates as bars against the highest of them; empty where nothing ever moved."""
    recent = rates[-width:] if width > 0 else ()
    highest = max(recent, default=0.0)
    if highest <= 0:
        return ""
    return "".join(_BARS[min(round(rate / highest * (len(_BARS) - 1)), len(_BARS) - 1)] for rate in recent)


class LiveView:
    """Draws snapshots on a terminal, each over the one before; does nothing where there is no terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._before: ProcessView | None = None
        self._rates: dict[str, deque[float]] = {}

    def __enter__(self) -> Self:
        """Take over the lower part of the terminal; what others print goes above it."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    async def follow(self, control: Control) -> None:
        """Draw the process until cancelled."""
        while True:
            self.show(control.view())
            await asyncio.sleep(_EVERY_S)

    def show(self, view: ProcessView) -> None:
        """Draw ``view``; meant to be called about twice a second."""
        if not self._live.is_started:
            return
        trend = self._trend(view)
        width, height = self._console.size
        self._live.update(render(view, width, height - 1, trend), refresh=True)

    def _trend(self, view: ProcessView) -> Trend:
        names = {flow.name for flow in view.flows}
        self._rates = {name: rates for name, rates in self._rates.items() if name in names}
        for flow in view.flows:
            self._rates.setdefault(flow.name, deque(maxlen=_HISTORY)).append(flow.bytes_per_s)
        before, self._before = self._before, view
        cpu_share = None
        if before is not None and view.uptime_s > before.uptime_s:
            cpu_share = (view.cpu_s - before.cpu_s) / (view.uptime_s - before.uptime_s)
        return Trend(cpu_share, {name: tuple(rates) for name, rates in self._rates.items()})
