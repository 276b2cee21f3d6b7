"""``heliograph failover FILE``: consumer groups to the cluster that takes over."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Json
from heliograph.cli.moves import AllowRepeats, Flow, Groups, print_json, print_moves, print_notes
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.moves import Verdict
from heliograph.observe.group_positions import WAIT_S_MAX, FailedOver, FailoverOrder
from heliograph.observe.operations import Progress


def failover(
    file: FileOrAddress,
    *,
    groups: Groups = None,
    everything: Annotated[bool, typer.Option("--all", help="Move every group that the flow follows.")] = False,
    flow: Flow = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Commit the positions; without it, only show them.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(help="Seconds to wait until records that the groups have read are copied.", min=0, max=WAIT_S_MAX),
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
    order = FailoverOrder(
        groups=tuple(groups or ()),
        all_groups=everything,
        execute=execute,
        wait_s=wait,
        allow_rewind=allow_rewind,
        allow_repeats=allow_repeats,
        without_source=without_source,
    )
    place = place_of(str(file), flow)
    found = asyncio.run(place.operations.failover(place.flows[0], order, _take_no_notice))
    if as_json:
        print_json(found)
    else:
        _print(found)
    return 0 if found.all_good else HeliographError.exit_code


def _take_no_notice(_: Progress) -> None:
    pass


def _print(found: FailedOver) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(found.flow, style="bold"))
    print_moves(console, found.moves)
    print_notes(console, found.notes)
    counts = {verdict: sum(move.verdict is verdict for move in found.moves) for verdict in Verdict}
    refused = counts[Verdict.REFUSED]
    words = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    if not found.moves:
        text = "No group has a position that this flow could move"
    elif found.executed:
        text = f"Executed: {', '.join(words)}"
    else:
        text = f"Nothing was changed: {', '.join(words)}"
        if counts[Verdict.MOVE]:
            text += "; --execute moves them"
    console.print(Text(text, style="bold red" if refused else "green"))
