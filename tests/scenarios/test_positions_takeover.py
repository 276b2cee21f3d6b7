"""It never copies beside a real MirrorMaker 2."""

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write

from heliograph.testbed import MirrorMaker

pytestmark = pytest.mark.brokers


def test_it_refuses_to_run_beside_mirror_maker(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(10))
    more = {
        "config.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "offset-syncs.topic.replication.factor": 1,
        "heartbeats.topic.replication.factor": 1,
        "checkpoints.topic.replication.factor": 1,
    }
    properties = one_way(source_kafka, target_kafka, "real", unique, more)
    with MirrorMaker(properties, clusters=["target"]):
        wait_for_rows(target_kafka, f"real.{unique}", 10, limit_s=60)
        running = heliograph(properties)
        assert running.wait(40) not in (0, None)
        last = running.log.strip().splitlines()[-1]
        assert last.startswith("heliograph: ")
        assert "real-mm2" in last
        assert "MirrorMaker 2" in last
        assert " on 127.0.0.1)" in last, "it says where"
        assert "Traceback" not in running.log
