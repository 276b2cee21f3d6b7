"""Producer ids (KIP-98), so handed out that sequence numbers never clash.

A lane numbers its batches from 0 whenever it begins. So the broker must not have seen its producer id on that partition
before, neither from an earlier beginning of the lane nor from another lane that shares the partition. The first
beginning on any partition gets the first id, the second on the same partition the second, and so on: many lanes then
do with few ids, and asking a broker for them costs next to nothing.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.flow.lane_model import Producer

IDS_MAX = 1_000
"""Ids kept; when they are used up, all are forgotten and new ones asked for."""


@dataclass(slots=True)
class Producers:
    """The producer ids of one stretch of copying."""

    target: Cluster
    _ids: list[Producer] = field(default_factory=list)
    _begun: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How many lanes have begun on a target partition, each with an id of its own."""
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def prepare(self) -> None:
        """Ask for the first id, so that what forbids it is known before anything else is done; raises ClusterError."""
        async with self._taking:
            if not self._ids:
                self._ids.append(Producer(*await admin.init_producer_id(self.target)))

    async def take(self, topic: str, partition: int) -> Producer:
        """Return an id that was not used on this target partition; raises ClusterError when the target gives none."""
        async with self._taking:
            turn = self._begun[topic, partition]
            if turn >= len(self._ids):
                fresh = Producer(*await admin.init_producer_id(self.target))
                if turn >= IDS_MAX:
                    self._ids.clear()
                    self._begun.clear()
                    turn = 0
                self._ids.append(fresh)
            self._begun[topic, partition] = turn + 1
            return self._ids[turn]
