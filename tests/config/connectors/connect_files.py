"""A Connect worker's file for tests."""

from datetime import UTC, datetime
from pathlib import Path

from heliograph.config.connectors.worker_file import ConnectWorker, read_worker
from heliograph.config.load import OPTIONS
from heliograph.config.properties import parse_properties

WORKER = """
bootstrap.servers=127.0.0.1:9092
group.id=connect-cluster
config.storage.topic=cc-configs
offset.storage.topic=cc-offsets
status.storage.topic=cc-status
offset.storage.replication.factor=1
offset.flush.interval.ms=1000
producer.max.request.size=2000000
consumer.max.poll.records=7
"""


def worker(text: str = WORKER) -> ConnectWorker:
    file = parse_properties(text.encode(), Path("worker.properties"))
    return read_worker(file, OPTIONS, environ={}, now=datetime.now(UTC))
