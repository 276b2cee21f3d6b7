"""The properties files of these tests: read by MirrorMaker 2 and by the program alike."""

import itertools
import os

QUICK = {
    "config.storage.replication.factor": 1,
    "status.storage.replication.factor": 1,
    "offset-syncs.topic.replication.factor": 1,
    "heartbeats.topic.replication.factor": 1,
    "checkpoints.topic.replication.factor": 1,
    "refresh.topics.interval.seconds": 2,
    "refresh.groups.interval.seconds": 2,
    "emit.checkpoints.interval.seconds": 1,
    "target.session.timeout.ms": 6000,
    "target.heartbeat.interval.ms": 1000,
    "target.scheduled.rebalance.max.delay.ms": 1000,
    "target.offset.flush.interval.ms": 5000,
    "task.shutdown.graceful.timeout.ms": 20000,
    "config.storage.partitions": 1,
    "status.storage.partitions": 1,
}
"""One replica of everything, and intervals of seconds; what a crash leaves open is not made smaller than it must be."""

COUNTER = itertools.count(1)


def alias() -> str:
    """Return an alias that no other flow of this run has, in whichever of its processes."""
    return f"mm{os.environ.get('PYTEST_XDIST_WORKER', '')}n{next(COUNTER)}"
