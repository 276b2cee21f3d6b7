"""What ``pause``, ``resume`` and ``restart`` share: their arguments, and what they print."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.moves import flows_of, print_json, print_notes
from heliograph.config.model import Part
from heliograph.errors import ConfigError, HeliographError
from heliograph.observe.text import plural
from heliograph.offsets.claims import Copier
from heliograph.offsets.valve import Order, Outcome, TopicPartition, Verb, by_topic, carry_out

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


class Connector(StrEnum):
    """MirrorMaker 2's connectors, by short names."""

    SOURCE = "source"
    CHECKPOINT = "checkpoint"
    HEARTBEAT = "heartbeat"


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
    Verb.PAUSE: ("paused", "still copied by a worker", "no partition is copied any more"),
    Verb.RESUME: ("resumed", "not taken by a worker yet", "all of it is with the workers"),
    Verb.RESTART: ("told to start again", "", "the running workers start again"),
}
"""What was told, what is left, what has happened."""


def order_of(
    verb: Verb,
    file: Path,
    *,
    flow: str | None,
    topics: Sequence[str] | None,
    partitions: Sequence[int] | None,
    connectors: Sequence[Connector] | None = None,
    timeout_s: float = 0.0,
) -> Order:
    """Return what the command line asks for. Raises ConfigError."""
    names = tuple(dict.fromkeys(topics or ()))
    if partitions and len(names) != 1:
        raise ConfigError("--partition needs one --topic", remedy="Name the topic that the partitions are of")
    if connectors and names:
        raise ConfigError("--connector is of the whole flow", remedy="Name either --connector or --topic")
    parts = tuple(part for part in Part if not connectors or part.name.lower() in connectors)
    chosen, _ = flows_of(file, flow)
    return Order(chosen, verb, names, frozenset(partitions) if partitions else None, parts, timeout_s)


def carried_out(order: Order, *, as_json: bool) -> int:
    """Carry ``order`` out, print what came of it, and return the exit code."""
    outcome = asyncio.run(carry_out(order))
    if as_json:
        print_json(_document(outcome))
    else:
        _print(outcome)
    return 0 if outcome.done else HeliographError.exit_code


def _document(outcome: Outcome) -> dict[str, object]:
    order = outcome.order
    return {
        "flow": order.flow.name,
        "command": order.verb,
        "topics": by_topic(outcome.lanes) if order.topics else None,
        "connectors": None if order.topics else list(order.parts),
        "changed": outcome.changed,
        "copier": outcome.copier,
        "done": outcome.done,
        "left": by_topic(outcome.left),
        "notes": outcome.notes,
    }


def _print(outcome: Outcome) -> None:
    order, console = outcome.order, Console(highlight=False, soft_wrap=True)
    told, open_, done = SAID[order.verb]
    whole = "the whole flow" if len(order.parts) == len(Part) else ", ".join(order.parts)
    what = words_of(outcome.lanes) if order.topics else whole
    console.print(
        Text.assemble((order.flow.name, "bold"), f"  {what}: {told if outcome.changed else f'was {told} before'}")
    )
    print_notes(console, outcome.notes)
    if outcome.left:
        text = f"Not yet after {order.timeout_s:g} s: {words_of(outcome.left)} {open_}; what was told holds"
        console.print(Text(text, style="bold red"))
    elif outcome.done and outcome.copier is Copier.WORKERS and (order.topics or Part.SOURCE in order.parts):
        console.print(Text(done.capitalize(), style="green"))


def words_of(lanes: Iterable[TopicPartition]) -> str:
    """Name partitions in one line: ``orders 0, 3; payments 1``."""
    found = by_topic(lanes)
    words = [f"{topic} {', '.join(map(str, numbers))}" for topic, numbers in list(found.items())[:SHOWN]]
    more = len(found) - SHOWN
    return "; ".join([*words, f"{plural(more, 'topic')} more"] if more > 0 else words) or "nothing"
