"""Which broker each lane is read from and written to: the leaders of its partitions, or a follower nearby (KIP-392).

A node's fetcher or sender is made when the first lane needs it, and stays.
"""

from collections.abc import Callable
from typing import TypeVar

from heliograph.cluster.cluster import Cluster
from heliograph.flow.fetcher import Fetcher
from heliograph.flow.lane import Lane
from heliograph.flow.sender import Sender

Part = TypeVar("Part", Fetcher, Sender)


class Placement:
    """Lanes with their fetchers and senders."""

    def __init__(
        self,
        source: Cluster,
        target: Cluster,
        make_fetcher: Callable[[int], Fetcher],
        make_sender: Callable[[int], Sender],
    ) -> None:
        """No lane is anywhere before :meth:`place`; what is made is running."""
        self.fetchers: dict[int, Fetcher] = {}
        """By node id."""
        self.senders: dict[int, Sender] = {}
        self._source, self._target = source, target
        self._make_fetcher, self._make_sender = make_fetcher, make_sender
        self._read_at: dict[Lane, Fetcher] = {}
        self._written_at: dict[Lane, Sender] = {}
        self._nearby: dict[Lane, int] = {}
        """Followers that leaders told us to read from."""

    def place(self, lane: Lane, *, reading: bool) -> None:
        """Bring a lane to the brokers that lead its partitions now; without ``reading``, no new one reads it."""
        node = self._nearby.get(lane, -1)
        if node not in self._source.metadata.brokers:
            node = self._source.metadata.leader(lane.source_topic, lane.partition)
        before = self._read_at.get(lane)
        if node != (before.node_id if before else -1):
            if before:
                before.remove(lane)
                del self._read_at[lane]
            if node >= 0:
                fetcher = self._read_at[lane] = _at(node, self.fetchers, self._make_fetcher)
                if reading:
                    fetcher.add(lane)
        node = self._target.metadata.leader(lane.target_topic, lane.target_partition)
        writes = self._written_at.get(lane)
        if node != (writes.node_id if writes else -1):
            if writes:
                writes.withdraw(lane)
                del self._written_at[lane]
            if node >= 0:
                self._written_at[lane] = _at(node, self.senders, self._make_sender)
            lane.leader_moved()

    def remove(self, lane: Lane) -> None:
        """Forget a lane."""
        fetcher, sender = self._read_at.pop(lane, None), self._written_at.pop(lane, None)
        if fetcher:
            fetcher.remove(lane)
        if sender:
            sender.withdraw(lane)
        self._nearby.pop(lane, None)

    @property
    def read_from(self) -> set[int]:
        """Brokers of the source that lanes are read from."""
        return {fetcher.node_id for fetcher in self._read_at.values()}

    @property
    def written_to(self) -> set[int]:
        """Brokers of the target that lanes are written to."""
        return {sender.node_id for sender in self._written_at.values()}

    # ---- reading --------------------------------------------------------------------------------------------------

    def fetcher(self, lane: Lane) -> Fetcher | None:
        """Return the one that reads ``lane``; None while the source partition has no leader."""
        return self._read_at.get(lane)

    def stop_reading(self, lane: Lane) -> None:
        """Have no answer taken for ``lane`` any more."""
        if lane in self._read_at:
            self._read_at[lane].remove(lane)

    def read_again(self, lane: Lane) -> None:
        """Undo :meth:`stop_reading`."""
        if lane in self._read_at:
            self._read_at[lane].add(lane)

    def prefer(self, lane: Lane, node: int) -> None:
        """Read from this follower when the lane is placed next; -1: from the leader."""
        if node >= 0:
            self._nearby[lane] = node
        else:
            self._nearby.pop(lane, None)

    def is_nearby(self, lane: Lane) -> bool:
        """Whether the lane is read from a follower, or should be."""
        return lane in self._nearby

    def preferring(self, node: int) -> list[Lane]:
        """Return the lanes that are read from this follower."""
        return [lane for lane, nearby in self._nearby.items() if nearby == node]

    # ---- writing --------------------------------------------------------------------------------------------------

    def sender(self, lane: Lane) -> Sender | None:
        """Return the one that writes ``lane``; None while the target partition has no leader."""
        return self._written_at.get(lane)


def _at(node: int, parts: dict[int, Part], make: Callable[[int], Part]) -> Part:
    if node not in parts:
        parts[node] = make(node)
    return parts[node]
