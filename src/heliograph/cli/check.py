"""``heliograph check FILE``: what would happen, before anything is started."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, File, Json, chosen_clusters
from heliograph.config.model import Config
from heliograph.config.resolve import DEFAULT, DERIVED
from heliograph.connect.reading import read_flows
from heliograph.errors import ClusterError
from heliograph.mirror.naming import naming_of
from heliograph.preflight.check import examine
from heliograph.preflight.finding import Finding, Level

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_KEY_CELLS_MAX = 60


def check(
    context: typer.Context,
    file: File,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show all defaults too.")] = False,
    clusters: Clusters = None,
    as_json: Json = False,
) -> int:
    """Show what FILE means, and what would stand in its way; changes nothing.

    Prints what FILE says and what follows from it, then tries clusters, permissions, topics and limits.
    Findings come last.

    Exit code 0: all is well, perhaps with warnings; 2: the configuration is wrong; 3: a cluster or a permission is.
    """
    config = read_flows(file, environ=os.environ, only_targets=chosen_clusters(clusters, context.args))
    if as_json:
        findings = asyncio.run(_examine(config, None))
        print(json.dumps(_document(file, config, findings), indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        _print_configuration(console, config, everything=everything)
        findings = asyncio.run(_examine(config, console))
        _print_verdict(console, config, findings)
    return ClusterError.exit_code if any(each.level is Level.ERROR for each in findings) else 0


async def _examine(config: Config, console: Console | None) -> list[Finding]:
    """Collect all findings; good ones are printed as they come."""
    findings = []
    about = ""
    async for finding in examine(config):
        findings.append(finding)
        if console is not None and finding.level is Level.OK:
            if finding.about != about:
                about = finding.about
                console.print(Text(f"\n{about}", style="bold"))
            _print_line(console, finding.level, str(finding))
    return findings


def _print_configuration(console: Console, config: Config, *, everything: bool) -> None:
    """Print the options that count with their origins: those of the file, what is made of them, and the defaults."""
    console.print(Text(str(config.path), style="bold"))
    for flow in config.flows:
        copied = (
            f"copies {', '.join(flow.topics) or 'no topic'} (orders becomes {naming_of(flow).remote_topic('orders')})"
        )
        console.print(Text.assemble("  ", (flow.name, "bold"), f"  {copied}"))
    order = {DERIVED: 1, DEFAULT: 2}
    ordered = sorted(config.effective, key=lambda row: order.get(row[2], 0))
    shown = [row for row in ordered if everything or row[2] != DEFAULT]
    rows = [(f"{key} = {value}", origin) for key, value, origin in shown]
    width = min(max((len(left) for left, _ in rows), default=0), _KEY_CELLS_MAX)
    for left, origin in rows:
        console.print(Text.assemble(f"  {left:<{width}}  ", (origin, "dim")))
    if len(shown) < len(ordered):
        console.print(Text(f"  and {len(ordered) - len(shown)} defaults (--all shows them)", style="dim"))


def _print_verdict(console: Console, config: Config, findings: list[Finding]) -> None:
    """Print warnings, then errors, and in the last line whether a start would work."""
    warnings = [f"line {each.line}: {each.message}" if each.line else each.message for each in config.warnings]
    warnings += [f"{each.about}: {each}" for each in findings if each.level is Level.WARNING]
    errors = [f"{each.about}: {each}" for each in findings if each.level is Level.ERROR]
    console.print()
    for level, lines in ((Level.WARNING, warnings), (Level.ERROR, errors)):
        for line in lines:
            _print_line(console, level, line)
    if errors:
        text, style = f"{len(errors)} to mend, {len(warnings)} to look at", _STYLES[Level.ERROR]
    elif warnings:
        text, style = f"Ready to run; {len(warnings)} to look at", _STYLES[Level.WARNING]
    else:
        text, style = "Ready to run", _STYLES[Level.OK]
    if errors or warnings:
        console.print()
    console.print(Text(text, style=style))


def _print_line(console: Console, level: Level, text: str) -> None:
    console.print(Text.assemble("  ", (f"{level:<9}", _STYLES[level]), text))


def _document(file: Path, config: Config, findings: list[Finding]) -> dict[str, object]:
    return {
        "file": str(file),
        "flows": [flow.name for flow in config.flows],
        "effective": [{"key": key, "value": value, "origin": origin} for key, value, origin in config.effective],
        "warnings": [asdict(warned) for warned in config.warnings],
        "findings": [asdict(finding) for finding in findings],
        "ready": not any(each.level is Level.ERROR for each in findings),
    }
