"""Consumer groups that go on on the target at exactly their next record."""

import re
import time
from pathlib import Path

import pytest
from group_moves import ask, commit, committed, consumer, read_some
from plain_client import (
    Row,
    create_topic,
    end_offsets,
    flush,
    producer,
    read_messages,
    set_topic_config,
    simple_rows,
    topics,
    wait_for_rows,
    write,
    write_transactions,
)

from heliograph import OffsetTranslator
from heliograph.mirror.formats import Checkpoint, encode_checkpoint

pytestmark = pytest.mark.brokers


def test_lab_three(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    """105 products of which a group has read 20; the next one that it reads on the target is the 21st."""
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(100))
    write(source_kafka, unique, simple_rows(5, first=100))
    group = f"ProductConsumer-{unique}"
    first = read_some(source_kafka, group, unique, 20)
    properties = one_way(source_kafka, target_kafka, "es-src", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"es-src.{unique}", 105)

    dry = ask(tmp_path, properties, "failover", "--group", group)
    assert dry.code == 0
    assert dry.told["executed"] is False
    row = dry.row(group, unique)
    assert (row["offset"], row["lag"], row["to_offset"], row["to_lag"]) == (20, 85, 20, 85)
    assert (row["to_topic"], row["exact"], row["held"], row["verdict"]) == (f"es-src.{unique}", True, None, "move")
    assert committed(target_kafka, group, f"es-src.{unique}") == {}, "a dry run changes nothing"

    shown = heliograph(properties, "--group", group, command="failover")
    assert shown.wait() == 0
    lines = shown.log.splitlines()
    assert lines[1].split() == ["GROUP", "FROM", "OFFSET", "LAG", "TO", "OFFSET", "LAG", "THERE"]
    assert lines[2].split() == [
        group,
        f"{unique}-0",
        "20",
        "85",
        f"es-src.{unique}-0",
        "20",
        "85",
        "-",
        "move",
        "copied",
    ]
    assert lines[3] == "Nothing was changed: 1 move; --execute moves them"
    back = ("--back", "--topic", f"es-src.{unique}", "--partition", "0", "--offset", "20")
    row = ask(tmp_path, properties, "offsets", *back).rows[0]
    assert (row["to_topic"], row["to_offset"], row["exact"]) == (unique, 20, True)

    done = ask(tmp_path, properties, "failover", "--group", group, "--execute")
    assert (done.code, done.row(group, unique)["verdict"]) == (0, "moved")
    assert committed(target_kafka, group, f"es-src.{unique}") == {0: 20}
    again = ask(tmp_path, properties, "failover", "--group", group, "--execute")
    assert (again.code, again.row(group, unique)["verdict"]) == (0, "there")

    rest = read_some(target_kafka, group, f"es-src.{unique}", 85)
    values = [message.value() for message in (*first, *rest)]
    assert values == [b"v%d" % number for number in range(105)], "none skipped, none twice"
    assert running.stop() == 0


def aborted_and_holes(kafka, topic, name):
    """Fill two partitions with committed and aborted transactions: every third is aborted, each leaves a marker."""
    create_topic(kafka, topic, 2)
    write_transactions(kafka, topic, name, 40)


def test_every_offset_of_a_topic_with_holes(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    aborted_and_holes(source_kafka, unique, unique)
    properties = one_way(source_kafka, target_kafka, "riddled", unique)
    running = heliograph(properties)
    wanted = read_messages(source_kafka, unique)
    wait_for_rows(target_kafka, f"riddled.{unique}", len(wanted))
    assert running.stop() == 0
    copies = read_messages(target_kafka, f"riddled.{unique}")
    ends = end_offsets(source_kafka, unique)
    groups = {}
    for offset in range(0, ends[0][1] + 1, 3):
        group = f"{unique}-{offset}"
        groups[group] = {partition: min(offset, ends[partition][1]) for partition in (0, 1)}
        commit(source_kafka, group, unique, groups[group])
    found = ask(tmp_path, properties, "offsets", *(word for group in groups for word in ("--group", group)))
    assert found.code == 0, found.text
    for group, places in groups.items():
        for partition, offset in places.items():
            to_offset = found.row(group, unique, partition)["to_offset"]
            left = [each.value() for each in wanted if each.partition() == partition and each.offset() >= offset]
            there = [each.value() for each in copies if each.partition() == partition and each.offset() >= to_offset]
            assert there == left, f"{group} at {offset} goes to {to_offset}"


def test_what_cannot_move_says_why(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    create_topic(source_kafka, unique)
    create_topic(source_kafka, f"{unique}-other")
    write(source_kafka, unique, simple_rows(50))
    write(source_kafka, f"{unique}-other", simple_rows(5))
    properties = one_way(source_kafka, target_kafka, "refuses", unique)
    running = heliograph(properties)
    copy = f"refuses.{unique}"
    wait_for_rows(target_kafka, copy, 50)
    assert running.stop() == 0
    ahead, idle, back, elsewhere = (f"{unique}-{name}" for name in ("ahead", "idle", "back", "elsewhere"))
    write(source_kafka, unique, simple_rows(10, first=50))
    commit(source_kafka, ahead, unique, {0: 55})
    commit(source_kafka, idle, unique, {0: 10})
    commit(source_kafka, back, unique, {0: 10})
    commit(target_kafka, back, copy, {0: 30})
    commit(source_kafka, elsewhere, f"{unique}-other", {0: 3})

    found = ask(tmp_path, properties, "failover", *("--group", ahead, "--group", idle, "--group", back, "--execute"))
    assert found.code == 1
    row = found.row(ahead, unique)
    assert (row["verdict"], row["behind"], row["reason"]) == ("refused", 5, "5 records before it are not copied yet")
    assert found.row(idle, unique)["verdict"] == "moved", "one group's refusal does not hold up the others"
    assert found.row(back, unique)["reason"] == "it would go back there, from 30 to 10"
    assert committed(target_kafka, ahead, copy) == {}
    assert committed(target_kafka, back, copy) == {0: 30}

    rewound = ask(tmp_path, properties, "failover", "--group", back, "--execute", "--allow-rewind")
    assert (rewound.code, committed(target_kafka, back, copy)) == (0, {0: 10})

    left = ask(tmp_path, properties, "failover", "--group", elsewhere)
    assert (left.code, left.rows[0]["verdict"]) == (0, "left")
    unknown = ask(tmp_path, properties, "failover", "--group", "nobody")
    assert unknown.code == 3
    assert "has committed nothing" in unknown.text

    running = heliograph(properties)
    waited = ask(tmp_path, properties, "failover", "--group", ahead, "--wait", "30", "--execute")
    assert (waited.code, waited.row(ahead, unique)["verdict"]) == (0, "moved")
    assert committed(target_kafka, ahead, copy) == {0: 55}
    assert running.stop() == 0


def test_groups_that_read_are_left_alone(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(20))
    properties = one_way(source_kafka, target_kafka, "busy", unique)
    running = heliograph(properties)
    copy = f"busy.{unique}"
    wait_for_rows(target_kafka, copy, 20)
    assert running.stop() == 0
    here, there = f"{unique}-here", f"{unique}-there"
    commit(source_kafka, there, unique, {0: 4})
    commit(source_kafka, here, unique, {0: 4})
    readers = [
        consumer(source_kafka, here, client_id="till-7"),
        consumer(target_kafka, there, client_id="till-8"),
    ]
    try:
        readers[0].subscribe([unique])
        readers[1].subscribe([copy])
        deadline = time.monotonic() + 30
        while not all(reader.assignment() for reader in readers):
            assert time.monotonic() < deadline
            for reader in readers:
                reader.poll(0.1)
        found = ask(tmp_path, properties, "failover", "--group", here, "--group", there, "--execute")
    finally:
        for reader in readers:
            reader.close()
    assert found.code == 1
    assert "still active on busy (1 member: client till-7 on 127.0.0.1)" in found.row(here, unique)["reason"]
    assert "active on target (1 member: client till-8 on 127.0.0.1)" in found.row(there, unique)["reason"]
    assert committed(target_kafka, here, copy) == {}


def test_source_down(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    """By what lies on the target: the newest checkpoints, stored positions and offset syncs."""
    create_topic(source_kafka, unique, 2)
    write(source_kafka, unique, simple_rows(60, partitions=2))
    running = heliograph(one_way(source_kafka, target_kafka, "lost", unique))
    copy = f"lost.{unique}"
    wait_for_rows(target_kafka, copy, 60)
    assert running.stop() == 0
    group = f"{unique}-group"
    write_checkpoints(target_kafka, "lost", [Checkpoint(group, copy, 0, 12, 12), Checkpoint(group, copy, 1, 30, 28)])
    properties = one_way("127.0.0.1:1", target_kafka, "lost", unique)

    found = ask(tmp_path, properties, "offsets", "--group", group)
    assert [row["basis"] for row in found.rows] == ["checkpoint", "checkpoint"]
    assert [row["to_offset"] for row in found.rows] == [12, 30], "what the stored position knows is better"
    assert [(row["lag"], row["to_lag"]) for row in found.rows] == [(None, 18), (None, 0)]
    assert "lost cannot be asked" in found.told["notes"][0]

    done = ask(tmp_path, properties, "failover", "--all", "--execute")
    assert done.code == 0, done.text
    assert committed(target_kafka, group, copy) == {0: 12, 1: 30}
    rest = read_some(target_kafka, group, copy, 18)
    assert {message.value() for message in rest} == {b"v%d" % number for number in range(24, 60, 2)}

    moment = read_messages(target_kafka, copy)[0].timestamp()[1]
    found = ask(tmp_path, properties, "offsets", "--topic", unique, "--timestamp", str(moment))
    assert (found.code, [row["to_offset"] for row in found.rows]) == (0, [0, 0])
    assert ask(tmp_path, properties, "failover", "--group", "nobody").code == 3


def write_checkpoints(kafka, alias, checkpoints):
    name = f"{alias}.checkpoints.internal"
    if name not in topics(kafka):
        create_topic(kafka, name, cleanup_policy="compact")
    writer = producer(kafka)
    for checkpoint in checkpoints:
        key, value = encode_checkpoint(checkpoint)
        writer.produce(name, value, key, partition=0)
    flush(writer)


def test_compacted(source_kafka, target_kafka, heliograph, one_way, tmp_path, unique):
    """Holes by compaction before the copy is made; each offset of the source leads to the next record left."""
    create_topic(source_kafka, unique, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01")
    write(source_kafka, unique, [Row(0, b"k%d" % (number % 7), b"v%d" % number) for number in range(70)])
    write(source_kafka, unique, [Row(0, b"last%d" % number, b"w%d" % number) for number in range(3)], linger_ms=0)
    deadline = time.monotonic() + 60
    while len(left := read_messages(source_kafka, unique)) > 40:
        assert time.monotonic() < deadline, "the topic was not compacted"
        write(source_kafka, unique, [Row(0, b"turn", b"%d" % len(left))])
    set_topic_config(source_kafka, unique, "cleanup.policy", "delete")
    left = read_messages(source_kafka, unique)
    properties = one_way(source_kafka, target_kafka, "compact", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"compact.{unique}", len(left))
    assert running.stop() == 0
    copies = [message.value() for message in read_messages(target_kafka, f"compact.{unique}")]
    end = left[-1].offset() + 1
    with OffsetTranslator(properties_of(properties)) as translator:
        for offset in (0, 30, 65, 70, 72, end):
            place = translator.offset(unique, 0, offset)
            assert place.exact, place
            assert copies[place.offset :] == [message.value() for message in left if message.offset() >= offset]


def test_the_example_of_the_page(
    source_kafka, target_kafka, heliograph, one_way, tmp_path, unique, monkeypatch, capsys
):
    """The Python program in docs/failover.md, as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "failover.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(105))
    read_some(source_kafka, "ProductConsumer", unique, 20)
    properties = one_way(source_kafka, target_kafka, "es-src", unique)
    running = heliograph(properties)
    wait_for_rows(target_kafka, f"es-src.{unique}", 105)
    (tmp_path / "mm2.properties").write_text(properties, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # The group may have positions on topics of other tests; the page's cluster has only one.
    only = program.replace("for place in places]", f"for place in places if place.source_topic == {unique!r}]")
    exec(compile(only.replace("kafka-b.example:9092", target_kafka.bootstrap()), "failover.md", "exec"), {})
    assert capsys.readouterr().out == "next: b'v20'\n"
    assert committed(target_kafka, "ProductConsumer", f"es-src.{unique}") == {0: 21}

    with OffsetTranslator(properties_of(properties)) as translator:
        place = translator.offset(unique, 0, 20)
        assert (place.topic, place.offset, place.exact) == (f"es-src.{unique}", 20, True)
        assert f"es-src.{unique}" in translator.remote_topics()
        assert [each.offset for each in translator.timestamp(unique, 0)] == [0]
    write_checkpoints(target_kafka, "es-src", [Checkpoint(unique, f"es-src.{unique}", 0, 20, 20, "note")])
    with OffsetTranslator({"bootstrap.servers": target_kafka.bootstrap()}, source="es-src") as translator:
        (place,) = translator.group(unique)
        assert (place.offset, place.from_checkpoint, place.source_offset) == (20, True, 20)
        (checkpoint,) = translator.checkpoints(unique)
        assert (checkpoint.source_offset, checkpoint.offset, checkpoint.metadata) == (20, 20, "note")
    assert running.stop() == 0


def properties_of(text):
    return dict(line.split(" = ", 1) for line in text.splitlines())
