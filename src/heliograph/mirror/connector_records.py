"""What a Connect cluster keeps in its config and status topics, byte for byte, without I/O.

::

    connector-NAME             {"properties":{"connector.class":"…"}}; null: the connector was deleted
    target-state-NAME          {"state":"PAUSED","state.v2":"STOPPED"}
    logger-cluster-NAMESPACE   {"level":"DEBUG"}
    status-connector-NAME      {"state":"RUNNING","trace":null,"worker_id":"10.0.0.7:8083","generation":3}
    status-task-NAME-0         the same

Beside these, Connect keeps tasks' configurations (``task-…``, ``commit-…``) and a session key there, which its leader
makes again for itself. Source: ``KafkaConfigBackingStore`` and ``KafkaStatusBackingStore`` of Kafka 4.3, KIP-875,
KIP-976.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from heliograph.errors import DataError
from heliograph.mirror.steering import TARGET_STATE, Row, TargetState, state_of

CONNECTOR = "connector-"
LOGGER = "logger-cluster-"
STATUS_CONNECTOR = "status-connector-"
STATUS_TASK = "status-task-"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a config topic says at one moment."""

    connectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Configurations by name."""
    states: Mapping[str, TargetState] = field(default_factory=dict)
    """What each connector is to do, where that was ever told."""


@dataclass(frozen=True, slots=True)
class Status:
    """What somebody says of a connector or a task."""

    state: str
    worker_id: str
    trace: str = ""
    generation: int = 0


def connector_row(name: str, config: Mapping[str, str]) -> Row:
    """Return the record that gives a connector its configuration."""
    return f"{CONNECTOR}{name}".encode(), _compact({"properties": dict(config)})


def deleted_rows(name: str) -> tuple[Row, Row]:
    """Return the records that delete a connector."""
    return (f"{CONNECTOR}{name}".encode(), None), (f"{TARGET_STATE}{name}".encode(), None)


def logger_row(namespace: str, level: str) -> Row:
    """Return the record that sets the level of a logger in all workers."""
    return f"{LOGGER}{namespace}".encode(), _compact({"level": level})


def status_key(connector: str, task: int | None = None) -> bytes:
    """Return the key under which the status of a connector, or of one of its tasks, is kept."""
    return (f"{STATUS_CONNECTOR}{connector}" if task is None else f"{STATUS_TASK}{connector}-{task}").encode()


def status_name(key: bytes) -> str | None:
    """Return the connector of which a record with this key says something; None: of none."""
    name = key.decode("utf-8", "replace")
    if name.startswith(STATUS_CONNECTOR):
        return name.removeprefix(STATUS_CONNECTOR)
    connector, separator, number = name.removeprefix(STATUS_TASK).rpartition("-")
    return connector if name.startswith(STATUS_TASK) and separator and number.isdecimal() else None


def status_value(status: Status) -> bytes:
    """Return what is kept there."""
    return _compact(
        {
            "state": status.state,
            "trace": status.trace or None,
            "worker_id": status.worker_id,
            "generation": status.generation,
        }
    )


def read_status(value: bytes) -> Status:
    """Read what is kept there. Raises DataError."""
    match _json("status", value):
        case {"state": str(state), "worker_id": str(worker_id), "generation": int(generation), **rest}:
            trace = rest.get("trace")
            return Status(state, worker_id, trace if isinstance(trace, str) else "", generation)
        case _:
            raise _unreadable("status")


def kept(before: Kept, key: bytes | None, value: bytes | None) -> Kept:
    """Return what holds after one more record of a config topic; records of other kinds change nothing.

    Raises DataError for one that ought to, and cannot be read.
    """
    name = "" if key is None else key.decode("utf-8", "replace")
    if name.startswith(CONNECTOR):
        return replace(before, connectors=_with(before.connectors, name.removeprefix(CONNECTOR), _config(name, value)))
    if name.startswith(TARGET_STATE):
        state = None if value is None else state_of(value)
        return replace(before, states=_with(before.states, name.removeprefix(TARGET_STATE), state))
    return before


def told_level(key: bytes | None, value: bytes | None) -> tuple[str, str] | None:
    """Return the namespace and the level that a record sets in all workers; None: it is of another kind.

    Such a record is an event, not a state: with Connect, a worker that starts later does not heed it (KIP-976).
    Raises DataError for one that cannot be read.
    """
    name = "" if key is None else key.decode("utf-8", "replace")
    if value is None or not name.startswith(LOGGER):
        return None
    match _json(name, value):
        case {"level": str(level)}:
            return name.removeprefix(LOGGER), level
        case _:
            raise _unreadable(name)


def _with(before: Mapping[str, Value], name: str, value: Value | None) -> dict[str, Value]:
    rest = {each: known for each, known in before.items() if each != name}
    return rest if value is None else {**rest, name: value}


def _config(name: str, value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    match _json(name, value):
        case {"properties": dict(config)}:
            return {str(key): str(each) for key, each in config.items() if each is not None}
        case _:
            raise _unreadable(name)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _json(name: str, value: bytes) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(name) from error


def _unreadable(name: str) -> DataError:
    return DataError(f"A record {name} of a Connect cluster's topic cannot be read", remedy="Say it again")
