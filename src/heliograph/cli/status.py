"""``heliograph status FILE``: who copies what, and how far it is."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, File, Json, chosen_clusters
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.config import load
from heliograph.config.model import Config
from heliograph.observe.text import duration, plural
from heliograph.offsets.claims import Copier
from heliograph.offsets.endpoints import both
from heliograph.preflight.status import FlowStatus, status_of


def status(context: typer.Context, file: File, *, clusters: Clusters = None, as_json: Json = False) -> int:
    """Show who copies which flow, and how far it is, from the clusters alone.

    Exit code 0: all partitions that are not paused are being copied; 1: some are not; 3: a cluster cannot be used.
    """
    config = load(file, environ=os.environ, only_targets=chosen_clusters(clusters, context.args))
    found = asyncio.run(_look(config))
    if as_json:
        print(json.dumps(_document(file, found), indent=2, ensure_ascii=False))
    else:
        _print(Console(highlight=False, soft_wrap=True), found)
    return 0 if all(each.copied for each in found) else 1


async def _look(config: Config) -> list[FlowStatus]:
    found = []
    for flow in config.flows:
        async with both(flow) as endpoints:
            assert endpoints.target is not None, "the target is needed"
            found.append(await status_of(flow, endpoints.source, endpoints.target))
    return found


def _document(file: Path, found: list[FlowStatus]) -> dict[str, object]:
    return {
        "file": str(file),
        "flows": [
            {
                "flow": each.flow.name,
                "group": each.flow.group_id,
                "group_state": each.group_state,
                "copier": each.copier,
                "copied": each.copied,
                "paused": each.paused,
                "configuration": each.in_force,
                "same_configuration": each.in_force == each.flow.digest if each.in_force else None,
                "lag": each.lag,
                "positions_stored_s_ago": each.stored_s,
                "workers": [asdict(worker) for worker in each.workers],
                "topics": [asdict(topic) for topic in each.topics],
                "notes": each.notes,
            }
            for each in found
        ],
    }


# ---- for people -----------------------------------------------------------------------------------------------------


def _print(console: Console, found: list[FlowStatus]) -> None:
    for each in found:
        console.print(Text.assemble((each.flow.name, "bold"), "  ", _words(each)))
        if each.stored_s is not None:
            console.print(f"  Positions were stored {duration(each.stored_s)} ago")
        for note in each.notes:
            console.print(Text.assemble("  ", ("note  ", "yellow"), note))
        if each.workers:
            table = plain_table("worker", "client", "partitions", "topics")
            for worker in sorted(each.workers, key=lambda worker: (worker.host, worker.member_id)):
                table.add_row(worker.host, worker.client_id, str(worker.partitions), str(worker.topics))
            console.print(table)
        if each.topics:
            table = plain_table("topic", "copied to", "partitions", "paused", "nobody has", "behind")
            for topic in sorted(each.topics, key=lambda topic: (-(topic.lag or 0), topic.topic))[:ROWS_MAX]:
                untaken = topic.partitions - topic.taken - topic.paused if each.copier is not Copier.MIRROR_MAKER else 0
                lag = "?" if topic.lag is None else f"{topic.lag:,}"
                counts = (str(topic.partitions), str(topic.paused or "-"), str(untaken or "-"))
                table.add_row(topic.topic, topic.target_topic, *counts, lag)
            console.print(table)
            print_rest(console, len(each.topics))
        console.print()


def _words(each: FlowStatus) -> Text:
    if each.paused:
        who = "nobody runs it" if each.copier is Copier.NOBODY else f"{plural(len(each.workers), 'worker')} standing by"
        return Text("paused" if each.copier is Copier.MIRROR_MAKER else f"paused, {who}", style="yellow")
    if each.copier is Copier.NOBODY:
        return Text("nobody copies it", style="bold red")
    if each.copier is Copier.MIRROR_MAKER:
        return Text("MirrorMaker 2 copies it", style="yellow")
    if each.copier is Copier.OTHER:
        return Text(f"group {each.flow.group_id} belongs to another program", style="bold red")
    busy = sum(bool(worker.partitions) for worker in each.workers)
    idle = len(each.workers) - busy
    paused = sum(topic.paused for topic in each.topics)
    words = f"copied by {plural(busy, 'worker')}" + (f", {idle} standing by" if idle else "")
    words += f"; {plural(paused, 'partition')} paused" if paused else ""
    if each.untaken:
        return Text(f"{words}, but {plural(each.untaken, 'partition')} by nobody", style="bold red")
    return Text(words, style="green")
