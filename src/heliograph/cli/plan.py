"""``heliograph plan FILE``: what a file would change, before it is applied."""

import asyncio

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, Json, chosen_clusters
from heliograph.cli.moves import print_json
from heliograph.cli.place import FileOrAddress, Place, all_of
from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest
from heliograph.config.changes import Extent
from heliograph.config.differences import OptionDifference
from heliograph.mirror.topic_changes import Turn
from heliograph.observe.operations import Copier, Planned, PlannedTopic
from heliograph.observe.text import plural

ITEMS_SHOWN = 6
"""Of a list that differs; --json has them all."""
EXTENTS = {
    Extent.IN_PLACE: "changes in place",
    Extent.FLOW: "starts the flow again",
    Extent.PROCESS: "with the next start of the process",
}


def plan(context: typer.Context, file: FileOrAddress, *, clusters: Clusters = None, as_json: Json = False) -> int:
    """Show what FILE would change in the flows as they run now, from the clusters alone; change nothing.

    Exit code 0: nothing would change; 1: something would; 3: a cluster cannot be used.
    """
    place = all_of(str(file), chosen_clusters(clusters, context.args))
    found = asyncio.run(_look(place))
    if as_json:
        print_json({"file": str(file), "changes": any(each.changes for each in found), "flows": found})
    else:
        _print(Console(highlight=False, soft_wrap=True), found)
    return 1 if any(each.changes for each in found) else 0


async def _look(place: Place) -> list[Planned]:
    return [await place.operations.plan(name) for name in place.flows]


# ---- for people -----------------------------------------------------------------------------------------------------


def _print(console: Console, found: list[Planned]) -> None:
    for each in found:
        console.print(Text.assemble((each.flow, "bold"), "  ", _words(each)))
        for note in each.notes:
            console.print(Text.assemble("  ", ("note  ", "yellow"), note))
        if each.options:
            table = plain_table("option", "now", "with this file", "")
            for option in each.options:
                table.add_row(option.option, *_values(option), EXTENTS[option.extent])
            console.print(table)
        if each.topics:
            table = plain_table("topic", "", "partitions", "copied to", "which is", "where")
            for topic in each.topics[:ROWS_MAX]:
                table.add_row(topic.topic, topic.turn, str(topic.partitions), *_copy(topic), _where(topic))
            console.print(table)
            print_rest(console, len(each.topics))
        console.print()


def _words(each: Planned) -> Text:
    if not each.changes:
        return Text("nothing would change", style="green")
    counts = [plural(len(each.options), "option") + " would change"] if each.options else []
    for turn, verb in ((Turn.BEGINS, "begin"), (Turn.ENDS, "end"), (Turn.MOVES, "move")):
        count = sum(topic.turn is turn for topic in each.topics)
        if count:
            counts.append(f"{plural(count, 'topic')} would {verb}")
    if each.copier is Copier.NOBODY:
        counts.insert(0, "the flow would begin")
    return Text(", ".join(counts) or "it would not start", style="yellow")


def _values(option: OptionDifference) -> tuple[str, str]:
    """Return both values; of two lists what only one of them has."""
    before, after = option.before, option.after
    if isinstance(before, str) or isinstance(after, str):
        return _text(before), _text(after)
    without, more = [each for each in before if each not in after], [each for each in after if each not in before]
    if not without and not more:
        return "", "in another order"
    return _listed("-", without), _listed("+", more)


def _text(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _listed(sign: str, items: list[str]) -> str:
    rest = len(items) - ITEMS_SHOWN
    return "\n".join([f"{sign} {each}" for each in items[:ITEMS_SHOWN]] + ([f"{sign} {rest} more"] if rest > 0 else []))


def _copy(topic: PlannedTopic) -> tuple[str, str]:
    """Return where it is copied to, and what becomes of that topic."""
    if topic.turn is Turn.ENDS:
        return topic.copied_to, "kept"
    to = f"{topic.target_topic}, not {topic.copied_to}" if topic.turn is Turn.MOVES else topic.target_topic
    return to, "" if topic.copy is None else topic.copy


def _where(topic: PlannedTopic) -> str:
    """Say where its partitions begin or, where it ends, why."""
    places = [f"stored position: {topic.stored}"] if topic.stored else []
    if topic.fresh:
        places.append(f"{'end' if topic.fresh_begin_at == 'latest' else 'beginning'}: {topic.fresh}")
    return ", ".join(places) or topic.reason
