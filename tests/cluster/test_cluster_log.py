import asyncio

import pytest
from plain_client import Row, create_topic, end_offsets, flush, send, simple_rows, transactional, write

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Counted, PartitionLog, counted_if_there
from heliograph.config.model import ClusterConfig

pytestmark = pytest.mark.brokers


def count(kafka, topic: str, first: int, end: int) -> Counted | None:
    async def ask() -> Counted | None:
        host, port = kafka.bootstrap().split(",")[0].rsplit(":", 1)
        cluster = Cluster(ClusterConfig("target", ((host, int(port)),)))
        try:
            await cluster.start()
            await cluster.refresh([topic])
            return await counted_if_there(PartitionLog(cluster, topic, 0), first, end)
        finally:
            await cluster.close()

    return asyncio.run(ask())


def test_markers_and_aborted_records_do_not_count(target_kafka, unique):
    create_topic(target_kafka, unique)
    write(target_kafka, unique, simple_rows(3))
    writer = transactional(target_kafka, unique, linger_ms=0)
    for commit in (True, False, True):
        writer.begin_transaction()
        send(writer, unique, [Row(0, b"k", b"v")] * 2)
        flush(writer)
        if commit:
            writer.commit_transaction(30)
        else:
            writer.abort_transaction(30)
    # 0 1 2 | 3 4 M | 6 7 M (aborted) | 9 10 M
    end = end_offsets(target_kafka, unique)[0][1]
    assert end == 12
    assert count(target_kafka, unique, 0, end) == Counted(7, 10, 5)
    assert count(target_kafka, unique, 1, end) == Counted(6, 10, 5)
    assert count(target_kafka, unique, 4, 10) == Counted(2, 9, 4)
    assert count(target_kafka, unique, 11, end) == Counted(0, -1, 1)
    writer.begin_transaction()
    send(writer, unique, [Row(0, b"k", b"open")])
    flush(writer)
    assert count(target_kafka, unique, 0, end + 1) is None, "what is not committed yet cannot be counted"
    writer.abort_transaction(30)
