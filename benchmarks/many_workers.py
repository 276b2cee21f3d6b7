"""Very many partitions over three workers: ``python benchmarks/many_workers.py``.

1,000 topics of ten partitions, of which one in a hundred is in use. Three workers are *started* at once, until all that
stands in the source is copied: first with nothing on the target, where the topics have to be made, then once more on a
target that has them. A contender that never gets there by itself is given them for the second start: MM2 asks for all
topics in one request, and a controller refuses one that makes more than 10,000 records. Then two copy while records
flow; a third is *added*, one is *stopped*, one is *killed*: how long did some busy partition get nothing? *Handover* is
the time from the third worker's start until it has its whole share; only Heliograph says that.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

import contenders
from contenders import Contender, Job, Running, started
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.ports import Ports
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import LOGGING, JavaProgram
from latency import send, traffic
from loads import make_topics
from measure import Meter
from offsets import EndOffsets, Partition, end_offsets
from workers import watch

PARTITIONS = 10
BUSY_EVERY = 100
RECORDS_EACH = 10
RATE = 500
WORKERS = 3
LIMIT_S = 180.0
"""For a start. MM2 was also watched for 600 seconds on an empty target, twice; see above."""
LOOK_S = 0.1
BEFORE_S = 5.0
BROKER_JVM = ("-Xmx3g", "-Xms1g", "-XX:+UseG1GC")
"""For ten thousand partitions a broker needs more than the testbed's own."""
MM2_VERSION = "4.3.1"


@dataclass(frozen=True, slots=True)
class ManyWorkers:
    """One contender; seconds and megabytes. None: it did not get there in time, or it is not told."""

    contender: str
    partitions: int
    first_start_s: float | None
    start_s: float | None
    add_silence_s: float
    handover_s: float | None
    stop_silence_s: float
    kill_silence_s: float
    watched_s: float
    """For so long at most was looked; a silence of this length had not ended."""
    memory_mb: float
    """Peak of the largest worker."""
    memory_all_mb: float
    """Sum of the peaks of the three."""


class Nodes:
    """Starts workers of one contender, each with a file of its own."""

    def __init__(self, name: str, ports: Ports) -> None:
        """Nothing is started."""
        self.name = name
        self._ports = ports
        self._count = 0

    @contextmanager
    def one(self, job: Job) -> Iterator[Running]:
        """Start one worker."""
        self._count += 1
        folder = job.folder / f"{self.name.replace(' ', '-')}-{self._count}"
        folder.mkdir()
        with started(self._contender(), replace(job, folder=folder)) as running:
            yield running

    def _contender(self) -> Contender:
        if self.name == contenders.HELIOGRAPH:
            return contenders.heliograph()
        # Without its REST server a second node of a dedicated MirrorMaker 2 cannot hand its tasks on (KIP-710).
        extra = {
            **contenders.TUNED,
            "tasks.max": str(2 * WORKERS),
            "dedicated.mode.enable.internal.rest": "true",
            "listeners": f"http://127.0.0.1:{self._ports.take()}",
        }
        program = JavaProgram(
            find_java(), tuple(class_path(KafkaVersion.parse(MM2_VERSION))), (*contenders.TUNED_JVM, *LOGGING)
        )

        def command(job: Job) -> list[str]:
            return program.command(
                "org.apache.kafka.connect.mirror.MirrorMaker", str(contenders.write_file(job, extra))
            )

        return Contender(self.name, command, contenders.EVERY_CODEC, 60.0)


def until(done: Callable[[], bool], since_s: float) -> float | None:
    """Return how long after ``since_s`` it was done; None: not within the limit."""
    while not done():
        if time.monotonic() > since_s + LIMIT_S:
            return None
        time.sleep(LOOK_S)
    return time.monotonic() - since_s


def measure(name: str, topics: int, job: Job, ports: Ports, watched_s: float) -> ManyWorkers:
    """Measure one contender."""
    names = [f"many-{number:04}" for number in range(topics)]
    every = [(topic, partition) for topic in names for partition in range(PARTITIONS)]
    busy = every[::BUSY_EVERY]
    words = [f"{topic}/{partition}" for topic, partition in busy]
    copies: list[Partition] = [(job.copy_of(topic), partition) for topic, partition in busy]
    nodes = Nodes(name, ports)

    def write() -> None:
        send(job.folder, job.source, RECORDS_EACH * len(busy), RATE, words)

    def written() -> int:
        """Ask once: a broker closes a connection on which ten minutes long nothing is asked."""
        return sum(end_offsets(job.source, busy).values())

    with EndOffsets(job.target, copies) as target:
        if written() == 0:
            write()
        there = written()

        def start(count: int, stack: ExitStack) -> tuple[list[Running], float | None]:
            begun_s = time.monotonic()
            running = [stack.enter_context(nodes.one(job)) for _ in range(count)]
            return running, until(lambda: target.total() >= there, begun_s)

        with ExitStack() as stack:
            running, first_s = start(WORKERS, stack)
            for each in running:
                each.stop()
        if first_s is None:
            make_topics(job.target, {job.copy_of(topic): PARTITIONS for topic in names})
        write()
        there = written()
        with ExitStack() as stack:
            running, start_s = start(WORKERS, stack)
            time.sleep(20)
            meters = [Meter(each.process.pid) for each in running]
            memory = [meter.memory_peak_mb() for meter in meters]
            running.pop().stop()
            time.sleep(15 if name == contenders.HELIOGRAPH else 60)
            count = round(RATE * (3 * watched_s + 60))
            with traffic(job.folder, "produce", job.source, str(count), str(RATE), *words) as (producing, said):
                time.sleep(BEFORE_S)
                third = stack.enter_context(nodes.one(job))
                add_s = watch(target, watched_s)
                handover_s = None
                if name == contenders.HELIOGRAPH:
                    handover_s = handover_s_of(third)
                running[0].process.terminate()
                stop_s = watch(target, watched_s)
                running[1].process.kill()
                kill_s = watch(target, watched_s)
                if producing.exit_code is not None:
                    raise HeliographError(f"The benchmark's client gave up: {said.read_text()[-300:]}")
    return ManyWorkers(
        name,
        len(every),
        first_s,
        start_s,
        add_s,
        handover_s,
        stop_s,
        kill_s,
        watched_s,
        max(memory),
        sum(memory),
    )


def handover_s_of(worker: Running) -> float | None:
    """Return how long after its start a worker had its whole share, by the times in its log."""
    lines = [line for line in worker.log_path.read_text().splitlines() if re.match(r"\d{4}-", line)]
    shares = [line for line in lines if re.search(r" partitions=\d+", line)]
    return _stamp(shares[-1]) - _stamp(lines[0]) if shares else None


def _stamp(line: str) -> float:
    hours, minutes, seconds = line[11:23].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--topics", type=int, default=1_000, help="of ten partitions")
    parser.add_argument("--watched", type=float, default=30.0, help="seconds after each event")
    parser.add_argument("--contenders", nargs="+", default=[contenders.HELIOGRAPH, contenders.MM2_TUNED])
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    console = Console(width=140)
    found: list[ManyWorkers] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="many-workers-")))
        ports = stack.enter_context(Ports())
        source, target = (stack.enter_context(KafkaCluster(jvm_options=BROKER_JVM)) for _ in range(2))
        names = {f"many-{number:04}": PARTITIONS for number in range(options.topics)}
        make_topics(source.bootstrap(), names)
        for number, name in enumerate(options.contenders, 1):
            job = Job(number, source.bootstrap(), target.bootstrap(), ("many-.*",), "none", folder)
            try:
                found.append(measure(name, options.topics, job, ports, options.watched))
                console.print(found[-1])
            except HeliographError as error:
                console.print(f"{name}: {error}")
    table = Table("", *(each.contender for each in found))
    for key in asdict(found[0]) if found else ():
        values = [asdict(each)[key] for each in found]
        table.add_row(
            key,
            *("-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value) for value in values),
        )
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
