"""A flow's options as its workers tell them to whoever looks: those that differ from the defaults.

How the clusters are reached is left out, and with it every secret: the group's messages can be read by anyone who may
describe the group. What follows from the clusters' names is always told. A field that one side does not know, or cannot
read, is left out, so that versions understand each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from heliograph.config.load import make_config
from heliograph.config.model import APART, FlowConfig, SyncConfig
from heliograph.config.properties import parse_properties

NOT_TOLD = APART | {"source", "target", "sync"}
"""Fields of a flow; those of ``sync`` are told one by one, with ``sync.`` before their names."""
ALWAYS = frozenset({"source_name", "target_name", "group_id", "offsets_topic", "config_topic"})
"""Fields whose default is made of the clusters' names."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker's options say."""

    flow: FlowConfig
    """With the clusters of the flow that it is compared with."""
    whole: bool
    """Whether all of it was understood: its digest is the one that the worker gives."""


def tell(flow: FlowConfig) -> dict[str, object]:
    """Return the options of ``flow`` that differ from the defaults, as JSON has them."""
    usual = _values(_default())
    told: dict[str, object] = {}
    for name, value in _values(flow).items():
        if name in ALWAYS or value != usual[name]:
            told[name] = msgspec.to_builtins(value)
    return told


def understand(told: Mapping[str, object], like: FlowConfig, digest: str) -> Told:
    """Return the flow that a worker tells of, with the clusters of ``like``; ``digest`` is the one it gives."""
    read: dict[str, dict[str, Any]] = {"": {}, "sync.": {}}
    for prefix, owner in (("", FlowConfig), ("sync.", SyncConfig)):
        hints = get_type_hints(owner)
        for name, hint in hints.items():
            if prefix + name in told and prefix + name not in NOT_TOLD:
                try:
                    read[prefix][name] = msgspec.convert(told[prefix + name], type=hint)
                except msgspec.ValidationError:
                    continue
    usual = _default()
    ours = {name: getattr(like, name) for name in ("source", "target", *APART)}  # each process has its own, untold
    more: dict[str, Any] = {**read[""], **ours}
    flow = replace(usual, sync=replace(usual.sync, **read["sync."]), **more)
    return Told(flow, flow.digest == digest)


def _values(flow: FlowConfig) -> dict[str, object]:
    own = {each.name: getattr(flow, each.name) for each in fields(flow) if each.name not in NOT_TOLD}
    return own | {f"sync.{each.name}": getattr(flow.sync, each.name) for each in fields(flow.sync)}


@cache
def _default() -> FlowConfig:
    """Return a flow of which nobody has said anything."""
    text = b"clusters=source,target\nbootstrap.servers=127.0.0.1:1\nsource->target.enabled=true\n"
    return make_config(parse_properties(text, Path("defaults")), environ={}).flows[0]
