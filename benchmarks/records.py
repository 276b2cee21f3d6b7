"""How fast the records room is on one core: ``python benchmarks/records.py [--rounds N]``.

Each line is one journey of fetched bytes without the network. Merging includes the check of every source checksum,
decompression and compression where there is a codec, and the checksum of what is sent. The best of some rounds counts:
the noise of a shared machine only ever adds.
"""

import argparse
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from heliograph.records import Codec, Kind, Record, encode, forward, kernel_name, rewrite, scan, stamp

VALUE_BYTES = 200
DISTINCT_BATCHES = 4096
FETCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """A topic to copy."""

    name: str
    batches: int
    records_per_batch: int
    codec: Codec
    goal_ms: float | None = None
    """Time that the merge may take; None: no goal."""


LOADS = (
    Load("one record a batch", 300_000, 1, Codec.NONE, 60),
    Load("ten records a batch", 100_000, 10, Codec.NONE, 80),
    Load("one record a batch", 300_000, 1, Codec.LZ4, 500),
    Load("ten records a batch", 50_000, 10, Codec.LZ4, 300),
    Load("one record a batch", 300_000, 1, Codec.SNAPPY, 500),
    Load("ten records a batch", 50_000, 10, Codec.SNAPPY, 300),
    Load("one record a batch", 30_000, 1, Codec.ZSTD),
    Load("ten records a batch", 5_000, 10, Codec.ZSTD),
    Load("one record a batch", 30_000, 1, Codec.GZIP),
    Load("ten records a batch", 5_000, 10, Codec.GZIP),
)


def fetched(load: Load) -> list[bytes]:
    """Make the answers to some fetches, each of whole batches; values are random, so they do not compress."""
    chance = random.Random(1)
    made = []
    for _ in range(DISTINCT_BATCHES):
        records = [
            Record(i, 1_700_000_000_000 + i, None, chance.randbytes(VALUE_BYTES)) for i in range(load.records_per_batch)
        ]
        parcel = encode(records, codec=load.codec)
        made.append((parcel.header + bytes(parcel.body))[8:])
    answers = []
    per_answer = max(1, FETCH_BYTES // (len(made[0]) + 8))
    for first in range(0, load.batches, per_answer):
        parts = []
        for i in range(first, min(load.batches, first + per_answer)):
            parts += (struct.pack(">q", i * load.records_per_batch), made[i % DISTINCT_BATCHES])
        answers.append(b"".join(parts))
    return answers


def merge(answers: list[bytes]) -> int:
    """Scan, merge and stamp everything; gives the number of parcels."""
    position = parcels = 0
    for answer in answers:
        found = scan(answer, 0, len(answer), position)
        for run in found.runs:
            assert run.kind is Kind.MERGE
            for parcel in rewrite([(answer, run)], position=position, limit_bytes=1_000_000):
                stamp(parcel, 1, 0, parcels)
                parcels += 1
        position = found.next_offset
    return parcels


def pass_on(answers: list[bytes]) -> int:
    """Scan, forward and stamp every batch alone; gives the number of parcels."""
    position = parcels = 0
    for answer in answers:
        found = scan(answer, 0, len(answer), position, small_bytes=0)
        for run in found.runs:
            stamp(forward(answer, run), 1, 0, parcels)
            parcels += 1
        position = found.next_offset
    return parcels


def best_seconds(work: Callable[[list[bytes]], int], answers: list[bytes], rounds: int) -> tuple[float, int]:
    """Run ``work`` some times: the least CPU time, and its result."""
    best = float("inf")
    parcels = 0
    for _ in range(rounds):
        begun = time.process_time()
        parcels = work(answers)
        best = min(best, time.process_time() - begun)
    return best, parcels


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"kernel: {kernel_name}; CPU time on one core, best of {rounds}")
    print(f"{'load':<22}{'codec':>7}{'batches':>9}{'MB':>6}{'merge ms':>10}", end="")
    print(f"{'ns/batch':>10}{'MB/s':>7}{'goal ms':>9}{'parcels':>9}")
    for load in LOADS:
        answers = fetched(load)
        size_mb = sum(map(len, answers)) / 1e6
        seconds, parcels = best_seconds(merge, answers, rounds)
        goal = f"{load.goal_ms:.0f}" if load.goal_ms else "-"
        print(
            f"{load.name:<22}{load.codec.name.lower():>7}{load.batches:>9}{size_mb:>6.0f}{seconds * 1e3:>10.1f}"
            f"{seconds / load.batches * 1e9:>10.0f}{size_mb / seconds:>7.0f}{goal:>9}{parcels:>9}"
        )
    answers = fetched(LOADS[0])
    seconds, parcels = best_seconds(pass_on, answers, rounds)
    print(f"scan + forward + stamp, each batch alone: {seconds / parcels * 1e6:.2f} us a batch (goal 1.5)")


if __name__ == "__main__":
    main()
