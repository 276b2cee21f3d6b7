"""What the data plane says, put into words for the log."""

from collections.abc import Sequence

from heliograph.config.changes import Changes
from heliograph.config.model import Config, LossKind
from heliograph.flow.events import (
    ClusterBack,
    ClusterTrouble,
    Event,
    LaneFailed,
    LaneRecovered,
    OthersWrite,
    TransactionAborted,
)
from heliograph.mirror.losses import Loss
from heliograph.observe.health import words_of
from heliograph.observe.log import Log
from heliograph.observe.model import Cause


def tell(event: Event, log: Log) -> None:
    """Log ``event``."""
    match event:
        case LaneFailed(topic, partition, cause, retry_in_s):
            retry = "never" if retry_in_s is None else f"{retry_in_s:.1f}s"
            log.error("a partition stands still", topic=topic, partition=partition, cause=cause, next_try_in=retry)
        case LaneRecovered(topic, partition):
            log.info("a partition moves again", topic=topic, partition=partition)
        case Loss():
            _tell_loss(event, log)
        case TransactionAborted(alias, lanes, cause):
            log.warning(
                "a transaction was aborted; its records are copied again", target=alias, partitions=lanes, cause=cause
            )
        case OthersWrite(topic):
            log.info("another instance writes to a copy of heartbeats too", topic=topic)
        case ClusterTrouble(alias, cause):
            log.warning("a cluster does not answer; it is tried again", cluster=alias, cause=cause)
        case ClusterBack(alias):
            log.info("the cluster answers again", cluster=alias)


def tell_warnings(config: Config, besides: Config | None = None) -> None:
    """Log what in a configuration has another effect than its author meant, but not what was so in an earlier one."""
    known = set() if besides is None else {(warned.key, warned.message) for warned in besides.warnings}
    for warned in config.warnings:
        if (warned.key, warned.message) not in known:
            Log().warning("configuration", key=warned.key, line=warned.line or "-", note=warned.message)


def tell_changes(changes: Changes) -> None:
    """Log what another configuration changes, by option."""
    if not changes:
        Log().info("the configuration was read again; nothing has changed")
    for flow in changes.end:
        log = Log(flow.name)
        log.info("the configuration has this flow no more; it ends")
    for flow in changes.begin:
        log = Log(flow.name)
        log.info("the configuration has a new flow; it begins")
    for change in changes.flows:
        log = Log(change.flow.name)
        log.info("the configuration has changed", options=", ".join(change.options))
        if change.starts_again:
            log.warning("these options start the flow again", options=", ".join(change.starts_again))
    if changes.process_in_place:
        Log().info("the configuration has changed", options=", ".join(changes.process_in_place))
    if changes.process:
        options = ", ".join(changes.process)
        Log().warning("these options take effect when the process is started again", options=options)


def tell_health(causes: Sequence[Cause], log: Log) -> None:
    """Log why a flow is degraded; without causes, that it is well again."""
    if causes:
        log.warning("the flow is degraded", causes="; ".join(words_of(cause) for cause in causes))
    else:
        log.info("the flow is well again")


def _tell_loss(loss: Loss, log: Log) -> None:
    """Log a loss with its exact range, on the side where it happened, and where the partition goes on if it may."""
    first, after = loss.offsets
    fields: dict[str, object] = {
        "topic": loss.target_topic if loss.on_target else loss.topic,
        "partition": loss.target_partition if loss.on_target else loss.partition,
        "offsets": f"{first}..{after - 1}" if after > first else "-",
        "count": loss.count,
    }
    if loss.goes_on_at is not None:
        fields["goes_on_at"] = loss.goes_on_at
    match loss.kind:
        case LossKind.RETENTION:
            log.error("records were deleted on the source before they could be copied", **fields)
        case LossKind.TRUNCATION:
            log.error("the source has lost records that had been read", **fields)
        case LossKind.RECREATION:
            log.error("the source topic was recreated", **fields)
        case LossKind.TARGET_DELETION:
            log.error("the target topic was deleted", **fields)
        case LossKind.TARGET_TRUNCATION:
            log.error("the target has lost records that it had acknowledged", **fields)
        case LossKind.FOREIGN_WRITE:
            log.error("somebody else writes to the target partition", **fields)
