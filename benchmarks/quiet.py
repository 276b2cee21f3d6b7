"""A copy with little to do: how soon the first record comes, and what it costs to wait.

One topic of four partitions with a thousand records. The contender is started and copies them (*first start*: it has
to make its topics); then nothing happens and its CPU is measured (*idle*); then it is stopped in order, a thousand
records more are written, and it is started again (*start on existing topics*).
"""

import time
from dataclasses import dataclass

from contenders import Contender, Job, started
from latency import send
from loads import PARTITIONS, make_topics
from measure import Meter, follow, read_off
from offsets import EndOffsets, end_offsets

TOPIC = "quiet"
RECORDS = 1_000
RATE = 5_000.0
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Quiet:
    """A copy with little to do."""

    first_start_s: float
    """From the start of the process to the first record, with nothing there yet on the target."""
    start_s: float
    """The same when the target's topics exist and the source has new records."""
    start_cpu_s: float
    """CPU from the start of the process to that first record."""
    idle_percent: float
    """Of one core, while nothing is to be copied."""
    memory_mb: float
    """Peak resident memory."""


def prepare(job: Job) -> None:
    """Make the topic and its records."""
    make_topics(job.source, {TOPIC: PARTITIONS})
    _write(job)


def _write(job: Job) -> None:
    send(job.folder, job.source, RECORDS, RATE, [f"{TOPIC}/{partition}" for partition in range(PARTITIONS)])


def measure(contender: Contender, job: Job, idle_s: float) -> Quiet:
    """Measure one contender. Raises HeliographError."""
    places = [(job.copy_of(TOPIC), partition) for partition in range(PARTITIONS)]
    there = sum(end_offsets(job.source, [(TOPIC, partition) for partition in range(PARTITIONS)]).values())
    with EndOffsets(job.target, places) as target:
        with started(contender, job) as running:
            looks, meter = follow(running.process, target.total, there, running.started_at_s, LIMIT_S)
            first = read_off(looks, 0.0)
            time.sleep(contender.settle_s)
            idle_percent = _busy_percent(meter, idle_s)
            memory_mb = meter.memory_peak_mb()
            running.stop()
        _write(job)
        with started(contender, job) as running:
            # Everything that is new counts; what was copied before does not.
            looks, _ = follow(running.process, lambda: target.total() - there, RECORDS, running.started_at_s, LIMIT_S)
            again = read_off(looks, 0.0)
            running.stop()
    return Quiet(first.start_s, again.start_s, again.start_cpu_s, idle_percent, memory_mb)


def _busy_percent(meter: Meter, seconds: float) -> float:
    begun_cpu_s, begun_s = meter.cpu_s(), time.monotonic()
    time.sleep(seconds)
    return 100 * (meter.cpu_s() - begun_cpu_s) / (time.monotonic() - begun_s)
