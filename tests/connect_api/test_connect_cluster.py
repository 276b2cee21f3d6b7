"""Connectors as a Connect cluster keeps them: they outlive processes, and real Kafka Connect takes them over and back."""

import time

import pytest
from mirror_maker_files import alias
from plain_client import create_topic, wait_for_rows
from playing import Player
from requests_table import BYTES, MIRROR, at
from running_program import Running
from steady_load import Load, assert_equal

from heliograph.errors import HeliographError
from heliograph.testbed import ConnectWorker, KafkaCluster
from heliograph.testbed.connect_worker import worker_properties
from heliograph.testbed.ports import Ports

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 3
COPIED = 500
LIMIT_S = 60.0


def connector(kind: str, source: KafkaCluster, target: KafkaCluster, name: str, **more: str) -> dict[str, str]:
    """Return the configuration of one of MM2's connectors between two clusters, quick to notice what changes."""
    return {
        "connector.class": f"{MIRROR}.Mirror{kind}Connector",
        "source.cluster.alias": name,
        "target.cluster.alias": "target",
        "source.cluster.bootstrap.servers": source.bootstrap(),
        "target.cluster.bootstrap.servers": target.bootstrap(),
        "key.converter": BYTES,
        "value.converter": BYTES,
        "header.converter": BYTES,
        "replication.factor": "1",
        "offset-syncs.topic.replication.factor": "1",
        "checkpoints.topic.replication.factor": "1",
        "heartbeats.topic.replication.factor": "1",
        "sync.topic.acls.enabled": "false",
        "refresh.topics.interval.seconds": "1",
        "tasks.max": "2",
        **more,
    }


def status_of(player: Player, name: str) -> tuple[str, set[str]]:
    """Return the state of a connector, and those of its tasks."""
    body = player.ask("GET", at(name, "/status")).body
    if "connector" not in body:
        return "", set()
    return body["connector"]["state"], {task["state"] for task in body["tasks"]}


def wait_for_status(player: Player, name: str, state: str, tasks: set[str], running: Running | None = None) -> None:
    deadline = time.monotonic() + LIMIT_S
    while (found := status_of(player, name)) != (state, tasks):
        assert time.monotonic() < deadline, (found, running and running.log)
        time.sleep(0.1)


def said(heliograph, running: Running, command: str, *options: str) -> tuple[int | None, str]:
    """Return how a command ends that is given the worker's file, and what it prints."""
    other = heliograph(running.file.read_text(), *options, command=command)
    return other.wait(LIMIT_S), other.log


def test_posted_connectors_run_and_outlive_the_process(source_kafka, target_kafka, connect_worker, heliograph, unique):
    name, cluster = alias(), f"{unique}-cluster"
    create_topic(source_kafka, unique, PARTITIONS)
    running, player = connect_worker(cluster)
    source = f"{name}->target.MirrorSourceConnector"
    config = connector("Source", source_kafka, target_kafka, name, topics=unique)
    with Load(source_kafka, unique, rate_s=500) as load:
        created = player.ask("POST", "/connectors", {"name": source, "config": config})
        assert created.status == 201, created
        assert created.body["config"] == {**config, "name": source}
        wait_for_rows(target_kafka, f"{name}.{unique}", COPIED)
        wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
        assert running.stop() == 0
        running, player = connect_worker(cluster)
        wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
        assert player.ask("GET", at(source, "/config")).body == {**config, "name": source}
        load.wait_for(1_000)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"{name}.{unique}", total, running)
    for command, options, words in (
        ("check", (), "Ready to run"),
        ("status", (), "copied by 1 worker"),
        ("plan", (), "nothing would change"),
        ("verify", (), "proven"),
        ("pause", ("--topic", unique), "no partition is copied any more"),
        ("rewind", ("--topic", unique, "--to-beginning"), unique),
        ("resume", ("--topic", unique), "all of it is with the workers"),
        ("limit", ("10MB",), "10"),
        ("offsets", ("--topic", unique, "--partition", "0", "--offset", "1"), "exact"),
    ):
        code, log = said(heliograph, running, command, *options)
        assert code == 0, log
        assert words in log.lower() or words in log, log
    assert player.ask("DELETE", at(source)).status == 204
    running.wait_for("the configuration has this flow no more; it ends")
    assert player.ask("GET", "/connectors").body == []
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_a_paused_connector_stays_paused(source_kafka, target_kafka, connect_worker, unique):
    name, cluster = alias(), f"{unique}-cluster"
    create_topic(source_kafka, unique, PARTITIONS)
    config = connector("Source", source_kafka, target_kafka, name, topics=unique)
    with Load(source_kafka, unique, rate_s=500) as load:
        running, player = connect_worker(cluster)
        assert player.ask("PUT", at("copy", "/config"), config).status == 201
        wait_for_rows(target_kafka, f"{name}.{unique}", COPIED)
        assert player.ask("PUT", at("copy", "/pause")).status == 202
        wait_for_status(player, "copy", "PAUSED", {"PAUSED"}, running)
        assert running.stop() == 0
        running, player = connect_worker(cluster)
        wait_for_status(player, "copy", "PAUSED", {"PAUSED"}, running)
        assert player.ask("PUT", at("copy", "/resume")).status == 202
        wait_for_status(player, "copy", "RUNNING", {"RUNNING"}, running)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"{name}.{unique}", total, running)


@pytest.mark.parametrize("exactly_once", [False, True], ids=["plain", "transactions"])
def test_real_connect_takes_over_and_gives_back(
    source_kafka, target_kafka, connect_worker, heliograph, unique, exactly_once
):
    """Each goes on exactly where the other has stopped: the same records in the same order, each once."""
    name, cluster = alias(), f"{unique}-cluster"
    create_topic(source_kafka, unique, PARTITIONS)
    source = f"{name}->target.MirrorSourceConnector"
    checkpoint = f"{name}->target.MirrorCheckpointConnector"
    more = "offset.flush.interval.ms=1000" + ("\nexactly.once.source.support=enabled" if exactly_once else "")
    copy = f"{name}.{unique}"
    with (
        Load(source_kafka, unique, rate_s=500) as load,
        ConnectWorker(target_kafka.bootstrap(), cluster, more=more) as real,
    ):
        theirs = Player(real.port, {})
        for kind, each in (("Source", source), ("Checkpoint", checkpoint)):
            config = connector(
                kind, source_kafka, target_kafka, name, **({"topics": unique} if kind == "Source" else {})
            )
            assert theirs.ask("POST", "/connectors", {"name": each, "config": config}).status == 201
        wait_for_rows(target_kafka, copy, COPIED, limit_s=60)
        status = heliograph(
            worker_properties(target_kafka.bootstrap(), cluster, "http://127.0.0.1:1"), command="status"
        )
        assert status.wait(LIMIT_S) == 0, status.log
        assert "MirrorMaker 2 copies it" in status.log
        real.stop()
        running, player = connect_worker(cluster, more)
        assert player.ask("GET", "/connectors").body == [checkpoint, source]
        wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
        load.wait_for(1_000)
        assert running.stop() == 0
        assert "the exact place is not known" not in running.log
        before = load.sent
        real.start()
        wait_for_rows(target_kafka, copy, before + COPIED, limit_s=60)
        real.stop()
        running, player = connect_worker(cluster, more)
        wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, running)
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_two_kinds_of_workers_keep_each_other_out(target_kafka, heliograph, connect_worker, unique):
    cluster = f"{unique}-cluster"
    with ConnectWorker(target_kafka.bootstrap(), cluster) as real, Ports() as ports:
        file = worker_properties(target_kafka.bootstrap(), cluster, f"http://127.0.0.1:{ports.take()}")
        refused = heliograph(file)
        assert refused.wait(40) == 3
        assert f"Group {cluster} on connect belongs to another program" in refused.log
        real.stop()
        running, _ = connect_worker(cluster)
        with pytest.raises((HeliographError, TimeoutError)):
            real.start(20)
        assert "supported protocols are incompatible" in real.log()
        assert running.stop() == 0


def test_any_worker_answers_for_all(source_kafka, target_kafka, connect_worker, unique):
    name, cluster = alias(), f"{unique}-cluster"
    create_topic(source_kafka, unique, 6)
    config = connector("Source", source_kafka, target_kafka, name, topics=unique, **{"tasks.max": "4"})
    with Load(source_kafka, unique, partitions=6, rate_s=500) as load:
        first, one = connect_worker(cluster)
        assert one.ask("PUT", at("copy", "/config"), config).status == 201
        second, two = connect_worker(cluster)
        wait_for_workers(two, "copy", 2, second)
        deadline = time.monotonic() + LIMIT_S  # each looks at the group once a second
        while one.ask("GET", at("copy", "/tasks")).body != (tasks := two.ask("GET", at("copy", "/tasks")).body):
            assert time.monotonic() < deadline, tasks
            time.sleep(0.2)
        assert len(tasks) == 4
        assigned = [each for task in tasks for each in task["config"]["task.assigned.partitions"].split(",")]
        assert sorted(assigned) == [f"{unique}-{number}" for number in range(6)]
        assert two.ask("PUT", at("copy", "/pause")).status == 202
        for player, running in ((one, first), (two, second)):
            wait_for_status(player, "copy", "PAUSED", {"PAUSED"}, running)
        assert one.ask("PUT", at("copy", "/resume")).status == 202
        wait_for_workers(one, "copy", 2, first)
        assert first.stop() == 0
        wait_for_workers(two, "copy", 1, second)
        assert two.ask("PUT", at("copy", "/config"), {**config, "tasks.max": "1"}).status == 200
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"{name}.{unique}", total, second)
    assert second.stop() == 0


def wait_for_workers(player: Player, name: str, count: int, running: Running) -> None:
    """Wait until so many workers have tasks of a connector, all of which run."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        tasks = player.ask("GET", at(name, "/status")).body["tasks"]
        if len({task["worker_id"] for task in tasks}) == count and {task["state"] for task in tasks} == {"RUNNING"}:
            return
        assert time.monotonic() < deadline, (tasks, running.log)
        time.sleep(0.2)
