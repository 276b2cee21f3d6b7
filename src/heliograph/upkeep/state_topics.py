"""A periodic look at the topics that hold a flow's state: one that is not compacted loses it."""

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.mirror.naming import Location
from heliograph.mirror.state_topics import StateTopic, forgets, state_topics_of
from heliograph.observe.log import Log
from heliograph.upkeep.periodic import Job, Scope

LOOK_S = 600.0


class StateTopics:
    """Warns of each topic once, and again when its policy has changed."""

    def __init__(self, config: FlowConfig, source: Cluster, target: Cluster, log: Log) -> None:
        """Nothing is asked before the job runs."""
        self._clusters = {Location.SOURCE: source, Location.TARGET: target}
        self._topics = [topic for topic in state_topics_of(config) if topic.loss]
        self._log = log
        self._told: dict[StateTopic, str] = {}

    def jobs(self) -> list[Job]:
        """Return the job that looks."""
        return [Job("look at the topics that hold the state", Scope.FLOW, LOOK_S, self.look, at_once=True)]

    async def look(self) -> None:
        """Look at the policies once, where topics are there and may be seen. Raises a ClusterError."""
        for location, cluster in self._clusters.items():
            here = {topic.name: topic for topic in self._topics if topic.location is location}
            for name, policy in (await admin.cleanup_policies(cluster, sorted(here))).items():
                topic = here[name]
                if forgets(policy) and self._told.get(topic) != policy:
                    self._log.warning(
                        "a topic that holds state deletes old records",
                        topic=name,
                        cluster=cluster.alias,
                        cleanup_policy=policy,
                        holds=topic.what,
                        loss=topic.loss,
                    )
                self._told[topic] = policy
