"""``heliograph offsets FILE``: where a group, an offset or a moment is on the other cluster."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow, Groups, flows_of, print_json, print_notes, print_positions
from heliograph.config.model import FlowConfig
from heliograph.errors import ConfigError, HeliographError
from heliograph.mirror.moves import Position
from heliograph.mirror.offsets import OFFSET_MAX
from heliograph.observe.group_positions import told_groups
from heliograph.offsets.endpoints import both
from heliograph.offsets.lookup import lookup_of, notes_of

MILLISECONDS_MAX = 253_402_300_799_999
"""The last of the year 9999."""


@dataclass(frozen=True, slots=True)
class _Question:
    groups: tuple[str, ...]
    everything: bool
    topics: tuple[str, ...]
    partition: int | None
    offset: int | None
    timestamp_ms: int | None


def offsets(
    file: File,
    *,
    groups: Groups = None,
    everything: Annotated[bool, typer.Option("--all", help="Every group that the flow follows.")] = False,
    topics: Annotated[
        list[str] | None,
        typer.Option(
            "--topic", help="Only this topic; may be given several times.", metavar="NAME", show_default=False
        ),
    ] = None,
    partition: Annotated[int | None, typer.Option(help="Of the topic.", min=0, show_default=False)] = None,
    offset: Annotated[int | None, typer.Option(help="An offset to translate.", min=0, show_default=False)] = None,
    timestamp: Annotated[
        str | None,
        typer.Option(
            help="A moment: 2026-01-31T12:00:00Z, or milliseconds since 1970.", metavar="WHEN", show_default=False
        ),
    ] = None,
    flow: Flow = None,
    backwards: Annotated[bool, typer.Option("--back", help="From the target to the source.")] = False,
    as_json: Json = False,
) -> int:
    """Translate positions of consumer groups, offsets or moments from a flow's source to its target.

    Give --group or --all; or --topic, --partition and --offset; or --topic and --timestamp. Changes nothing.

    Exit code 0: every answer is exact; 1: some are not.
    """
    question = _question(groups, topics, partition, offset, timestamp, everything=everything)
    chosen, back = flows_of(file, flow)
    found, notes = asyncio.run(_ask(chosen, back, question, backwards=backwards))
    told = told_groups(chosen.name, found, notes, backwards=backwards)
    if as_json:
        print_json(told)
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text(chosen.name + (", from target to source" if backwards else ""), style="bold"))
        print_positions(console, told.positions)
        print_notes(console, notes)
    return 0 if told.exact else HeliographError.exit_code


def _question(
    groups: list[str] | None,
    topics: list[str] | None,
    partition: int | None,
    offset: int | None,
    timestamp: str | None,
    *,
    everything: bool,
) -> _Question:
    """Check that exactly one thing is asked. Raises ConfigError."""
    kinds = [bool(groups), everything, offset is not None, timestamp is not None]
    if sum(kinds) != 1:
        remedy = "Give --group NAME, --all, --offset N or --timestamp WHEN"
        raise ConfigError("offsets answers one question at a time", remedy=remedy)
    single = len(topics or ()) == 1
    if offset is not None and (partition is None or not single or offset > OFFSET_MAX):
        raise ConfigError("An offset belongs to one partition", remedy="Give --topic NAME --partition P --offset N")
    if timestamp is not None and not single:
        raise ConfigError("A moment is looked for in one topic", remedy="Give --topic NAME --timestamp WHEN")
    if (groups or everything) and partition is not None:
        raise ConfigError("--partition goes with --offset or --timestamp", remedy="Leave it out")
    moment = None if timestamp is None else milliseconds(timestamp)
    return _Question(tuple(groups or ()), everything, tuple(topics or ()), partition, offset, moment)


def milliseconds(text: str) -> int:
    """Read a moment: milliseconds since 1970, or ISO 8601, without a zone as UTC. Raises ConfigError."""
    if text.isascii() and text.isdigit() and int(text) <= MILLISECONDS_MAX:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0, round(moment.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--timestamp {text!r} is no moment", remedy="Write 2026-01-31T12:00:00Z or milliseconds since 1970"
        ) from None


async def _ask(
    flow: FlowConfig, back: FlowConfig | None, question: _Question, *, backwards: bool
) -> tuple[list[Position], list[str]]:
    async with both(flow, need_target=False) as endpoints:
        lookup = await lookup_of(flow, endpoints, back=back, backwards=backwards)
        notes = list(endpoints.missing)
        if question.offset is not None and question.partition is not None:
            found = await lookup.offsets([((question.topics[0], question.partition), question.offset)])
        elif question.timestamp_ms is not None:
            found = await lookup.moments(question.topics[0], question.timestamp_ms, question.partition)
        else:
            notes = notes_of(endpoints, lookup)
            found = await lookup.groups(question.groups, question.topics)
        return found, notes
