"""``heliograph limit FILE RATE``: another limit of bandwidth for now, whatever the file says."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow, flows_of, print_json
from heliograph.config.model import FlowConfig
from heliograph.config.schedules import parse_rate
from heliograph.errors import ConfigError
from heliograph.mirror.steering import ToldLimit
from heliograph.observe.text import byte_rate
from heliograph.offsets.claims import Copier
from heliograph.offsets.limit import LimitOutcome, Wish, limit_flow

AS_FILE = "as-file"

Rate = Annotated[
    str | None,
    typer.Argument(
        metavar="[RATE]",
        help="10MB (a second), none for no limit, or as-file. Without it, the limit is only shown.",
        show_default=False,
    ),
]
"""What is to be told."""


def limit(file: File, rate: Rate = None, *, flow: Flow = None, as_json: Json = False) -> int:
    """Give a flow another limit of bandwidth for now, or show the one that holds.

    It holds for all workers together, whether or not one runs, and survives restarts, until as-file takes it back.

    Exit code 0: it holds.
    """
    wish = None if rate is None else _wish(rate)
    chosen, _ = flows_of(file, flow)
    outcome = asyncio.run(limit_flow(chosen, wish))
    if as_json:
        print_json(_document(chosen, outcome))
    else:
        _print(chosen, outcome)
    return 0


def _wish(rate: str) -> Wish:
    if rate.strip().lower() == AS_FILE:
        return Wish(None)
    try:
        return Wish(ToldLimit(parse_rate(rate)))
    except ValueError as error:
        remedy = f"Write 10MB, none, or {AS_FILE}; to stop a flow, pause it"
        raise ConfigError(f"RATE {error}, not {rate[:100]!r}", remedy=remedy) from None


def _by_file(flow: FlowConfig) -> int | None:
    return flow.limit.at(datetime.now(UTC))


def _document(flow: FlowConfig, outcome: LimitOutcome) -> dict[str, object]:
    by_file = _by_file(flow)
    return {
        "flow": flow.name,
        "bytes_per_second": by_file if outcome.told is None else outcome.told.bytes_per_s,
        "by": "file" if outcome.told is None else "command",
        "file_bytes_per_second": by_file,
        "changed": outcome.changed,
        "copier": outcome.copier,
    }


def _print(flow: FlowConfig, outcome: LimitOutcome) -> None:
    by_file = _words(_by_file(flow))
    if outcome.told is None:
        words = f"{by_file}, as the file says now"
    else:
        words = f"{_words(outcome.told.bytes_per_s)}, by a command; the file says {by_file} now"
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((flow.name, "bold"), f"  limit: {words}"))
    if outcome.changed and outcome.copier is Copier.NOBODY:
        console.print(Text("No worker runs: it holds from the next start on"))


def _words(bytes_per_s: int | None) -> str:
    return "none" if bytes_per_s is None else byte_rate(bytes_per_s)
