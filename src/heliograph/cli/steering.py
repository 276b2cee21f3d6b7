"""What ``pause``, ``resume`` and ``restart`` share: their arguments, and what they print."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.moves import print_json, print_notes
from heliograph.config.model import Part
from heliograph.errors import ConfigError, HeliographError
from heliograph.observe.operations import Connector, Copier, Steered, SteerOrder
from heliograph.observe.text import plural

SHOWN = 10

Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        help="A topic, by its name on the source; may be given several times. Without it, the whole flow.",
        metavar="NAME",
        show_default=False,
    ),
]
"""Topics by name."""

PartitionNumbers = Annotated[
    list[int] | None,
    typer.Option(
        "--partition",
        help="A partition of the topic; may be given several times. Without it, all.",
        metavar="N",
        min=0,
        show_default=False,
    ),
]
"""Partitions of one topic."""

Timeout = Annotated[
    float, typer.Option("--timeout", help="Seconds to wait until it is seen to have happened.", min=0, max=86_400)
]
"""How long a command waits."""


Connectors = Annotated[
    list[Connector] | None,
    typer.Option(
        "--connector",
        help="Only what this connector of MirrorMaker 2 does: records and topics; checkpoints and group offsets; "
        "heartbeats. May be given several times.",
        show_default=False,
    ),
]
"""Parts of a flow."""

SAID = {
    "pause": ("paused", "still copied by a worker", "no partition is copied any more"),
    "resume": ("resumed", "not taken by a worker yet", "all of it is with the workers"),
    "restart": ("told to start again", "", "the running workers start again"),
}
"""What was told, what is left, what has happened."""


def order_of(
    topics: Sequence[str] | None,
    partitions: Sequence[int] | None,
    connectors: Sequence[Connector] | None = None,
    timeout_s: float = 0.0,
) -> SteerOrder:
    """Return what the command line asks for. Raises ConfigError."""
    names = tuple(dict.fromkeys(topics or ()))
    if partitions and len(names) != 1:
        raise ConfigError("--partition needs one --topic", remedy="Name the topic that the partitions are of")
    if connectors and names:
        raise ConfigError("--connector is of the whole flow", remedy="Name either --connector or --topic")
    return SteerOrder(
        topics=names, partitions=tuple(partitions or ()), connectors=tuple(connectors or ()), timeout_s=timeout_s
    )


def told(steered: Steered, timeout_s: float, *, as_json: bool) -> int:
    """Print what came of an order, and return the exit code."""
    if as_json:
        print_json(steered)
    else:
        _print(steered, timeout_s)
    return 0 if steered.done else HeliographError.exit_code


def _print(steered: Steered, timeout_s: float) -> None:
    console = Console(highlight=False, soft_wrap=True)
    done_words, open_, done = SAID[steered.command]
    parts = steered.connectors or ()
    whole = "the whole flow" if len(parts) == len(Part) else ", ".join(parts)
    what = whole if steered.topics is None else words_of(steered.topics)
    console.print(
        Text.assemble(
            (steered.flow, "bold"), f"  {what}: {done_words if steered.changed else f'was {done_words} before'}"
        )
    )
    print_notes(console, steered.notes)
    if steered.left:
        text = f"Not yet after {timeout_s:g} s: {words_of(steered.left)} {open_}; what was told holds"
        console.print(Text(text, style="bold red"))
    elif steered.done and steered.copier is Copier.WORKERS and (steered.topics is not None or Part.SOURCE in parts):
        console.print(Text(done.capitalize(), style="green"))


def words_of(lanes: Mapping[str, Sequence[int]]) -> str:
    """Name partitions in one line: ``orders 0, 3; payments 1``."""
    words = [f"{topic} {', '.join(map(str, numbers))}" for topic, numbers in list(lanes.items())[:SHOWN]]
    more = len(lanes) - SHOWN
    return "; ".join([*words, f"{plural(more, 'topic')} more"] if more > 0 else words) or "nothing"
