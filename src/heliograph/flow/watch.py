"""Whether partitions still are what their lanes know them to be, whenever metadata was refreshed.

A topic's id (KIP-516) changes when it is recreated. The epoch of a partition's leader (KIP-320) changes with each
election; most are harmless, but a leader that lagged may lack what was read from the one before. So a lane goes on
reading under the old epoch, which brokers refuse, until the new leader has said that its log still holds everything.
"""

from collections.abc import Callable
from dataclasses import dataclass

from heliograph.cluster import epochs
from heliograph.cluster.cluster import Cluster
from heliograph.errors import ClusterError, HeliographError
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.flow.partition_state import topic_id
from heliograph.mirror.losses import cut_at, is_other
from heliograph.wire import errors as codes


@dataclass(frozen=True, slots=True)
class WatchListener:
    """Whom the watch tells."""

    doubted: Callable[[Lane, HeliographError], None]
    """One of the lane's partitions is not what it was; its position must be determined again."""
    confirmed: Callable[[Lane], None]
    """The lane may read under its leader's new epoch."""


class Watch:
    """Looks at lanes against both clusters' metadata."""

    def __init__(self, source: Cluster, target: Cluster, listener: WatchListener) -> None:
        """Nothing is asked before :meth:`check_epochs`."""
        self._source, self._target = source, target
        self._listener = listener
        self._unchecked: dict[Lane, None] = {}

    def look(self, lane: Lane) -> None:
        """Compare what metadata says of the lane's topics with what it knows; new epochs are only noted."""
        if lane.state not in (State.RUNNING, State.FAILED):
            return  # its position is being found, which includes all this, or it is not to move
        doubt = self._doubt(lane) if lane.state is State.RUNNING else None
        if doubt is not None:
            self._listener.doubted(lane, doubt)
            return
        epoch = self._source.metadata.leader_epoch(lane.source_topic, lane.partition)
        if lane.identity.leader_epoch < 0:
            lane.led_by(epoch)
        elif epoch > lane.identity.leader_epoch:
            self._unchecked[lane] = None

    def _doubt(self, lane: Lane) -> HeliographError | None:
        for cluster, name, known in (
            (self._source, lane.source_topic, lane.identity.topic_id),
            (self._target, lane.target_topic, lane.identity.target_id),
        ):
            if is_other(known, topic_id(cluster, name)):
                return ClusterError(f"Topic {name} on {cluster.alias} is no longer the one that was there")
        topic = self._target.metadata.topics.get(lane.target_topic)
        if topic is None or (not topic.partitions and topic.error == codes.UNKNOWN_TOPIC_OR_PARTITION):
            return ClusterError(
                f"Topic {lane.target_topic} is gone from {self._target.alias}",
                remedy="It is created again at the next look at the topics",
            )
        return None

    @property
    def unchecked(self) -> bool:
        """Whether a lane waits for :meth:`check_epochs`."""
        return bool(self._unchecked)

    async def check_epochs(self) -> None:
        """Ask new leaders whether their logs hold what was read; a lane that gets no answer is asked for again."""
        lanes = {(lane.source_topic, lane.partition): lane for lane in self._unchecked}
        self._unchecked = {}
        now = self._source.metadata.leader_epoch
        wanted = {key: epochs.Read(lane.identity.leader_epoch, now(*key)) for key, lane in lanes.items()}
        found = await epochs.epoch_ends(self._source, wanted)
        for key, lane in lanes.items():
            answer = found.get(key)
            if isinstance(answer, HeliographError) or lane.identity.leader_epoch != wanted[key].epoch:
                continue
            position = lane.next_position
            cut = (
                None
                if answer is None
                else cut_at(position, lane.identity.leader_epoch, answer.epoch, answer.end_offset)
            )
            if cut is None:
                lane.led_by(wanted[key].leader_epoch)
                self._listener.confirmed(lane)
                continue
            self._listener.doubted(
                lane,
                ClusterError(
                    f"{lane.source_topic}-{lane.partition} on {self._source.alias} was read up to {position}, and its"
                    f" new leader has other records from {cut} on"
                ),
            )
