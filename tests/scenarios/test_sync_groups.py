"""Offset syncs, checkpoints and groups of a real flow, held against the records on both sides."""

import re
import time
from bisect import bisect_left
from contextlib import closing

import pytest
from group_moves import commit, committed, consumer, read_some
from plain_client import (
    LIMIT_S,
    Row,
    create_topic,
    delete_records,
    read_messages,
    simple_rows,
    topic_config,
    topics,
    wait_for_rows,
    write,
    write_transactions,
)
from steady_load import Load

from heliograph.mirror.formats import decode_checkpoint, decode_offset_sync

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

QUICK = {
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": 1,
    "emit.checkpoints.interval.seconds": 1,
    "refresh.groups.interval.seconds": 1,
}


def offsets(kafka, topic):
    """Return the offsets of all records, by partition."""
    found = {}
    for message in read_messages(kafka, topic):
        found.setdefault(message.partition(), []).append(message.offset())
    return found


def counterpart(here, there, offset):
    """Return the place on the target of the next record at or behind ``offset``, by counting all records."""
    at = bisect_left(here, offset)
    return there[at] if at < len(there) else there[-1] + 1


def wait_until(question, answer, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while (found := question()) != answer:
        assert time.monotonic() < deadline, f"{found} is not {answer} after {limit_s} s"
        time.sleep(0.1)


def checkpoints(kafka, alias):
    """Return all checkpoints as they were written, in order."""
    name = f"{alias}.checkpoints.internal"
    return [decode_checkpoint(each.key(), each.value()) for each in read_messages(kafka, name)]


def syncs(kafka, name, topic):
    if name not in topics(kafka):
        return []
    found = [decode_offset_sync(each.key(), each.value()) for each in read_messages(kafka, name)]
    return [each for each in found if each.topic == topic]


def test_groups_go_where_their_next_record_is(source_kafka, target_kafka, copy, unique):
    """Lab 3: of 105 records a group has read 20; so too for groups of the new protocol, and for those that come later."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(105))
    names = [f"{unique}-{kind}" for kind in ("classic", "new", "late", "left-out", "ahead", "busy")]
    classic, new, late, left_out, ahead, busy = names
    read_some(source_kafka, classic, unique, 20)
    read_some(source_kafka, new, unique, 30, group_protocol="consumer")
    commit(source_kafka, left_out, unique, {0: 40})
    commit(source_kafka, ahead, unique, {0: 50})
    remote = f"lab.{unique}"
    running = copy("lab", f"{unique}.*", {**QUICK, "groups": f"{unique}.*", "groups.exclude": ".*left-out"})
    wait_for_rows(target_kafka, remote, 105)
    wait_until(
        lambda: [committed(target_kafka, each, remote) for each in (classic, new, ahead)], [{0: 20}, {0: 30}, {0: 50}]
    )

    commit(target_kafka, ahead, remote, {0: 70})
    with closing(consumer(target_kafka, busy)) as member:
        member.subscribe([remote])
        deadline = time.monotonic() + LIMIT_S
        while not member.assignment():
            assert time.monotonic() < deadline, "no assignment"
            member.poll(0.1)
        commit(source_kafka, busy, unique, {0: 60})
        commit(source_kafka, late, unique, {0: 3})
        commit(source_kafka, classic, unique, {0: 105})
        commit(source_kafka, new, unique, {0: 10})
        create_topic(source_kafka, f"{unique}-more")
        write(source_kafka, f"{unique}-more", simple_rows(10))
        commit(source_kafka, late, f"{unique}-more", {0: 4})
        wait_until(lambda: [committed(target_kafka, each, remote) for each in (classic, late)], [{0: 105}, {0: 3}])
        wait_until(lambda: committed(target_kafka, late, f"{remote}-more"), {0: 4})
        running.wait_for("a group has members on the target and is left alone")
        assert committed(target_kafka, busy, remote) == {}, "a group with members is left alone"
    wait_until(lambda: committed(target_kafka, busy, remote), {0: 60})
    assert committed(target_kafka, new, remote) == {0: 30}, "nobody goes back, even if the source did"
    assert committed(target_kafka, ahead, remote) == {0: 70}, "nobody goes back"
    assert committed(target_kafka, left_out, remote) == {}
    rest = read_some(target_kafka, new, remote, 75, group_protocol="consumer")
    assert [message.value() for message in rest] == [b"v%d" % number for number in range(30, 105)]

    assert running.stop() == 0
    written = [each for each in checkpoints(target_kafka, "lab") if each.group == new]
    assert [(each.topic, each.partition, each.upstream_offset, each.downstream_offset) for each in written] == [
        (remote, 0, 30, 30),
        (remote, 0, 10, 10),
    ], "each once, and the one that went back too"
    assert topic_config(target_kafka, "lab.checkpoints.internal")["cleanup.policy"] == "compact"
    assert "WARNING" not in running.log


def make_holes(kafka, transactions, compacted):
    """Fill one topic with committed and aborted transactions, and another that is compacted afterwards."""
    create_topic(kafka, transactions, 2)
    write_transactions(kafka, transactions, transactions, 30)
    create_topic(kafka, compacted, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.0")
    write(kafka, compacted, [Row(0, b"%d" % (n % 20 if n % 3 else n), b"v%d" % n) for n in range(300)])
    deadline = time.monotonic() + LIMIT_S
    while len(read_messages(kafka, compacted)) > 200:
        assert time.monotonic() < deadline, "the topic was not compacted"
        write(kafka, compacted, [Row(0, b"next segment", b"")])
        time.sleep(0.2)


def test_holes_and_restarts_leave_every_position_exact(source_kafka, target_kafka, copy, unique):
    names = (f"{unique}-transactions", f"{unique}-compacted")
    make_holes(source_kafka, *names)
    more = {**QUICK, "groups": f"{unique}.*", "target.offset.flush.interval.ms": 500}
    first = copy("deep", f"{unique}.*", more)
    here = {topic: offsets(source_kafka, topic) for topic in names}
    for topic, found in here.items():
        wait_for_rows(target_kafka, f"deep.{topic}", sum(map(len, found.values())))
    there = {topic: offsets(target_kafka, f"deep.{topic}") for topic in names}

    def expected(start, step):
        """Yield groups with their positions on the source, and where they belong on the target."""
        for topic, found in here.items():
            for partition, held in found.items():
                for offset in range(start, held[-1] + 2, step):
                    yield topic, partition, offset, counterpart(held, there[topic][partition], offset)

    def check(generation, start, step):
        wanted = {}
        for number, (topic, partition, offset, right) in enumerate(expected(start, step)):
            group = f"{unique}-{generation}-{number}"
            commit(source_kafka, group, topic, {partition: offset})
            wanted[group] = (f"deep.{topic}", {partition: right})
        wait_until(
            lambda: {group: (topic, committed(target_kafka, group, topic)) for group, (topic, _) in wanted.items()},
            wanted,
            60,
        )

    check("running", 0, 23)
    first.kill()
    second = copy("deep", f"{unique}.*", {**more, "target.group.id": unique})
    second.wait_for("running")
    check("after-a-kill", 5, 31)
    assert second.stop() == 0
    for topic, held in here.items():
        assert sum(map(len, offsets(target_kafka, f"deep.{topic}").values())) == sum(map(len, held.values()))


def test_many_groups_that_lag_are_exact_in_the_first_round_after_a_restart(source_kafka, target_kafka, copy, unique):
    """Nothing is known of what earlier processes copied, records flow meanwhile, and eight a round would take minutes."""
    busy = f"{unique}-busy"
    create_topic(source_kafka, unique, 2)
    write_transactions(source_kafka, unique, unique, 80)
    create_topic(source_kafka, busy, 2)
    more = {
        **QUICK,
        "groups": f"{unique}.*",
        "emit.offset-syncs.enabled": "false",
        "sync.group.offsets.interval.seconds": 5,
        "emit.checkpoints.interval.seconds": 5,
    }
    here = offsets(source_kafka, unique)
    first = copy("many", f"{unique}.*", more)
    wait_for_rows(target_kafka, f"many.{unique}", sum(map(len, here.values())))
    assert first.stop() == 0
    there = offsets(target_kafka, f"many.{unique}")
    wanted = {}
    for number in range(60):
        positions = {partition: number * held[-1] // 61 for partition, held in here.items()}
        commit(source_kafka, f"{unique}-{number}", unique, positions)
        wanted[f"{unique}-{number}"] = {
            partition: counterpart(here[partition], there[partition], at) for partition, at in positions.items()
        }
    with Load(source_kafka, busy, partitions=2) as load:
        second = copy("many", f"{unique}.*", more)
        second.wait_for("running")
        wait_until(
            lambda: {group: committed(target_kafka, group, f"many.{unique}") for group in wanted},
            wanted,
            60,
        )
        wait_for_rows(target_kafka, f"many.{busy}", load.finish())
    assert second.stop() == 0


def test_positions_whose_records_are_gone_on_the_target(source_kafka, target_kafka, copy, unique):
    """A consumer that is told an offset before the first would begin anywhere: it is told the first."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20))
    running = copy("cut", unique, {**QUICK, "groups": f"{unique}.*"})
    wait_for_rows(target_kafka, f"cut.{unique}", 20)
    delete_records(target_kafka, f"cut.{unique}", 0, 12)
    commit(source_kafka, unique, unique, {0: 7})
    wait_until(lambda: committed(target_kafka, unique, f"cut.{unique}"), {0: 12})
    assert running.stop() == 0


@pytest.mark.parametrize("place", ["source", "target", "where-it-is", "nowhere-yet"])
def test_where_offset_syncs_go(source_kafka, target_kafka, heliograph, one_way, unique, place):
    alias = f"{place}-{unique[-9:]}".strip("-")
    away = f"to-{alias}"  # the topic on the source bears the target's name, and is to be this test's alone
    on_source, on_target = f"mm2-offset-syncs.{away}.internal", f"mm2-offset-syncs.{alias}.internal"
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(50))
    if place == "where-it-is":
        create_topic(source_kafka, on_source)
    more = {"offset-syncs.topic.location": place} if place in ("source", "target") else {}
    more |= {"offset.lag.max": 10, "target.offset.flush.interval.ms": 500}
    properties = one_way(source_kafka, target_kafka, alias, unique, more)
    running = heliograph(re.sub(r"(?m)^target(?=\.|->)|(?<=->)target(?=\.)|(?<=, )target$", away, properties))
    wait_for_rows(target_kafka, f"{alias}.{unique}", 50)
    kafka, name = (source_kafka, on_source) if place in ("source", "where-it-is") else (target_kafka, on_target)
    wait_until(
        lambda: [(each.upstream_offset, each.downstream_offset) for each in syncs(kafka, name, unique)][-1:], [(49, 49)]
    )
    assert running.stop() == 0
    found = [each.upstream_offset for each in syncs(kafka, name, unique)]
    assert found[0] == 0
    assert found == sorted(found)
    other = (target_kafka, on_target) if kafka is source_kafka else (source_kafka, on_source)
    assert not syncs(*other, unique)
    if kafka is target_kafka:
        assert topic_config(kafka, name)["cleanup.policy"] == "compact"
    message = read_messages(kafka, name)[-1]
    assert message.key() == len(unique).to_bytes(2, "big") + unique.encode() + bytes(4)
    assert message.value() == (49).to_bytes(8, "big") * 2


def test_topics_made_by_an_administrator_and_all_switched_off(source_kafka, target_kafka, copy, unique):
    alias = f"off-{unique[-9:]}".strip("-")
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(5))
    commit(source_kafka, unique, unique, {0: 3})
    create_topic(target_kafka, f"{alias}.checkpoints.internal", 3, cleanup_policy="compact")
    off = dict.fromkeys(("emit.offset-syncs.enabled", "emit.heartbeats.enabled", "sync.topic.acls.enabled"), "false")
    running = copy(alias, unique, {**off, "emit.checkpoints.interval.seconds": 1, "groups": unique})
    wait_until(lambda: [each.downstream_offset for each in checkpoints(target_kafka, alias)], [3])
    assert running.stop() == 0
    assert topics(target_kafka)[f"{alias}.checkpoints.internal"] == 3
    assert not syncs(target_kafka, f"mm2-offset-syncs.{alias}.internal", unique)
    assert f"mm2-offset-syncs.{alias}.internal" not in topics(target_kafka)


def test_markers_of_our_own_transactions_on_the_target(source_kafka, target_kafka, copy, unique):
    """Exactly once: each transaction of the flow leaves a marker among the records on the target."""
    create_topic(source_kafka, unique)
    more = {**QUICK, "groups": f"{unique}.*", "target.exactly.once.source.support": "enabled"}
    running = copy("single", unique, more)
    remote = f"single.{unique}"
    running.wait_for("running")
    for number in range(5):
        write(source_kafka, unique, simple_rows(7, first=7 * number))
        wait_for_rows(target_kafka, remote, 7 * (number + 1))
    here, there = offsets(source_kafka, unique)[0], offsets(target_kafka, remote)[0]
    assert there[-1] > here[-1], "there are markers"
    wanted = {}
    for offset in range(0, 36, 4):
        commit(source_kafka, f"{unique}-{offset}", unique, {0: offset})
        wanted[f"{unique}-{offset}"] = counterpart(here, there, offset)
    wait_until(
        lambda: {group: next_record(there, committed(target_kafka, group, remote).get(0)) for group in wanted}, wanted
    )
    assert running.stop() == 0


def next_record(there, offset):
    """Return the offset of the record that a consumer at ``offset`` reads next: it passes markers."""
    return None if offset is None else counterpart(there, there, offset)
