"""``heliograph adopt FILE``: what MirrorMaker 2 left, and what a first start would make of it."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, Json, MirrorMakerFile, chosen_clusters
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.config import load
from heliograph.config.model import Config
from heliograph.errors import ClusterError
from heliograph.offsets.endpoints import both
from heliograph.offsets.fencing import fence
from heliograph.preflight.adopt import Found, TopicPosition, changed_defaults, look


def adopt(
    context: typer.Context,
    file: MirrorMakerFile,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Touch nothing, not even an exactly-once MM2.")] = False,
    clusters: Clusters = None,
    as_json: Json = False,
) -> int:
    """Show what a MirrorMaker 2 that ran with FILE has left, and where copying would go on.

    Without --dry-run an exactly-once MM2 is fenced, and nothing else is touched: heliograph run does the rest.

    Exit code 0: the flows can be taken over; 3: MM2 still runs, or a cluster cannot be used.
    """
    config = load(file, environ=os.environ, only_targets=chosen_clusters(clusters, context.args))
    found = asyncio.run(_look(config, dry_run=dry_run))
    if as_json:
        print(json.dumps(_document(file, config, found, dry_run=dry_run), indent=2, ensure_ascii=False))
    else:
        _print(Console(highlight=False, soft_wrap=True), file, config, found, dry_run=dry_run)
    return ClusterError.exit_code if any(each.occupant.is_other for each in found) else 0


async def _look(config: Config, *, dry_run: bool) -> list[Found]:
    found = []
    for flow in config.flows:
        async with both(flow, need_source=True) as endpoints:
            assert endpoints.source is not None, "the source is needed"
            assert endpoints.target is not None, "the target is needed"
            one = await look(flow, endpoints.source, endpoints.target)
            if not dry_run and not one.occupant.members:
                await fence(endpoints.target, flow)
            found.append(one)
    return found


def _document(file: Path, config: Config, found: list[Found], *, dry_run: bool) -> dict[str, object]:
    return {
        "file": str(file),
        "dry_run": dry_run,
        "warnings": [asdict(warned) for warned in config.warnings],
        "changed_defaults": [
            {"key": key, "here": here, "mirror_maker": mm2} for key, here, mm2 in changed_defaults(config)
        ],
        "flows": [
            {
                "flow": one.flow.name,
                "occupant": asdict(one.occupant),
                "mirror_maker_runs": one.occupant.is_other,
                "transactional_ids": one.transactional_ids,
                "topics": [asdict(each) for each in one.topics],
                "positions": [asdict(each) for each in one.positions],
                "groups": [asdict(each) for each in one.groups],
                "notes": one.notes,
            }
            for one in found
        ],
    }


# ---- for people -----------------------------------------------------------------------------------------------------


def _print(console: Console, file: Path, config: Config, found: list[Found], *, dry_run: bool) -> None:
    for one in found:
        console.print(Text(one.flow.name, style="bold"))
        _print_occupant(console, one, dry_run=dry_run)
        _print_topics(console, one)
        _print_positions(console, one)
        _print_groups(console, one)
        for note in one.notes:
            console.print(Text.assemble("  ", ("note  ", "yellow"), note))
        console.print()
    _print_settings(console, config)
    busy = [one.occupant for one in found if one.occupant.is_other]
    if busy:
        text = f"Stop MirrorMaker 2 first ({'; '.join(each.whereabouts for each in busy)}), then look again"
        console.print(Text(text, style="bold red"))
    else:
        console.print(Text(f"heliograph run {file} takes over", style="bold green"))


def _print_occupant(console: Console, one: Found, *, dry_run: bool) -> None:
    who = one.occupant
    alias = one.flow.target.alias
    if who.is_other:
        text, style = f"is used by {who.members} of kind {who.protocol_type}: {who.whereabouts}", "bold red"
    elif who.members:
        text, style = f"is ours already: {who.whereabouts}", "yellow"
    else:
        text, style = "is free: nobody copies this flow", "green"
    console.print(Text.assemble(f"  Group {who.group} on {alias} ", (text, style)))
    if one.transactional_ids:
        done = "will be fenced by the first start" if dry_run or who.members else "fenced"
        console.print(f"  Transactions were written under {', '.join(one.transactional_ids)}: {done}")


def _print_topics(console: Console, one: Found) -> None:
    table = plain_table("topic", "on", "is", "use")
    for each in one.topics:
        table.add_row(each.name, each.cluster, "there" if each.there else "-", each.use if each.there else "")
    console.print(table)


def _print_positions(console: Console, one: Found) -> None:
    table = plain_table("copied topic", "partitions", "stored by", "behind", "a start goes on")
    for each in one.positions[:ROWS_MAX]:
        table.add_row(each.topic, str(each.partitions), _stored_by(each), f"{each.lag:,}", _goes_on(one, each))
    console.print(table)
    print_rest(console, len(one.positions))


def _stored_by(each: TopicPosition) -> str:
    parts = [f"MirrorMaker 2 ({each.by_mirror_maker})"] if each.by_mirror_maker else []
    parts += [f"Heliograph ({each.by_heliograph})"] if each.by_heliograph else []
    return ", ".join(parts) or "nobody"


def _goes_on(one: Found, each: TopicPosition) -> str:
    if one.occupant.members:
        return "not looked at while it is copied"
    parts = [f"{each.exact} exactly"] if each.exact else []
    parts += [f"{each.fresh} from {'the end' if one.flow.start_at_latest else 'the first record'}"] * bool(each.fresh)
    left = each.partitions - each.exact - each.fresh
    parts += [f"{left} not proven ({'; '.join(each.doubts)})"] if left > 0 else []
    return ", ".join(parts)


def _print_groups(console: Console, one: Found) -> None:
    if not one.groups:
        return
    table = plain_table("group", "checkpoints", "on the source", "on the target")
    for each in one.groups[:ROWS_MAX]:
        table.add_row(each.group, str(each.checkpoints), each.on_source or "-", each.on_target or "-")
    console.print(table)
    print_rest(console, len(one.groups))


def _print_settings(console: Console, config: Config) -> None:
    for warned in config.warnings:
        where = f"line {warned.line}: " if warned.line else ""
        console.print(Text.assemble(("warning  ", "yellow"), where + warned.message))
    changed = changed_defaults(config)
    if changed:
        table = plain_table("default that is not MM2's", "here", "MM2")
        for key, here, mm2 in changed:
            table.add_row(key, here or "-", mm2)
        console.print(table)
