"""Two clients of Kafka Connect that others wrote drive a connector's whole life, unchanged."""

import logging
import time
from collections.abc import Callable

import pytest
from kafka_connect import KafkaConnect
from kafka_connect_api.errors import GenericConflict, GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster
from mirror_maker_files import alias
from plain_client import create_topic, simple_rows, wait_for_rows, write
from requests import HTTPError
from test_connect_cluster import connector

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

ROWS = 90
PARTITIONS = 3
LIMIT_S = 60.0


@pytest.fixture
def config(source_kafka, target_kafka, unique):
    """The configuration of a connector that has something to copy, and its alias."""
    name = alias()
    create_topic(source_kafka, unique, PARTITIONS)
    write(source_kafka, unique, simple_rows(ROWS, partitions=PARTITIONS))
    return name, connector("Source", source_kafka, target_kafka, name, topics=unique)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_kafka_connect_py(config, target_kafka, connect_worker, unique):
    name, config = config
    running, player = connect_worker(f"{unique}-cluster")
    client = KafkaConnect(f"http://127.0.0.1:{player.port}", logger=logging.getLogger("kafka-connect"))
    assert client.get_cluster_info()["version"] == "4.3.1"
    assert client.list_connectors() == []
    assert config["connector.class"] in {plugin["class"] for plugin in client.list_connector_plugins()}
    source = f"{name}->target.MirrorSourceConnector"

    def state() -> str:
        return client.get_connector_status(source)["connector"]["state"]

    def tasks() -> set[str]:
        return {task["state"] for task in client.get_connector_status(source)["tasks"]}

    assert client.create_connector({"name": source, "config": config})["name"] == source
    wait_for_rows(target_kafka, f"{name}.{unique}", ROWS)
    wait_until(lambda: (state(), tasks()) == ("RUNNING", {"RUNNING"}))
    with pytest.raises(HTTPError, match="409"):
        client.create_connector({"name": source, "config": config})
    assert client.list_connectors(pattern=r".*Source", state="running") == [source]
    assert list(client.list_connectors(expand="status")[source]) == ["status"]
    assert client.get_connector(source)["config"] == client.get_connector_config(source) == {**config, "name": source}
    assert [task["id"]["task"] for task in client.list_connector_tasks(source)] == [0, 1]
    assert client.get_connector_task_status(source, 1)["state"] == "RUNNING"
    # MM2 of another test may have made a heartbeats topic, which is copied too.
    wait_until(lambda: f"{name}.{unique}" in client.list_connector_topics(source)[source]["topics"])
    client.pause_connector(source)
    wait_until(lambda: (state(), tasks()) == ("PAUSED", {"PAUSED"}))
    client.resume_connector(source)
    wait_until(lambda: (state(), tasks()) == ("RUNNING", {"RUNNING"}))
    assert client.restart_connector(source) is None
    assert client.restart_connector(source, include_tasks=True)["connector"]["state"] == "RESTARTING"
    wait_until(lambda: (state(), tasks()) == ("RUNNING", {"RUNNING"}))
    client.restart_connector_task(source, 0)
    updated = client.update_connector(source, {**config, "tasks.max": 1})
    assert updated["config"]["tasks.max"] == "1"
    wait_until(lambda: len(client.list_connector_tasks(source)) == 1)
    client.reset_connector_topics(source)
    client.stop_all_connectors(pattern=name)
    wait_until(lambda: (state(), tasks()) == ("STOPPED", set()))
    client.delete_connector(source)
    assert client.list_connectors() == []
    for asked in (client.get_connector_status, client.delete_connector, client.pause_connector):
        with pytest.raises(HTTPError, match="404"):
            asked(source)
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_kafka_connect_api(config, target_kafka, connect_worker, unique):
    name, config = config
    running, player = connect_worker(f"{unique}-cluster")
    cluster = Cluster(Api(hostname="127.0.0.1", port=player.port))
    assert cluster.version == "4.3.1"
    assert len(cluster.kafka_cluster) > 10
    assert cluster.connectors == {}
    assert config["connector.class"] in {plugin["class"] for plugin in cluster.api.get("/connector-plugins")}
    cluster.root_logger = "INFO"
    assert cluster.root_logger["level"] == "INFO"
    source = f"{name}-source"
    created = cluster.api.post("/connectors", json={"name": source, "config": config})
    assert created["config"] == {**config, "name": source}
    with pytest.raises(GenericConflict):
        cluster.api.post("/connectors", json={"name": source, "config": config})
    wait_for_rows(target_kafka, f"{name}.{unique}", ROWS)
    copying = cluster.connectors[source]
    assert copying.exists()
    assert copying.connector_class == config["connector.class"]
    wait_until(lambda: copying.state == "RUNNING" and [task.state for task in copying.tasks] == 2 * ["RUNNING"])
    assert [task.config["task.index"] for task in copying.tasks] == ["0", "1"]
    copying.pause()
    wait_until(lambda: copying.state == "PAUSED")
    copying.resume()
    copying.restart()
    copying.restart_all_tasks()
    copying.cycle_connector()
    wait_until(lambda: copying.state == "RUNNING" and all(task.is_running() for task in copying.tasks))
    copying.config = {**config, "tasks.max": "3"}
    wait_until(lambda: len(copying.tasks) == 3)
    assert copying.config["tasks.max"] == "3"
    positions = cluster.api.get(f"/connectors/{source}/offsets")["offsets"]
    assert {each["partition"]["topic"] for each in positions} - {"heartbeats"} == {unique}
    cluster.api.put_raw(f"/connectors/{source}/stop")
    wait_until(lambda: copying.state == "STOPPED")
    assert cluster.api.delete(f"/connectors/{source}/offsets")["message"].endswith("reset successfully")
    copying.delete()
    wait_until(lambda: cluster.connectors == {})
    with pytest.raises(GenericNotFound):
        copying.exists()
    assert running.stop() == 0
    assert "ERROR" not in running.log
