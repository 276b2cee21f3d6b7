"""The loads: what stands in the source's topics, in batches of an exact size.

Batches are shaped by librdkafka, an implementation of its own: it closes a batch at ``batch.num.messages`` as long as
more records wait, which ``linger.ms`` and a full queue make sure of. What came of it is then counted in the broker's
own log files, batch header by batch header, and a topic of another shape is an error, not a result.

The JSON records are orders with names, addresses and numbers drawn from a pool of 20,000, so that no batch holds one
record twice.
"""

import json
import random
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from heliograph.errors import HeliographError

PARTITIONS = 4
POOL = 20_000
PER_CALL = 1_000
FLUSH_LIMIT_S = 300.0
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""By their number in a batch's attributes."""

SILENT = {"log_level": 4}
"""Keeps librdkafka's notes about its own threads from the terminal."""

HEADER_BYTES = 61
LENGTH_END_BYTES = 12


@dataclass(frozen=True, slots=True)
class Load:
    """Records of one kind in batches of one size."""

    name: str
    """Its topic's name."""
    title: str
    """What the reports call it."""
    records: int
    """At scale 1."""
    value_bytes: int
    """About, for JSON."""
    batch_records: int
    """Records in a batch."""
    codec: str
    """``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``."""
    kind: Literal["json", "random"]
    """What a value is."""
    tls: bool = False
    """Whether contenders reach both clusters over TLS."""

    def scaled(self, scale: float) -> "Load":
        """Return the load with a share of its records, whole batches in every partition."""
        step = PARTITIONS * self.batch_records
        return replace(self, records=max(1, round(self.records * scale / step)) * step)


JSON_BATCH = 1_000
LOADS = (
    Load("json-lz4", "JSON 250 B, lz4", 2_000_000, 250, JSON_BATCH, "lz4", "json"),
    Load("json-snappy", "JSON 250 B, snappy", 2_000_000, 250, JSON_BATCH, "snappy", "json"),
    Load("json-zstd", "JSON 250 B, zstd", 2_000_000, 250, JSON_BATCH, "zstd", "json"),
    Load("json-gzip", "JSON 250 B, gzip", 2_000_000, 250, JSON_BATCH, "gzip", "json"),
    Load("raw", "random 1 kB, uncompressed", 500_000, 1_000, 250, "none", "random"),
    Load("ones", "200 B, batches of 1", 300_000, 200, 1, "none", "random"),
    Load("tens", "200 B, batches of 10", 1_000_000, 200, 10, "none", "random"),
    Load("ones-lz4", "200 B, batches of 1, lz4", 300_000, 200, 1, "lz4", "json"),
    Load("tens-lz4", "200 B, batches of 10, lz4", 500_000, 200, 10, "lz4", "json"),
    Load("raw-tls", "random 1 kB, uncompressed, TLS on both sides", 500_000, 1_000, 250, "none", "random", tls=True),
    Load("json-lz4-tls", "JSON 250 B, lz4, TLS on both sides", 2_000_000, 250, JSON_BATCH, "lz4", "json", tls=True),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the source's log really holds."""

    batches: int
    """Over all partitions."""
    records: int
    """Over all partitions."""
    log_bytes: int
    """Size of all batches: what has to be moved."""
    codecs: tuple[str, ...]
    """All codecs that were met."""


def values(load: Load, seed: int = 1) -> list[bytes]:
    """Make the pool of values that a load's records are taken from."""
    chance = random.Random(seed)
    if load.kind == "random":
        return [chance.randbytes(load.value_bytes) for _ in range(4096)]
    return [_order(chance, load.value_bytes) for _ in range(POOL)]


def _order(chance: random.Random, size_bytes: int) -> bytes:
    """Make one order."""
    order: dict[str, object] = {
        "order_id": f"{chance.getrandbits(64):016x}",
        "created_at": f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:00:00Z",
        "customer_id": chance.randint(100_000, 999_999),
        "product_id": f"P{chance.randint(1, 5000):04}",
        "quantity": chance.randint(1, 40),
        "unit_price": chance.randint(100, 99_999) / 100,
        "currency": chance.choice(("EUR", "USD", "GBP")),
        "status": chance.choice(("created", "paid", "packed", "shipped")),
    }
    if size_bytes > SHORT_BYTES:
        number, post_code = chance.randint(1, 200), chance.randint(10_000, 99_999)
        order["address"] = {"street": chance.choice(STREETS), "number": number, "zip": post_code}
    else:
        order["paid_at"] = order["packed_at"] = order["created_at"]
    return json.dumps(order, separators=(",", ":")).encode()


SHORT_BYTES = 220
"""Orders up to here have no address but say the same time thrice, so that even one alone gets smaller in LZ4."""
STREETS = ("Station Road", "Mill Lane", "Harbour Street", "Church Hill", "High Street", "Orchard Way", "North Quay")


def fill(bootstrap: str, load: Load) -> None:
    """Make the load's topic and write its records. Raises HeliographError."""
    make_topics(bootstrap, {load.name: PARTITIONS})
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            **SILENT,
            "compression.type": load.codec,
            "batch.num.messages": load.batch_records,
            "batch.size": 1_000_000,
            "linger.ms": 900 if load.batch_records > 1 else 0,
            "queue.buffering.max.messages": 400_000,
            "queue.buffering.max.kbytes": 512 << 10,
            "sticky.partitioning.linger.ms": 0,
        }
    )
    pool = values(load)
    rounds = load.records // PARTITIONS
    per_call = max(load.batch_records, PER_CALL // load.batch_records * load.batch_records)
    for first in range(0, rounds, per_call):
        count = min(per_call, rounds - first)
        for partition in range(PARTITIONS):
            start = (partition * rounds + first) % len(pool)
            for value in _taken(pool, start, count):
                _produce(producer, load.name, partition, value)
    left = producer.flush(FLUSH_LIMIT_S)
    if left:
        raise HeliographError(f"{left} records of {load.name} were not taken in {FLUSH_LIMIT_S:g} s")


def _taken(pool: list[bytes], start: int, count: int) -> list[bytes]:
    taken = pool[start : start + count]
    while len(taken) < count:
        taken += pool[: count - len(taken)]
    return taken


def _produce(producer: Producer, topic: str, partition: int, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, partition=partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def make_topics(bootstrap: str, partitions: dict[str, int]) -> None:
    """Make topics that never forget anything. Raises KafkaException."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **SILENT})
    config = {"retention.ms": "-1", "retention.bytes": "-1"}
    topics = [NewTopic(name, count, 1, config=config) for name, count in partitions.items()]
    for first in range(0, len(topics), 50):
        for future in admin.create_topics(topics[first : first + 50], operation_timeout=60).values():
            future.result(60)


def shape(data_folder: Path, load: Load) -> Shape:
    """Count what the broker's log files hold, and check it. Raises HeliographError."""
    batches = records = log_bytes = 0
    codecs: set[str] = set()
    for partition in range(PARTITIONS):
        for segment in sorted((data_folder / f"{load.name}-{partition}").glob("*.log")):
            for codec, count, size_bytes in _headers(segment):
                batches, records, log_bytes = batches + 1, records + count, log_bytes + size_bytes
                codecs.add(codec)
    found = Shape(batches, records, log_bytes, tuple(sorted(codecs)))
    wanted = load.records // load.batch_records
    if found.records != load.records or not wanted <= batches <= wanted * 1.02 + PARTITIONS or codecs != {load.codec}:
        raise HeliographError(f"The topic {load.name} came out as {found}, not in {wanted} batches in {load.codec}")
    return found


def _headers(segment: Path) -> list[tuple[str, int, int]]:
    """Read each batch's codec, record count and size in bytes."""
    raw = memoryview(segment.read_bytes())
    found, place = [], 0
    while place + HEADER_BYTES <= len(raw):
        (length,) = struct.unpack_from(">i", raw, place + 8)
        if length <= 0:
            break
        (attributes,) = struct.unpack_from(">h", raw, place + 21)
        (count,) = struct.unpack_from(">i", raw, place + 57)
        found.append((CODECS[attributes & 7], count, LENGTH_END_BYTES + length))
        place += LENGTH_END_BYTES + length
    return found
