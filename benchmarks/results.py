"""All that one run of the benchmark found, as plain values that go to JSON as they are."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from heliograph import __version__
from latency import Latency
from loads import Load, Shape
from many import Many
from measure import Flow
from quiet import Quiet
from relay import Floor


@dataclass(frozen=True, slots=True)
class Machine:
    """What it ran on."""

    cores: int
    """As the system counts them."""
    memory_gb: float
    """Of the whole machine."""
    kernel: str
    """Name and release."""
    python: str
    """Version of the interpreter."""
    java: str
    """Feature release of the runtime that runs the brokers and MirrorMaker 2."""
    kafka: str
    """Version of the brokers and of MirrorMaker 2."""
    heliograph: str
    """Version, and which implementation of the record loops ran."""


def this_machine(java: int, kafka: str, record_loops: str) -> Machine:
    """Describe the machine without naming it."""
    return Machine(
        cores=os.cpu_count() or 0,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        kernel=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        java=str(java),
        kafka=kafka,
        heliograph=f"{__version__} ({record_loops} record loops)",
    )


@dataclass(slots=True)
class LoadResult:
    """One load and what everybody needed for it."""

    load: Load
    """At the scale that was run."""
    shape: Shape
    """Of the source's log."""
    flows: dict[str, list[Flow]] = field(default_factory=dict)
    """By contender, one a repetition."""
    floor: Floor | None = None
    """The bare relay, for as many bytes."""


@dataclass(slots=True)
class Results:
    """One run of the benchmark."""

    machine: Machine
    """Where."""
    scale: float
    """Share of the records of the full loads."""
    busy_before: float = 0.0
    """The machine's load average before anything was started: what else runs here."""
    loads: list[LoadResult] = field(default_factory=list)
    """The copies of full topics."""
    quiet: dict[str, Quiet] = field(default_factory=dict)
    """Start and idle, by contender."""
    latency: dict[str, list[Latency]] = field(default_factory=dict)
    """By contender."""
    many: dict[str, Many] = field(default_factory=dict)
    """Many partitions, by contender."""
    failures: list[str] = field(default_factory=list)
    """What did not work, in words."""


def median_flow(flows: Sequence[Flow]) -> Flow:
    """Return the median of each figure."""
    return Flow(*(statistics.median(getattr(flow, name) for flow in flows) for name in Flow.__dataclass_fields__))


def spread_percent(numbers: Sequence[float]) -> float | None:
    """Return how far the largest and the smallest are apart, in percent of the median; None for a single one."""
    if len(numbers) < 2:
        return None
    return 100 * (max(numbers) - min(numbers)) / statistics.median(numbers)
