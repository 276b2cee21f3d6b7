"""Records that keep flowing while something breaks, and the proof that both sides then hold the same."""

import threading
import time
from collections import Counter
from contextlib import AbstractContextManager

import psutil
from confluent_kafka import Producer
from plain_client import Row, read, topics

from heliograph.testbed import KafkaCluster

LIMIT_S = 90.0
PAUSE_S = 0.05
RSS_LIMIT_BYTES = 400 << 20
"""Far above what the program needs, far below what unbounded queues would take."""


def quiet(_error: object) -> None:
    """The client's log of connections that the tests break on purpose."""


class Load(AbstractContextManager["Load"]):
    """Writes numbered records to all partitions of a topic, at a steady pace, until stopped.

    It is idempotent and patient, so the source itself holds each record at least once, whatever happens to the source:
    where a leader has gone, now and then one stands there twice.
    """

    def __init__(self, kafka: KafkaCluster, topic: str, *, partitions: int = 3, rate_s: int = 1_000, size: int = 300):
        self.sent = 0
        self._topic, self._partitions, self._rate_s, self._size = topic, partitions, rate_s, size
        self._producer = Producer(
            {
                **kafka.librdkafka_config(),
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 300_000,
                "reconnect.backoff.max.ms": 500,
                "error_cb": quiet,
                "log_level": 0,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _is_known(self) -> bool:
        """Whether the broker shows all partitions; what is written before that is refused, and would be missing."""
        found = self._producer.list_topics(timeout=LIMIT_S).topics.get(self._topic)
        return found is None or sum(each.leader >= 0 for each in found.partitions.values()) >= self._partitions

    def _write(self) -> None:
        while not self._is_known() and not self._stopping.wait(PAUSE_S):
            pass
        while not self._stopping.wait(0.05):
            for _ in range(self._rate_s // 20):
                value = b"%d " % self.sent + b"x" * self._size
                try:
                    self._producer.produce(
                        self._topic, value, b"%d" % self.sent, partition=self.sent % self._partitions
                    )
                except BufferError:
                    break
                self.sent += 1
            self._producer.poll(0)

    def wait_for(self, more: int) -> None:
        """Wait until so many further records were given to the producer."""
        goal, deadline = self.sent + more, time.monotonic() + LIMIT_S
        while self.sent < goal:
            assert time.monotonic() < deadline, "the load does not go on"
            time.sleep(PAUSE_S)

    def finish(self) -> int:
        """Stop, wait until the source has everything, and give the number of records."""
        self._stopping.set()
        self._thread.join(LIMIT_S)
        assert self._producer.flush(LIMIT_S) == 0, "the source did not take everything"
        return self.sent

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(LIMIT_S)
        self._producer.purge()


def by_partition(rows: list[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.partition, []).append(row)
    return found


def _explain(source: list[Row], target: list[Row]) -> str:
    """Say in a few words how two sides differ."""
    sides = Counter(row.value for row in source), Counter(row.value for row in target)
    missing, extra = sides[0] - sides[1], sides[1] - sides[0]
    return (
        f"{len(source)} on the source, {len(target)} on the target; missing {sum(missing.values())}, "
        f"extra {sum(extra.values())} ({[value[:12] for value in list(extra)[:3]]})"
    )


def assert_equal(source: KafkaCluster, target: KafkaCluster, topic: str, copy: str, expected: int, running) -> None:
    """Wait until the copy holds as many records as its original, and compare them, record by record.

    The original holds as many as expected at least.
    """
    deadline = time.monotonic() + LIMIT_S
    original = by_partition(read(source, topic))
    while (
        held := sum(map(len, original.values()))
    ) < expected:  # a new leader may not know yet how far all replicas are
        assert time.monotonic() < deadline, f"the source holds {held} of {expected} records"
        time.sleep(PAUSE_S)
        original = by_partition(read(source, topic))
    copied: list[Row] = []
    while len(copied) < held:
        assert running.exit_code is None, f"it ended:\n{running.log}"
        assert time.monotonic() < deadline, f"{len(copied)} of {held} records came:\n{running.log}"
        time.sleep(PAUSE_S)
        if copy in topics(target):
            copied = read(target, copy)
    found = by_partition(copied)
    for partition, rows in original.items():
        assert found[partition] == rows, f"partition {partition}: {_explain(rows, found[partition])}\n{running.log}"
    assert "Traceback" not in running.log


def memory_bytes(running) -> int:
    return psutil.Process(running.pid).memory_info().rss
