"""What both clusters say of lanes that are about to begin: ends, ids of topics, ends of epochs, and single records.

The judgement is :mod:`heliograph.mirror.losses`'s; this module brings it what it judges by. All lanes are asked for
together, because two thousand questions in one request are cheaper than two thousand requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliograph import records
from heliograph.cluster import admin, epochs
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import PartitionLog, fetch_once
from heliograph.errors import HeliographError
from heliograph.flow.lane import Lane
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.losses import NO_ID, cut_at, is_other
from heliograph.mirror.resume import SourceBatch
from heliograph.records import Kind, Record

WALK_BYTES = 1 << 20
TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class PartitionState:
    """Where a lane's partitions begin and end (an end is the offset after the last record), and which they are."""

    begin: int
    """First source offset that is still there."""
    end: int
    target_end: int
    target_kept: int
    """Where the target ended when it was found to be shorter than it should be; else ``target_end``."""
    topic_id: str
    """Of the source topic; empty: not told."""
    target_id: str
    leader_epoch: int
    """Of the source partition; -1: not told."""
    cut: int | None
    """Source offset at which the log was cut since the stored position was reached; None: nothing is known of a cut."""
    whole: bool
    """The leaders' epochs say that the source still holds all that it held when the stored position was reached."""


async def gather(
    source: Cluster, target: Cluster, lanes: Sequence[Lane], stored: Mapping[Lane, Anchor]
) -> dict[Lane, PartitionState | HeliographError]:
    """Ask both clusters about ``lanes``; gives each one's state, or why there is none."""
    if any(lane.producer is not None for lane in lanes):  # they ran before: what is known may be what misled them
        await source.refresh({lane.source_topic for lane in lanes})
        await target.refresh({lane.target_topic for lane in lanes})
    sources = {(lane.source_topic, lane.partition) for lane in lanes}
    begins = await admin.list_offsets(source, sources, admin.EARLIEST)
    ends = await admin.list_offsets(source, sources, admin.LATEST)
    targets = {(lane.target_topic, lane.target_partition) for lane in lanes}
    target_ends = await admin.list_offsets(target, targets, admin.LATEST)
    epoch_ends = await _epoch_ends(source, stored)
    found: dict[Lane, PartitionState | HeliographError] = {}
    for lane in lanes:
        here, there = (lane.source_topic, lane.partition), (lane.target_topic, lane.target_partition)
        told = (begins[here], ends[here], target_ends[there], epoch_ends.get(here))
        wrong = next((each for each in told if isinstance(each, HeliographError)), None)
        found[lane] = wrong or _state(source, target, lane, stored.get(lane), told)
    return found


async def _epoch_ends(
    source: Cluster, stored: Mapping[Lane, Anchor]
) -> dict[TopicPartition, epochs.EpochEnd | HeliographError]:
    """Ask for the ends of the epochs under which the stored positions were reached, where both sides know epochs."""
    wanted: dict[TopicPartition, epochs.Read] = {}
    for lane, anchor in stored.items():
        topic = source.metadata.topics.get(lane.source_topic)
        now = source.metadata.leader_epoch(lane.source_topic, lane.partition)
        if topic is None or is_other(anchor.topic_id, str(topic.topic_id or "")):
            continue
        if now >= 0 and anchor.leader_epoch >= 0:
            wanted[lane.source_topic, lane.partition] = epochs.Read(anchor.leader_epoch, now)
    found = await epochs.epoch_ends(source, wanted)
    again = {key: wanted[key] for key, answer in found.items() if isinstance(answer, HeliographError)}
    if again:  # the leader has moved since we looked, most often
        await source.refresh({topic for topic, _ in again})
        current = source.metadata.leader_epoch
        anew = {key: epochs.Read(read.epoch, current(*key)) for key, read in again.items()}
        found.update(await epochs.epoch_ends(source, anew))
    return found


def _state(
    source: Cluster,
    target: Cluster,
    lane: Lane,
    stored: Anchor | None,
    told: tuple[object, ...],
) -> PartitionState:
    begin, end, target_end, epoch_end = told
    assert isinstance(begin, int)
    assert isinstance(end, int)
    assert isinstance(target_end, int)
    cut, whole = None, False
    if stored is not None and isinstance(epoch_end, epochs.EpochEnd):
        cut = cut_at(stored.source_offset + 1, stored.leader_epoch, epoch_end.epoch, epoch_end.end_offset)
        whole = cut is None and epoch_end.end_offset >= 0
    return PartitionState(
        begin,
        end,
        target_end,
        target_end if lane.target_kept is None else min(target_end, lane.target_kept),
        topic_id(source, lane.source_topic),
        topic_id(target, lane.target_topic),
        source.metadata.leader_epoch(lane.source_topic, lane.partition),
        cut,
        whole,
    )


def topic_id(cluster: Cluster, name: str) -> str:
    """Return a topic's id as last seen; empty where brokers tell none (before 2.8)."""
    topic = cluster.metadata.topics.get(name)
    found = str(topic.topic_id or "") if topic else ""
    return "" if found in NO_ID else found


def alike(one: Record, other: Record) -> bool:
    """Say whether two records may be one and its copy; a time that a broker stamped itself tells nothing."""
    stamped = one.appended or other.appended
    return one.key == other.key and one.value == other.value and (stamped or one.timestamp == other.timestamp)


class Held:
    """The records of one batch, decoded only when asked for."""

    def __init__(self, frame: bytearray, start: int, end: int) -> None:
        """Keep the frame alive for as long as somebody may ask."""
        self._frame, self._start, self._end = frame, start, end

    def __call__(self) -> list[Record]:
        """Decode them; raises DamagedBatch."""
        return list(records.decode(self._frame, self._start, self._end))


async def source_batches(
    source: Cluster, lane: Lane, position: int, *, read_committed: bool
) -> list[tuple[SourceBatch, Held]]:
    """Read the source from ``position`` once, as batches; empty at its end."""
    log = PartitionLog(source, lane.source_topic, lane.partition, read_committed)
    row, frame = await fetch_once(log, position, max_bytes=WALK_BYTES)
    aborted = row.aborted if read_committed else ()
    found = records.scan(frame, row.start, row.end, position, aborted=aborted, small_bytes=0)
    batches: list[tuple[SourceBatch, Held]] = []
    for run in found.runs:
        held = Held(frame, run.start, run.end)
        if run.kind is Kind.LEGACY:
            batches += ((SourceBatch(r.offset, r.offset + 1, 1), held) for r in held() if r.offset >= position)
        else:
            count = 0 if run.kind is Kind.DROP else run.records
            batches.append((SourceBatch(run.first_offset, run.next_offset, count), held))
    return batches
