"""What the data plane says, put into words for the log."""

from heliograph.flow.events import (
    ClusterBack,
    ClusterTrouble,
    Event,
    ForeignWrite,
    LaneFailed,
    LaneRecovered,
    SourceRecordsLost,
)
from heliograph.observe.log import Log


def tell(event: Event, log: Log) -> None:
    """Log ``event``."""
    match event:
        case LaneFailed(topic, partition, cause, retry_in_s):
            retry = f"{retry_in_s:.1f}s"
            log.error("a partition stands still", topic=topic, partition=partition, cause=cause, next_try_in=retry)
        case LaneRecovered(topic, partition):
            log.info("a partition moves again", topic=topic, partition=partition)
        case SourceRecordsLost(topic, partition, first, after):
            log.error(
                "records were deleted on the source before they could be copied",
                topic=topic,
                partition=partition,
                offsets=f"{first}..{after - 1}",
                count=after - first,
            )
        case ForeignWrite(topic, partition, expected, got):
            log.error(
                "somebody else writes to the target partition",
                topic=topic,
                partition=partition,
                offsets=f"{expected}..{got - 1}",
            )
        case ClusterTrouble(alias, cause):
            log.warning("a cluster does not answer; it is tried again", cluster=alias, cause=cause)
        case ClusterBack(alias):
            log.info("the cluster answers again", cluster=alias)
