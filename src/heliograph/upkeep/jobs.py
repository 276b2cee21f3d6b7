"""All that a flow keeps in step besides records, topics and their configs, as jobs beside the copying.

Heartbeats, offset syncs, checkpoints, positions of groups, ACLs: each is a part of its own, and none of them can end
a flow or hold up its records.
"""

import asyncio

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.flow.data_plane import DataPlane
from heliograph.flow.lane import Lane
from heliograph.mirror.naming import Location
from heliograph.mirror.selection import selection_of
from heliograph.observe.log import Log
from heliograph.upkeep.acls import Acls
from heliograph.upkeep.checkpoints import Checkpoints
from heliograph.upkeep.group_sync import GroupSync
from heliograph.upkeep.heartbeats import Heartbeats
from heliograph.upkeep.instances import Instances
from heliograph.upkeep.periodic import Job
from heliograph.upkeep.state_topics import StateTopics
from heliograph.upkeep.syncs import Syncs


class Upkeep:
    """The parts of one stretch of copying."""

    def __init__(self, config: FlowConfig, source: Cluster, target: Cluster, flow: DataPlane, log: Log) -> None:
        """Nothing is asked or written before the jobs run. Raises ConfigError for lists that are no patterns."""
        self._source, self._target, self._log = source, target, log
        self._lanes = flow.lanes
        clusters = {Location.SOURCE: source, Location.TARGET: target}
        self.syncs = Syncs(config, clusters, self._lanes, log)
        self.instances = Instances(config, target, log)
        self._make_parts(config)

    def _make_parts(self, config: FlowConfig) -> None:
        """Make what remembers nothing that could not be learnt again."""
        self._config = config
        source, target, log = self._source, self._target, self._log
        selects = selection_of(config).selects
        self._heartbeats = Heartbeats(config, source, target, self.instances, log)
        self.checkpoints = Checkpoints(config, source, target, self._lanes, self.syncs, log)
        self._group_sync = GroupSync(config, target, self.checkpoints, log)
        self._acls = Acls(config, source, target, lambda: filter(selects, source.metadata.topics), log)
        self._state_topics = StateTopics(config, source, target, log)

    def change(self, config: FlowConfig) -> None:
        """Do what ``config`` says from now on; :meth:`jobs` says what that is. Raises ConfigError."""
        if _followed(config) != _followed(self._config):
            self.syncs.change(config)
            self.instances.change(config)
            self._make_parts(config)

    def jobs(self) -> list[Job]:
        """Return all jobs that the configuration asks for."""
        parts = (self._heartbeats, self.syncs, self.checkpoints, self._group_sync, self._acls, self._state_topics)
        return [job for part in parts for job in part.jobs()]

    def begun(self, lane: Lane, position: int, expected_offset: int) -> None:
        """Take note of where a lane begins; the lane tells it itself, before it moves its anchor there."""
        self.syncs.begun(lane, position, expected_offset)

    async def finish(self, budget_s: float) -> None:
        """Write what is left at a stop, in ``budget_s`` seconds."""
        try:
            async with asyncio.timeout(budget_s):
                await self.syncs.finish()
        except (HeliographError, TimeoutError) as error:
            self._log.debug("the last offset syncs were not written", cause=error)


def _followed(config: FlowConfig) -> tuple[object, ...]:
    """Return what the parts follow."""
    return (
        config.sync,
        config.topics,
        config.topics_exclude,
        config.replicate_heartbeats,
        config.offset_flush_interval_ms,
    )
