"""Five kills under load, and what then lies on the target: ``python benchmarks/kills.py [--records 3000000]``.

Records are written to the source at a steady pace, while the process that copies is ended with SIGKILL five
times at random moments and started again at once. In the end the target must hold each record once. MirrorMaker 2 in
the same exercise wrote 3,293,373 records for 3,000,000.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from heliograph.testbed import KafkaCluster
from heliograph.testbed.processes import GuardedProcess
from offsets import EndOffsets

PARTITIONS = 6
KILLS = 5
LIMIT_S = 300.0
SIZE_BYTES = 100
RATE_S = 45_000
"""Records a second: the kills fall into the time of writing."""
TOPIC = "kills"


def write(kafka: KafkaCluster, count: int) -> None:
    """Write numbered records at a steady pace, all of them acknowledged in the end."""
    producer = Producer({**kafka.librdkafka_config(), "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
    filler = b"x" * SIZE_BYTES
    began = time.monotonic()
    for number in range(count):
        while True:
            try:
                producer.produce(TOPIC, b"%d %b" % (number, filler), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
        if number % 1_000 == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + number / RATE_S - time.monotonic()))
    producer.flush(LIMIT_S)


def main() -> int:
    """Do it; gives 0 when each record is there once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with KafkaCluster() as source, KafkaCluster() as target, tempfile.TemporaryDirectory() as folder:
        client = AdminClient(source.librdkafka_config())
        client.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(60)
        settings = {
            "clusters": "source, target",
            "source.bootstrap.servers": source.bootstrap(),
            "target.bootstrap.servers": target.bootstrap(),
            "source->target.enabled": "true",
            "source->target.topics": TOPIC,
            "target.session.timeout.ms": 6_000,
            **dict.fromkeys(("replication.factor", "offset.storage.replication.factor"), 1),
            **{f"{each}.topic.replication.factor": 1 for each in ("heartbeats", "checkpoints", "offset-syncs")},
        }
        file = Path(folder) / "mm2.properties"
        file.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("heliograph")), "run", str(file)]
        writer = threading.Thread(target=write, args=(source, options.records), daemon=True)
        writer.start()
        with (Path(folder) / "log").open("wb") as log:
            for number in range(KILLS + 1):
                with GuardedProcess(command, output=log) as process:
                    if number < KILLS:
                        time.sleep(chance.uniform(8, 14))
                        process.kill()
                        print(f"killed with {copied(target):,} records on the target", flush=True)
                        continue
                    writer.join(LIMIT_S)
                    settle(target, options.records)
                    process.terminate()
                    process.wait(30)
        there, written = copied(target), held(source, TOPIC)
    print(f"{written:,} records written, {there:,} on the target after {KILLS} kills")
    return 0 if there == written == options.records else 1


def held(kafka: KafkaCluster, topic: str) -> int:
    """Count the records of a topic, which has neither holes nor transactions; 0 while it does not exist."""
    with EndOffsets(kafka.bootstrap(), [(topic, partition) for partition in range(PARTITIONS)]) as ends:
        return sum(ends.ask().values())


def copied(kafka: KafkaCluster) -> int:
    """Count the records of the copy."""
    return held(kafka, f"source.{TOPIC}")


def settle(kafka: KafkaCluster, count: int) -> None:
    """Wait until the copy has at least ``count`` records and has not grown for five seconds."""
    deadline = time.monotonic() + LIMIT_S
    before, since = copied(kafka), time.monotonic()
    while time.monotonic() < deadline and (before < count or time.monotonic() - since < 5):
        time.sleep(0.5)
        now = copied(kafka)
        if now != before:
            before, since = now, time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
