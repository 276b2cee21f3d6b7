"""Records that keep flowing into the source while everything around them breaks.

Four kinds of topics, because they take different ways through the program: plain batches with a codec, tiny batches
that are merged, transactions of which some are aborted, and keys that are written over and over under compaction. The
producers are idempotent and patient, so that the source itself holds each record once.
"""

import random
import threading
import time
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Producer

from heliograph.testbed import KafkaCluster

PARTITIONS = 4
PAUSE_S = 0.05
END_LIMIT_S = 300.0
TRANSACTION_LIMIT_S = 60.0
ABORTED_SHARE = 0.2
KEYS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of topic and its load."""

    topic: str
    rate_s: int
    """Records a second."""
    size_bytes: int
    producer: dict[str, object] = field(default_factory=dict)
    """Settings of the producer (librdkafka's names)."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of the topic."""
    transactions: bool = False
    compacted: bool = False


KINDS = (
    Kind("soak-plain", 2_000, 600, {"compression.type": "lz4", "linger.ms": 20}),
    Kind("soak-tiny", 300, 40, {"linger.ms": 0, "batch.num.messages": 4}),
    Kind("soak-transactions", 200, 200, {"linger.ms": 5}, transactions=True),
    Kind(
        "soak-compacted",
        300,
        150,
        {"compression.type": "zstd", "linger.ms": 10},
        {"cleanup.policy": "compact", "segment.ms": "20000", "min.cleanable.dirty.ratio": "0.01"},
        compacted=True,
    ),
)


def _ignore(_error: object) -> None:
    """Take the client's log of connections that are broken on purpose."""


class Writer:
    """Writes one kind until stopped."""

    def __init__(self, kafka: KafkaCluster, kind: Kind, seed: int) -> None:
        """Begin at once, in a thread."""
        self.kind = kind
        self.sent = 0
        self.error = ""
        self._random = random.Random(seed)
        self._kafka = kafka
        self._stopping = threading.Event()
        self._made = 0
        self._producer = self._make()
        self._thread = threading.Thread(target=self._run, name=kind.topic, daemon=True)
        self._thread.start()

    def _make(self) -> Producer:
        settings: dict[str, object] = {
            **self._kafka.librdkafka_config(),
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            "reconnect.backoff.max.ms": 500,
            "error_cb": _ignore,
            "log_level": 0,
            **self.kind.producer,
        }
        if self.kind.transactions:
            self._made += 1
            settings |= {"transactional.id": f"{self.kind.topic}-{self._made}", "message.timeout.ms": 30_000}
            settings["transaction.timeout.ms"] = 30_000
        producer = Producer(settings)
        if self.kind.transactions:
            producer.init_transactions(TRANSACTION_LIMIT_S)
        return producer

    def _run(self) -> None:
        try:
            while not self._stopping.wait(PAUSE_S):
                count = max(1, int(self.kind.rate_s * PAUSE_S))
                if self.kind.transactions:
                    self._transaction(count)
                else:
                    self._write(count)
                    self._producer.poll(0)
        except KafkaException as error:
            self.error = str(error)

    def _write(self, count: int) -> None:
        for _ in range(count):
            number = self.sent
            key = b"%d" % (number % KEYS if self.kind.compacted else number)
            value: bytes | None = b"%d " % number + b"x" * self.kind.size_bytes
            if self.kind.compacted and self._random.random() < 0.02:
                value = None
            try:
                self._producer.produce(
                    self.kind.topic,
                    value,
                    key,
                    partition=int(key) % PARTITIONS,
                    headers=[("number", b"%d" % number)],
                )
            except BufferError:
                return
            self.sent += 1

    def _transaction(self, count: int) -> None:
        """Write one transaction; one that fails is given up, as its application would, with a new producer."""
        try:
            self._producer.begin_transaction()
            self._write(count)
            if self._random.random() < ABORTED_SHARE:
                self._producer.abort_transaction(TRANSACTION_LIMIT_S)
            else:
                self._producer.commit_transaction(TRANSACTION_LIMIT_S)
        except KafkaException:
            if self._stopping.is_set():
                return
            time.sleep(1.0)
            self._producer = self._make()

    def finish(self) -> None:
        """Stop, and wait until the source has everything."""
        self._stopping.set()
        self._thread.join(END_LIMIT_S)
        if self._producer.flush(END_LIMIT_S) and not self.kind.transactions:
            self.error = self.error or "the source did not take everything"
