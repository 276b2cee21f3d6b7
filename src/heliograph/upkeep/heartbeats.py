"""The job that writes signs of life, to the target and, for the reverse flow, to the source."""

import time
from functools import partial

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import NotAuthorized
from heliograph.mirror.formats import encode_heartbeat
from heliograph.mirror.heartbeats import Emitter, Side, emitters_of
from heliograph.mirror.instances import Duty
from heliograph.mirror.naming import HEARTBEATS
from heliograph.observe.log import Log
from heliograph.upkeep.instances import Instances
from heliograph.upkeep.internal_topics import InternalTopic
from heliograph.upkeep.periodic import Job, Scope

DUTIES = {Side.SOURCE: Duty.WRITE_TO_SOURCE, Side.TARGET: Duty.WRITE_TO_TARGET}


class Heartbeats:
    """Writes heartbeats beside one flow, where no other instance does."""

    def __init__(self, config: FlowConfig, source: Cluster, target: Cluster, instances: Instances, log: Log) -> None:
        """Nothing is written before the jobs run."""
        self._instances = instances
        self._log = log
        factor, option = config.sync.heartbeats_replication_factor, "heartbeats.topic.replication.factor"
        self._topics = {
            Side.SOURCE: InternalTopic(source, HEARTBEATS, factor, option),
            Side.TARGET: InternalTopic(target, HEARTBEATS, factor, option),
        }
        self._emitters = emitters_of(config)
        self._given_up: set[Side] = set()

    def jobs(self) -> list[Job]:
        """Return a job for each cluster that is written to."""
        return [
            Job(
                f"write heartbeats to {self._topics[emitter.side].cluster.alias}",
                Scope.FLOW,
                emitter.interval_s,
                partial(self.beat, emitter),
                part=Part.HEARTBEAT,
            )
            for emitter in self._emitters
        ]

    async def beat(self, emitter: Emitter) -> None:
        """Write one heartbeat. Raises a ClusterError; a source that does not allow it is given up without one."""
        if emitter.side in self._given_up or DUTIES[emitter.side] not in self._instances.duties:
            return
        now_ms = time.time_ns() // 1_000_000
        try:
            await self._topics[emitter.side].write([encode_heartbeat(emitter.heartbeat(now_ms))], now_ms)
        except NotAuthorized as error:
            if emitter.side is Side.TARGET:
                raise
            # A flow does not need Write on its source, so this is how many of them will run.
            self._given_up.add(emitter.side)
            self._log.info("no heartbeats are written to the source", cause=error)
