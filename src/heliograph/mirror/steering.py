"""What people have told a flow: pause, go on, start again, go slower. Records of Connect's config topic, without I/O.

Connect keeps a *target state* for each connector there (KIP-875), and MirrorMaker 2 has three connectors: one copies,
one writes checkpoints, one writes heartbeats. A flow that is paused is exactly that, so the one honours what the other
wrote. For topics and partitions Connect has no words; these records have keys of our own, which MirrorMaker 2 passes
over with a line in its log.

::

    target-state-MirrorSourceConnector      {"state":"PAUSED","state.v2":"PAUSED"}
    restart-connector-MirrorSourceConnector {"include-tasks":true,"only-failed":false}
    heliograph-paused-orders                {"partitions":[0,3]}, or "all" for the list; null: none
    heliograph-restart-orders               the same
    heliograph-rewind-3-orders              {"position":41}: partition 3 waits for the end of a rewind; null: it is over
    heliograph-limit                        {"bytes-per-second":5000000}, or null there for none; null: the file's
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from heliograph.config.model import Part
from heliograph.errors import DataError

TopicPartition = tuple[str, int]
Partitions = frozenset[int] | None
"""Of one topic; None: all there are, and all there will be."""
Row = tuple[bytes, bytes | None]
Names = Mapping[Part, str]
"""Of a flow's connectors; a part that is missing has none."""

NAMES: Names = {part: part.value for part in Part}
"""As MirrorMaker 2 calls them in a process of its own."""

TARGET_STATE = "target-state-"
RESTART_CONNECTOR = "restart-connector-"
PAUSED = "heliograph-paused-"
RESTART = "heliograph-restart-"
REWIND = "heliograph-rewind-"
LIMIT = "heliograph-limit"
LIMIT_MAX = 10**15
"""Bytes a second."""
ALL = "all"
_PARTITION_MAX = 2**31 - 1


class TargetState(StrEnum):
    """What a connector is to do."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    """For copying the same as paused."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A wish to start again."""

    topic: str | None = None
    """None: the whole flow."""
    partitions: Partitions = None
    only_failed: bool = False
    """Only what stands still."""

    def has(self, lane: TopicPartition) -> bool:
        """Say whether ``lane`` is concerned."""
        return self.topic is None or (self.topic == lane[0] and (self.partitions is None or lane[1] in self.partitions))


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """A limit of bandwidth that holds instead of the file's."""

    bytes_per_s: int | None
    """None: no limit."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What holds at one moment."""

    states: Mapping[Part, TargetState] = field(default_factory=dict)
    """Those that were ever told."""
    paused: Mapping[str, Partitions] = field(default_factory=dict)
    """By source topic."""
    rewinding: frozenset[TopicPartition] = frozenset()
    """Partitions whose position is about to be set."""
    limit: ToldLimit | None = None
    """None: as the file says."""

    def runs(self, part: Part) -> bool:
        """Say whether a part of the flow does its work."""
        return self.states.get(part, TargetState.STARTED) is TargetState.STARTED

    def pauses(self, lane: TopicPartition) -> bool:
        """Say whether ``lane`` is not to be copied for now."""
        return not self.runs(Part.SOURCE) or self.pauses_itself(lane)

    def pauses_itself(self, lane: TopicPartition) -> bool:
        """Say whether ``lane`` is not to be copied, be the flow paused or not."""
        topic, partition = lane
        if lane in self.rewinding:
            return True
        partitions = self.paused.get(topic, frozenset())
        return partitions is None or partition in partitions

    def with_paused(self, topic: str, partitions: Partitions) -> Partitions:
        """Return what of ``topic`` is paused once ``partitions`` are too."""
        before = self.paused.get(topic, frozenset())
        return None if before is None or partitions is None else before | partitions

    def without_paused(self, topic: str, partitions: Partitions, there: Collection[int]) -> Partitions:
        """Return what of ``topic``, which has the partitions ``there``, is paused once ``partitions`` go on."""
        before = self.paused.get(topic, frozenset())
        if partitions is None:
            return frozenset()
        return (frozenset(there) if before is None else before) - partitions


# ---- to records -----------------------------------------------------------------------------------------------------


def state_row(connector: str, state: TargetState) -> Row:
    """Return the record that pauses a connector or has it go on, as Connect writes it.

    STOPPED is written for readers before KIP-875 as PAUSED.
    """
    old = TargetState.PAUSED if state is TargetState.STOPPED else state
    value = f'{{"state":"{old}","state.v2":"{state}"}}'
    return f"{TARGET_STATE}{connector}".encode(), value.encode()


def paused_row(topic: str, partitions: Partitions) -> Row:
    """Return the record after which ``partitions`` of ``topic`` are paused, and no others."""
    return f"{PAUSED}{topic}".encode(), _partitions(partitions) if partitions is None or partitions else None


def restart_row(restart: Restart, names: Names = NAMES) -> Row:
    """Return the record that asks running workers to start again."""
    if restart.topic is None:
        failed = str(restart.only_failed).lower()
        key = f"{RESTART_CONNECTOR}{names[Part.SOURCE]}"
        return key.encode(), f'{{"include-tasks":true,"only-failed":{failed}}}'.encode()
    return f"{RESTART}{restart.topic}".encode(), _partitions(restart.partitions)


def rewind_row(lane: TopicPartition, position: int | None) -> Row:
    """Return the record that holds ``lane`` until its position is set, or (None) lets it go."""
    value = None if position is None else f'{{"position":{position}}}'.encode()
    return f"{REWIND}{lane[1]}-{lane[0]}".encode(), value


def limit_row(limit: ToldLimit | None) -> Row:
    """Return the record after which this limit holds; None: the file's."""
    value = None if limit is None else json.dumps({"bytes-per-second": limit.bytes_per_s}, separators=(",", ":"))
    return LIMIT.encode(), None if value is None else value.encode()


def _partitions(partitions: Partitions) -> bytes:
    told = ALL if partitions is None else sorted(partitions)
    return json.dumps({"partitions": told}, separators=(",", ":")).encode()


# ---- from records ---------------------------------------------------------------------------------------------------


def at_first(names: Names = NAMES) -> Steering:
    """Return what holds before anything was told: what there is no connector for stands still."""
    return Steering({part: TargetState.STOPPED for part in Part if part not in names})


def steered(before: Steering, key: bytes | None, value: bytes | None, names: Names = NAMES) -> Steering:
    """Return what holds after one more record; records that say nothing of it change nothing.

    Raises DataError for one that ought to, and cannot be read.
    """
    name = _text(key)
    for part, connector in names.items():
        if name == f"{TARGET_STATE}{connector}":
            return replace(before, states={**before.states, part: state_of(value)})
    if name.startswith(PAUSED):
        topic = name.removeprefix(PAUSED)
        paused = {each: known for each, known in before.paused.items() if each != topic}
        partitions = frozenset[int]() if value is None else _read_partitions(name, value)
        if partitions is None or partitions:
            paused[topic] = partitions
        return replace(before, paused=paused)
    if name.startswith(REWIND):
        number, _, topic = name.removeprefix(REWIND).partition("-")
        if not number.isdecimal() or int(number) > _PARTITION_MAX or not topic:
            raise _unreadable(name)
        lane = {(topic, int(number))}
        return replace(before, rewinding=before.rewinding - lane if value is None else before.rewinding | lane)
    if name == LIMIT:
        return replace(before, limit=None if value is None else _limit(value))
    return before


def restart_of(key: bytes | None, value: bytes | None, names: Names = NAMES) -> Restart | None:
    """Return the wish to start again that a record is; None for any other. Raises DataError for an unreadable one.

    A connector that is to start again without its tasks does nothing here that it would not do by itself.
    """
    name = _text(key)
    if value is None:
        return None
    if Part.SOURCE in names and name == f"{RESTART_CONNECTOR}{names[Part.SOURCE]}":
        match _json(name, value):
            case {"include-tasks": True, "only-failed": bool(only_failed)}:
                return Restart(only_failed=only_failed)
            case {"include-tasks": False}:
                return None
            case _:
                raise _unreadable(name)
    if name.startswith(RESTART):
        return Restart(name.removeprefix(RESTART), _read_partitions(name, value))
    return None


def _text(key: bytes | None) -> str:
    return "" if key is None else key.decode("utf-8", "replace")


def state_of(value: bytes | None) -> TargetState:
    """Return a target state; a record without a value, as Connect writes it with a deleted connector, is the first."""
    if value is None:
        return TargetState.STARTED
    match _json(TARGET_STATE, value):
        case {"state.v2": str(state)} | {"state": str(state)} if state in TargetState.__members__:
            return TargetState(state)
        case _:
            raise _unreadable(TARGET_STATE)


def _limit(value: bytes) -> ToldLimit:
    match _json(LIMIT, value):
        case {"bytes-per-second": None}:
            return ToldLimit(None)
        case {"bytes-per-second": int(number)} if type(number) is int and 0 < number <= LIMIT_MAX:
            return ToldLimit(number)
        case _:
            raise _unreadable(LIMIT)


def _read_partitions(name: str, value: bytes) -> Partitions:
    match _json(name, value):
        case {"partitions": "all"}:
            return None
        case {"partitions": list(numbers)} if all(
            type(each) is int and 0 <= each <= _PARTITION_MAX for each in numbers
        ):
            return frozenset(numbers)
        case _:
            raise _unreadable(name)


def _json(name: str, value: bytes) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(name) from error


def _unreadable(name: str) -> DataError:
    return DataError(f"A record {name} of the topic that says what is paused cannot be read", remedy="Say it again")
