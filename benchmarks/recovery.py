"""How soon the full speed is back after a line broke: ``python benchmarks/recovery.py``.

A large backlog is copied over a line with a round trip of 100 ms to the target. Then the line to one of the clusters
breaks, and is mended: connections reset and refused for a while, or silent. The rate before and the time from
the mending to the first second with nine tenths of it are printed.
"""

import argparse
import itertools
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import contenders
from contenders import Job, started
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from heliograph.testbed.ports import LOOPBACK
from heliograph.testbed.proxy import HEALTHY, Faults
from link import BROKER_PROPERTIES, PARTITIONS, ROUND_TRIP_MS, VALUE_BYTES, delete, fill
from offsets import EndOffsets

LOAD = "many"
SPAN_S = 1.0
"""Rates are taken over so long."""
WARM_S, BEFORE_S, PATIENCE_S = 3.0, 5.0, 60.0
BACK = 0.9
"""The share of the rate before that counts as full speed."""
BREAKS = {"cut for 5 s": (Faults(cut=True), 5.0), "silent for 15 s": (Faults(stalled=True), 15.0)}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was seen."""

    side: str
    fault: str
    before_mb_s: float
    back_s: float
    """From the mending to the end of the first span at full speed."""


def count_for(target: EndOffsets, seconds: float) -> float:
    """Return MB/s of record values over the next ``seconds``."""
    first, begun_s = target.total(), time.monotonic()
    time.sleep(seconds)
    return (target.total() - first) * VALUE_BYTES / 1e6 / (time.monotonic() - begun_s)


def measure(job: Job, clusters: dict[str, KafkaCluster], side: str, fault: str) -> Recovery:
    """Break one line and wait for the speed. Raises HeliographError when it does not come back."""
    direct = f"{LOOPBACK}:{clusters['target'].brokers[0].port()}"
    places = [(job.copy_of(LOAD), partition) for partition in range(PARTITIONS[LOAD])]
    faults, seconds = BREAKS[fault]
    proxy = clusters[side].brokers[0].proxy()
    whole = proxy.faults
    with EndOffsets(direct, places) as target, started(contenders.heliograph(), job) as running:
        while target.total() == 0:
            time.sleep(0.1)
        time.sleep(WARM_S)
        before = count_for(target, BEFORE_S)
        proxy.faults = faults
        time.sleep(seconds)
        proxy.faults = whole
        mended_s = time.monotonic()
        while count_for(target, SPAN_S) < BACK * before:
            if time.monotonic() > mended_s + PATIENCE_S:
                raise HeliographError(f"No full speed {PATIENCE_S:g} s after the {side} was {fault}")
        back_s = time.monotonic() - mended_s
        running.stop()
    return Recovery(side, fault, before, back_s)


def main() -> int:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_500_000, help="of 1 kB: the backlog")
    options = parser.parse_args()
    console = Console(width=120)
    table = Table("line to the", "was", "MB/s before", "full speed again after, s")
    numbers = itertools.count(1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recovery-")))
        clusters = {
            side: stack.enter_context(KafkaCluster(proxied=True, properties=BROKER_PROPERTIES))
            for side in ("source", "target")
        }
        source, target = clusters["source"], clusters["target"]
        fill(source.bootstrap(), LOAD, PARTITIONS[LOAD], options.records)
        for side, fault in itertools.product(clusters, BREAKS):
            target.brokers[0].proxy().faults = Faults(delay_ms=ROUND_TRIP_MS / 2)
            job = Job(next(numbers), source.bootstrap(), target.bootstrap(), (LOAD,), "none", folder)
            try:
                seen = measure(job, clusters, side, fault)
                table.add_row(seen.side, seen.fault, f"{seen.before_mb_s:.1f}", f"{seen.back_s:.1f}")
            except HeliographError as error:
                console.print(str(error))
            finally:
                target.brokers[0].proxy().faults = HEALTHY
            delete(target.bootstrap(), ())
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
