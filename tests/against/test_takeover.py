"""The place of a real MirrorMaker 2 is taken, and given back: nothing lost, nothing twice, whoever ended how."""

import json
import time

import pytest
from mirror_maker_files import QUICK, alias
from plain_client import create_topic, end_offsets, groups, read, read_messages, wait_for_rows
from running_program import one_way
from steady_load import Load, assert_equal, by_partition

from heliograph.testbed import KafkaCluster, MirrorMaker
from heliograph.testbed.ports import Ports
from heliograph.testbed.servers import wait_for

pytestmark = pytest.mark.brokers

RATE_S = 500
STOPS = 4
COPIED = 500
"""Records that MM2 must have copied before anything is done to it."""

SHUT_OUT = ("failed to send record", "JoinGroup failed", "Graceful stop of task")
"""What MM2 says, whichever it notices first: its transaction, its group, or both were taken away."""


def assert_exact(process) -> None:
    assert "the exact place is not known" not in process.log
    warnings = [line for line in process.log.splitlines() if "WARNING" in line]
    # MM2 2.8 sets what holds by default as the copy's own, where its sync of topic configs has the time to run.
    assert [line for line in warnings if "a config set on the target is replaced by the source's" not in line] == []
    assert "ERROR" not in process.log


@pytest.mark.parametrize("version", ["4.3.1", "3.9.2", "2.8.2"])
def test_from_one_to_the_other_and_back(source_kafka, target_kafka, heliograph, unique, version):
    name = alias()
    create_topic(source_kafka, unique, 3)
    properties = one_way(source_kafka, target_kafka, name, unique, QUICK)
    copy = f"{name}.{unique}"
    with (
        Load(source_kafka, unique, rate_s=RATE_S) as load,
        MirrorMaker(properties, version=version, clusters=["target"]) as maker,
    ):
        wait_for_rows(target_kafka, copy, COPIED, limit_s=60)
        maker.kill()
        first = heliograph(properties)
        first.wait_for("running")
        load.wait_for(1000)
        assert first.stop() == 0
        assert_exact(first)
        before = load.sent
        maker.start()
        wait_for_rows(target_kafka, copy, before + COPIED, limit_s=60)
        maker.stop()
        second = heliograph(properties)
        second.wait_for("running")
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, second)
    assert_exact(second)
    assert second.stop() == 0


def test_a_mirror_maker_that_puts_nothing_before_names(source_kafka, target_kafka, heliograph, unique):
    """Its positions and offset syncs, too, are found under names without aliases: no record is copied twice."""
    name = alias()
    create_topic(source_kafka, unique, 3)
    nothing = dict.fromkeys(("replication.policy.separator", "source.cluster.alias", "target.cluster.alias"), "")
    more = {**QUICK, **nothing, "heartbeats.replication.enabled": "false"}
    properties = one_way(source_kafka, target_kafka, name, unique, more)
    with Load(source_kafka, unique, rate_s=RATE_S) as load:
        with MirrorMaker(properties, clusters=["target"]) as maker:
            wait_for_rows(target_kafka, unique, COPIED, limit_s=60)
            maker.kill()
        running = heliograph(properties)
        running.wait_for("running")
        load.wait_for(1000)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, unique, total, running)
    assert running.stop() == 0
    assert "the exact place is not known" not in running.log
    assert "ERROR" not in running.log


def stored(kafka: KafkaCluster, name: str, topic: str) -> dict[int, dict[str, int]]:
    """Return what the flow has stored last, by partition."""
    found = {}
    for message in read_messages(kafka, f"mm2-offsets.{name}.internal"):
        connector, place = json.loads(message.key())
        if connector == "MirrorSourceConnector" and place["topic"] == topic:
            found[place["partition"]] = json.loads(message.value())
    return found


def test_a_clean_stop_stores_all_that_was_copied(source_kafka, target_kafka, heliograph, unique):
    """Whoever goes on, MM2 above all, needs nothing but the stored positions; under load a stop must be exact too."""
    name = alias()
    create_topic(source_kafka, unique, 3)
    properties = one_way(source_kafka, target_kafka, name, unique, QUICK)
    with Load(source_kafka, unique, rate_s=2 * RATE_S) as load:
        for _ in range(STOPS):
            running = heliograph(properties)
            running.wait_for("running")
            load.wait_for(500)
            assert running.stop() == 0
            assert_exact(running)
            ends = {number: end for number, (_, end) in end_offsets(target_kafka, f"{name}.{unique}").items()}
            positions = stored(target_kafka, name, unique)
            assert {number: place["target"] + 1 for number, place in positions.items()} == ends


def test_when_the_program_was_killed_mirror_maker_repeats_what_was_not_stored(
    source_kafka, target_kafka, heliograph, unique
):
    name = alias()
    create_topic(source_kafka, unique, 3)
    properties = one_way(source_kafka, target_kafka, name, unique, QUICK)
    copy = f"{name}.{unique}"
    with Load(source_kafka, unique, rate_s=RATE_S) as load:
        running = heliograph(properties)
        wait_for_rows(target_kafka, copy, COPIED)
        assert groups(target_kafka)[f"{name}-mm2"] == 1
        running.kill()
        ends = {number: end for number, (_, end) in end_offsets(target_kafka, copy).items()}
        positions = stored(target_kafka, name, unique)
        total = load.finish()
    repeated = {number: ends[number] - 1 - positions[number]["target"] for number in ends}
    assert sum(repeated.values()) > 0, "nothing was copied after the last position was stored"
    expected = total + sum(repeated.values())
    # MM2 ends its worker where the group still has a member of another protocol, which ours is until its session ends.
    deadline = time.monotonic() + 30
    wait_for(lambda: not groups(target_kafka).get(f"{name}-mm2"), deadline, "the end of the session of the one killed")
    with MirrorMaker(properties, clusters=["target"]):
        copied = by_partition(wait_for_rows(target_kafka, copy, expected, limit_s=120))
    for number, rows in by_partition(read(source_kafka, unique)).items():
        assert copied[number][: ends[number]] == rows[: ends[number]], "what came before the kill is exact"
        again = copied[number][ends[number] :]
        assert again == rows[ends[number] - repeated[number] :], "and the rest follows what was stored"


def exactly_once(ports: Ports) -> dict[str, object]:
    """Return what makes MM2 write in transactions (KIP-618); its own REST interface is part of it."""
    return {
        "dedicated.mode.enable.internal.rest": "true",
        "listeners": f"http://127.0.0.1:{ports.take()}",
        "target.exactly.once.source.support": "enabled",
    }


@pytest.mark.parametrize("frozen", [False, True], ids=["killed", "frozen"])
def test_an_exactly_once_mirror_maker_is_fenced(source_kafka, target_kafka, heliograph, unique, frozen):
    name = alias()
    create_topic(source_kafka, unique, 3)
    copy = f"{name}.{unique}"
    with (
        Ports() as ports,
        Load(source_kafka, unique, rate_s=RATE_S) as load,
        MirrorMaker(
            one_way(source_kafka, target_kafka, name, unique, {**QUICK, **exactly_once(ports)}), clusters=["target"]
        ) as maker,
    ):
        wait_for_rows(target_kafka, copy, COPIED, limit_s=90)
        if frozen:
            maker.freeze()
        else:
            maker.kill()
        running = heliograph(one_way(source_kafka, target_kafka, name, unique, QUICK))
        running.wait_for("were fenced")
        running.wait_for("running")
        assert f"{name}-mm2-MirrorSourceConnector-0" in running.log
        load.wait_for(500)
        if frozen:
            maker.thaw()
            maker.server.wait_until(
                lambda: any(text in maker.log() for text in SHUT_OUT), 60, "word that it was fenced"
            )
            load.wait_for(500)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, running)
        assert_exact(running)
        assert running.stop() == 0
