"""The stage: two real clusters, a configuration file, and ``heliograph run`` as a process of its own.

Nothing survives the demo. Every server stands under a guard of the testbed, which ends it when the demo's process
ends, however that comes about; files lie in a temporary folder.
"""

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from heliograph.demo.sample import Sample
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from heliograph.testbed.processes import GuardedProcess

USER = "token"
"""The user's name that cloud services take together with an API key."""
LISTENER = "SASL_SSL"
QUIT_S_MAX = 20.0
"""The longest wait for clusters that are still starting when the demo is interrupted."""
START_S_MAX = 180.0
ANSWER_S_MAX = 60.0
STOP_S_MAX = 15.0
POLL_S = 0.05
KEY_BYTES = 16
TAIL_LINES = 1

CONFIGURATION = """\
clusters=source, target
source.bootstrap.servers=${KAFKA_SOURCE_BROKERS}
target.bootstrap.servers=${KAFKA_TARGET_BROKERS}
target.security.protocol=SASL_SSL
target.ssl.protocol=TLSv1.2
target.ssl.endpoint.identification.algorithm=https
target.sasl.mechanism=PLAIN
target.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="token" \
password=${KAFKA_TARGET_APIKEY};
# enable and configure individual replication flows
source->target.enabled=true
source->target.topics=products, orders
tasks.max=10
"""
"""A file as it is written for MirrorMaker 2 and a cloud service."""

ADDITIONS = """\
# for this machine: trust in an authority made a moment ago, and one broker a cluster
target.ssl.truststore.type=PEM
target.ssl.truststore.location=${DEMO_AUTHORITY}
replication.factor=1
target.offset.storage.replication.factor=1
heartbeats.topic.replication.factor=1
offset-syncs.topic.replication.factor=1
checkpoints.topic.replication.factor=1
"""
"""What a demo needs besides."""


def make_clusters() -> tuple[KafkaCluster, KafkaCluster, str]:
    """Describe source and target, and make up the API key of the target."""
    api_key = secrets.token_hex(KEY_BYTES)
    return KafkaCluster(), KafkaCluster(listeners=(LISTENER,), users={USER: api_key}), api_key


def start_together(clusters: Sequence[KafkaCluster], started: Callable[[int], None]) -> None:
    """Start clusters side by side; ``started`` is told how many are up. Raises HeliographError.

    When it is interrupted, it waits until no thread is starting anything any more, so that closing finds everything.
    """
    problems: list[HeliographError | TimeoutError] = []

    def start(cluster: KafkaCluster) -> None:
        try:
            cluster.start(START_S_MAX)
        except (HeliographError, TimeoutError) as error:
            problems.append(error)

    threads = [threading.Thread(target=start, args=(cluster,), daemon=True) for cluster in clusters]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            started(sum(not thread.is_alive() for thread in threads))
            threads[0].join(POLL_S)
            threads[-1].join(POLL_S)
    except BaseException:
        deadline = time.monotonic() + QUIT_S_MAX
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        raise
    for problem in problems:
        if isinstance(problem, HeliographError):
            raise problem
        raise HeliographError(f"A Kafka cluster did not start: {problem}", remedy="The machine may be overloaded")


def create_topics(config: Mapping[str, str], topics: Mapping[str, int]) -> None:
    """Create topics with their numbers of partitions. Raises HeliographError."""
    wanted = [NewTopic(name, partitions, 1) for name, partitions in topics.items()]
    admin = AdminClient({**config, "log_level": 2})
    try:
        for future in admin.create_topics(wanted, request_timeout=ANSWER_S_MAX).values():
            future.result(ANSWER_S_MAX)
    except confluent_kafka.KafkaException as error:
        raise HeliographError(f"The demo's topics cannot be created: {error}") from error


def send(config: Mapping[str, str], topic: str, samples: Iterable[Sample], sent: Callable[[int], None]) -> None:
    """Send samples and wait until the cluster has them all. Raises HeliographError."""
    failures: list[str] = []
    own = {
        "log_level": 2,
        "linger.ms": 20,
        "compression.type": "lz4",
        "enable.idempotence": True,
        "delivery.report.only.error": True,
        "on_delivery": lambda error, _message: failures.append(error.str()),
    }
    producer = confluent_kafka.Producer({**config, **own})
    for number, each in enumerate(samples):
        while True:
            try:
                producer.produce(
                    topic, each.value, each.key, each.partition, timestamp=each.timestamp_ms, headers=each.headers
                )
                break
            except BufferError:
                producer.poll(POLL_S)
        if number % 1_000 == 0:
            producer.poll(0)
            sent(number)
    left = producer.flush(ANSWER_S_MAX)
    if left or failures:
        raise HeliographError(f"{left + len(failures)} records of {topic} could not be sent: {failures[:1]}")


class Replicator:
    """``heliograph run`` as a process."""

    def __init__(self, folder: Path, file: Path, environment: Mapping[str, str]) -> None:
        """Start it; its log goes to a file in ``folder``. Raises HeliographError."""
        self._log_path = folder / "heliograph.log"
        with self._log_path.open("wb") as log:
            self._process = GuardedProcess(
                [sys.executable, "-m", "heliograph.cli", "run", str(file)],
                environment={**os.environ, **environment},
                output=log,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise HeliographError when it has ended."""
        if self._process.exit_code is not None:
            raise HeliographError(
                f"heliograph run ended with exit code {self._process.exit_code}: {self.last_line()}",
            )

    def last_line(self) -> str:
        """Return the last line of its log."""
        lines = self._log_path.read_text(errors="replace").splitlines()
        return " ".join(lines[-TAIL_LINES:])

    def stop(self) -> float:
        """Ask it to end, and give the seconds that it took. Raises HeliographError when it does not end well."""
        self.check()
        begin = time.monotonic()
        self._process.terminate()
        try:
            exit_code = self._process.wait(STOP_S_MAX)
        except TimeoutError:
            raise HeliographError(f"heliograph run does not stop: {self.last_line()}") from None
        if exit_code:
            raise HeliographError(f"heliograph run stopped with exit code {exit_code}: {self.last_line()}")
        return time.monotonic() - begin

    def close(self) -> None:
        """Kill it if it still runs."""
        self._process.close()


class Arrivals:
    """Counts what has arrived on the target, by its partitions' ends."""

    def __init__(self, config: Mapping[str, str], topics: Mapping[str, int]) -> None:
        """Count the partitions of ``topics`` (name and number of partitions)."""
        own = {"group.id": "heliograph-demo-count", "enable.auto.commit": False, "log_level": 2}
        self._consumer = confluent_kafka.Consumer({**config, **own, "error_cb": lambda _error: None})
        self._places = [
            confluent_kafka.TopicPartition(topic, partition)
            for topic, partitions in topics.items()
            for partition in range(partitions)
        ]

    def count(self) -> int:
        """Return the number of records there now; a topic that is not there yet holds none."""
        return sum(map(self._count, self._places))

    def _count(self, place: confluent_kafka.TopicPartition) -> int:
        try:
            first, end = self._consumer.get_watermark_offsets(place, timeout=ANSWER_S_MAX)
        except confluent_kafka.KafkaException:
            return 0
        return int(end - first)

    def close(self) -> None:
        """Let go of the cluster."""
        self._consumer.close()
