"""``heliograph check FILE``: what would happen, before anything is started."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from heliograph.cli.arguments import Clusters, File, Json, chosen_clusters
from heliograph.config import load
from heliograph.config.model import Config
from heliograph.errors import ClusterError
from heliograph.preflight.check import examine
from heliograph.preflight.finding import Finding, Level

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_KEY_CELLS_MAX = 60
DEFAULT = "default"
"""The origin of a value that nobody gave."""


def check(context: typer.Context, file: File, *, clusters: Clusters = None, as_json: Json = False) -> int:
    """Show what FILE means, and what would stand in its way; changes nothing.

    Prints the effective configuration, then tries clusters, rights, topics and limits.

    Exit code 0: all is well, perhaps with warnings; 2: the configuration is wrong; 3: a cluster or a right is.
    """
    config = load(file, environ=os.environ, only_targets=chosen_clusters(clusters, context.args))
    if as_json:
        findings = asyncio.run(_examine(config, None))
        print(json.dumps(_document(file, config, findings), indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        _print_configuration(console, config)
        findings = asyncio.run(_examine(config, console))
        _print_verdict(console, findings)
    return ClusterError.exit_code if any(each.level is Level.ERROR for each in findings) else 0


async def _examine(config: Config, console: Console | None) -> list[Finding]:
    findings = []
    about = ""
    async for finding in examine(config):
        findings.append(finding)
        if console is not None:
            if finding.about != about:
                about = finding.about
                console.print(Text(f"\n{about}", style="bold"))
            console.print(Text.assemble(("  "), (f"{finding.level:<9}", _STYLES[finding.level]), str(finding)))
    return findings


def _print_configuration(console: Console, config: Config) -> None:
    """Print every option that counts with its origin, those of the file first, then what its author should know."""
    console.print(Text(str(config.path), style="bold"))
    ordered = sorted(config.effective, key=lambda row: row[2] == DEFAULT)
    rows = [(f"{key} = {value}", origin) for key, value, origin in ordered]
    width = min(max((len(left) for left, _ in rows), default=0), _KEY_CELLS_MAX)
    for left, origin in rows:
        console.print(Text.assemble(f"  {left:<{width}}  ", (origin, "dim")))
    for warned in config.warnings:
        where = f"line {warned.line}: " if warned.line else ""
        console.print(Text.assemble("  ", ("warning  ", _STYLES[Level.WARNING]), where + warned.message))


def _print_verdict(console: Console, findings: list[Finding]) -> None:
    errors = sum(each.level is Level.ERROR for each in findings)
    warnings = sum(each.level is Level.WARNING for each in findings)
    if errors:
        text, style = f"\n{errors} to mend, {warnings} to look at", _STYLES[Level.ERROR]
    elif warnings:
        text, style = f"\nReady to run; {warnings} to look at", _STYLES[Level.WARNING]
    else:
        text, style = "\nReady to run", _STYLES[Level.OK]
    console.print(Text(text, style=style))


def _document(file: Path, config: Config, findings: list[Finding]) -> dict[str, object]:
    return {
        "file": str(file),
        "flows": [flow.name for flow in config.flows],
        "effective": [{"key": key, "value": value, "origin": origin} for key, value, origin in config.effective],
        "warnings": [asdict(warned) for warned in config.warnings],
        "findings": [asdict(finding) for finding in findings],
        "ready": not any(each.level is Level.ERROR for each in findings),
    }
