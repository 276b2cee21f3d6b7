"""``heliograph run FILE``: the main job."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

import heliograph
from heliograph.cli.arguments import Clusters, File, chosen_clusters
from heliograph.config import load
from heliograph.config.connectors.worker_file import is_worker_file, read_worker
from heliograph.config.load import OPTIONS, make_config, read_file
from heliograph.config.model import Config
from heliograph.errors import ConfigError
from heliograph.observe.connectors import Connectors
from heliograph.observe.control import Companion
from heliograph.observe.live import LiveView
from heliograph.observe.log import Log, LogFormat, set_up_logging
from heliograph.records import kernel_name
from heliograph.worker.event_log import tell_warnings
from heliograph.worker.origin import Origin, take_origin
from heliograph.worker.reload import ConfigSource, follow
from heliograph.worker.supervisor import Supervisor

if TYPE_CHECKING:  # loaded where the REST API is served
    from heliograph.connect.stored_connectors import StoredConnectors


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
    workers: Annotated[
        int, typer.Option(help="Processes on this machine that share the work.", min=1, max=64, metavar="N")
    ] = 1,
) -> None:
    """Copy topics as FILE says, until stopped by Ctrl-C or SIGTERM."""
    stopping = asyncio.Event()
    origin = take_origin(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())  # until the loop runs and the supervisor takes over
    if origin is not None:  # the parent has it, too, and passes on what is to be done
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    aliases = chosen_clusters(clusters, context.args)
    stored = _connect_worker(file, workers)
    source = ConfigSource(stored.load if stored is not None else lambda: _read(file, aliases, origin))
    config = source.read()
    handler = set_up_logging(log_format, log_level, origin={"worker": origin.number} if origin is not None else None)
    companions: list[Companion] = [lambda _: handler.keep_summarising()]
    try:
        if origin is not None:
            from heliograph.worker.child import serve_parent  # noqa: PLC0415 - for workers alone; loading takes a moment

            companions.append(partial(serve_parent, origin.socket))
            asyncio.run(Supervisor(config, stopping, source).run(companions))
            return
        companions.append(partial(follow, source, watches=config.watches))
        _tell_beginning(config, file)
        companions += _server(config)
        if stored is not None:
            supervisor = Supervisor(config, stopping, source, stays=True)
            companions += [stored.run, *_rest_servers(config, stored, lambda: supervisor.config)]
        with _live_view(live) as view:
            if view is not None:
                companions.append(view.follow)
            if stored is not None:
                asyncio.run(supervisor.run(companions))
                if stored.error is not None:
                    raise stored.error
                return
            code = _run(config, source, workers, stopping, companions)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already, and as what it did deserves
        handler.close()
    if code:
        raise typer.Exit(code)


def _read(file: Path, only_targets: Sequence[str], origin: Origin | None) -> Config:
    """Read the configuration; that of a worker has what its parent has decided."""
    config = load(file, environ=os.environ, only_targets=only_targets)
    if origin is None:
        return config
    return replace(
        config,
        flows=tuple(replace(flow, instance_id=origin.instance_id, instance_watched=True) for flow in config.flows),
    )


def _tell_beginning(config: Config, file: Path) -> None:
    log = Log()
    log.info("heliograph", version=heliograph.__version__, kernel=kernel_name, file=file)
    tell_warnings(config)


def _server(config: Config) -> list[Companion]:
    """Return the HTTP server, if there is to be one; its address is taken at once."""
    if config.http_listener is None:
        return []
    from heliograph.api.serve import listen, serve_metrics  # noqa: PLC0415 - loading the web server takes a moment

    listener = listen(config.http_listener)
    Log().info("serving metrics and health", address="{}:{}".format(*config.http_listener))
    return [partial(serve_metrics, listener, requires=config.ready_requires)]


def _rest_servers(config: Config, connectors: Connectors, in_force: Callable[[], Config]) -> list[Companion]:
    """Return the servers of both REST APIs, if there are to be any; their addresses are taken at once.

    ``in_force`` returns the configuration of the moment.
    """
    if config.rest is None:
        return []
    from heliograph.api.serve import RestServers  # noqa: PLC0415 - loading the web server takes a moment
    from heliograph.worker.operations import FlowOperations  # noqa: PLC0415 - the same

    return [RestServers(config.rest, connectors, FlowOperations(lambda: in_force().flows)).run]


def _connectors_of_file(config: Config, in_force: Callable[[], Config]) -> list[Companion]:
    """Return what shows and steers the flows of a file over Connect's REST API, if it is to be served."""
    if config.rest is None:
        return []
    from heliograph.connect.file_connectors import FileConnectors  # noqa: PLC0415 - loading takes a moment

    board = FileConnectors(config.rest.worker_id, in_force)
    return [board.run, *_rest_servers(config, board, in_force)]


def _connect_worker(file: Path, workers: int) -> "StoredConnectors | None":
    """Return the worker of a Connect cluster that ``file`` describes; None: it is a file of MirrorMaker 2."""
    found = read_file(file)
    if not is_worker_file(found):
        return None
    from heliograph.connect.stored_connectors import StoredConnectors  # noqa: PLC0415 - loading takes a moment

    if workers > 1:
        raise ConfigError(
            "A Connect worker's file is run by one process", remedy="Start several, each with its own port"
        )
    worker = read_worker(found, OPTIONS, environ=os.environ, now=datetime.now(UTC))
    assert worker.base.rest is not None, "it is always served"
    return StoredConnectors(worker, worker.base.rest.worker_id, partial(make_config, environ={}))


def _live_view(live: bool | None) -> AbstractContextManager[LiveView | None]:
    console = Console(stderr=True)
    wanted = console.is_terminal if live is None else live
    return LiveView(console) if wanted and sys.stderr.isatty() else nullcontext()


def _run(
    config: Config,
    source: ConfigSource,
    workers: int,
    stopping: asyncio.Event,
    companions: list[Companion],
) -> int:
    """Copy in this process, or in several; returns the exit code."""
    if workers == 1:
        supervisor = Supervisor(config, stopping, source)
        companions += _connectors_of_file(config, lambda: supervisor.config)
        asyncio.run(supervisor.run(companions))
        return 0
    from heliograph.worker.parent import Parent, longest_stop_s  # noqa: PLC0415 - for a parent alone; loading takes a moment

    if any(flow.instance_id for flow in config.flows):
        Log().warning("group.instance.id has no effect: the parent names its workers")
    # This very command: a worker learns from its environment that it is one.
    command = [sys.executable, *sys.orig_argv[1:]]
    flows = [flow.name for flow in config.flows]
    parent = Parent(workers, command, flows, stopping, source, stop_s=longest_stop_s(config))
    companions += _connectors_of_file(config, lambda: parent.config or config)
    return asyncio.run(parent.run(companions))
