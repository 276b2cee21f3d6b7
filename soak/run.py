"""Load, random faults, and proof at the end: ``python soak/run.py --minutes 20 [--seed 7]``.

Two clusters of three brokers, each behind proxies; two processes of Heliograph; four kinds of load. Faults are chosen
by a seeded generator, which is printed first: the same seed gives the same choices (not the same moments). When the
time is over everything is mended, and both sides must hold the same: by ``heliograph verify``, and by an independent
client. Exit code 0 only if both agree that nothing is missing, double, altered or in another order.
"""

import argparse
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import compare
from faults import FAULTS, World
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from load import KINDS, PARTITIONS, Writer
from team import Team

CATCH_UP_S = 240.0
PAUSE_S = (2.0, 10.0)
"""Between two faults, in seconds."""
VERIFY_S = 900.0
STRANGE = ("somebody else writes", "exact place is not known", "Traceback", "were deleted on the source")
"""What the logs should not say: the clusters lose nothing, and nobody else writes."""


def main() -> int:
    """Soak; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--more", action="append", default=[], help="a further line for the configuration")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    say(f"seed {seed}; {options.minutes:g} minutes")
    properties = {"min.insync.replicas": "2", "group.initial.rebalance.delay.ms": "0", "log.cleaner.backoff.ms": "2000"}
    with (
        KafkaCluster(brokers=3, proxied=True, properties=properties) as source,
        KafkaCluster(brokers=3, proxied=True, properties=properties) as target,
    ):
        return soak(source, target, seed, options.minutes * 60, options.more)


def say(text: str) -> None:
    """Print a line with the time."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def write_file(source: KafkaCluster, target: KafkaCluster, more: list[str]) -> Path:
    """Write the configuration."""
    path = Path(tempfile.mkdtemp(prefix="heliograph-soak-")) / "mm2.properties"
    settings = {
        "clusters": "source, target",
        "source.bootstrap.servers": source.bootstrap(),
        "target.bootstrap.servers": target.bootstrap(),
        "source->target.enabled": "true",
        "source->target.topics": "soak-.*",
        "replication.factor": 3,
        "refresh.topics.interval.seconds": 2,
        "target.offset.flush.interval.ms": 5_000,
    }
    lines = [*(f"{key} = {value}" for key, value in settings.items()), *more]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def soak(source: KafkaCluster, target: KafkaCluster, seed: int, seconds: float, more: list[str]) -> int:
    """Do it all between two clusters that run."""
    client = AdminClient(source.librdkafka_config())
    wanted = [NewTopic(kind.topic, PARTITIONS, 3, config=kind.settings) for kind in KINDS]
    for future in client.create_topics(wanted).values():
        future.result(60)
    team = Team(write_file(source, target, more))
    say(f"logs are in {team.folder}")
    chance = random.Random(seed)
    writers = [Writer(source, kind, seed + number) for number, kind in enumerate(KINDS)]
    stop = threading.Event()
    world = World(source, target, team, chance, stop)
    began = time.monotonic()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    troubles: list[str] = []
    try:
        while not stop.wait(chance.uniform(*PAUSE_S)):
            break_something(world, began)
    finally:
        timer.cancel()
    for writer in writers:
        writer.finish()
        say(f"{writer.kind.topic}: {writer.sent} records were written")
        troubles += [f"the load of {writer.kind.topic} failed: {writer.error}"] if writer.error else []
    team.mend()
    troubles += prove(world, team.file)
    team.mend()
    troubles += team.fell
    say(f"most memory of one process: {team.rss_bytes_max / 1e6:.0f} MB")
    for line in team.log_lines(*STRANGE):
        say(f"log: {line[:300]}")
        troubles.append(line)
    team.close()
    say("PROVEN: nothing lost, nothing twice" if not troubles else f"FAILED (seed {seed}):")
    for trouble in troubles:
        print("   ", trouble[:400])
    return 1 if troubles else 0


def break_something(world: World, began: float) -> None:
    """Choose a fault and live through it."""
    fault = world.random.choice(FAULTS)
    at = time.monotonic() - began
    try:
        done = fault(world)
    except (HeliographError, KafkaException, TimeoutError) as error:
        done = f"{fault.__name__} could not be done: {error}"
    world.team.mend()
    say(f"{at:6.0f} s  {done} ({time.monotonic() - began - at:.0f} s)")


def ends(kafka: KafkaCluster, topic: str) -> dict[int, int]:
    """Return the end offset of each partition."""
    consumer = Consumer({**kafka.librdkafka_config(), "group.id": "soak-ends", "log_level": 0})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in partitions}
    finally:
        consumer.close()


def settle(kafka: KafkaCluster, topic: str) -> None:
    """Wait until a topic of the target has not grown for ten seconds."""
    deadline = time.monotonic() + CATCH_UP_S
    before, since = ends(kafka, topic), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 10:
        time.sleep(1)
        now = ends(kafka, topic)
        if now != before:
            before, since = now, time.monotonic()


def prove(world: World, file: Path) -> list[str]:
    """Compare both sides in two ways; gives what differs."""
    found = []
    for kind in KINDS:
        copy = f"source.{kind.topic}"
        settle(world.target, copy)
        left = compare.read(world.source, kind.topic)
        right = compare.read(world.target, copy)
        count = sum(len(held.records) for held in left.values())
        wrong = compare.differences(left, right, compacted=kind.compacted)
        say(f"{kind.topic}: {count} records compared: {'; '.join(wrong) or 'equal'}")
        found += [f"{kind.topic}: {each}" for each in wrong]
    report = file.with_name("report.html")
    command = [str(Path(sys.executable).with_name("heliograph")), "verify", str(file), "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_S, check=False)
    say(f"heliograph verify: exit {done.returncode}; report {report}")
    if done.returncode:
        found.append(f"heliograph verify: {(done.stdout + done.stderr).strip()[-1_500:]}")
    return found


if __name__ == "__main__":
    sys.exit(main())
