"""A source topic is deleted: its copy stays, the state says so, and only who asks for it has the copy deleted too."""

import json
import time
import urllib.request

import pytest
from plain_client import LIMIT_S, admin, create_topic, read, read_messages, simple_rows, topics, wait_for_rows, write

pytestmark = pytest.mark.brokers
GONE = "the source topic is gone; its copy stays"
DELETED = "the copy is deleted, as its source topic is gone"


def delete_topic(kafka, topic):
    client = admin(kafka)
    client.delete_topics([topic])[topic].result(LIMIT_S)


def wait_until(good, what):
    deadline = time.monotonic() + LIMIT_S
    while not good():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def states(port):
    """The state of each partition, as the program tells it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=LIMIT_S) as answer:
        flows = json.load(answer)["flows"]
    return {(lane["topic"], lane["partition"]): lane["state"] for flow in flows for lane in flow["lanes"]}


def test_the_copy_stays_and_the_state_says_so(source_kafka, target_kafka, heliograph, one_way, unique, port):
    short, lasting = f"{unique}-short", f"{unique}-lasting"
    for topic in (short, lasting):
        create_topic(source_kafka, topic, 2)
        write(source_kafka, topic, simple_rows(10, partitions=2))
    properties = one_way(
        source_kafka, target_kafka, "gone", f"{unique}.*", {"heliograph.http.listener": f"127.0.0.1:{port}"}
    )
    running = heliograph(properties)
    copied = wait_for_rows(target_kafka, f"gone.{short}", 10)
    delete_topic(source_kafka, short)
    running.wait_for(GONE)
    running_lanes = {(lasting, 0): "running", (lasting, 1): "running"}
    gone_lanes = {(short, 0): "source gone", (short, 1): "source gone"}
    assert states(port) == running_lanes | gone_lanes
    assert running.stop() == 0
    running = heliograph(properties)
    running.wait_for("  running  ")
    assert states(port) == running_lanes | gone_lanes, "a restart does not forget it"
    write(source_kafka, lasting, simple_rows(10, first=10, partitions=2))
    assert wait_for_rows(target_kafka, f"gone.{lasting}", 20) == read(source_kafka, lasting)
    assert read(target_kafka, f"gone.{short}") == copied
    assert running.stop() == 0
    assert running.log.count(GONE) == 1


def test_the_copy_is_deleted_where_that_is_asked_for(source_kafka, target_kafka, copy, unique):
    short, lasting, own = f"{unique}-short", f"{unique}-lasting", f"clear.{unique}-own"
    for topic in (short, lasting):
        create_topic(source_kafka, topic, 2)
        write(source_kafka, topic, simple_rows(10, partitions=2))
    create_topic(target_kafka, own)  # looks like a copy, and is none
    running = copy("clear", f"{unique}.*", {"heliograph.delete.topics": "true"})
    for topic in (short, lasting):
        wait_for_rows(target_kafka, f"clear.{topic}", 10)
    delete_topic(source_kafka, short)
    running.wait_for(DELETED)
    wait_until(lambda: f"clear.{short}" not in topics(target_kafka), "the copy is still there")
    assert {name for name in topics(target_kafka) if unique in name} == {f"clear.{lasting}", own}

    stored = {}
    for message in read_messages(target_kafka, "mm2-offsets.clear.internal"):
        stored[message.key()] = message.value()
    places = [value for key, value in stored.items() if short.encode() in key]
    assert places == [None, None], "its positions are forgotten"
    create_topic(source_kafka, short, 1)
    write(source_kafka, short, simple_rows(7, first=100))
    assert wait_for_rows(target_kafka, f"clear.{short}", 7) == read(source_kafka, short)

    for topic in (short, lasting):  # now hardly anything is left: that is an accident
        delete_topic(source_kafka, topic)
    running.wait_for(GONE, times=3)
    seen = running.log.count(DELETED)
    create_topic(source_kafka, f"{unique}-later")
    running.wait_for(f"topic=clear.{unique}-later")
    assert running.log.count(DELETED) == seen
    assert {f"clear.{short}", f"clear.{lasting}", own} <= set(topics(target_kafka))
    assert "ERROR" not in running.log
