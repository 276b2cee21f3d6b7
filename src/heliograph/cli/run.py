"""``heliograph run FILE``: the main job."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import heliograph
from heliograph.config import load
from heliograph.observe.live import LiveView
from heliograph.observe.log import Log, LogFormat, set_up_logging
from heliograph.records import kernel_name
from heliograph.worker import process


def run(
    file: Annotated[Path, typer.Argument(help="MirrorMaker 2's properties file.", metavar="FILE")],
    clusters: Annotated[
        list[str] | None,
        typer.Option(help="Serve only flows whose target is one of these aliases; may be repeated.", metavar="ALIAS"),
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="How log lines are written.")] = LogFormat.TEXT,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    live: Annotated[bool | None, typer.Option(help="Show the live view; by default only on a terminal.")] = None,
) -> None:
    """Copy topics as FILE says, until stopped."""
    config = load(file, environ=os.environ, only_targets=tuple(clusters or ()))
    handler = set_up_logging(log_format, log_level)
    log = Log()
    log.info("heliograph", version=heliograph.__version__, kernel=kernel_name, file=file)
    for warned in config.warnings:
        log.warning("configuration", key=warned.key, line=warned.line or "-", note=warned.message)
    console = Console(stderr=True)
    wanted = console.is_terminal if live is None else live
    try:
        if wanted and sys.stderr.isatty():
            with LiveView(console) as view:
                asyncio.run(process.run(config, show=view.show, log_handler=handler))
        else:
            asyncio.run(process.run(config, log_handler=handler))
    finally:
        handler.close()
