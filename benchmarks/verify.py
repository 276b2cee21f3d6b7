"""How fast a proof is: ``python benchmarks/verify.py [--scale S]``.

Two clusters of one broker; some topics are copied by Heliograph, then ``heliograph verify`` compares them, alone and
without a limit on its bandwidth. The time is that of the comparison; its CPU time is that of its process less that of
one which has nothing to compare. Sizes are those of the source's log, of which as much again is read on the target.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import contenders
from contenders import Job, started, write_file
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from loads import LOADS, PARTITIONS, Load, fill, shape
from measure import Meter
from offsets import EndOffsets

NAMES = ("json-lz4", "json-zstd", "raw", "ones", "tens-lz4")
LIMIT_S = 300.0
LOOK_S = 0.05
ROUNDS = 3
WAYS: dict[str, tuple[str, ...]] = {"compare": (), "with digest": ("--digest",)}
BROKER_PROPERTIES = {"num.network.threads": "3", "num.io.threads": "4", "log.initial.task.delay.ms": "600000"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one proof took."""

    load: str
    way: str
    log_bytes: int
    """On the source."""
    seconds: float
    cpu_s: float
    memory_mb: float
    """Peak."""
    untouched: float
    """Share of the records that were compared without being unpacked."""


def copied(job: Job, load: Load) -> None:
    """Copy the load's topic to its end, and stop."""
    places = [(job.copy_of(load.name), partition) for partition in range(PARTITIONS)]
    with EndOffsets(job.target, places) as target, started(contenders.heliograph(), job) as running:
        deadline_s = time.monotonic() + LIMIT_S
        while target.total() < load.records:
            if time.monotonic() > deadline_s or running.process.exit_code is not None:
                raise HeliographError(f"{load.name} was not copied in {LIMIT_S:g} s")
            time.sleep(LOOK_S)
        running.stop()


@dataclass(frozen=True, slots=True)
class Ended:
    """A process of ``heliograph verify`` that has come to its end."""

    told: dict[str, Any]
    cpu_s: float
    memory_mb: float
    """Peak, as seen just before the end."""


def verify(job: Job, topic: str, options: Sequence[str]) -> Ended:
    """Run one proof to its end."""
    program = str(Path(sys.executable).with_name("heliograph"))
    command = [program, "verify", str(write_file(job)), "--json", "--topic", topic, "--bandwidth", "100%", *options]
    output = job.folder / "proof.json"
    memory_mb = 0.0
    with output.open("wb") as stream, subprocess.Popen(command, stdout=stream) as process:
        meter = Meter(process.pid)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            memory_mb = max(memory_mb, meter.memory_peak_mb())
            time.sleep(LOOK_S)
        process.returncode = os.waitstatus_to_exitcode(status)
    told = json.loads(output.read_text(encoding="utf-8"))
    return Ended(told, usage.ru_utime + usage.ru_stime, memory_mb)


def proven(job: Job, load: Load, way: str, log_bytes: int) -> Cost:
    """Run one proof; it must succeed."""
    idle = verify(job, "none-of-them", ())
    ended = verify(job, load.name, WAYS[way])
    told = ended.told
    if not told["proven"] or told["records"] != load.records:
        raise HeliographError(f"{load.name} is not proven: {told['verdict']}, {told['records']} records")
    untouched = sum(each["untouched"] for each in told["flows"][0]["partitions"]) / load.records
    cpu_s = max(0.0, ended.cpu_s - idle.cpu_s)
    return Cost(load.title, way, log_bytes, told["seconds"], cpu_s, ended.memory_mb, untouched)


def run(scale: float) -> Iterator[Cost]:
    """Measure everything; of some rounds the one with the least CPU time counts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verify-")))
        source, target = (stack.enter_context(KafkaCluster(properties=BROKER_PROPERTIES)) for _ in range(2))
        for number, name in enumerate(NAMES, 1):
            load = next(each for each in LOADS if each.name == name).scaled(scale)
            fill(source.bootstrap(), load)
            log_bytes = shape(source.brokers[0].data_path, load).log_bytes
            job = Job(number, source.bootstrap(), target.bootstrap(), (load.name,), load.codec, folder)
            copied(job, load)
            for way in WAYS:
                yield min((proven(job, load, way, log_bytes) for _ in range(ROUNDS)), key=lambda cost: cost.cpu_s)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the loads' records")
    options = parser.parse_args()
    console = Console(width=140)
    table = Table("load", "way", "source MB", "s", "GB/s", "CPU s", "CPU s/GB", "peak MB", "untouched")
    for cost in run(options.scale):
        table.add_row(
            cost.load,
            cost.way,
            f"{cost.log_bytes / 1e6:.0f}",
            f"{cost.seconds:.2f}",
            f"{cost.log_bytes / 1e9 / cost.seconds:.2f}",
            f"{cost.cpu_s:.2f}",
            f"{cost.cpu_s / cost.log_bytes * 1e9:.2f}",
            f"{cost.memory_mb:.0f}",
            f"{cost.untouched:.0%}",
        )
        console.print(f"{cost.load}, {cost.way}: {cost.seconds:.2f} s, {cost.cpu_s:.2f} CPU s")
    console.print(table)


if __name__ == "__main__":
    main()
