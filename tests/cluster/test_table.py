"""A compacted topic as a table: the last write of a key wins, and null removes it."""

import pytest
from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import table
from heliograph.errors import NotAuthorized


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


def test_what_has_come_since_is_read_alone():
    async def work(cluster):
        reader = table.TableReader(cluster, "state")
        await table.write(cluster, "state", {0: [(b"a", b"1"), (b"b", b"1")], 1: [(b"c", b"1")]}, 1_000)
        first = await reader.read()
        nothing = await reader.read()
        await table.write(cluster, "state", {1: [(b"c", None), (b"d", b"1")]}, 2_000)
        return first, nothing, await reader.read()

    with FakeCluster("lab") as fake:
        fake.create("state", 2)
        first, nothing, then = ask(fake, work)
    assert (set(first.rows), first.whole) == ({b"a", b"b", b"c"}, True)
    assert (nothing.rows, nothing.whole) == ({}, False)
    assert {key: record.value for key, record in then.rows.items()} == {b"c": None, b"d": b"1"}
    assert not then.whole


def test_a_topic_that_was_made_anew_is_read_whole():
    async def work(cluster):
        reader = table.TableReader(cluster, "state")
        await table.write(cluster, "state", {0: [(b"a", b"1"), (b"b", b"1")]}, 1_000)
        await reader.read()
        fake.create("state", 1)
        await table.write(cluster, "state", {0: [(b"z", b"1"), (b"y", b"1"), (b"x", b"1")]}, 1_000)
        return await reader.read()

    with FakeCluster("lab") as fake:
        fake.create("state", 1)
        again = ask(fake, work)
    assert (set(again.rows), again.whole) == ({b"x", b"y", b"z"}, True)


def test_a_topic_that_was_cut_is_read_whole():
    async def work(cluster):
        reader = table.TableReader(cluster, "state")
        await table.write(cluster, "state", {0: [(b"a", b"1"), (b"b", b"1")]}, 1_000)
        await reader.read()
        fake.topics["state"].logs[0].clear()
        await table.write(cluster, "state", {0: [(b"c", b"1")]}, 1_000)
        return await reader.read()

    with FakeCluster("lab") as fake:
        fake.create("state", 1)
        again = ask(fake, work)
    assert (set(again.rows), again.whole) == ({b"c"}, True)


def test_a_reading_that_fails_is_made_good_by_the_next():
    async def work(cluster):
        reader = table.TableReader(cluster, "state")
        await table.write(cluster, "state", {0: [(b"a", b"1")], 1: [(b"b", b"1")]}, 1_000)
        await reader.read()
        await table.write(cluster, "state", {0: [(b"a", b"2")], 1: [(b"b", b"2")]}, 2_000)
        refused = with_code(("responses", 0, "partitions", 0, "error_code"), ErrorCode.topic_authorization_failed)
        fake.always["fetch"] = Fault(0, refused)
        with pytest.raises(NotAuthorized):
            await reader.read()
        fake.always.clear()
        return await reader.read()

    with FakeCluster("lab") as fake:
        fake.create("state", 2)
        rows = ask(fake, work).rows
    assert {key: record.value for key, record in rows.items()} == {b"a": b"2", b"b": b"2"}
