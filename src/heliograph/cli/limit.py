"""``heliograph limit FILE RATE``: another limit of bandwidth for now, whatever the file says."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Json
from heliograph.cli.moves import Flow, print_json
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.config.schedules import parse_rate
from heliograph.errors import ConfigError
from heliograph.observe.operations import Copier, Limited, LimitedBy, LimitOrder, Operations
from heliograph.observe.text import byte_rate

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


def limit(file: FileOrAddress, rate: Rate = None, *, flow: Flow = None, as_json: Json = False) -> int:
    """Give a flow another limit of bandwidth for now, or show the one that holds.

    It holds for all workers together, whether or not one runs, and survives restarts, until as-file takes it back.

    Exit code 0: it holds.
    """
    wish = None if rate is None or rate.strip().lower() == AS_FILE else _wish(rate)
    place = place_of(file, flow)
    limited = asyncio.run(_told(place.operations, place.flows[0], wish, only_look=rate is None))
    if as_json:
        print_json(limited)
    else:
        _print(limited)
    return 0


async def _told(operations: Operations, flow: str, wish: LimitOrder | None, *, only_look: bool) -> Limited:
    if only_look:
        return await operations.limit(flow)
    return await (operations.reset_limit(flow) if wish is None else operations.set_limit(flow, wish))


def _wish(rate: str) -> LimitOrder:
    try:
        return LimitOrder(bytes_per_second=parse_rate(rate))
    except ValueError as error:
        remedy = f"Write 10MB, none, or {AS_FILE}; to stop a flow, pause it"
        raise ConfigError(f"RATE {error}, not {rate[:100]!r}", remedy=remedy) from None


def _print(limited: Limited) -> None:
    by_file = _words(limited.file_bytes_per_second)
    if limited.by is LimitedBy.FILE:
        words = f"{by_file}, as the file says now"
    else:
        words = f"{_words(limited.bytes_per_second)}, by a command; the file says {by_file} now"
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((limited.flow, "bold"), f"  limit: {words}"))
    if limited.changed and limited.copier is Copier.NOBODY:
        console.print(Text("No worker runs: it holds from the next start on"))


def _words(bytes_per_s: int | None) -> str:
    return "none" if bytes_per_s is None else byte_rate(bytes_per_s)
