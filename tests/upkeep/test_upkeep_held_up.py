"""A partition that an open transaction holds up is told, with the transaction, and told again when it goes on."""

from datetime import UTC, datetime

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.errors import NotAuthorized
from heliograph.flow.lane import Lane, Producer
from heliograph.flow.window import Hold, Window
from heliograph.mirror.held_up import HELD_UP_AFTER_S
from heliograph.upkeep.held_up import HeldUp, HeldUpPartitions
from heliograph.wire.fetch import Fetched

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)
HELD = "a partition is held up by an open transaction on the source"
STABLE, END = 4, 12
KEY = ("orders", 0)


def read(lane, stable):
    """Let a lane hear from its broker how far it may read."""
    row = Fetched("orders", 0, 0, END, stable, 0, (), -1, 0, 0)
    lane.fetched(row, b"", Hold(lane.window, 0).keep(), asked=lane.position, read_committed=True)


@pytest.fixture
def watch():
    """Look when a lane has begun to wait and ``HELD_UP_AFTER_S`` later, then do ``after``; return what was seen."""

    def run(*, fault=None, is_open=True, after=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            source.write("orders", [b"value"] * END)
            if is_open:
                source.transactions[KEY] = (7, STABLE, "billing", BEGAN)
            source.always.update(fault or {})

            async def work(flow):
                lane = Lane("orders", "one.orders", 0, Window(1 << 20))
                lane.start(STABLE, STABLE, Producer(1, 0))
                read(lane, STABLE)
                now = [1000.0]
                parts = HeldUpPartitions(flow.source, {KEY: lane}, flow.log, lambda: now[0])
                await parts.look()
                assert (parts.now, flow.log.lines) == ({}, [])
                assert "list_offsets" not in source.asked, "nothing is asked while it is young"
                now[0] += HELD_UP_AFTER_S
                for _ in range(2):
                    await parts.look()
                if after:
                    after(lane)
                    await parts.look()
                return parts.now, flow.log

            return between(source, target, work)

    return run


def test_the_transaction_is_named_once(watch):
    now, log = watch()
    words = "a transaction of producer 7 (billing) is open at offset 4 since 2027-01-01T00:00:00Z"
    assert now == {KEY: HeldUp(STABLE, BEGAN.timestamp(), words)}
    (fields,) = log.fields(HELD)
    assert fields == {
        "topic": "orders",
        "partition": 0,
        "offset": STABLE,
        "producer_id": 7,
        "transactional_id": "billing",
        "since": "2027-01-01T00:00:00Z",
        "waiting": END - STABLE,
    }


def test_without_the_permission_to_look_for_it_the_partition_is_told_all_the_same(watch):
    place = ("topics", 0, "partitions", 0, "error_code")
    code = ErrorCode.topic_authorization_failed
    now, log = watch(fault={"describe_producers": Fault(0, with_code(place, code))})
    assert now[KEY] == HeldUp(STABLE, 1000.0, "a transaction is open at offset 4 since 1970-01-01T00:16:40Z")
    (fields,) = log.fields(HELD)
    assert fields["producer"].startswith("not known: ")
    assert str(NotAuthorized("", right="Read", resource="topic orders").right) in fields["producer"]


def test_a_lane_that_has_not_heard_of_the_end_yet_is_not_held_up(watch):
    now, log = watch(is_open=False)
    assert (now, log.lines) == ({}, [])


def test_the_end_is_told(watch):
    now, log = watch(after=lambda lane: read(lane, END))
    assert now == {}
    assert log.lines[-1] == ("info", "a partition is no longer held up", {"topic": "orders", "partition": 0})
