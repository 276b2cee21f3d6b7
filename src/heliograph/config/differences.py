"""What differs between two configurations of a flow, with the values as a person writes them. Secrets are masks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from heliograph.config.changes import CLUSTER_FIELDS, FLOW_FIELDS, SYNC_FIELDS, Extent
from heliograph.config.model import FlowConfig, InternalTopic, TransactionConfig

OFF = "off"
NOT_SET = "not set"
NOT_SHOWN = frozenset({"merges", "instance_watched"})
"""Fields that no option decides alone."""
_SECURITY = frozenset({"tls", "sasl"})


@dataclass(frozen=True, slots=True)
class OptionDifference:
    """One option that two configurations do not agree on."""

    option: str
    """With the cluster's alias in front where it is one's: ``B.client.id``."""
    before: str | tuple[str, ...]
    """Its value; of a list each item."""
    after: str | tuple[str, ...]
    extent: Extent
    """How far the change reaches."""


def option_differences(old: FlowConfig, new: FlowConfig) -> tuple[OptionDifference, ...]:
    """Return the options whose values differ, in the order of the tables."""
    found = [
        each
        for each in _differing("", old, new, FLOW_FIELDS)
        if old.separator == new.separator or each.option != FLOW_FIELDS["internal_separator"][0]
    ]
    found += _differing("", old.sync, new.sync, SYNC_FIELDS)
    for was, will in ((old.source, new.source), (old.target, new.target)):
        found += _differing(f"{will.alias}.", was, will, CLUSTER_FIELDS)
    return tuple(found)


def _differing(prefix: str, old: Any, new: Any, table: Mapping[str, tuple[str, Extent]]) -> Iterator[OptionDifference]:
    for name in (each.name for each in fields(new) if each.name in table and each.name not in NOT_SHOWN):
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        option, extent = table[name]
        if name == "reverse_heartbeats_interval_s":
            option = f"{option} of the reverse flow"
        if name in _SECURITY:
            yield OptionDifference(prefix + option, "****", "**** (another)", extent)
        else:
            yield OptionDifference(prefix + option, _shown(name, before), _shown(name, after), extent)


def _topic(topic: InternalTopic) -> str:
    return f"{topic.name} ({topic.partitions} partitions, replication factor {topic.replication_factor})"


def _transactions(config: TransactionConfig | None) -> str:
    if config is None:
        return "disabled"
    every = "" if config.interval_ms is None else f", committed every {config.interval_ms} ms"
    return f"enabled{every}"


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "start_at_latest": lambda value: "latest" if value else "earliest",
    "read_committed": lambda value: "read_committed" if value else "read_uncommitted",
    "offsets_topic": _topic,
    "transactions": _transactions,
    "offset_syncs_location": lambda value: value or NOT_SET,
}


def _shown(name: str, value: object) -> str | tuple[str, ...]:
    if name in _WORDS:
        return _WORDS[name](value)
    match value:
        case None:
            return OFF if name.endswith("interval_s") else NOT_SET
        case tuple():
            return tuple(map(_plain, value))
        case frozenset():
            return tuple(sorted(map(_plain, value)))
    return _plain(value) or "empty"


def _plain(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case Enum():
            return str(value.value)
        case (host, port):
            return f"{host}:{port}"
    return str(value)
