"""A long line: ``python benchmarks/link.py``. Heliograph and MirrorMaker 2 over a round trip of 100 ms, at either end.

Two clusters of one broker, each behind a proxy that holds every byte back for half of the round trip, one side at a
time: before the target, when the copier stands near the source and its *produce* leg crosses the line; before the
source, when it stands near the target and its *fetch* leg does. Loads: one partition, and many. Each contender runs
until everything is copied, or for a limited time; its rate is taken from its first record on.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

import contenders
from contenders import HELIOGRAPH, MM2, MM2_TUNED, Contender, Job, started
from heliograph.errors import HeliographError
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.testbed.ports import LOOPBACK
from heliograph.testbed.proxy import HEALTHY, Faults
from loads import SILENT, make_topics
from measure import Meter
from offsets import EndOffsets

ROUND_TRIP_MS = 100.0
PARTITIONS = {"one": 1, "many": 24}
BATCH_BYTES = {"one": 16_000, "many": 16_000}
"""What producers make by default (``batch.size`` 16,384)."""
VALUE_BYTES = 1_000
START_LIMIT_S = 240.0
"""MirrorMaker 2 asks its own topics many questions, one after the other, and each takes a round trip."""
LOOK_S = 0.05
WHO = (HELIOGRAPH, MM2, MM2_TUNED)
LEGS = {"produce": "near the source", "fetch": "near the target"}
BROKER_PROPERTIES = {"num.network.threads": "3", "num.io.threads": "4", "log.initial.task.delay.ms": "600000"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one contender was."""

    leg: str
    """``produce`` or ``fetch``: which of its legs crossed the line."""
    load: str
    """``one`` or ``many`` partitions."""
    who: str
    megabytes_s: float
    """Record values that arrived, from the first record on."""
    records: int
    """How many arrived in the time."""
    seconds: float
    cpu_s: float
    """In that time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be measured."""

    leg: str
    """Which one crosses the line."""
    load: str
    records: int
    """In the load."""
    seconds: float
    """At most so long."""


def fill(bootstrap: str, name: str, partitions: int, records: int) -> None:
    """Make a topic and write random records in batches of the usual size."""
    make_topics(bootstrap, {name: partitions})
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            **SILENT,
            "batch.num.messages": BATCH_BYTES[name] // VALUE_BYTES,
            "linger.ms": 500,
            "queue.buffering.max.messages": 100_000,
            "sticky.partitioning.linger.ms": 0,
        }
    )
    with Path("/dev/urandom").open("rb") as random:
        values = [random.read(VALUE_BYTES) for _ in range(500)]
    for number in range(records):
        while True:
            try:
                producer.produce(name, values[number % 500], partition=number // 16 % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise HeliographError(f"The topic {name} was not filled")


def measure(contender: Contender, job: Job, trial: Trial, direct: str) -> Pace:
    """Start a contender and take its rate. ``direct`` leads to the target's broker past the proxy."""
    places = [(job.copy_of(trial.load), partition) for partition in range(PARTITIONS[trial.load])]
    with EndOffsets(direct, places) as target, started(contender, job) as running:
        meter = Meter(running.process.pid)
        deadline_s = time.monotonic() + START_LIMIT_S
        while (first := target.total()) == 0:
            if time.monotonic() > deadline_s or running.process.exit_code is not None:
                raise HeliographError(f"{contender.name} copied nothing in {START_LIMIT_S:g} s")
            time.sleep(LOOK_S)
        begun_s, cpu_s = time.monotonic(), meter.cpu_s()
        last, at_s = first, begun_s
        while last < trial.records and at_s < begun_s + trial.seconds:
            time.sleep(LOOK_S)
            last, at_s = target.total(), time.monotonic()
        took_s = max(LOOK_S, at_s - begun_s)
        rate = (last - first) * VALUE_BYTES / 1e6 / took_s
        pace = Pace(trial.leg, trial.load, contender.name, rate, last, took_s, meter.cpu_s() - cpu_s)
        running.stop()
    return pace


def delete(bootstrap: str, keep: Sequence[str]) -> None:
    """Delete what a contender made."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **SILENT})
    names = [each for each in admin.list_topics(timeout=30).topics if each not in keep and not each.startswith("__")]
    if names:
        for future in admin.delete_topics(names, operation_timeout=60).values():
            future.result(90)


def run(console: Console, seconds: float, records: int, names: Sequence[str]) -> Iterator[Pace]:
    """Measure everything; gives the results one by one."""
    made = {HELIOGRAPH: contenders.heliograph(), **contenders.mirror_maker(DEFAULT_VERSION)}
    numbers = itertools.count(1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="link-")))
        source, target = (
            stack.enter_context(KafkaCluster(proxied=True, properties=BROKER_PROPERTIES)) for _ in range(2)
        )
        for load, partitions in PARTITIONS.items():
            fill(source.bootstrap(), load, partitions, records)
        direct = f"{LOOPBACK}:{target.brokers[0].port()}"
        for leg, load, who in itertools.product(LEGS, PARTITIONS, names):
            job = Job(next(numbers), source.bootstrap(), target.bootstrap(), (load,), "none", folder)
            far = target if leg == "produce" else source
            far.brokers[0].proxy().faults = Faults(delay_ms=ROUND_TRIP_MS / 2)
            try:
                yield measure(made[who], job, Trial(leg, load, records, seconds), direct)
            except HeliographError as error:
                console.print(f"{leg}, {load}, {who}: {error}")
            finally:
                far.brokers[0].proxy().faults = HEALTHY
            delete(target.bootstrap(), ())
            delete(source.bootstrap(), tuple(PARTITIONS))


def show(console: Console, paces: Sequence[Pace]) -> None:
    """Print a table, everybody beside Heliograph."""
    ours = {(pace.leg, pace.load): pace.megabytes_s for pace in paces if pace.who == HELIOGRAPH}
    table = Table("the line is crossed by", "partitions", "who", "MB/s", "Heliograph, times as fast", "CPU s", "s")
    for pace in paces:
        times = ours.get((pace.leg, pace.load), 0.0) / pace.megabytes_s if pace.megabytes_s else 0.0
        table.add_row(
            f"the {pace.leg} leg ({LEGS[pace.leg]})",
            str(PARTITIONS[pace.load]),
            pace.who,
            f"{pace.megabytes_s:.2f}",
            f"{times:.1f}",
            f"{pace.cpu_s:.2f}",
            f"{pace.seconds:.1f}",
        )
    console.print(table)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="at most so long for each copy")
    parser.add_argument("--records", type=int, default=300_000, help="of 1 kB, in each of the two topics")
    parser.add_argument("--who", nargs="+", choices=WHO, default=WHO, help="of the contenders")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    console = Console(width=140)
    paces: list[Pace] = []
    for pace in run(console, options.seconds, options.records, options.who):
        paces.append(pace)
        console.print(f"{pace.leg}, {pace.load}, {pace.who}: {pace.megabytes_s:.2f} MB/s")
    show(console, paces)
    if options.json:
        options.json.write_text(json.dumps([asdict(pace) for pace in paces], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
