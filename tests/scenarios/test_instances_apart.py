"""Three programs between the same two clusters, with groups and topics of their own: each does its work alone (A47)."""

import time

import pytest
from plain_client import create_topic, read, simple_rows, topics, wait_for_rows, write

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

LEFT = "another instance copies and writes heartbeats"
TAKEN = "heartbeats are copied and written here"
LIMIT_S = 60.0


def has_heartbeats(process) -> bool:
    """Whether it copies and writes heartbeats, by its last word on them."""
    return process.log.rfind(TAKEN) >= process.log.rfind(LEFT)


def wait_until(what, holds) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def test_three_instances_do_disjoint_work(source_kafka, target_kafka, heliograph, one_way, unique):
    alias = unique[-8:].strip("-")
    copy = f"{alias}.heartbeats"
    names = [f"{unique}-{name}" for name in "abc"]
    for name in names:
        create_topic(source_kafka, name, 2)

    def start(number):
        more = {
            "target.group.id": f"{alias}-mm2-{number}",
            f"target->{alias}.emit.heartbeats.enabled": "true",
            "heartbeats.replication.enabled": "true",
        }
        return heliograph(one_way(source_kafka, target_kafka, alias, names[number], more))

    def logs():
        return "\n\n".join(each.log for each in [*ended, *running])

    def beats():
        return len(read(target_kafka, copy)) if copy in topics(target_kafka) else 0

    def more_beats():
        before = beats()
        wait_until(logs, lambda: beats() > before + 2)

    sent = dict.fromkeys(names, 0)

    def send(count):
        for name in names:
            write(source_kafka, name, simple_rows(count, first=sent[name], partitions=2))
            sent[name] += count

    ended = []
    running = [start(2)]
    running[0].wait_for("running")
    more_beats()
    running[:0] = [start(0), start(1)]
    for each in running[:2]:
        each.wait_for(LEFT)
    send(40)
    for name in names:
        wait_for_rows(target_kafka, f"{alias}.{name}", 40)

    ended.append(running[0])
    assert running[0].stop() == 0
    send(40)
    running[0] = start(0)
    running[0].wait_for(LEFT)
    more_beats()

    ended.append(running[2])
    running[2].kill()
    send(40)
    wait_until(logs, lambda: any(map(has_heartbeats, running[:2])))
    more_beats()
    running[2] = start(2)
    running[2].wait_for(LEFT)
    assert sum(map(has_heartbeats, running)) == 1, logs()
    for name in names:
        wait_for_rows(target_kafka, f"{alias}.{name}", 120)
    more_beats()

    for each in running:
        assert each.stop() == 0
    for name in names:
        assert sorted(read(target_kafka, f"{alias}.{name}"), key=str) == sorted(read(source_kafka, name), key=str)
    copied = [(row.key, row.value) for row in read(target_kafka, copy)]
    original = [(row.key, row.value) for row in read(source_kafka, "heartbeats")]
    assert copied == original[: len(copied)], "nothing is missing in the copy of heartbeats, and nothing is there twice"
    for each in (*ended, *running):
        assert "somebody else" not in each.log
        assert "the exact place is not known" not in each.log
        assert "ERROR" not in each.log
        assert "WARNING" not in each.log
