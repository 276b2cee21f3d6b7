"""Positions that somebody wants to be stored, checked as MirrorMaker 2's connectors check them. Pure.

::

    MirrorSourceConnector      {"cluster": "west", "topic": "orders", "partition": 0}                {"offset": 41}
    MirrorCheckpointConnector  {"group": "shop", "topic": "orders", "partition": 0}                  {"offset": 0}
    MirrorHeartbeatConnector   {"sourceClusterAlias": "west", "targetClusterAlias": "east"}          {"offset": 0}

Only the first kind means anything. An offset that is null forgets the position, whatever its partition looks like: so
that what should not be there can be removed. Source: ``MirrorUtils`` of Kafka 4.3, KIP-875.
"""

from collections.abc import Mapping

from heliograph.config.model import Part
from heliograph.observe.connectors import Invalid, StoredOffset

TEXTS = {
    Part.SOURCE: ("cluster", "topic"),
    Part.CHECKPOINT: ("group", "topic"),
    Part.HEARTBEAT: ("sourceClusterAlias", "targetClusterAlias"),
}
"""What a partition of each connector must have, beside its number."""
PARTITION = "partition"
OFFSET = "offset"
_PARTITION_MAX = 2**31 - 1
_OFFSET_MAX = 2**63 - 1


def check(part: Part, stored: StoredOffset) -> None:
    """Raise Invalid, in MirrorMaker 2's words, where it would refuse this position."""
    for field, value in [*stored.partition.items(), *(stored.offset or {}).items()]:
        if isinstance(value, dict | list):
            kind = "MAP" if isinstance(value, dict) else "ARRAY"
            raise Invalid(f"Offsets may only contain primitive types as values, but field {field} contains {kind}")
    if stored.offset is None:
        return
    partition = f"Source partition {as_java(stored.partition)}"
    for key in TEXTS[part]:
        if not isinstance(_there(partition, stored.partition, key), str):
            raise _wrong(partition, stored.partition, key, ", which must be a string")
    if part is not Part.HEARTBEAT:
        _check_number(partition, stored.partition, PARTITION, _PARTITION_MAX)
    offset = f"Source offset {as_java(stored.offset)} for source partition {as_java(stored.partition)}"
    number = _check_number(offset, stored.offset, OFFSET, _OFFSET_MAX)
    if part is not Part.SOURCE and number:
        raise _wrong(offset, stored.offset, OFFSET, "; the only accepted value is 0")


def _there(words: str, where: Mapping[str, object], key: str) -> object:
    if key not in where:
        raise Invalid(f"{words} is missing the '{key}' key, which is required")
    return where[key]


def _check_number(words: str, where: Mapping[str, object], key: str, largest: int) -> int:
    number = _there(words, where, key)
    if not isinstance(number, int) or isinstance(number, bool) or number > largest:
        raise _wrong(words, where, key, ", which must be an integer")
    if number < 0:
        raise _wrong(words, where, key, ", which cannot be negative")
    return number


def _wrong(words: str, where: Mapping[str, object], key: str, why: str) -> Invalid:
    return Invalid(f"{words} has an invalid value {_as_java(where[key])} for the '{key}' key{why}")


def as_java(values: Mapping[str, object]) -> str:
    """Return a map as Java writes it: ``{cluster=west, partition=0}``."""
    return f"{{{', '.join(f'{key}={_as_java(value)}' for key, value in values.items())}}}"


def _as_java(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
