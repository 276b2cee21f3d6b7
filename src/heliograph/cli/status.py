"""``heliograph status FILE``: who copies what, and how far it is."""

import asyncio

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, Json, chosen_clusters
from heliograph.cli.moves import print_json
from heliograph.cli.place import FileOrAddress, Place, all_of
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.observe.operations import Copier, StatusTold
from heliograph.observe.text import duration, plural


def status(context: typer.Context, file: FileOrAddress, *, clusters: Clusters = None, as_json: Json = False) -> int:
    """Show who copies which flow, and how far it is, from the clusters alone.

    Exit code 0: all partitions that are not paused are being copied; 1: some are not; 3: a cluster cannot be used.
    """
    place = all_of(file, chosen_clusters(clusters, context.args))
    found = asyncio.run(_look(place))
    if as_json:
        print_json({"file": file, "flows": found})
    else:
        _print(Console(highlight=False, soft_wrap=True), found)
    return 0 if all(each.copied for each in found) else 1


async def _look(place: Place) -> list[StatusTold]:
    return [await place.operations.status(name) for name in place.flows]


# ---- for people -----------------------------------------------------------------------------------------------------


def _print(console: Console, found: list[StatusTold]) -> None:
    for each in found:
        console.print(Text.assemble((each.flow, "bold"), "  ", _words(each)))
        if each.positions_stored_s_ago is not None:
            console.print(f"  Positions were stored {duration(each.positions_stored_s_ago)} ago")
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


def _words(each: StatusTold) -> Text:
    if each.paused:
        who = "nobody runs it" if each.copier is Copier.NOBODY else f"{plural(len(each.workers), 'worker')} standing by"
        return Text("paused" if each.copier is Copier.MIRROR_MAKER else f"paused, {who}", style="yellow")
    if each.copier is Copier.NOBODY:
        return Text("nobody copies it", style="bold red")
    if each.copier is Copier.MIRROR_MAKER:
        return Text("MirrorMaker 2 copies it", style="yellow")
    if each.copier is Copier.OTHER:
        return Text(f"group {each.group} belongs to another program", style="bold red")
    busy = sum(bool(worker.partitions) for worker in each.workers)
    idle = len(each.workers) - busy
    paused = sum(topic.paused for topic in each.topics)
    words = f"copied by {plural(busy, 'worker')}" + (f", {idle} standing by" if idle else "")
    words += f"; {plural(paused, 'partition')} paused" if paused else ""
    untaken = sum(topic.partitions - topic.taken - topic.paused for topic in each.topics)
    if untaken:
        return Text(f"{words}, but {plural(untaken, 'partition')} by nobody", style="bold red")
    return Text(words, style="green")
