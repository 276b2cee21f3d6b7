"""What the commands about offsets share: choosing a flow, tables of positions, their JSON."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from heliograph.config.model import Config, FlowConfig, Policy
from heliograph.connect.reading import read_flows
from heliograph.errors import ConfigError
from heliograph.mirror.moves import Basis, Verdict
from heliograph.observe.group_positions import GroupPosition

STYLES: Mapping[Verdict | None, str] = {
    Verdict.MOVED: "green",
    Verdict.THERE: "green",
    Verdict.KEPT: "green",
    Verdict.LEFT: "yellow",
    Verdict.REFUSED: "bold red",
}
UNKNOWN = "-"

Flow = Annotated[
    str | None,
    typer.Option("--flow", help="Which flow of FILE: A->B.", metavar="A->B", show_default=False),
]
"""One flow of the file."""

AllowRepeats = Annotated[
    bool,
    typer.Option(
        "--allow-repeats", help="Where the exact place is not known, take an earlier one; nothing is skipped."
    ),
]
"""Whether records may be read twice rather than a group be refused."""

Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="A consumer group; may be given several times.", metavar="NAME", show_default=False),
]
"""Consumer groups by name."""


def flow_of(config: Config, name: str | None) -> FlowConfig:
    """Return the flow called ``name``, or the only one. Raises ConfigError when there is none, or several."""
    names = ", ".join(flow.name for flow in config.flows)
    if name is None and len(config.flows) > 1:
        raise ConfigError(f"{config.path} has several flows: {names}", remedy="Choose one with --flow 'A->B'")
    for flow in config.flows:
        if name in (None, flow.name):
            return flow
    raise ConfigError(f"{config.path} enables no flow {name!r}", remedy=f"Choose from {names}")


def reverse_of(config: Config, flow: FlowConfig) -> FlowConfig | None:
    """Return the enabled flow in the other direction, if there is one."""
    pair = (flow.target.alias, flow.source.alias)
    return next((each for each in config.flows if (each.source.alias, each.target.alias) == pair), None)


def flows_of(file: Path, name: str | None) -> tuple[FlowConfig, FlowConfig | None]:
    """Load the flow called ``name``, or the only one, and the one back where it is enabled too. Raises ConfigError.

    Two flows that keep names and lead in opposite directions may stand in one file, though never run together; then
    the one that is named is taken alone.
    """
    if name is not None:
        flow = read_flows(file, environ=os.environ, only_flows=[name]).flows[0]
        if flow.policy is Policy.IDENTITY:
            return flow, None
    config = read_flows(file, environ=os.environ)
    flow = flow_of(config, name)
    return flow, reverse_of(config, flow)


def columns(rows: Sequence[Sequence[str]], right: frozenset[int]) -> list[str]:
    """Lay rows of cells out in columns of equal width; columns in ``right`` are flush right, the last is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def print_moves(console: Console, moves: Sequence[GroupPosition]) -> None:
    """Print a table of what becomes of positions."""
    if not moves:
        return
    head = ("GROUP", "FROM", "OFFSET", "LAG", "TO", "OFFSET", "LAG", "THERE", "", "")
    rows = [head, *(_move_cells(move) for move in moves)]
    lines = columns(rows, frozenset({2, 3, 5, 6, 7}))
    console.print(Text(f"  {lines[0]}", style="dim"))
    for line, move in zip(lines[1:], moves, strict=True):
        console.print(Text(f"  {line}", style=STYLES.get(move.verdict, "")))


def _move_cells(move: GroupPosition) -> tuple[str, ...]:
    return *_position_cells(move), str(move.verdict), move.reason + _age(move)


def _position_cells(position: GroupPosition) -> tuple[str, ...]:
    return (
        position.group or UNKNOWN,
        f"{position.topic}-{position.partition}" if position.topic else UNKNOWN,
        number(position.offset),
        number(position.lag),
        f"{position.to_topic}-{position.partition}" if position.to_topic else UNKNOWN,
        number(position.to_offset),
        number(position.to_lag),
        number(position.held),
    )


def _age(position: GroupPosition) -> str:
    if position.basis is not Basis.CHECKPOINT or position.age_ms is None:
        return ""
    return f" ({position.age_ms / 1000:,.0f} s old)"


def print_positions(console: Console, positions: Sequence[GroupPosition]) -> None:
    """Print a table of translated positions."""
    head = ("GROUP", "FROM", "OFFSET", "LAG", "TO", "OFFSET", "LAG", "THERE", "", "")
    rows: list[tuple[str, ...]] = [head]
    for position in positions:
        exact = "checkpoint" if position.basis is Basis.CHECKPOINT else "exact" if position.exact else "not exact"
        rows.append((*_position_cells(position), exact, position.reason + _age(position)))
    lines = columns(rows, frozenset({2, 3, 5, 6, 7}))
    console.print(Text(f"  {lines[0]}", style="dim"))
    for line, position in zip(lines[1:], positions, strict=True):
        console.print(Text(f"  {line}", style="green" if position.exact else "yellow"))


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what the reader should know besides."""
    for note in notes:
        console.print(Text.assemble(("  note  ", "yellow"), note))


def number(value: int | None) -> str:
    """Return an offset or a lag; a dash where it is not known."""
    return UNKNOWN if value is None else str(value)


def print_json(document: object) -> None:
    """Print ``document``."""
    print(json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=False))
