"""What ``heliograph plan`` says of a running flow, and whether that is what then happens."""

import json
import time

import pytest
from plain_client import create_topic, simple_rows, topics, wait_for_rows, write
from worker_shares import wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(120)]

LIMIT_S = 60.0


def planned(heliograph, properties: str) -> tuple[int, dict]:
    """Ask what a file would change; returns the exit code and the one flow of the answer."""
    asked = heliograph(properties, "--json", command="plan")
    code = asked.wait()
    (flow,) = json.loads(asked.log)["flows"]
    return code, flow


def wait_until_in_force(heliograph, properties: str) -> None:
    """Wait until a file would change nothing."""
    deadline = time.monotonic() + LIMIT_S
    while (answer := planned(heliograph, properties))[0]:
        assert time.monotonic() < deadline, answer


def test_what_it_says_happens(source_kafka, target_kafka, heliograph, one_way, unique):
    first, second, third = (f"{unique}-{name}" for name in ("first", "second", "third"))
    for name, partitions in ((first, 2), (second, 3), (third, 2)):
        create_topic(source_kafka, name, partitions)
        write(source_kafka, name, simple_rows(30, partitions=partitions))
    before = one_way(source_kafka, target_kafka, "planned", f"{first}, {second}")
    after = one_way(
        source_kafka,
        target_kafka,
        "planned",
        f"{second}, {third}",
        {"planned->target.sync.topic.configs.interval.seconds": 7},
    )
    code, flow = planned(heliograph, before)
    assert (code, flow["copier"]) == (1, "nobody")
    assert [(each["topic"], each["turn"], each["copy"], each["fresh"]) for each in flow["topics"]] == [
        (first, "begins", "created", 2),
        (second, "begins", "created", 3),
    ]

    worker = heliograph(before)
    wait_for_shares({worker: 5})
    for name in (first, second):
        wait_for_rows(target_kafka, f"planned.{name}", 30)
    assert planned(heliograph, before) == (
        0,
        {"flow": "planned->target", "copier": "workers", "changes": False, "options": [], "topics": [], "notes": []},
    )

    code, flow = planned(heliograph, after)
    assert code == 1
    assert {each["option"]: (each["before"], each["after"], each["extent"]) for each in flow["options"]} == {
        "topics": ([first, second], [second, third], "in place"),
        "sync.topic.configs.interval.seconds": ("600", "7", "in place"),
    }
    begins, ends = flow["topics"]
    assert (begins["topic"], begins["turn"], begins["target_topic"], begins["copy"]) == (
        third,
        "begins",
        f"planned.{third}",
        "created",
    )
    assert (begins["partitions"], begins["stored"], begins["fresh"]) == (2, 0, 2)
    assert (ends["topic"], ends["turn"], ends["copied_to"], ends["reason"]) == (
        first,
        "ends",
        f"planned.{first}",
        "not included by topics",
    )
    assert f"planned.{third}" not in topics(target_kafka), "planning touches nothing"

    worker.file.write_text(after)
    wait_until_in_force(heliograph, after)
    write(source_kafka, first, simple_rows(10, first=30, partitions=2))
    write(source_kafka, second, simple_rows(10, first=30, partitions=3))
    wait_for_rows(target_kafka, f"planned.{third}", 30)
    wait_for_rows(target_kafka, f"planned.{second}", 40)
    wait_for_rows(target_kafka, f"planned.{first}", 30)
    code, flow = planned(heliograph, after)
    assert (code, flow["notes"]) == (0, [])
    code, flow = planned(heliograph, before)
    assert [(each["topic"], each["turn"], each["stored"]) for each in flow["topics"]] == [
        (first, "begins", 2),
        (third, "ends", 0),
    ], "what was copied before goes on where it ended"
    assert worker.log.count("copying  group=planned-mm2") == 1, "it was changed in place"
    assert worker.stop() == 0
    code, flow = planned(heliograph, after)
    assert [(each["topic"], each["turn"], each["stored"], each["fresh"]) for each in flow["topics"]] == [
        (second, "begins", 3, 0),
        (third, "begins", 2, 0),
        (first, "ends", 0, 0),
    ]
