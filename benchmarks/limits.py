"""Limits of bandwidth: ``python benchmarks/limits.py``.

*Accuracy*: a full topic of 24 partitions is copied under a limit, by one worker and by two; how much comes in any ten
seconds, at least and at most? *Latency*: fresh records flow, and beside them a full topic is copied from its beginning,
under a limit and without; how late are the fresh ones?
"""

import argparse
import itertools
import json
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from rich.console import Console
from rich.table import Table

import contenders
from contenders import Contender, Job, started, write_file
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from latency import finish, traffic
from link import BROKER_PROPERTIES, VALUE_BYTES, delete, fill
from link import PARTITIONS as FULL
from loads import make_topics
from offsets import EndOffsets

LIVE = "live"
LIVE_PARTITIONS = 4
MANY = "many"
RECORD_BYTES = VALUE_BYTES + 13
"""With what surrounds each in a batch."""
WINDOW_S = 10.0
LOOK_S = 0.01
START_LIMIT_S = 60.0
SETTLE_S = 5.0
"""After the first record, before anything is measured."""
WARM_S = 10.0
"""Fresh records alone, measured too."""
MODES = ("heliograph", "exactly once")
ONCE = {"target.exactly.once.source.support": "enabled"}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a limit was kept."""

    mode: str
    workers: int
    limit_mb_s: float
    least: float
    """In any ten seconds, as a part of the limit."""
    most: float


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late fresh records were, from producer to consumer."""

    mode: str
    beside: str
    """What else was copied."""
    rate: int
    """Fresh records a second."""
    records: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    megabytes_s: float
    """Of the full topic."""


def limited(mode: str, limit: str) -> Contender:
    """Return Heliograph with a limit."""
    extra = {"heliograph.limit.bytes.per.second": limit, **(ONCE if mode == "exactly once" else {})}
    program = Path(sys.executable).with_name("heliograph")
    return Contender(
        mode, lambda job: [str(program), "run", str(write_file(job, extra))], contenders.EVERY_CODEC, SETTLE_S
    )


def accuracy(mode: str, workers: int, limit_mb_s: float, job: Job, seconds: float) -> Accuracy:
    """Copy a full topic under a limit, and look at every ten seconds of it."""
    copies = [(job.copy_of(MANY), partition) for partition in range(FULL[MANY])]
    contender = limited(mode, f"{round(limit_mb_s * 1e6)}")
    with ExitStack() as stack:
        target = stack.enter_context(EndOffsets(job.target, copies))
        running = [stack.enter_context(started(contender, job)) for _ in range(workers)]
        _until(lambda: target.total() > 0, "Nothing was copied")
        time.sleep(SETTLE_S * workers)
        looks: list[tuple[float, int]] = []
        begun_s = time.monotonic()
        while (now_s := time.monotonic()) < begun_s + seconds:
            looks.append((now_s, target.total()))
            time.sleep(LOOK_S)
        for each in running:
            each.stop()
    found = [rate / (limit_mb_s * 1e6) for rate in _rates(looks)]
    return Accuracy(mode, workers, limit_mb_s, min(found), max(found))


def _rates(looks: list[tuple[float, int]]) -> Iterator[float]:
    """Yield the bytes a second of each ten seconds."""
    last = 0
    for since_s, first in looks:
        while last < len(looks) and looks[last][0] < since_s + WINDOW_S:
            last += 1
        if last == len(looks):
            return
        until_s, count = looks[last]
        yield (count - first) * RECORD_BYTES / (until_s - since_s)


class Reader(AbstractContextManager["Reader"]):
    """Reads fresh records on the target and notes when each came, and how late."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        """Begin at the beginning."""
        self.came: list[tuple[float, float]] = []
        """When (steady), and how late in milliseconds."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "benchmark",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 200,
                "fetch.wait.max.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(LIVE_PARTITIONS)])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopping.is_set():
            for message in self._consumer.consume(1_000, 0.01):
                if message.error() is None:
                    late_ms = (time.time_ns() - struct.unpack_from(">q", message.value() or b"")[0]) / 1e6
                    self.came.append((time.monotonic(), late_ms))

    def between(self, since_s: float, until_s: float) -> list[float]:
        """Return how late those were that came then, sorted."""
        return sorted(late_ms for at_s, late_ms in self.came if since_s <= at_s < until_s)

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._consumer.close()


def lateness(mode: str, limit: str, job: Job, options: argparse.Namespace) -> Iterator[Lateness]:
    """Have fresh records flow, alone and then beside a full topic that is copied from its beginning."""
    rate, seconds, records = options.rate, options.seconds, options.records
    words = [f"{LIVE}/{partition}" for partition in range(LIVE_PARTITIONS)]
    contender = limited(mode, limit)
    alone = Job(job.number, job.source, job.target, (LIVE,), job.codec, job.folder)
    copies = [(job.copy_of(MANY), partition) for partition in range(FULL[MANY])]
    count = round(rate * (WARM_S + SETTLE_S + seconds + START_LIMIT_S / 4))
    with ExitStack() as stack:
        target = stack.enter_context(EndOffsets(job.target, copies))
        stack.enter_context(started(contender, alone))
        reader = stack.enter_context(Reader(job.target, job.copy_of(LIVE)))
        process, output = stack.enter_context(traffic(job.folder, "produce", job.source, str(count), str(rate), *words))
        _until(lambda: len(reader.came) > rate, "No fresh record was copied")
        time.sleep(SETTLE_S)
        begun_s = time.monotonic()
        time.sleep(WARM_S)
        yield _late(mode, "nothing", rate, reader.between(begun_s, time.monotonic()), 0.0)
        contender.command(job)  # writes the file with both topics, which is watched
        _until(lambda: target.total() > 0, "The full topic was not begun")
        begun_s = time.monotonic()
        while target.total() < records and time.monotonic() < begun_s + seconds:
            time.sleep(LOOK_S)
        ended_s, copied = time.monotonic(), target.total()
        megabytes_s = copied * RECORD_BYTES / 1e6 / (ended_s - begun_s)
        late = reader.between(begun_s, ended_s)
        yield _late(mode, "a full topic, " + ("no limit" if limit == "none" else limit), rate, late, megabytes_s)
        finish(process, output, START_LIMIT_S)


def _late(mode: str, beside: str, rate: int, late_ms: list[float], megabytes_s: float) -> Lateness:
    if not late_ms:
        raise HeliographError("No fresh record came meanwhile")
    p50, p99 = (late_ms[int(len(late_ms) * share)] for share in (0.5, 0.99))
    return Lateness(mode, beside, rate, len(late_ms), p50, p99, late_ms[-1], megabytes_s)


def _until(condition: Callable[[], bool], complaint: str) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise HeliographError(complaint)
        time.sleep(LOOK_S)


def run(console: Console, options: argparse.Namespace) -> Iterator[Accuracy | Lateness]:
    """Measure everything, one after the other."""
    numbers = itertools.count(1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="limits-")))
        source, target = (stack.enter_context(KafkaCluster(properties=BROKER_PROPERTIES)) for _ in range(2))
        ends = (source.bootstrap(), target.bootstrap())
        make_topics(ends[0], {LIVE: LIVE_PARTITIONS})
        fill(ends[0], MANY, FULL[MANY], options.records)
        for mode, limit in itertools.product(options.modes, ("5MB", "none")):
            job = Job(next(numbers), *ends, (LIVE, MANY), "none", folder)
            try:
                yield from lateness(mode, limit, job, options)
            except HeliographError as error:
                console.print(f"{mode}, {limit}: {error}")
            delete(ends[1], ())
        for mode, workers, limit_mb_s in itertools.product(options.modes, (1, 2), options.limits):
            job = Job(next(numbers), *ends, (MANY,), "none", folder)
            try:
                yield accuracy(mode, workers, limit_mb_s, job, options.seconds)
            except HeliographError as error:
                console.print(f"{mode}, {workers}, {limit_mb_s:g} MB/s: {error}")
            delete(ends[1], ())


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=2_000_000, help="of 1 kB, in the full topic")
    parser.add_argument("--seconds", type=float, default=30.0, help="for which each is measured")
    parser.add_argument("--rate", type=int, default=500, help="fresh records a second")
    parser.add_argument("--limits", type=float, nargs="+", default=[1.0, 5.0, 20.0], help="in MB/s")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    console = Console(width=120)
    found = []
    for each in run(console, options):
        found.append(each)
        console.print(each)
    kept = Table("who", "workers", "limit MB/s", "least in ten seconds", "most")
    late = Table("who", "beside", "records/s", "p50 ms", "p99 ms", "longest ms", "MB/s of the full topic")
    for each in found:
        if isinstance(each, Accuracy):
            row = (each.mode, str(each.workers), f"{each.limit_mb_s:g}", f"{each.least:.1%}", f"{each.most:.1%}")
            kept.add_row(*row)
        else:
            times = (f"{each.p50_ms:.1f}", f"{each.p99_ms:.1f}", f"{each.most_ms:.1f}")
            late.add_row(each.mode, each.beside, f"{each.rate:,}", *times, f"{each.megabytes_s:.1f}")
    console.print(late, kept)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
