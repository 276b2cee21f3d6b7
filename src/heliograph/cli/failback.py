"""``heliograph failback FILE``: records and consumer groups home after a failover."""

import asyncio
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Json, MirrorMakerFile
from heliograph.cli.moves import AllowRepeats, Groups, print_json, print_moves
from heliograph.config import load
from heliograph.config.model import FlowConfig
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.homecoming import Stage, Turn
from heliograph.mirror.moves import Allowances
from heliograph.observe.group_positions import told_moves
from heliograph.offsets.endpoints import both
from heliograph.offsets.failback import Failback, Homecoming

_STYLES = {Turn.DONE: "green", Turn.DUE: "bold", Turn.WAITING: "yellow", Turn.LATER: "dim"}
STEPS_MAX = 10
"""Steps that one call does at most: there are three that it can do."""


def failback(
    file: MirrorMakerFile,
    *,
    flow: Annotated[
        str,
        typer.Option("--flow", help="The flow that failed over, A->B: A is home.", metavar="A->B", show_default=False),
    ],
    groups: Groups = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do the steps that are due; without it, only show.")
    ] = False,
    allow_rewind: Annotated[
        bool, typer.Option("--allow-rewind", help="Let a group go back at home, where it stands further.")
    ] = False,
    allow_repeats: AllowRepeats = False,
    pass_over: Annotated[
        bool,
        typer.Option("--pass-over", help="Let groups pass over records at home that never reached the other side."),
    ] = False,
    as_json: Json = False,
) -> int:
    """Bring records and consumer groups home after a failover, without loops and without copying old records again.

    Shows how far it is and what comes next; changes nothing without --execute. May be called as often as you like.

    Exit code 0: everything is at home; 1: something is left to do.
    """
    forward = load(file, environ=os.environ, only_flows=[flow]).flows[0]
    name = f"{forward.target.alias}->{forward.source.alias}"
    reverse = load(file, environ=os.environ, only_flows=[name]).flows[0]
    if forward.policy is not reverse.policy:
        raise ConfigError(
            f"{forward.name} and {reverse.name} have different replication policies",
            remedy="Give both the same replication.policy.class",
        )
    allowances = Allowances(rewind=allow_rewind, repeats=allow_repeats, passing_over=pass_over)
    found, done = asyncio.run(_run(forward, reverse, tuple(groups or ()), allowances, execute=execute))
    if as_json:
        print_json(_document(forward, found, done))
    else:
        _print(forward, found, done)
    return 0 if found.done else HeliographError.exit_code


async def _run(
    forward: FlowConfig, reverse: FlowConfig, groups: tuple[str, ...], allowances: Allowances, *, execute: bool
) -> tuple[Homecoming, list[str]]:
    """Look, and do what is due for as long as something is; gives the last look and what was done."""
    done: list[str] = []
    async with both(forward, need_source=True) as endpoints:
        assert endpoints.source is not None, "home was reached"
        assert endpoints.target is not None, "the other side was reached"
        work = Failback(forward, reverse, endpoints.source, endpoints.target, allowances, groups)
        found = await work.look()
        for _ in range(STEPS_MAX if execute else 0):
            due = next((step for step in found.steps if step.turn is Turn.DUE), None)
            if due is None:
                break
            await work.advance(found)
            done.append(due.name)
            found = await work.look()
    return found, done


def _print(forward: FlowConfig, found: Homecoming, done: list[str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"home to {forward.source.alias}, from {forward.target.alias}", style="bold"))
    for each in found.partitions:
        if each.stage is not Stage.DONE:
            line = (
                f"  {each.topic}-{each.partition}: {each.stage}, {each.written} written away, {each.left} left to copy"
            )
            console.print(Text(line))
        if each.stranded is not None:
            first, after = each.stranded
            console.print(
                Text.assemble(
                    ("  note  ", "yellow"),
                    f"records {first} to {after - 1} of {each.topic}-{each.partition} never left "
                    f"{forward.source.alias}; they stay there, before those that come home",
                )
            )
    print_moves(console, told_moves(found.moves))
    for step in found.steps:
        console.print(Text.assemble("  ", (f"{step.turn:<9}", _STYLES[step.turn]), f"{step.name}: {step.text}"))
    for name in done:
        console.print(Text(f"Executed: {name}", style="green"))
    if found.done:
        console.print(Text("Everything is at home", style="green"))
    elif any(step.turn is Turn.DUE for step in found.steps):
        console.print(Text("--execute does the step that is due", style="yellow"))


def _document(forward: FlowConfig, found: Homecoming, done: list[str]) -> dict[str, object]:
    return {
        "home": forward.source.alias,
        "away": forward.target.alias,
        "done": found.done,
        "executed": done,
        "steps": [{"name": step.name, "turn": str(step.turn), "text": step.text} for step in found.steps],
        "partitions": [
            {
                "topic": each.topic,
                "partition": each.partition,
                "stage": str(each.stage),
                "problem": each.boundary.problem or None,
                "boundary": {"home": each.boundary.home, "away": each.boundary.away},
                "home_end": each.home_end,
                "away_end": each.away_end,
                "written": each.written,
                "left": each.left,
                "stranded": list(each.stranded) if each.stranded is not None else None,
            }
            for each in found.partitions
        ],
        "moves": told_moves(found.moves),
    }
