"""From a producer at the source to a consumer at the target: how long a record takes, once everything is warm.

A contender copies one topic of four partitions. First records flow at the higher rate until it is warm (a JVM needs
about a minute), then each rate is measured. ``direct`` is the same without a copy, producer to consumer on one
cluster: what the clients, the broker and the machine take by themselves.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contenders import Contender, Job, started
from heliograph.errors import HeliographError
from heliograph.testbed.processes import GuardedProcess
from loads import PARTITIONS, make_topics
from offsets import end_offsets

TRAFFIC = Path(__file__).with_name("traffic.py")
TOPIC = "latency"
RATES = (100, 2_000)
"""Records a second."""

SKIP_S = 1.0
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies at one rate."""

    rate: int
    """Records a second."""
    percentiles_ms: dict[str, float]
    """``p50``, ``p90``, ``p99``, ``p99.9``, ``p100``."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long the parts take."""

    warm_s: float
    """Traffic before anything is measured."""
    measured_s: float
    """At each rate."""


def _words(topic: str) -> list[str]:
    return [f"{topic}/{partition}" for partition in range(PARTITIONS)]


@contextmanager
def traffic(folder: Path, *words: str) -> Iterator[tuple[GuardedProcess, Path]]:
    """Start one of the clients of ``traffic.py``; gives it and the file that takes what it prints."""
    output = folder / f"traffic-{time.monotonic_ns()}.out"
    with output.open("wb") as out, GuardedProcess([sys.executable, str(TRAFFIC), *words], output=out) as process:
        yield process, output


def finish(process: GuardedProcess, output: Path, limit_s: float) -> str:
    """Wait for a client's end and return what it printed. Raises HeliographError when it complains."""
    if process.wait(limit_s):
        raise HeliographError(f"The benchmark's client gave up: {output.read_text().strip()[-300:]}")
    return output.read_text()


def send(folder: Path, bootstrap: str, count: int, rate: float, places: list[str]) -> None:
    """Send records at a pace and wait until all are acknowledged."""
    with traffic(folder, "produce", bootstrap, str(count), str(rate), *places) as (process, output):
        finish(process, output, count / rate + LIMIT_S)


def _timed(job: Job, rate: int, seconds: float, read_from: str, topic: str) -> Latency:
    """Measure one rate."""
    count, skip = round(rate * (seconds + SKIP_S)), round(rate * SKIP_S)
    reader = ("consume", read_from, str(count), str(skip), *_words(topic))
    with traffic(job.folder, *reader) as (process, output):
        deadline_s = time.monotonic() + LIMIT_S
        while "ready" not in output.read_text():
            if time.monotonic() > deadline_s or process.exit_code is not None:
                raise HeliographError(f"The benchmark's consumer does not start: {output.read_text()[-300:]}")
            time.sleep(0.05)
        send(job.folder, job.source, count, rate, _words(TOPIC))
        said = finish(process, output, LIMIT_S)
    return Latency(rate, json.loads(said.splitlines()[-1]))


def measure(contender: Contender | None, job: Job, times: Times) -> list[Latency]:
    """Measure all rates; without a contender the consumer reads the source itself."""
    if contender is None:
        return [_timed(job, rate, times.measured_s, job.source, TOPIC) for rate in RATES]
    with started(contender, job):
        send(job.folder, job.source, round(max(RATES) * times.warm_s), max(RATES), _words(TOPIC))
        await_copy(job, [(TOPIC, partition) for partition in range(PARTITIONS)])
        return [_timed(job, rate, times.measured_s, job.target, job.copy_of(TOPIC)) for rate in RATES]


def await_copy(job: Job, places: list[tuple[str, int]], limit_s: float = LIMIT_S) -> None:
    """Wait until the target's partitions are as long as the source's. Raises HeliographError.

    A copy in transactions is longer by its markers; the few records that this hides come before anything is timed.
    """
    wanted = {(job.copy_of(topic), index): end for (topic, index), end in end_offsets(job.source, places).items()}
    deadline_s = time.monotonic() + limit_s
    while any(end < wanted[place] for place, end in end_offsets(job.target, list(wanted)).items()):
        if time.monotonic() > deadline_s:
            raise HeliographError(f"The copy of {len(places)} partitions is not complete after {limit_s:g} s")
        time.sleep(0.05)


def prepare(bootstrap: str) -> None:
    """Make the topic."""
    make_topics(bootstrap, {TOPIC: PARTITIONS})
