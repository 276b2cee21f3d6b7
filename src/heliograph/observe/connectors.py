"""What Kafka Connect would call the parts of this process: connectors with tasks, and what they can be told.

MirrorMaker 2 has three connectors for a flow: one copies, one writes checkpoints, one writes heartbeats. Programs that
speak Connect's REST API know nothing else, so a flow is shown to them as these three. Views cost no request to a
cluster. Commands return when what was told is stored, as with Connect; the views show what has become of it.

Source of names, states and rules: Kafka's user guide of Connect, KIP-875, KIP-980, KIP-745.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from heliograph.config.connectors.validation import Given, Validation
from heliograph.errors import HeliographError

SOURCE = "source"
"""The type of all of MM2's connectors."""


class Conflict(HeliographError):
    """What is asked does not go together with what is there, such as another connector of that name."""


class Forbidden(HeliographError):
    """What is asked is not allowed to whoever asks."""


class Invalid(HeliographError):
    """What is asked cannot be done as it is written."""


class Misconfigured(HeliographError):
    """A configuration with values that cannot be; ``problems`` are sentences as Kafka Connect would say them."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Hold what is wrong, in order."""
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class RunState(StrEnum):
    """What a connector or a task does."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    UNASSIGNED = "UNASSIGNED"
    """Nobody runs it at the moment."""
    RESTARTING = "RESTARTING"


class Wanted(StrEnum):
    """What a connector is told to do."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class TaskView:
    """A part of a connector's work that one worker does: of the source connector, a group of partitions."""

    number: int
    """From 0."""
    state: RunState
    worker_id: str
    """``host:port`` of the worker's REST API."""
    trace: str = ""
    """What is wrong, in words; empty: nothing is."""
    config: Mapping[str, str] = field(default_factory=dict)
    lanes: tuple[tuple[str, int], ...] = ()
    """Source partitions, in order."""


@dataclass(frozen=True, slots=True)
class ConnectorView:
    """One connector."""

    name: str
    config: Mapping[str, str]
    """As it was given, with masks in place of secrets."""
    state: RunState
    worker_id: str
    trace: str = ""
    version: str = ""
    """Of the connector's class; empty: not told."""
    tasks: tuple[TaskView, ...] = ()
    topics: tuple[str, ...] = ()
    """That it has written to, in order."""


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """One position of a connector, as Connect stores it."""

    partition: Mapping[str, object]
    """Of a source connector ``cluster``, ``topic`` and ``partition``."""
    offset: Mapping[str, object] | None
    """``{"offset": 41}``: the last that was copied; None: to be forgotten."""


@dataclass(frozen=True, slots=True)
class LoggerView:
    """How much one logger writes."""

    level: str
    """One of Kafka's words, such as DEBUG."""
    modified_ms: int | None
    """When somebody set it; None: it is as it was at the start."""


class Connectors(Protocol):
    """All connectors of a process."""

    @property
    def cluster_id(self) -> str:
        """Id of the Kafka cluster that their records are stored on; empty while it is not known."""
        ...

    def all(self) -> Mapping[str, ConnectorView]:
        """Return every connector by name, as it is now."""
        ...

    def validate(self, config: Given) -> Validation:
        """Judge a configuration key by key, whether there is such a connector or not. Raises Invalid."""
        ...

    def loggers(self) -> Mapping[str, LoggerView]:
        """Return root, and every logger whose level somebody has set, by name and in order."""
        ...

    def logger(self, name: str) -> LoggerView | None:
        """Return one logger; None: nobody has named it."""
        ...

    async def set_logger(self, name: str, level: str, *, everywhere: bool) -> Sequence[str]:
        """Set the level of a logger and of those below it; returns those that had another level here.

        ``everywhere``: in all workers of the Connect cluster; then nothing is returned. Raises NotFound, Invalid.
        """
        ...

    async def create(self, name: str, config: Mapping[str, str], wanted: Wanted) -> ConnectorView:
        """Add a connector. Raises Conflict where there is one of that name, Misconfigured, ConfigError, Invalid."""
        ...

    async def configure(self, name: str, config: Mapping[str, str]) -> tuple[ConnectorView, bool]:
        """Store this configuration for a connector; says whether it is new.

        Raises Misconfigured, ConfigError, Conflict.
        """
        ...

    async def patch(self, name: str, changes: Mapping[str, str | None]) -> ConnectorView:
        """Change some keys of a configuration; None removes one.

        Raises NotFound, Misconfigured, ConfigError, Conflict.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove a connector; its positions stay. Raises NotFound, Conflict."""
        ...

    async def want(self, name: str, wanted: Wanted) -> None:
        """Tell a connector to run, to pause, or to stop. Raises NotFound."""
        ...

    async def restart(self, name: str, *, include_tasks: bool, only_failed: bool) -> ConnectorView:
        """Start a connector again, with its tasks or without, and say what that concerns. Raises NotFound."""
        ...

    async def restart_task(self, name: str, number: int) -> None:
        """Start a task again. Raises NotFound."""
        ...

    async def offsets(self, name: str) -> Sequence[StoredOffset]:
        """Return the stored positions. Raises NotFound."""
        ...

    async def alter_offsets(self, name: str, offsets: Sequence[StoredOffset]) -> None:
        """Store other positions. Raises NotFound, and Invalid where the connector is not stopped."""
        ...

    async def reset_offsets(self, name: str) -> None:
        """Forget all positions. Raises NotFound, and Invalid where the connector is not stopped."""
        ...
