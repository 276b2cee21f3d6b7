"""Transactions on the source: what was committed is copied, what was aborted is not, markers never are."""

import pytest
from plain_client import (
    LIMIT_S,
    Row,
    create_topic,
    end_offsets,
    flush,
    read,
    send,
    simple_rows,
    transactional,
    wait_for_rows,
    write,
    write_transactions,
)

pytestmark = pytest.mark.brokers


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_many_short_transactions(source_kafka, target_kafka, copy, unique, codec):
    create_topic(source_kafka, unique, 2)
    write_transactions(source_kafka, unique, f"{unique}-a", 30, codec=codec)
    running = copy(f"short{codec}", unique)
    running.wait_for("running")
    write_transactions(source_kafka, unique, f"{unique}-b", 30, codec=codec)
    wanted = read(source_kafka, unique, committed=True)
    assert len(wanted) == 2 * 20 * 3
    assert wait_for_rows(target_kafka, f"short{codec}.{unique}", len(wanted)) == wanted
    ends = end_offsets(target_kafka, f"short{codec}.{unique}", committed=False)
    assert sum(end for _, end in ends.values()) == len(wanted), "neither markers nor aborted records"
    assert running.stop() == 0


def test_interleaved_transactions_and_plain_records(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique)
    running = copy("mixed", unique)
    kept, dropped = (transactional(source_kafka, f"{unique}-{name}", linger_ms=0) for name in ("kept", "dropped"))
    for writer in (kept, dropped):
        writer.begin_transaction()
    for number in range(20):
        send(kept, unique, [Row(0, b"kept", b"%d" % number)])
        send(dropped, unique, [Row(0, b"dropped", b"%d" % number)])
        flush(kept)
        flush(dropped)
        write(source_kafka, unique, [Row(0, b"plain", b"%d" % number)], linger_ms=0)
    dropped.abort_transaction(LIMIT_S)
    kept.commit_transaction(LIMIT_S)
    wanted = read(source_kafka, unique, committed=True)
    assert len(wanted) == 40
    assert wait_for_rows(target_kafka, f"mixed.{unique}", 40) == wanted
    write(source_kafka, unique, simple_rows(5))
    assert wait_for_rows(target_kafka, f"mixed.{unique}", 45)[40:] == read(source_kafka, unique)[40:]
    assert "ERROR" not in running.log


def test_an_open_transaction_holds_its_partition_only(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2)
    writer = transactional(source_kafka, unique, linger_ms=0)
    writer.begin_transaction()
    send(writer, unique, [Row(0, b"open", b"1")])
    flush(writer)
    write(source_kafka, unique, simple_rows(10, partitions=2))
    copy("open", unique)
    rows = wait_for_rows(target_kafka, f"open.{unique}", 5)
    assert {row.partition for row in rows} == {1}
    writer.commit_transaction(LIMIT_S)
    assert wait_for_rows(target_kafka, f"open.{unique}", 11) == read(source_kafka, unique)


def test_read_uncommitted_copies_everything_but_markers(source_kafka, target_kafka, copy, unique):
    create_topic(source_kafka, unique, 2)
    write_transactions(source_kafka, unique, unique, 12)
    more = {"dirty.consumer.isolation.level": "read_uncommitted"}
    copy("dirty", unique, more)
    wanted = read(source_kafka, unique, committed=False)
    assert len(wanted) == 12 * 3
    assert wait_for_rows(target_kafka, f"dirty.{unique}", len(wanted)) == wanted
