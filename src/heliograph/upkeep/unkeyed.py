"""Copies of topics that were compacted when they held records without key already.

A compacted topic takes no record without key. A source topic that became compacted later may hold some all the same,
until its log cleaner removes them; its copy refuses them, and whatever is behind them waits. Such a copy is set to
``cleanup.policy=delete`` without any limit of retention, so that nothing is deleted meanwhile, until everything is
copied that was on the source at that time: what comes later has keys, because the source asks for them too. Then the
copy gets back what it had.

A process that ends in between leaves the copy as it is, and the next one's sync of topic configs compacts it again; if
records without key are left, it begins as before.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError, HeliographError, NotAuthorized
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State
from heliograph.mirror.topics import ConfigSource
from heliograph.observe.log import Log
from heliograph.upkeep.periodic import Job, Scope
from heliograph.upkeep.topic_configs import Entries, change_configs, read_configs
from heliograph.wire import errors as codes

LOOK_S = 1.0
TRY_AGAIN_S = 5.0
"""Pause between two looks at the configs of copies that refuse records."""
CLEANUP_POLICY = "cleanup.policy"
OPEN = {CLEANUP_POLICY: "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""With these a topic takes any record and deletes none."""


@dataclass(frozen=True, slots=True)
class Held:
    """A copy that is not compacted for now."""

    target_topic: str
    ends: Mapping[int, int]
    """Where the source's partitions ended when it began: records without key lie before."""
    before: Mapping[str, str | None]
    """What the copy had of its own; None: the broker's default."""


@dataclass(slots=True)
class Unkeyed:
    """Holds copies open for records without key, and compacts them again."""

    source: Cluster
    target: Cluster
    lanes: Mapping[tuple[str, int], Lane]
    log: Log
    held: dict[str, Held] = field(default_factory=dict)
    """By topic on the source."""
    _not_before_s: float = 0.0
    _told: dict[str, str] = field(default_factory=dict)
    """Why a copy could not be changed, as the log has it already, by topic on the target."""

    def jobs(self) -> list[Job]:
        """Return what is to be done; nothing is asked of a cluster while no record is refused."""
        return [Job("make way for records without key", Scope.LANES, LOOK_S, self.look)]

    @property
    def spared(self) -> dict[str, frozenset[str]]:
        """Configs that nobody else may change for now, by topic on the target."""
        return {each.target_topic: frozenset(OPEN) for each in self.held.values()}

    async def look(self) -> None:
        """Hold copies open whose lanes were refused, and compact those that are past it. Raises a ClusterError."""
        now_s = asyncio.get_running_loop().time()
        for topic in [each for each, held in self.held.items() if self._is_past(each, held)]:
            await self._compact(topic, self.held[topic])
        wanted = self._refused() if now_s >= self._not_before_s else {}
        if not wanted:
            return
        self._not_before_s = now_s + TRY_AGAIN_S
        theirs = await read_configs(self.source, wanted)
        ours = await read_configs(self.target, wanted.values())
        for topic, remote in wanted.items():
            if _is_compacted(theirs.get(topic, {})) and _is_compacted(ours.get(remote, {})):
                await self._open(topic, remote, ours[remote])

    def _refused(self) -> dict[str, str]:
        """Return the copies, by topic on the source, of which the target refuses a record as invalid.

        One that is held open is among them when somebody has compacted it meanwhile.
        """
        return {
            lane.source_topic: lane.target_topic
            for lane in self.lanes.values()
            if isinstance(lane.cause, BrokerError)
            and lane.cause.code == codes.INVALID_RECORD
            and lane.state is State.FAILED
        }

    def _is_past(self, topic: str, held: Held) -> bool:
        lanes = {partition: self.lanes.get((topic, partition)) for partition in held.ends}
        return all(lane is None or lane.settled >= held.ends[partition] for partition, lane in lanes.items())

    async def _open(self, topic: str, remote: str, entries: Entries) -> None:
        partitions = [partition for name, partition in self.lanes if name == topic]
        ends: dict[int, int] = {}
        found = await admin.list_offsets(self.source, [(topic, each) for each in partitions], admin.LATEST)
        for (_, partition), end in found.items():
            if isinstance(end, HeliographError):
                raise end
            ends[partition] = end
        own = {name: entry.value for name, entry in entries.items() if entry.source is ConfigSource.TOPIC}
        held = self.held.get(topic) or Held(remote, ends, {name: own.get(name) for name in OPEN})
        self.held[topic] = held  # before the change, or a sync of topic configs could undo it
        if not await self._change(remote, entries, OPEN):
            del self.held[topic]
        else:
            before = ",".join(f"{name}={value}" for name, value in held.before.items() if value is not None)
            self.log.warning(
                "a copy is not compacted until records without key are copied", topic=remote, before=before
            )

    async def _compact(self, topic: str, held: Held) -> None:
        entries = (await read_configs(self.target, [held.target_topic])).get(held.target_topic)
        if entries is None or await self._change(held.target_topic, entries, held.before):
            del self.held[topic]
            self.log.info("a copy is compacted again", topic=held.target_topic)

    async def _change(self, remote: str, entries: Entries, configs: Mapping[str, str | None]) -> bool:
        error = (await change_configs(self.target, {remote: configs}, {remote: entries})).get(remote)
        if error is None:
            self._told.pop(remote, None)
        elif self._told.get(remote) != str(error):
            self._told[remote] = str(error)
            if isinstance(error, NotAuthorized):
                wanted = ",".join(f"{name}={value}" for name, value in configs.items() if value is not None)
                error = NotAuthorized(
                    error.message,
                    right=error.right,
                    resource=error.resource,
                    remedy=f"{error.remedy}, or set it yourself: kafka-configs.sh --bootstrap-server ... --alter "
                    f"--entity-type topics --entity-name {remote} --add-config {wanted}",
                )
            self.log.error("a copy cannot be given another cleanup policy", topic=remote, cause=error)
        return error is None


def _is_compacted(entries: Entries) -> bool:
    policy = entries.get(CLEANUP_POLICY)
    return policy is not None and "compact" in (policy.value or "")
