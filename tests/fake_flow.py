"""A flow between two fake clusters, and what tests of its parts need: connected clusters, a lane, what was stored."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.flow.lane import Lane, Producer
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync, encode_offset_sync
from heliograph.mirror.naming import Location, naming_of
from heliograph.offsets.failback import write_positions
from heliograph.offsets.stored import ensure_topic


@dataclass(frozen=True)
class Ends:
    """Both clusters of a flow."""

    flow: FlowConfig
    source: Cluster
    target: Cluster


@asynccontextmanager
async def connected(source: FakeCluster, target: FakeCluster, **changes: Any) -> AsyncIterator[Ends]:
    """Connect to both; ``changes`` are those of the flow, which copies ``t.*`` unless they say otherwise."""
    configs = [source.config, target.config]
    clusters = [Cluster(each) for each in configs]
    try:
        for each in clusters:
            await each.start()
            await each.refresh(sorted(source.topics.keys() | target.topics.keys()))
        yield Ends(flow_config(*configs, **{"topics": ("t.*",), **changes}), *clusters)
    finally:
        for each in clusters:
            await each.close()


def lane_of(
    topic: str, partition: int = 0, *, alias: str = "A", position: int = 0, expected: int = 0, **more: Any
) -> Lane:
    """Return a lane that has begun at ``position``; its next record is expected at ``expected``."""
    lane = Lane(topic, f"{alias}.{topic}", partition, Window(1 << 20), **more)
    lane.start(position, expected, Producer(7, 0), target_before=expected - 1)
    return lane


async def stored(
    ends: Ends,
    anchors: Mapping[tuple[str, int], Anchor],
    *,
    syncs: Iterable[OffsetSync] = (),
    checkpoints: Iterable[tuple[bytes, bytes]] = (),
    now_ms: int = 1_700_000_000_000,
) -> None:
    """Store on the target what a process leaves behind: positions, offset syncs and checkpoints."""
    assert await ensure_topic(ends.target, ends.flow) is None
    await write_positions(ends.target, ends.flow, dict(anchors))
    naming = naming_of(ends.flow)
    for name, rows in (
        (naming.offset_syncs_topic(Location.TARGET), [encode_offset_sync(each) for each in syncs]),
        (naming.checkpoints_topic, list(checkpoints)),
    ):
        if rows:
            await admin.create_topics(ends.target, [admin.NewTopic(name, 1, 1, {"cleanup.policy": "compact"})])
            await ends.target.refresh([name])
            await table.write(ends.target, name, {0: list(rows)}, now_ms)
