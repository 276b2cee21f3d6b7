"""Several workers of one flow: ``python benchmarks/workers.py``.

*Silence*: two workers copy six partitions while records flow; one of them is stopped, or killed, or a third is added:
how long has no record arrived in some partition? *Throughput*: a full topic of 24 partitions, one to three workers.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import contenders
from contenders import Contender, Job, started
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from latency import finish, traffic
from link import BROKER_PROPERTIES, VALUE_BYTES, delete, fill
from link import PARTITIONS as FULL
from loads import make_topics
from measure import Meter
from offsets import EndOffsets

BUSY = "busy"
PARTITIONS = 6
LOOK_S = 0.01
SETTLED_S = 12.0
"""After which two workers have shared the partitions out."""
BEFORE_S, AFTER_S = 3.0, 14.0
"""Watched before the event and after it."""
START_LIMIT_S = 60.0
RATES = (60, 10_000)
"""Records a second, of 250 bytes."""
EVENTS = ("stop", "kill", "add")


@dataclass(frozen=True, slots=True)
class Silence:
    """One event."""

    event: str
    mode: str
    rate: int
    longest_s: float
    """For which a partition stood still, of all partitions."""
    usual_s: float
    """The same before the event."""
    lost: int
    """Records that are not on the target in the end, or, negative, too many."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One copy of a full topic."""

    workers: int
    megabytes_s: float
    cpu_s_per_gb: float
    """Of all workers."""


def watch(target: EndOffsets, seconds: float) -> float:
    """Return the longest time in which a partition's end did not move."""
    begun_s = now_s = time.monotonic()
    seen = dict.fromkeys(target.ask(), begun_s)
    ends, longest_s = target.ask(), 0.0
    while now_s < begun_s + seconds:
        time.sleep(LOOK_S)
        found, now_s = target.ask(), time.monotonic()
        for place, end in found.items():
            if end != ends[place]:
                longest_s = max(longest_s, now_s - seen[place])
                seen[place] = now_s
        ends = found
    return max(longest_s, *(now_s - at_s for at_s in seen.values()))


def silence(contender: Contender, job: Job, event: str, rate: int, direct: tuple[str, str]) -> Silence:
    """Have something happen to one of two workers, and watch the partitions."""
    make_topics(job.source, {BUSY: PARTITIONS})
    places = [(BUSY, partition) for partition in range(PARTITIONS)]
    copies = [(job.copy_of(BUSY), partition) for partition in range(PARTITIONS)]
    count = round(rate * (SETTLED_S + BEFORE_S + AFTER_S))
    words = [f"{topic}/{partition}" for topic, partition in places]
    with ExitStack() as stack:
        source = stack.enter_context(EndOffsets(direct[0], places))
        target = stack.enter_context(EndOffsets(direct[1], copies))
        first = stack.enter_context(started(contender, job))
        deadline_s = time.monotonic() + START_LIMIT_S
        process, output = stack.enter_context(traffic(job.folder, "produce", job.source, str(count), str(rate), *words))
        while target.total() == 0:
            if time.monotonic() > deadline_s:
                raise HeliographError("Nothing was copied")
            time.sleep(LOOK_S)
        second = stack.enter_context(started(contender, job))
        time.sleep(SETTLED_S - 2)
        usual_s = watch(target, BEFORE_S)
        if event == "kill":
            first.process.kill()
        elif event == "stop":
            first.process.terminate()
        else:
            stack.enter_context(started(contender, job))
        longest_s = watch(target, AFTER_S - 3)
        finish(process, output, START_LIMIT_S)
        markers = contender.name != contenders.HELIOGRAPH
        deadline_s = time.monotonic() + START_LIMIT_S
        while target.total() < source.total() and time.monotonic() < deadline_s:
            time.sleep(0.1)
        time.sleep(2)
        lost = 0 if markers and target.total() >= source.total() else source.total() - target.total()
        second.stop()
        return Silence(event, contender.name, rate, longest_s, usual_s, lost)


def throughput(job: Job, count: int, records: int, direct: str) -> Throughput:
    """Copy a full topic with some workers."""
    copies = [(job.copy_of("many"), partition) for partition in range(FULL["many"])]
    with ExitStack() as stack:
        target = stack.enter_context(EndOffsets(direct, copies))
        running = [stack.enter_context(started(contenders.heliograph(), job)) for _ in range(count)]
        meters = [Meter(each.process.pid) for each in running]
        deadline_s = time.monotonic() + START_LIMIT_S
        while (first := target.total()) == 0:
            if time.monotonic() > deadline_s:
                raise HeliographError("Nothing was copied")
            time.sleep(LOOK_S)
        begun_s, cpu_s = time.monotonic(), sum(meter.cpu_s() for meter in meters)
        while target.total() < records:
            if time.monotonic() > deadline_s:
                raise HeliographError("The topic was not copied in time")
            time.sleep(LOOK_S)
        took_s = time.monotonic() - begun_s
        used_s = sum(meter.cpu_s() for meter in meters) - cpu_s
        for each in running:
            each.stop()
    gigabytes = (records - first) * VALUE_BYTES / 1e9
    return Throughput(count, gigabytes * 1000 / took_s, used_s / gigabytes)


def run(console: Console, records: int, modes: list[str]) -> Iterator[Silence | Throughput]:
    """Measure everything, one after the other."""
    made = {"heliograph": contenders.heliograph(), "exactly once": contenders.exactly_once()}
    numbers = itertools.count(1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workers-")))
        source, target = (stack.enter_context(KafkaCluster(properties=BROKER_PROPERTIES)) for _ in range(2))
        ends = (source.bootstrap(), target.bootstrap())
        for mode, event, rate in itertools.product(modes, EVENTS, RATES):
            job = Job(next(numbers), *ends, (BUSY,), "none", folder)
            try:
                yield silence(made[mode], job, event, rate, ends)
            except HeliographError as error:
                console.print(f"{mode}, {event}, {rate}: {error}")
            for bootstrap in ends:
                delete(bootstrap, ())
        fill(source.bootstrap(), "many", FULL["many"], records)
        for count in (1, 2, 3):
            job = Job(next(numbers), *ends, ("many",), "none", folder)
            yield throughput(job, count, records, target.bootstrap())
            delete(target.bootstrap(), ())


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000, help="of 1 kB, in the full topic")
    parser.add_argument("--modes", nargs="+", default=["heliograph", "exactly once"])
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    console = Console(width=120)
    found = []
    for each in run(console, options.records, options.modes):
        found.append(each)
        console.print(each)
    silences = Table("event", "who", "records/s", "longest silence s", "before s", "lost")
    rates = Table("workers", "MB/s", "CPU s/GB")
    for each in found:
        if isinstance(each, Silence):
            row = (each.event, each.mode, f"{each.rate:,}", f"{each.longest_s:.2f}", f"{each.usual_s:.2f}")
            silences.add_row(*row, str(each.lost))
        else:
            rates.add_row(str(each.workers), f"{each.megabytes_s:.0f}", f"{each.cpu_s_per_gb:.2f}")
    console.print(silences, rates)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
