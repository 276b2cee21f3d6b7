"""Sessions that the broker lets expire (KIP-368) are renewed while records flow, and nobody notices."""

import time

import pytest
from plain_client import create_topic, read, simple_rows, wait_for_rows, write

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(120)]
USER, PASSWORD = "mirror", "open-5esame"
SESSION_MS = 4_000
SESSIONS = 3


def test_sessions_are_renewed_while_records_flow(heliograph, unique):
    """A broker closes a connection that is used after its session's end: a renewal that fails would be in the log."""
    expiring = {"connections.max.reauth.ms": str(SESSION_MS)}
    with KafkaCluster(listeners=("PLAINTEXT", "SASL_PLAINTEXT"), users={USER: PASSWORD}, properties=expiring) as kafka:
        create_topic(kafka, unique)
        told = kafka.client_properties("SASL_PLAINTEXT", USER, "SCRAM-SHA-256")
        lines = [f"{alias}.{key}={value}" for alias in ("one", "two") for key, value in told.items()]
        own = ["clusters=one, two", "one->two.enabled=true", f"one->two.topics={unique}", "replication.factor=1"]
        own += [f"{name}.topic.replication.factor=1" for name in ("heartbeats", "offset-syncs", "checkpoints")]
        running = heliograph("\n".join([*own, "two.offset.storage.replication.factor=1", *lines]))
        running.wait_for("running")
        written, end = 0, time.monotonic() + SESSIONS * SESSION_MS / 1000
        while time.monotonic() < end:
            write(kafka, unique, simple_rows(10))
            written += 10
            assert len(wait_for_rows(kafka, f"one.{unique}", written)) == written
        assert wait_for_rows(kafka, f"one.{unique}", written) == read(kafka, unique)
        assert running.stop() == 0
        for trouble in ("WARNING", "ERROR", PASSWORD):
            assert trouble not in running.log
