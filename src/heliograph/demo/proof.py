"""The proof: both clusters are read again from their first record, and compared one record at a time.

The reader is librdkafka, which has nothing in common with the program that copied. A record agrees when partition, key,
value, headers (order and repetitions included) and timestamp (type included) are the same, at the same place in the
partition's order. Besides, each side gets a SHA-256 over everything read there, which anyone may compare. What this
cannot tell: what a cluster never held.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import confluent_kafka

from heliograph.errors import ProofFailed

CHUNK_RECORDS = 5_000
FETCH_WAIT_MS = 20
"""A fetch at the end of a partition holds up the question for the ends of the next one."""
SILENCE_S_MAX = 30.0
"""The longest wait for a record that must be there."""
SHOWN_CHARACTERS = 60
"""How much of a key or value is shown where it differs."""


class Seen(NamedTuple):
    """One record as a reader saw it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: tuple[int, int]
    """Type (1: set by the producer, 2: by the broker) and milliseconds."""

    @property
    def size_bytes(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


@dataclass(frozen=True, slots=True)
class Pair:
    """A topic and its copy."""

    topic: str
    copy: str
    """Name on the target."""
    partitions: int


@dataclass(frozen=True, slots=True)
class Proved:
    """What was found equal."""

    pair: Pair
    records: int
    size_bytes: int
    """Keys, values and headers."""
    source_sha256: str
    target_sha256: str


def difference(source: Seen | None, target: Seen | None) -> str:
    """Say in a phrase how two records differ; empty when they agree. None: there is no such record."""
    if source is None:
        return "is on the target only"
    if target is None:
        return "is missing on the target"
    for name in ("key", "value", "headers", "timestamp"):
        here, there = getattr(source, name), getattr(target, name)
        if here != there:
            return f"has the {name} {_short(here)} on the source and {_short(there)} on the target"
    return ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


class Side:
    """Reads one cluster, for one proof."""

    def __init__(self, config: Mapping[str, str]) -> None:
        """Make the reader from librdkafka's ``config``; close it afterwards."""
        own = {
            "group.id": "heliograph-demo",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": FETCH_WAIT_MS,
            "error_cb": _ignore,
            "log_level": 2,
        }
        self._consumer = confluent_kafka.Consumer({**config, **own})

    def records(self, topic: str, partition: int) -> Iterator[Seen]:
        """Yield every record that the partition holds now. Raises ProofFailed when they do not come."""
        place = confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
        first, end = self._consumer.get_watermark_offsets(place, timeout=SILENCE_S_MAX)
        self._consumer.assign([place])
        position, heard = first, time.monotonic()
        while position < end:
            for message in self._consumer.consume(min(CHUNK_RECORDS, end - position), timeout=0.5):
                if (error := message.error()) is not None:
                    raise ProofFailed(f"{topic}-{partition} cannot be read: {error.str()}")
                position, heard = (message.offset() or 0) + 1, time.monotonic()
                yield _seen(message)
            if time.monotonic() - heard > SILENCE_S_MAX:
                raise ProofFailed(f"{topic}-{partition} ends at {end}, but no record comes after {position}")

    def close(self) -> None:
        """Let go of the cluster."""
        self._consumer.close()


def _ignore(_error: object) -> None:
    """Lost connections are repaired by the client itself."""


def _seen(message: Any) -> Seen:
    return Seen(message.key(), message.value(), tuple(message.headers() or ()), message.timestamp())


def _bytes(partition: int, seen: Seen) -> bytes:
    """Write a record so that no two different ones look the same."""
    return repr((partition, *seen)).encode()


def prove(pair: Pair, source: Side, target: Side, advance: Callable[[int], None]) -> Proved:
    """Compare a topic with its copy; ``advance`` is told how many records agreed.

    Raises ProofFailed at the first difference.
    """
    digests = hashlib.sha256(), hashlib.sha256()
    records = size_bytes = told = 0
    for partition in range(pair.partitions):
        both = itertools.zip_longest(source.records(pair.topic, partition), target.records(pair.copy, partition))
        for place, (here, there) in enumerate(both):
            if here != there and (found := difference(here, there)):
                raise ProofFailed(
                    f"Record {place} of {pair.topic}-{partition} {found}",
                    remedy=f"Up to there all {records:,} records agree",
                )
            digests[0].update(_bytes(partition, here))
            digests[1].update(_bytes(partition, there))
            records += 1
            size_bytes += here.size_bytes
            if records - told >= CHUNK_RECORDS:
                advance(records - told)
                told = records
    advance(records - told)
    return Proved(pair, records, size_bytes, digests[0].hexdigest(), digests[1].hexdigest())
