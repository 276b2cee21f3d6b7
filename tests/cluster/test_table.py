"""A compacted topic as a table: the last write of a key wins, and null removes it."""

from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import table


async def written_twice(cluster):
    await table.write(cluster, "state", {0: [(b"a", b"1"), (b"b", b"1")], 1: [(b"c", b"1")]}, 1_000)
    await table.write(cluster, "state", {0: [(b"a", b"2"), (b"b", None)]}, 2_000)
    return await table.read(cluster, "state"), await table.read_records(cluster, "state")


def test_the_last_write_of_each_key_is_read():
    with FakeCluster("lab") as fake:
        fake.create("state", 2)
        rows, records = ask(fake, written_twice)
    assert rows == {b"a": b"2", b"c": b"1"}
    assert {key: (record.value, record.timestamp) for key, record in records.items()} == {
        b"a": (b"2", 2_000),
        b"b": (None, 2_000),
        b"c": (b"1", 1_000),
    }


def test_a_topic_that_is_not_there_is_an_empty_table():
    with FakeCluster("lab") as fake:
        assert ask(fake, lambda cluster: table.read(cluster, "state")) == {}


def test_a_write_is_tried_again_where_the_leader_has_moved():
    with FakeCluster("lab") as fake:
        fake.create("state", 2)
        moved = with_code(("responses", 0, "partition_responses", 0, "error_code"), ErrorCode.not_leader_or_follower)
        fake.faults[2] = Fault(2, moved)  # after the two questions for metadata
        ask(fake, lambda cluster: table.write(cluster, "state", {0: [(b"a", b"1")]}, 1_000))
        assert fake.asked.count("produce") == 2
        assert ask(fake, lambda cluster: table.read(cluster, "state")) == {b"a": b"1"}
