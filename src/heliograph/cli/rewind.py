"""``heliograph rewind FILE``: copy a topic or a partition again from somewhere, or leave a part of it out."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Json
from heliograph.cli.moves import Flow, print_json, print_notes
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.cli.steering import PartitionNumbers, Timeout, words_of
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.rewind import Goal, Kind
from heliograph.observe.operations import Copier, RewindOrder, Rewound


def rewind(
    file: FileOrAddress,
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
    order = RewindOrder(
        topic=topic, goal=goals[0], partitions=tuple(partition or ()), execute=execute, timeout_s=timeout
    )
    place = place_of(file, flow)
    rewound = asyncio.run(place.operations.rewind(place.flows[0], order))
    if as_json:
        print_json(rewound)
    else:
        _print(rewound, order)
    return HeliographError.exit_code if rewound.left else 0


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


def _print(rewound: Rewound, order: RewindOrder) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((rewound.flow, "bold"), f"  {rewound.topic}"))
    table = plain_table("partition", "position", "new position", "records twice", "records left out")
    for each in rewound.partitions[:ROWS_MAX]:
        most = "" if each.counted else "at most "
        table.add_row(
            str(each.partition),
            str(each.position),
            str(each.new_position),
            f"{most}{each.twice:,}" if each.twice else "-",
            f"{most}{each.left_out:,}" if each.left_out else "-",
        )
    console.print(table)
    print_rest(console, len(rewound.partitions))
    print_notes(console, rewound.notes)
    console.print(_end(rewound, order))


def _end(rewound: Rewound, order: RewindOrder) -> Text:
    """Say what was done."""
    if not order.execute:
        return Text("Nothing was changed; --execute stores the new positions", style="green")
    if not rewound.executed:
        text = f"Nothing was changed: after {order.timeout_s:g} s workers still copy {words_of(rewound.left)}"
        return Text(text, style="bold red")
    if rewound.left:
        text = f"Stored; not taken by a worker yet after {order.timeout_s:g} s: {words_of(rewound.left)}"
        return Text(text, style="bold red")
    if rewound.copier is Copier.NOBODY:
        return Text("Stored; copying goes on there when a worker starts", style="green")
    return Text("Stored; copying goes on there", style="green")
