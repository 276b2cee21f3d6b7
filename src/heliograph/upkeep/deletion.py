"""Clearing away copies whose source topics are gone, for those who ask for it; the conditions are in the rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heliograph.cluster import admin
from heliograph.cluster.cluster import Cluster
from heliograph.errors import HeliographError
from heliograph.flow.partition_state import topic_id
from heliograph.mirror.deletions import Deletions
from heliograph.observe.log import Log
from heliograph.wire import errors as codes


@dataclass(slots=True)
class DeletionJob:
    """Deletes copies on the target, when everything speaks for it."""

    source: Cluster
    target: Cluster
    rules: Deletions
    log: Log
    _cluster_id: str | None = None
    """Of the source, at the first look."""
    _refused: dict[str, str] = field(default_factory=dict)
    """By topic on the target: why it was not deleted, as the log has it already."""

    async def look(self, gone: Mapping[str, Collection[str]], present: Collection[str]) -> tuple[str, ...]:
        """Take one look, and delete what is due; gives the source topics whose copies are deleted. Raises ClusterError.

        ``gone`` has the source topics that are gone, each with the ids of the topics on the target that it was copied
        to, as far as they are known; ``present`` are the flow's topics that it still has.
        """
        if not self._same_source():
            return ()
        due = self.rules.due(gone.keys(), present)
        missing = await self._missing(due) if due else ()
        wanted = {self.rules.naming.remote_topic(topic): topic for topic in missing}
        present = self.target.metadata.topics
        ours = [remote for remote, topic in wanted.items() if remote in present and self._is_ours(remote, gone[topic])]
        answer = await admin.delete_topics(self.target, ours) if ours else {}
        for remote, problem in answer.items():
            self._tell(remote, problem)
        return tuple(wanted[remote] for remote, problem in answer.items() if problem is None)

    def _same_source(self) -> bool:
        """Whether the source is the cluster that it was at the first look."""
        now = self.source.metadata.cluster_id
        self._cluster_id = self._cluster_id or now
        return now is not None and now == self._cluster_id

    async def _missing(self, topics: Collection[str]) -> tuple[str, ...]:
        """Ask the source by name which topics do not exist, as told from those that may not be seen."""
        values = {
            "topics": [{"name": name, "topic_id": None} for name in topics],
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        }
        answer = await self.source.call("metadata", values)
        return tuple(str(row.name) for row in answer.topics if int(row.error_code) == codes.UNKNOWN_TOPIC_OR_PARTITION)

    def _is_ours(self, remote: str, ids: Collection[str]) -> bool:
        """Whether the topic on the target is the one that was written to, as far as ids tell."""
        now = topic_id(self.target, remote)
        return not ids or not now or now in ids

    def _tell(self, remote: str, problem: HeliographError | None) -> None:
        if problem is None:
            self.log.warning("the copy is deleted, as its source topic is gone", topic=remote)
        elif self._refused.get(remote) != str(problem):
            self.log.error("a copy whose source topic is gone cannot be deleted", topic=remote, cause=problem)
        self._refused.pop(remote, None)
        if problem is not None:
            self._refused[remote] = str(problem)
