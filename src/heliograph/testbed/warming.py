"""Fills the cache for some versions of Kafka: their jars, and an archive of the classes that their programs load.

``python -m heliograph.testbed.warming 4.3.1 2.8.2`` does in advance, once for a machine, what would make the first
start slow. Which classes are loaded is seen in a rehearsal: a broker, one of Apache's tools and, where the version has
it, MirrorMaker 2 start and end.
"""

import contextlib
import fcntl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import cache_folder, class_path
from heliograph.testbed.class_archives import archive_path, list_classes, make_archive
from heliograph.testbed.java import find_java
from heliograph.testbed.kafka import KafkaCluster
from heliograph.testbed.mirror_maker import MirrorMaker
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import SMALL_JVM

MIRROR = """
clusters = one, two
one.bootstrap.servers = {0}
two.bootstrap.servers = {0}
one->two.enabled = true
one->two.sync.group.offsets.enabled = true
replication.factor = 1
offset.storage.replication.factor = 1
config.storage.replication.factor = 1
status.storage.replication.factor = 1
heartbeats.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
"""
"""A flow of MirrorMaker 2 from a cluster to itself."""

BUSY = "task-thread-MirrorHeartbeatConnector-0"
"""Its log shows this thread when its connectors have tasks."""


def warm(version: str) -> bool:
    """Make sure that a version's jars and archive are there; True when they were not. Raises HeliographError."""
    java, jars = find_java(), class_path(KafkaVersion.parse(version))
    if archive_path(java, jars).exists():
        return False
    with _alone():
        if archive_path(java, jars).exists():
            return False
        with tempfile.TemporaryDirectory(prefix="heliograph-classes-") as folder:
            _rehearse(version, Path(folder))
            make_archive(java, jars, Path(folder))
    return True


def _rehearse(version: str, folder: Path) -> None:
    """Run what the testbed runs, and let each JVM list its classes in ``folder``."""
    options = (*SMALL_JVM, *list_classes(folder))
    with KafkaCluster(version, jvm_options=options) as cluster:
        cluster.tool("kafka-topics", "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "1")
        if cluster.version.at_least(2, 4):
            with MirrorMaker(MIRROR.format(cluster.bootstrap()), version=version, jvm_options=options) as maker:
                maker.server.wait_for_log(BUSY)
                maker.stop()
        cluster.stop()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time rehearse; the lock ends with the process that holds it."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "warming.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(versions: list[str]) -> None:
    """Warm the cache for each version, and say what was done. What cannot be prepared is no reason to stop."""
    for version in versions:
        try:
            if warm(version):
                print(f"prepared Kafka {version} for quick starts")  # noqa: T201 - a program's output
        except HeliographError as error:
            print(f"Kafka {version} is not prepared for quick starts: {error}", file=sys.stderr)  # noqa: T201 - the same


if __name__ == "__main__":
    main(sys.argv[1:])
