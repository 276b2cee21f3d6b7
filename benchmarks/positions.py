"""How many positions of lagging groups are translated a minute on a busy flow: ``python benchmarks/positions.py``.

Groups stand all over a topic that an earlier process has copied, and nothing is stored of where its records went: each
position must be counted, as after a restart. Meanwhile records flow at an even pace through another topic of the same
flow. The same is done once more without groups; what the flow copied, how far it was behind at worst, and its CPU show
whether counting does harm.
"""

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from contenders import EVERY_CODEC, HELIOGRAPH, Contender, Job, started, write_file
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from latency import finish, traffic
from link import BROKER_PROPERTIES, VALUE_BYTES, delete, fill
from loads import SILENT, make_topics
from measure import Meter
from offsets import EndOffsets, Partition
from traffic import VALUE_BYTES as FLOWING_BYTES

LAGGED, FLOWING = "many", "flowing"
PARTITIONS = {LAGGED: 24, FLOWING: 8}
INTERVAL_S = 5
LOOK_S = 0.5
LIMIT_S = 300.0
AT_ONCE = 100
"""Groups asked about together."""
QUIET = {
    "source->target.emit.offset-syncs.enabled": "false",
    "target->source.emit.heartbeats.enabled": "false",
    "emit.checkpoints.interval.seconds": str(INTERVAL_S),
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": str(INTERVAL_S),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One run."""

    groups: int
    positions_minute: float | None
    """From the start of the process on; None: there were no groups."""
    megabytes_s: float
    """Copied of the flowing topic."""
    behind_max: int
    """Records of it that were not copied yet, at worst, once the flow was there."""
    cpu_s: float


def heliograph(groups: str) -> Contender:
    """Return this project, following some groups."""
    program = Path(sys.executable).with_name("heliograph")

    def command(job: Job) -> list[str]:
        return [str(program), "run", str(write_file(job, {**QUIET, "source->target.groups": groups}))]

    return Contender(HELIOGRAPH, command, EVERY_CODEC, 10.0)


def places_of(topic: str, original: str) -> list[Partition]:
    """Return all partitions of a topic that is, or copies, ``original``."""
    return [(topic, partition) for partition in range(PARTITIONS[original])]


def commit(bootstrap: str, positions: dict[str, tuple[int, int]]) -> None:
    """Set each group's partition and position in the lagged topic. Raises HeliographError."""
    admin, deadline_s = AdminClient({"bootstrap.servers": bootstrap, **SILENT}), time.monotonic() + LIMIT_S
    for group, (partition, offset) in positions.items():
        place = ConsumerGroupTopicPartitions(group, [TopicPartition(LAGGED, partition, offset)])
        while not is_set(admin, place):  # the first commit of a cluster may come before its offsets topic
            if time.monotonic() > deadline_s:
                raise HeliographError(f"The position of group {group} could not be set")
            time.sleep(LOOK_S)


def is_set(admin: AdminClient, place: ConsumerGroupTopicPartitions) -> bool:
    """Set a group's position; False where the cluster is not ready for it."""
    try:
        told = admin.alter_consumer_group_offsets([place])[place.group_id].result(60)
    except KafkaException:
        return False
    return all(each.error is None for each in told.topic_partitions)


def arrived(admin: AdminClient, topic: str, positions: dict[str, tuple[int, int]]) -> set[str]:
    """Return the groups that stand where they should in ``topic``; it has no holes. Raises HeliographError."""
    found: set[str] = set()
    names = list(positions)
    for first in range(0, len(names), AT_ONCE):
        asked = {
            group: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
            for group in names[first : first + AT_ONCE]
        }
        for group, future in asked.items():
            try:
                told = future.result(60).topic_partitions
            except KafkaException:
                continue  # it is not there yet
            partition, offset = positions[group]
            at = next((each.offset for each in told if (each.topic, each.partition) == (topic, partition)), None)
            if at is not None and at > offset:
                raise HeliographError(f"Group {group} would skip records: it stands at {at}, not {offset}")
            if at == offset:
                found.add(group)
    return found


def copy_lagged(job: Job, records: int) -> None:
    """Let a first process copy the lagged topic."""
    with (
        EndOffsets(job.target, places_of(job.copy_of(LAGGED), LAGGED)) as target,
        started(heliograph("none"), job) as run,
    ):
        deadline_s = time.monotonic() + LIMIT_S
        while target.total() < records:
            if time.monotonic() > deadline_s or run.process.exit_code is not None:
                raise HeliographError("The lagged topic was not copied")
            time.sleep(LOOK_S)
        run.stop()


def measure(job: Job, prefix: str, positions: dict[str, tuple[int, int]], rate: int, seconds: float) -> Seen:
    """Start a second process on a busy flow, and wait for all groups and for ``seconds``."""
    admin = AdminClient({"bootstrap.servers": job.target, **SILENT})
    make_topics(job.source, {FLOWING: PARTITIONS[FLOWING]})
    words = [f"{topic}/{partition}" for topic, partition in places_of(FLOWING, FLOWING)]
    left, done_s, behind_max = dict(positions), None, 0
    wanted, copied_s = round(rate * seconds), None
    with ExitStack() as stack:
        source = stack.enter_context(EndOffsets(job.source, places_of(FLOWING, FLOWING)))
        target = stack.enter_context(EndOffsets(job.target, places_of(job.copy_of(FLOWING), FLOWING)))
        sender = ("produce", job.source, str(round(rate * seconds)), str(rate), *words)
        process, output = stack.enter_context(traffic(job.folder, *sender))
        run = stack.enter_context(started(heliograph(f"{prefix}.*"), job))
        meter = Meter(run.process.pid)
        begun_s = time.monotonic()
        while process.exit_code is None or left:
            now_s = time.monotonic()
            if now_s > begun_s + LIMIT_S or run.process.exit_code is not None:
                raise HeliographError(
                    f"{len(left)} of {len(positions)} groups did not arrive: {dict(list(left.items())[:5])}"
                )
            if now_s > begun_s + INTERVAL_S:
                behind_max = max(behind_max, source.total() - target.total())
            if copied_s is None and target.total() >= wanted:
                copied_s = now_s - begun_s
            for group in arrived(admin, job.copy_of(LAGGED), left):
                del left[group]
            if not left and done_s is None:
                done_s = time.monotonic() - run.started_at_s
            time.sleep(LOOK_S)
        finish(process, output, LIMIT_S)
        copied, cpu_s = target.total(), meter.cpu_s()
        took_s = copied_s or time.monotonic() - begun_s  # it may be done long before the last group
        run.stop()
    minute = len(positions) / done_s * 60 if positions and done_s else None
    return Seen(len(positions), minute, copied * FLOWING_BYTES / 1e6 / took_s, behind_max, cpu_s)


def both(options: argparse.Namespace) -> Iterator[Seen]:
    """Measure with groups and without."""
    chance = random.Random(options.groups)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="positions-")))
        source, target = (stack.enter_context(KafkaCluster(properties=BROKER_PROPERTIES)) for _ in range(2))
        fill(source.bootstrap(), LAGGED, PARTITIONS[LAGGED], options.records)
        with EndOffsets(source.bootstrap(), places_of(LAGGED, LAGGED)) as ends:
            held = ends.ask()
        for number, groups in zip(itertools.count(1), (0, options.groups), strict=False):
            job = Job(number, source.bootstrap(), target.bootstrap(), (LAGGED,), "none", folder)
            copy_lagged(job, options.records)
            positions = {}
            for at in range(groups):
                partition = at % PARTITIONS[LAGGED]
                positions[f"run{number}-{at}"] = partition, chance.randrange(1, held[LAGGED, partition])
            commit(source.bootstrap(), positions)
            busy = Job(number, source.bootstrap(), target.bootstrap(), (LAGGED, FLOWING), "none", folder)
            yield measure(busy, f"run{number}", positions, options.rate, options.seconds)
            delete(target.bootstrap(), ())
            delete(source.bootstrap(), (LAGGED,))


def main() -> int:
    """Run both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--groups", type=int, default=1_000, help="each with one position")
    parser.add_argument(
        "--records", type=int, default=1_000_000, help=f"of {VALUE_BYTES} bytes, that groups lag behind"
    )
    parser.add_argument("--rate", type=int, default=20_000, help=f"records of {FLOWING_BYTES} bytes a second that flow")
    parser.add_argument("--seconds", type=float, default=60.0, help="so long they flow at least")
    options = parser.parse_args()
    console = Console(width=120)
    table = Table("groups", "positions a minute", "flow, MB/s", "records behind at worst", "CPU s")
    for seen in both(options):
        minute = "-" if seen.positions_minute is None else f"{seen.positions_minute:,.0f}"
        table.add_row(str(seen.groups), minute, f"{seen.megabytes_s:.1f}", f"{seen.behind_max:,}", f"{seen.cpu_s:.1f}")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
