"""``heliograph rewind FILE``: copy a topic or a partition again from somewhere, or leave a part of it out."""

import asyncio
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow, flows_of, print_json, print_notes
from heliograph.cli.steering import PartitionNumbers, Timeout, words_of
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.rewind import Goal, Kind
from heliograph.offsets.claims import Copier
from heliograph.offsets.rewind import Order, Outcome, Step
from heliograph.offsets.rewind import rewind as carry_out
from heliograph.offsets.valve import by_topic


def rewind(
    file: File,
    *,
    topic: Annotated[
        str, typer.Option("--topic", help="A topic, by its name on the source.", metavar="NAME", show_default=False)
    ],
    flow: Flow = None,
    partition: PartitionNumbers = None,
    to_offset: Annotated[
        int | None, typer.Option("--to-offset", help="Go on at this source offset.", min=0, show_default=False)
    ] = None,
    to_time: Annotated[
        str | None,
        typer.Option(
            "--to-time",
            help="Go on at the first record that is as late: 2026-03-01T09:30:00Z; without a zone it is UTC.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    to_beginning: Annotated[
        bool, typer.Option("--to-beginning", help="Go on at the first record that the source still has.")
    ] = False,
    to_end: Annotated[bool, typer.Option("--to-end", help="Leave out all that is not copied yet.")] = False,
    by: Annotated[
        int | None,
        typer.Option("--by", help="Go on N offsets further; -100: 100 back.", metavar="N", show_default=False),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Store the positions; without it, only show what that would do.")
    ] = False,
    timeout: Timeout = 30,
    as_json: Json = False,
) -> int:
    """Copy a topic or a partition again from somewhere, or leave a part of it out.

    Shows how many records the target will hold twice, or not; changes nothing without --execute. Workers may run.

    Exit code 0: done, or it can be; 1: not within --timeout.
    """
    goals = [Goal(Kind.OFFSET, to_offset)] if to_offset is not None else []
    goals += [Goal(Kind.TIME, _milliseconds(to_time))] if to_time is not None else []
    goals += [Goal(Kind.BEGINNING)] if to_beginning else []
    goals += [Goal(Kind.END)] if to_end else []
    goals += [Goal(Kind.BY, by)] if by is not None else []
    if len(goals) != 1:
        raise ConfigError(
            "rewind needs to know where to go on" if not goals else "rewind can only go to one place",
            remedy="Give one of --to-offset, --to-time, --to-beginning, --to-end and --by",
        )
    chosen, _ = flows_of(file, flow)
    partitions = frozenset(partition) if partition else None
    outcome = asyncio.run(carry_out(Order(chosen, topic, goals[0], partitions, execute=execute, timeout_s=timeout)))
    if as_json:
        print_json(_document(outcome))
    else:
        _print(outcome)
    return HeliographError.exit_code if outcome.left else 0


def _milliseconds(text: str) -> int:
    """Return a time since the epoch. Raises ConfigError for none, and for one that is yet to come."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--to-time does not understand {text!r}", remedy="Write it like 2026-03-01T09:30:00Z"
        ) from None
    then = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    if then > time.time():
        raise ConfigError(f"--to-time {text} is yet to come", remedy="--to-end leaves out all that is not copied yet")
    return round(then * 1000)


def _document(outcome: Outcome) -> dict[str, object]:
    return {
        "flow": outcome.order.flow.name,
        "topic": outcome.order.topic,
        "goal": asdict(outcome.order.goal),
        "copier": outcome.copier,
        "executed": outcome.executed,
        "partitions": [_row(step) for step in outcome.steps],
        "left": by_topic(outcome.left),
        "notes": outcome.notes,
    }


def _row(step: Step) -> dict[str, object]:
    return {
        "partition": step.plan.partition,
        "target_topic": step.plan.target_topic,
        "log_start_offset": step.standing.begin,
        "end_offset": step.standing.end,
        "position": step.standing.position,
        "new_position": step.place.position,
        "twice": step.twice,
        "left_out": step.left_out,
        "counted": step.counted,
    }


def _print(outcome: Outcome) -> None:
    order, console = outcome.order, Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((order.flow.name, "bold"), f"  {order.topic}"))
    table = plain_table("partition", "position", "new position", "records twice", "records left out")
    for step in outcome.steps[:ROWS_MAX]:
        most = "" if step.counted else "at most "
        table.add_row(
            str(step.plan.partition),
            str(step.standing.position),
            str(step.place.position),
            f"{most}{step.twice:,}" if step.twice else "-",
            f"{most}{step.left_out:,}" if step.left_out else "-",
        )
    console.print(table)
    print_rest(console, len(outcome.steps))
    print_notes(console, outcome.notes)
    console.print(_end(outcome))


def _end(outcome: Outcome) -> Text:
    """Say what was done."""
    order = outcome.order
    if not order.execute:
        return Text("Nothing was changed; --execute stores the new positions", style="green")
    if not outcome.executed:
        text = f"Nothing was changed: after {order.timeout_s:g} s workers still copy {words_of(outcome.left)}"
        return Text(text, style="bold red")
    if outcome.left:
        text = f"Stored; not taken by a worker yet after {order.timeout_s:g} s: {words_of(outcome.left)}"
        return Text(text, style="bold red")
    if outcome.copier is Copier.NOBODY:
        return Text("Stored; copying goes on there when a worker starts", style="green")
    return Text("Stored; copying goes on there", style="green")
