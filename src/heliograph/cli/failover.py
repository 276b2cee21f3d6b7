"""``heliograph failover FILE``: consumer groups to the cluster that takes over."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import (
    AllowRepeats,
    Flow,
    Groups,
    document_of_move,
    flows_of,
    print_json,
    print_moves,
    print_notes,
)
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.moves import Allowances, Verdict, all_good
from heliograph.offsets.failover import Order, Outcome, fail_over


def failover(
    file: File,
    *,
    groups: Groups = None,
    everything: Annotated[bool, typer.Option("--all", help="Move every group that the flow follows.")] = False,
    flow: Flow = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Commit the positions; without it, only show them.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(help="Seconds to wait until records that the groups have read are copied.", min=0, max=86_400),
    ] = 0,
    allow_rewind: Annotated[
        bool, typer.Option("--allow-rewind", help="Let a group go back on the target, where it stands further.")
    ] = False,
    allow_repeats: AllowRepeats = False,
    without_source: Annotated[
        bool, typer.Option("--without-source", help="Do not ask the source: go by the newest checkpoints.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Move consumer groups from a flow's source to its target, so that each goes on at its next record.

    Shows what moves where, and why something cannot; changes nothing without --execute.

    Exit code 0: all moved, or all can be; 1: some cannot.
    """
    if bool(groups) == everything:
        raise ConfigError("failover needs to know which groups", remedy="Give --group NAME, or --all")
    chosen, back = flows_of(file, flow)
    order = Order(
        flow=chosen,
        back=back,
        groups=tuple(groups or ()),
        allowances=Allowances(rewind=allow_rewind, repeats=allow_repeats),
        execute=execute,
        wait_s=wait,
        without_source=without_source,
    )
    outcome = asyncio.run(fail_over(order))
    if as_json:
        print_json(
            {
                "flow": outcome.flow,
                "executed": execute,
                "moves": [document_of_move(move) for move in outcome.moves],
                "notes": list(outcome.notes),
                "all_good": all_good(outcome.moves),
            }
        )
    else:
        _print(outcome, execute=execute)
    return 0 if all_good(outcome.moves) else HeliographError.exit_code


def _print(outcome: Outcome, *, execute: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(outcome.flow, style="bold"))
    print_moves(console, outcome.moves)
    print_notes(console, outcome.notes)
    counts = {verdict: sum(move.verdict is verdict for move in outcome.moves) for verdict in Verdict}
    refused = counts[Verdict.REFUSED]
    words = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    if not outcome.moves:
        text = "No group has a position that this flow could move"
    elif execute:
        text = f"Executed: {', '.join(words)}"
    else:
        text = f"Nothing was changed: {', '.join(words)}"
        if counts[Verdict.MOVE]:
            text += "; --execute moves them"
    console.print(Text(text, style="bold red" if refused else "green"))
