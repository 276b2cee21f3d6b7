"""The flows of MirrorMaker 2's file over Connect's REST API: shown as connectors, paused, restarted, set to a place."""

import time

import pytest
from mirror_maker_files import alias
from plain_client import create_topic, end_offsets, read, simple_rows, wait_for_rows, write
from playing import Player
from requests_table import at
from running_program import one_way
from test_connect_cluster import wait_for_status

from heliograph.testbed.ports import Ports

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

ROWS = 90
LIMIT_S = 60.0
PARTITIONS = 3


@pytest.fixture
def flow(source_kafka, target_kafka, heliograph, unique):
    """A running flow of a file: its process, its client, its alias, and the name of its copying connector."""
    name = alias()
    create_topic(source_kafka, unique, PARTITIONS)
    write(source_kafka, unique, simple_rows(ROWS, partitions=PARTITIONS))
    with Ports() as ports:
        port = ports.take()
        more = {"listeners": f"http://127.0.0.1:{port}", "offset.flush.interval.ms": 500, "tasks.max": 2}
        running = heliograph(one_way(source_kafka, target_kafka, name, unique, more))
        running.wait_for("running  topics=1")
        wait_for_rows(target_kafka, f"{name}.{unique}", ROWS)
        yield running, Player(port, {}), name, f"{name}->target.MirrorSourceConnector"


def test_a_flow_is_three_connectors_with_real_tasks(flow, unique):
    running, player, name, source = flow
    wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
    names = [f"{name}->target.Mirror{kind}Connector" for kind in ("Checkpoint", "Heartbeat", "Source")]
    assert player.ask("GET", "/connectors").body == names
    tasks = player.ask("GET", at(source, "/tasks")).body
    assert len(tasks) == 2
    assigned = [each for task in tasks for each in task["config"]["task.assigned.partitions"].split(",")]
    assert sorted(assigned) == [f"{unique}-{number}" for number in range(PARTITIONS)]
    assert player.ask("GET", at(source, "/topics")).body == {source: {"topics": [f"{name}.{unique}"]}}
    config = player.ask("GET", at(source, "/config")).body
    assert config["topics"] == unique
    assert config["source.cluster.alias"] == name
    assert player.ask("PUT", at(source, "/config"), config).status == 200
    refused = player.ask("PUT", at(source, "/config"), {**config, "topics": "other"})
    assert (refused.status, refused.body["error_code"]) == (409, 409)
    assert "mm2.properties" in refused.body["message"]
    assert player.ask("POST", "/connectors", {"name": "more", "config": config | {"name": "more"}}).status == 409


def test_each_part_is_paused_and_goes_on(flow, source_kafka, target_kafka, unique):
    running, player, name, source = flow
    heartbeat = f"{name}->target.MirrorHeartbeatConnector"
    assert player.ask("PUT", at(source, "/pause")).status == 202
    wait_for_status(player, source, "PAUSED", {"PAUSED"}, running)
    wait_for_status(player, heartbeat, "RUNNING", {"RUNNING"}, running)
    running.wait_for("a part of the flow is paused  part=MirrorSourceConnector")
    before = end_offsets(target_kafka, f"{name}.{unique}")
    write(source_kafka, unique, simple_rows(ROWS, partitions=PARTITIONS))
    time.sleep(2)
    assert end_offsets(target_kafka, f"{name}.{unique}") == before
    assert player.ask("PUT", at(source, "/resume")).status == 202
    wait_for_rows(target_kafka, f"{name}.{unique}", 2 * ROWS)
    wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
    again = player.ask("POST", at(source, "/restart?includeTasks=true"))
    assert again.status == 202
    assert {task["state"] for task in again.body["tasks"]} == {"RESTARTING"}
    running.wait_for("running  topics=1", times=2)
    assert player.ask("POST", at(source, "/tasks/0/restart")).status == 204
    running.wait_for("partitions were started again")


def test_positions_are_shown_and_set(flow, source_kafka, target_kafka, unique):
    running, player, name, source = flow
    assert player.ask("PUT", at(source, "/stop")).status == 204
    wait_for_status(player, source, "STOPPED", set(), running)
    last = ROWS // PARTITIONS - 1
    places = [{"cluster": name, "partition": number, "topic": unique} for number in range(PARTITIONS)]
    expected = [{"partition": place, "offset": {"offset": last}} for place in places]
    assert player.ask("GET", at(source, "/offsets")).body == {"offsets": expected}
    back = {"offsets": [{"partition": places[1], "offset": {"offset": 9}}]}
    altered = player.ask("PATCH", at(source, "/offsets"), back)
    assert altered.body == {"message": "The offsets for this connector have been altered successfully"}, running.log
    assert player.ask("PUT", at(source, "/resume")).status == 202
    copied = wait_for_rows(target_kafka, f"{name}.{unique}", ROWS + last - 9)
    wanted = sorted(row.value for row in read(source_kafka, unique) if row.partition == 1)
    twice = [row.value for row in copied if row.partition == 1]
    assert len(twice) == len(wanted) + last - 9
    assert set(twice) == set(wanted)
    assert twice[len(wanted) :] == twice[10 : len(wanted)], "from the tenth on, in order"
    assert player.ask("PUT", at(source, "/stop")).status == 204
    wait_for_status(player, source, "STOPPED", set(), running)
    assert player.ask("DELETE", at(source, "/offsets")).status == 200
    assert player.ask("GET", at(source, "/offsets")).body == {"offsets": []}
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_a_parent_answers_for_its_workers(source_kafka, target_kafka, heliograph, unique):
    name = alias()
    create_topic(source_kafka, unique, PARTITIONS)
    write(source_kafka, unique, simple_rows(ROWS, partitions=PARTITIONS))
    source = f"{name}->target.MirrorSourceConnector"
    with Ports() as ports:
        port = ports.take()
        properties = one_way(source_kafka, target_kafka, name, unique, {"listeners": f"http://127.0.0.1:{port}"})
        running = heliograph(properties, "--workers", "2")
        wait_for_rows(target_kafka, f"{name}.{unique}", ROWS)
        player = Player(port, {})
        wait_for_status(player, source, "RUNNING", {"RUNNING"}, running)
        deadline = time.monotonic() + LIMIT_S  # a task for each worker, when both have their shares
        while len(player.ask("GET", at(source, "/tasks")).body) != 2:
            assert time.monotonic() < deadline, running.log
            time.sleep(0.2)
        assert player.ask("PUT", at(source, "/pause")).status == 202
        wait_for_status(player, source, "PAUSED", {"PAUSED"}, running)
        assert running.stop() == 0
