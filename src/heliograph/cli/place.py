"""Where a command finds its flows: in a file, or in a process that runs them and is asked by its address."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from heliograph.cli.address import RemoteOperations, is_address
from heliograph.cli.moves import flows_of
from heliograph.connect.reading import read_flows
from heliograph.errors import ConfigError
from heliograph.observe.operations import Operations
from heliograph.worker.operations import FlowOperations

FileOrAddress = Annotated[
    str,
    typer.Argument(
        help="MirrorMaker 2's properties file, a Connect worker's, or the address of a process that has the REST "
        "API: http://127.0.0.1:8083.",
        metavar="FILE",
        show_default=False,
    ),
]
"""The configuration, or who has it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Flows, and who does what they are told."""

    operations: Operations
    flows: tuple[str, ...]


def place_of(where: str, flow: str | None) -> Place:
    """Return the place with the flow called ``flow``, or the only one there. Raises HeliographError."""
    if not is_address(where):
        chosen, back = flows_of(Path(where), flow)
        flows = [chosen] if back is None else [chosen, back]
        return Place(FlowOperations(lambda: flows), (chosen.name,))
    place = _remote(where)
    if flow is None and len(place.flows) != 1:
        raise ConfigError(
            f"{where} has several flows: {', '.join(place.flows)}" if place.flows else f"{where} has no flow",
            remedy="Choose one with --flow 'A->B'" if place.flows else "",
        )
    if flow is not None and flow not in place.flows:
        raise ConfigError(f"{where} has no flow {flow!r}", remedy=f"Choose from {', '.join(place.flows)}")
    return Place(place.operations, place.flows if flow is None else (flow,))


def all_of(where: str, targets: Sequence[str]) -> Place:
    """Return the place with all its flows, or those to these clusters. Raises HeliographError."""
    if is_address(where):
        place = _remote(where)
        chosen = tuple(name for name in place.flows if not targets or name.rpartition("->")[2] in targets)
        return Place(place.operations, chosen)
    config = read_flows(Path(where), environ=os.environ, only_targets=targets)
    return Place(FlowOperations(lambda: config.flows), tuple(flow.name for flow in config.flows))


def _remote(address: str) -> Place:
    operations = RemoteOperations(address, os.environ)
    return Place(operations, operations.flows())
