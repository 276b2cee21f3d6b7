"""``heliograph run FILE``: the main job."""

import asyncio
import os
import signal
import sys
from contextlib import nullcontext
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

import heliograph
from heliograph.cli.arguments import Clusters, File, chosen_clusters
from heliograph.config import load
from heliograph.observe.control import Companion
from heliograph.observe.live import LiveView
from heliograph.observe.log import Log, LogFormat, set_up_logging
from heliograph.records import kernel_name
from heliograph.worker.supervisor import Supervisor


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def run(
    context: typer.Context,
    file: File,
    *,
    clusters: Clusters = None,
    log_format: Annotated[LogFormat, typer.Option(help="How log lines are written.")] = LogFormat.TEXT,
    log_level: Annotated[LogLevel, typer.Option(help="The least that is logged.")] = LogLevel.INFO,
    live: Annotated[bool | None, typer.Option(help="Show the live view; by default on a terminal.")] = None,
) -> None:
    """Copy topics as FILE says, until stopped by Ctrl-C or SIGTERM."""
    stopping = asyncio.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())  # until the loop runs and the supervisor takes over
    config = load(file, environ=os.environ, only_targets=chosen_clusters(clusters, context.args))
    handler = set_up_logging(log_format, log_level)
    log = Log()
    log.info("heliograph", version=heliograph.__version__, kernel=kernel_name, file=file)
    for warned in config.warnings:
        log.warning("configuration", key=warned.key, line=warned.line or "-", note=warned.message)
    companions: list[Companion] = [lambda _: handler.keep_summarising()]
    if config.http_listener is not None:
        from heliograph.api.serve import listen, serve  # noqa: PLC0415 - loading the web server takes a moment

        listener = listen(config.http_listener)
        log.info("serving metrics and health", address="{}:{}".format(*config.http_listener))
        companions.append(partial(serve, listener, requires=config.ready_requires))
    console = Console(stderr=True)
    wanted = console.is_terminal if live is None else live
    try:
        with LiveView(console) if wanted and sys.stderr.isatty() else nullcontext() as view:
            if view is not None:
                companions.append(view.follow)
            asyncio.run(Supervisor(config, stopping).run(companions))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already, and as what it did deserves
        handler.close()
