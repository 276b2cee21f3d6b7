"""The lanes of a flow as Kafka Connect's tasks: groups of partitions, each of one worker. Pure.

There are as many tasks as ``tasks.max`` allows, but no more than partitions; every worker that has partitions has a
task at least. A worker's partitions go round over its tasks, as MirrorMaker 2 deals them out.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heliograph.mirror.assignment import TopicPartition


@dataclass(frozen=True, slots=True)
class Group:
    """What one task copies."""

    worker: str
    lanes: tuple[TopicPartition, ...]
    """In order."""


def tasks_of(shares: Mapping[str, Collection[TopicPartition]], tasks_max: int) -> tuple[Group, ...]:
    """Return the tasks of workers that have these lanes, in an order that is the same for everybody who asks."""
    there = {worker: sorted(lanes) for worker, lanes in sorted(shares.items()) if lanes}
    total = sum(map(len, there.values()))
    left = min(max(tasks_max, len(there)), total)
    groups: list[Group] = []
    others = len(there)
    for worker, lanes in there.items():
        others -= 1
        count = left if not others else max(1, min(left - others, len(lanes), round(left * len(lanes) / total)))
        count = min(count, len(lanes))
        left, total = left - count, total - len(lanes)
        groups += [Group(worker, tuple(lanes[number::count])) for number in range(count)]
    return tuple(groups)
