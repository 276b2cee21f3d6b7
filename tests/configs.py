"""Configurations for tests that need a flow without a file: every value that is not given is the option table's."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from heliograph.config.load import make_config
from heliograph.config.model import ClusterConfig, FlowConfig, SyncConfig
from heliograph.config.properties import parse_properties


def flow_config(source: str | ClusterConfig = "A", target: str | ClusterConfig = "B", **changes: Any) -> FlowConfig:
    """Return the flow between two clusters, given as configurations or as aliases, with ``changes`` to its fields."""
    clusters = {
        side: ClusterConfig(given, ()) if isinstance(given, str) else given
        for side, given in (("source", source), ("target", target))
    }
    flow = _default(clusters["source"].alias, clusters["target"].alias)
    return replace(flow, **{**clusters, **changes})


def sync_config(**changes: Any) -> SyncConfig:
    """Return what a flow keeps in step, with ``changes`` to its fields."""
    return replace(_default("A", "B").sync, **changes)


@cache
def _default(source: str, target: str) -> FlowConfig:
    text = f"clusters={source},{target}\nbootstrap.servers=127.0.0.1:1\n{source}->{target}.enabled=true\n"
    file = parse_properties(text.encode("latin-1"), Path("test.properties"))
    return make_config(file, environ={}, now=datetime(2027, 1, 1, tzinfo=UTC)).flows[0]
