"""Many topics of which few are busy: 200 topics of 10 partitions, one partition in twenty in use.

The busy partitions hold some records before the contender is started. *All copied* is the time from the start of the
process until each of them is on the target: first with nothing there (200 topics have to be made), then once more
after an orderly stop with new records. Then records flow into the busy ones at an even pace, and each partition's
longest silence on the target is taken: of a partition that never starves it is about the distance of its records.
"""

import time
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from contenders import Contender, Job, started
from latency import await_copy, finish, send, traffic
from loads import SILENT, make_topics
from measure import Meter, follow
from offsets import EndOffsets, Partition, end_offsets

TOPICS = 200
PARTITIONS = 10
BUSY_EVERY = 20
RECORDS_EACH = 20
RATE = 2_000.0
LIMIT_S = 240.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Many:
    """A copy of many partitions."""

    first_start_s: float
    """Until all busy partitions are copied, with nothing on the target."""
    start_s: float
    """The same on a target that has all topics."""
    cpu_percent: float
    """Of one core while records flow into the busy partitions."""
    silence_s: float
    """The longest time in which a busy partition got nothing new."""
    memory_mb: float
    """Peak resident memory."""


def topic_names() -> list[str]:
    """Return the names of all topics."""
    return [f"many-{number:03}" for number in range(TOPICS)]


def busy() -> list[Partition]:
    """Return the partitions in use."""
    every = [(topic, partition) for topic in topic_names() for partition in range(PARTITIONS)]
    return every[::BUSY_EVERY]


def prepare(job: Job) -> None:
    """Make the topics and the first records."""
    make_topics(job.source, dict.fromkeys(topic_names(), PARTITIONS))
    _write(job)


def remove(bootstrap: str) -> None:
    """Delete the topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **SILENT})
    for future in admin.delete_topics(topic_names()).values():
        future.result(60)


def _words() -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in busy()]


def _write(job: Job) -> None:
    send(job.folder, job.source, RECORDS_EACH * len(busy()), RATE, _words())


def measure(contender: Contender, job: Job, flow_s: float) -> Many:
    """Measure one contender. Raises HeliographError."""
    places = [(job.copy_of(topic), partition) for topic, partition in busy()]
    there = sum(end_offsets(job.source, busy()).values())
    with EndOffsets(job.target, places) as target:
        with started(contender, job) as running:
            looks, _ = follow(running.process, target.total, there, running.started_at_s, LIMIT_S)
            first_s = looks[-1].at_s - looks[0].at_s
            time.sleep(contender.settle_s)
            running.stop()
        _write(job)
        with started(contender, job) as running:
            there += RECORDS_EACH * len(places)
            looks, meter = follow(running.process, target.total, there, running.started_at_s, LIMIT_S)
            again_s = looks[-1].at_s - looks[0].at_s
            time.sleep(contender.settle_s)
            cpu_percent, silence_s = _flow(job, target, meter, flow_s)
            memory_mb = meter.memory_peak_mb()
    return Many(first_s, again_s, cpu_percent, silence_s, memory_mb)


def _flow(job: Job, target: EndOffsets, meter: Meter, seconds: float) -> tuple[float, float]:
    """Let records flow and watch every busy partition: CPU in percent of a core, and the longest silence."""
    count = round(RATE * seconds)
    with traffic(job.folder, "produce", job.source, str(count), str(RATE), *_words()) as (process, output):
        begun = target.ask()
        while target.ask() == begun and process.exit_code is None:
            time.sleep(LOOK_S)
        begun_cpu_s, begun_s = meter.cpu_s(), time.monotonic()
        seen, moved_s, silence_s = begun, dict.fromkeys(begun, begun_s), 0.0
        while process.exit_code is None:
            now_s, ends = time.monotonic(), target.ask()
            for place, end in ends.items():
                silence_s = max(silence_s, now_s - moved_s[place])
                if end > seen[place]:
                    moved_s[place] = now_s
            seen = ends
            time.sleep(LOOK_S)
        cpu_percent = 100 * (meter.cpu_s() - begun_cpu_s) / (time.monotonic() - begun_s)
        finish(process, output, LIMIT_S)
    await_copy(job, busy())
    return cpu_percent, silence_s
