"""What one worker does of its flow, said where it has changed: in the log, and to the flow it belongs to."""

from dataclasses import dataclass

from heliograph.config.model import Part
from heliograph.mirror.steering import Steering
from heliograph.observe.log import Log


@dataclass(frozen=True, slots=True)
class Doing:
    """What a worker does."""

    partitions: int
    """That it copies."""
    topics: int
    """Of these."""
    of: int
    """Partitions that all workers together should copy: those that are not paused."""
    same_config: bool
    """Whether the leader has the same configuration."""


def paused_words(steering: Steering, doing: Doing, *, plans: int) -> str:
    """Return why nothing is copied though nothing is wrong; empty: there is something to copy, or nothing at all."""
    if not steering.runs(Part.SOURCE):
        return "as a whole"
    return "all its topics are" if plans and not doing.of else ""


@dataclass(slots=True)
class ShareTold:
    """What was said last."""

    log: Log
    group: str
    _same_config: bool = True
    _told: Doing | None = None

    def tell(self, now: Doing) -> None:
        """Say what has changed."""
        if self._same_config and not now.same_config:
            self.log.warning("the other workers have another configuration", group=self.group)
        self._same_config = now.same_config
        told, self._told = self._told, now
        if now.partitions == 0 and now.of:
            if told is None or told.partitions:
                self.log.info("standing by: other workers copy all partitions", group=self.group)
        elif told is None:
            more = {"of": now.of} if now.partitions != now.of else {}
            self.log.info("running", topics=now.topics, partitions=now.partitions, **more)
        elif now.partitions - told.partitions != now.of - told.of:  # not for topics that came or went here
            self.log.info("share of the partitions", partitions=now.partitions, of=now.of)

    def steered(self, now: Doing) -> None:
        """Take note that more or less is paused: what is told next is what becomes of the partitions."""
        if self._told is not None:
            self._told = Doing(self._told.partitions, self._told.topics, now.of, self._told.same_config)
